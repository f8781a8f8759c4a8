//! The instances: EC2's state of each, joined with its lifecycle state in the group.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use aws_sdk_autoscaling::Client as AutoScaling;
use aws_sdk_ec2::Client as Ec2;
use aws_sdk_ec2::types::{Filter, Instance as Described, InstanceStateName};
use jiff::Timestamp;

use super::{AwsError, failed};
use crate::model::fleet::{Fleet, Instance, InstanceState, Lifecycle};
use crate::model::id::InstanceId;

/// How peers are counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// The instances of an Auto Scaling group.
    Asg {
        /// Its name.
        group: String,
    },
    /// The instances with a tag.
    Tags {
        /// The tag's key.
        key: String,
        /// Its value.
        value: String,
        /// Only those in this security group, by its id.
        security_group: Option<String>,
        /// How many servers there shall be, where somebody said so.
        size: Option<u32>,
    },
}

impl Scheme {
    /// The name under which the owners of claims know their ensemble.
    pub fn name(&self) -> String {
        match self {
            Scheme::Asg { group } => format!("asg:{group}"),
            Scheme::Tags { key, value, .. } => format!("tag:{key}={value}"),
        }
    }

    fn filters(&self) -> Vec<Filter> {
        match self {
            Scheme::Asg { group } => vec![filter(&format!("tag:{GROUP_TAG}"), [group.as_str()])],
            Scheme::Tags {
                key,
                value,
                security_group,
                ..
            } => {
                let mut filters = vec![filter(&format!("tag:{key}"), [value.as_str()])];
                let within = |id: &String| filter("instance.group-id", [id.as_str()]);
                filters.extend(security_group.as_ref().map(within));
                filters
            }
        }
    }
}

/// The tag that Auto Scaling puts on each instance of a group.
const GROUP_TAG: &str = "aws:autoscaling:groupName";
/// How many values one filter may have (EC2's limit is 200).
const FILTER_VALUES: usize = 200;

/// Asks EC2 and Auto Scaling for the instances.
#[derive(Debug)]
pub struct Reader {
    ec2: Ec2,
    autoscaling: AutoScaling,
    /// Terminated is final: who was once seen so is not asked for again.
    terminated: BTreeMap<InstanceId, Instance>,
}

impl Reader {
    /// A reader that has asked nothing yet.
    pub fn new(configuration: &aws_config::SdkConfig) -> Self {
        Reader {
            ec2: Ec2::new(configuration),
            autoscaling: AutoScaling::new(configuration),
            terminated: BTreeMap::new(),
        }
    }

    /// The group of an instance, by the tag that Auto Scaling puts on it.
    ///
    /// # Errors
    /// When EC2 could not be asked. A young instance may not be listed yet: that is `None`.
    pub async fn group_of(&self, instance: &InstanceId) -> Result<Option<String>, AwsError> {
        let filter = filter("instance-id", [instance.as_str()]);
        let found = self.describe(vec![filter]).await?;
        let tags = found.iter().flat_map(Described::tags);
        let group = tags
            .filter(|tag| tag.key() == Some(GROUP_TAG))
            .find_map(|tag| tag.value());
        Ok(group.map(str::to_owned))
    }

    /// The whole fleet, from complete answers only. Instances among `owners` that the scheme does
    /// not select are asked for by their ids.
    ///
    /// # Errors
    /// When any of the calls, or any page of one, failed.
    pub async fn read(
        &mut self,
        scheme: &Scheme,
        owners: &BTreeSet<InstanceId>,
    ) -> Result<Fleet, AwsError> {
        let (described, group) =
            tokio::try_join!(self.describe(scheme.filters()), self.group(scheme))?;
        let mut instances = BTreeMap::new();
        for instance in &described {
            let (id, instance) = instance_of(instance, &group)?;
            instances.insert(id, instance);
        }
        let strangers = owners.iter().filter(|id| !instances.contains_key(*id));
        let asked: BTreeSet<InstanceId> = strangers.cloned().collect();
        let (known, unknown): (Vec<_>, Vec<_>) = asked
            .iter()
            .partition(|id| self.terminated.contains_key(id));
        for ids in unknown.chunks(FILTER_VALUES) {
            let ids = ids.iter().map(|id| id.as_str());
            for found in self.describe(vec![filter("instance-id", ids)]).await? {
                let (id, instance) = instance_of(&found, &group)?;
                instances.insert(id, instance);
            }
        }
        for id in known {
            instances.insert(id.clone(), self.terminated[id].clone());
        }
        let gone = instances.iter();
        let gone = gone.filter(|(_, i)| i.state == InstanceState::Terminated);
        self.terminated = gone.map(|(id, i)| (id.clone(), i.clone())).collect();
        Ok(Fleet {
            group: scheme.name(),
            desired: group.desired,
            hooks: Vec::new(),
            instances,
            asked,
        })
    }

    /// Every instance of every reservation of every page.
    async fn describe(&self, filters: Vec<Filter>) -> Result<Vec<Described>, AwsError> {
        let request = self.ec2.describe_instances().set_filters(Some(filters));
        let mut pages = request.max_results(1000).into_paginator().send();
        let mut instances = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("ec2:DescribeInstances"))?;
            let reservations = page.reservations.unwrap_or_default();
            let all = reservations
                .into_iter()
                .flat_map(|r| r.instances.unwrap_or_default());
            instances.extend(all);
        }
        Ok(instances)
    }

    async fn group(&self, scheme: &Scheme) -> Result<Group, AwsError> {
        let name = match scheme {
            Scheme::Asg { group } => group,
            Scheme::Tags { size, .. } => {
                return Ok(Group {
                    desired: *size,
                    lifecycles: None,
                });
            }
        };
        let call = "autoscaling:DescribeAutoScalingGroups";
        let request = self.autoscaling.describe_auto_scaling_groups();
        let answer = request.auto_scaling_group_names(name).send().await;
        let answer = answer.map_err(failed(call))?;
        let mut groups = answer.auto_scaling_groups.unwrap_or_default().into_iter();
        let group = groups
            .find(|g| g.auto_scaling_group_name.as_ref() == Some(name))
            .ok_or_else(|| AwsError::Senseless {
                what: format!("{call} for {name:?}"),
                answer: "no such group".to_owned(),
            })?;
        let listed = group.instances.unwrap_or_default().into_iter();
        let lifecycles = listed.filter_map(|instance| {
            let id = instance.instance_id?;
            Some((id, lifecycle_of(instance.lifecycle_state?.as_str())))
        });
        Ok(Group {
            desired: group.desired_capacity.and_then(|n| n.try_into().ok()),
            lifecycles: Some(lifecycles.collect()),
        })
    }
}

/// What the scheme says beyond EC2.
struct Group {
    desired: Option<u32>,
    /// Absent where membership goes by tags.
    lifecycles: Option<BTreeMap<String, Lifecycle>>,
}

fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    let values = values.into_iter().map(str::to_owned).collect();
    Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}

fn instance_of(found: &Described, group: &Group) -> Result<(InstanceId, Instance), AwsError> {
    let senseless = |what: &str, answer: String| AwsError::Senseless {
        what: format!("ec2:DescribeInstances, {what}"),
        answer,
    };
    let text = found.instance_id().unwrap_or_default();
    let id: InstanceId = text
        .parse()
        .map_err(|_| senseless("InstanceId", text.to_owned()))?;
    let state = state_of(found.state().and_then(|state| state.name()));
    let address = match found.private_ip_address() {
        None => None,
        Some(text) => {
            let address: Result<IpAddr, _> = text.parse();
            let address = address.map_err(|_| senseless("PrivateIpAddress", text.to_owned()))?;
            Some(address)
        }
    };
    let launched = found.launch_time().map(|time| time.secs());
    let launched = launched.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let lifecycle = match &group.lifecycles {
        Some(listed) => listed.get(text).copied().unwrap_or(Lifecycle::Unlisted),
        None if matches!(state, InstanceState::Pending | InstanceState::Running) => {
            Lifecycle::InService
        }
        None => Lifecycle::Unlisted,
    };
    let tags = found.tags().iter();
    let tags = tags.filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
    let zone = found.placement().and_then(|p| p.availability_zone());
    let instance = Instance {
        address: address.filter(|_| state != InstanceState::Terminated),
        zone: zone.unwrap_or_default().to_owned(),
        state,
        lifecycle,
        held: false,
        protected: false,
        launched: launched.ok_or_else(|| senseless("LaunchTime", String::new()))?,
        tags: tags.collect(),
    };
    Ok((id, instance))
}

fn state_of(name: Option<&InstanceStateName>) -> InstanceState {
    match name {
        Some(InstanceStateName::Pending) => InstanceState::Pending,
        Some(InstanceStateName::Running) => InstanceState::Running,
        Some(InstanceStateName::ShuttingDown) => InstanceState::ShuttingDown,
        Some(InstanceStateName::Terminated) => InstanceState::Terminated,
        Some(InstanceStateName::Stopping) => InstanceState::Stopping,
        Some(InstanceStateName::Stopped) => InstanceState::Stopped,
        _ => InstanceState::Other,
    }
}

/// `Pending:Wait` is pending, and `Warmed:Running` is in the warm pool.
fn lifecycle_of(text: &str) -> Lifecycle {
    match text.split(':').next().unwrap_or_default() {
        "Pending" => Lifecycle::Pending,
        "InService" => Lifecycle::InService,
        "Terminating" => Lifecycle::Terminating,
        "Terminated" => Lifecycle::Terminated,
        "EnteringStandby" | "Standby" => Lifecycle::Standby,
        "Detaching" | "Detached" => Lifecycle::Detached,
        "Warmed" => Lifecycle::Warmed,
        _ => Lifecycle::Unlisted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wait_states_are_stripped_and_strange_ones_are_no_peers() {
        for (text, lifecycle) in [
            ("Pending:Wait", Lifecycle::Pending),
            ("Terminating:Proceed", Lifecycle::Terminating),
            ("Warmed:Running", Lifecycle::Warmed),
            ("EnteringStandby", Lifecycle::Standby),
            ("Quarantined", Lifecycle::Unlisted),
            ("", Lifecycle::Unlisted),
        ] {
            assert_eq!(lifecycle_of(text), lifecycle, "{text}");
        }
    }

    #[test]
    fn an_instance_without_its_essentials_makes_the_answer_senseless() {
        let group = Group {
            desired: None,
            lifecycles: None,
        };
        let launch = aws_sdk_ec2::primitives::DateTime::from_secs(0);
        let id = "i-0123456789abcdef0";
        let bad = [
            Described::builder().launch_time(launch).build(),
            Described::builder().instance_id(id).build(),
            Described::builder()
                .instance_id("i-1")
                .launch_time(launch)
                .build(),
            Described::builder()
                .instance_id(id)
                .launch_time(launch)
                .private_ip_address("10.0.0")
                .build(),
        ];
        for described in bad {
            assert!(instance_of(&described, &group).is_err(), "{described:?}");
        }
        let good = Described::builder().instance_id(id).launch_time(launch);
        let (_, instance) = instance_of(&good.build(), &group).expect("an instance");
        assert_eq!(instance.state, InstanceState::Other);
    }
}
