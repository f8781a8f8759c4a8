//! The instances: EC2's state of each, joined with its lifecycle state in the group.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::{Filter, Instance as Described};

use super::group::{Group, Listed};
use super::instance::instance_of;
use super::{AwsError, SdkConfig, failed};
use crate::model::fleet::{Fleet, Instance, InstanceState};
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

/// The group of an instance, by the tag that Auto Scaling puts on it.
///
/// # Errors
/// When EC2 could not be asked. A young instance may not be listed yet: that is `None`.
pub async fn group_of(
    configuration: &SdkConfig,
    instance: &InstanceId,
) -> Result<Option<String>, AwsError> {
    let filter = filter("instance-id", [instance.as_str()]);
    let found = describe(&Client::new(configuration), vec![filter]).await?;
    let tags = found.iter().flat_map(Described::tags);
    let group = tags
        .filter(|tag| tag.key() == Some(GROUP_TAG))
        .find_map(|tag| tag.value());
    Ok(group.map(str::to_owned))
}

/// Asks EC2 and Auto Scaling for the instances.
#[derive(Debug)]
pub struct Reader {
    ec2: Client,
    scheme: Scheme,
    group: Option<Group>,
    /// Terminated is final: who was once seen so is not asked for again.
    terminated: BTreeMap<InstanceId, Instance>,
}

impl Reader {
    /// A reader that has asked nothing yet.
    pub fn new(configuration: &SdkConfig, scheme: Scheme) -> Self {
        let group = match &scheme {
            Scheme::Asg { group } => Some(Group::new(configuration, group.clone())),
            Scheme::Tags { .. } => None,
        };
        Reader {
            ec2: Client::new(configuration),
            scheme,
            group,
            terminated: BTreeMap::new(),
        }
    }

    /// The Auto Scaling group, to be told something; absent where membership goes by tags.
    pub fn group(&self) -> Option<&Group> {
        self.group.as_ref()
    }

    /// The whole fleet, from complete answers only. Instances among `owners` that the scheme does
    /// not select are asked for by their ids. The group's lifecycle hooks are asked for while it
    /// holds instance `me`.
    ///
    /// # Errors
    /// When any of the calls, or any page of one, failed; but not when the hooks alone were not
    /// told, for nothing is decided by their absence.
    pub async fn read(
        &mut self,
        me: &InstanceId,
        owners: &BTreeSet<InstanceId>,
    ) -> Result<Fleet, AwsError> {
        let described = describe(&self.ec2, self.scheme.filters());
        let (described, listed) = tokio::try_join!(described, self.listed())?;
        let mut instances = BTreeMap::new();
        for instance in &described {
            let (id, instance) = instance_of(instance, &listed)?;
            instances.insert(id, instance);
        }
        let strangers = owners.iter().filter(|id| !instances.contains_key(*id));
        let asked: BTreeSet<InstanceId> = strangers.cloned().collect();
        let (known, unknown): (Vec<_>, Vec<_>) = asked
            .iter()
            .partition(|id| self.terminated.contains_key(id));
        for ids in unknown.chunks(FILTER_VALUES) {
            let ids = ids.iter().map(|id| id.as_str());
            for found in describe(&self.ec2, vec![filter("instance-id", ids)]).await? {
                let (id, instance) = instance_of(&found, &listed)?;
                instances.insert(id, instance);
            }
        }
        for id in known {
            instances.insert(id.clone(), self.terminated[id].clone());
        }
        let gone = instances.iter();
        let gone = gone.filter(|(_, i)| i.state == InstanceState::Terminated);
        self.terminated = gone.map(|(id, i)| (id.clone(), i.clone())).collect();
        let held = instances.get(me).is_some_and(|me| me.held);
        let hooks = match &mut self.group {
            Some(group) => group.hooks(held).await,
            None => Vec::new(),
        };
        Ok(Fleet {
            group: self.scheme.name(),
            desired: listed.desired,
            hooks,
            instances,
            asked,
        })
    }

    async fn listed(&self) -> Result<Listed, AwsError> {
        let size = match &self.scheme {
            Scheme::Tags { size, .. } => *size,
            Scheme::Asg { .. } => None,
        };
        match &self.group {
            Some(group) => group.read().await,
            None => Ok(Listed::without_group(size)),
        }
    }
}

/// Every instance of every reservation of every page.
async fn describe(ec2: &Client, filters: Vec<Filter>) -> Result<Vec<Described>, AwsError> {
    let request = ec2.describe_instances().set_filters(Some(filters));
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

fn filter<'a>(name: &str, values: impl IntoIterator<Item = &'a str>) -> Filter {
    let values = values.into_iter().map(str::to_owned).collect();
    Filter::builder()
        .name(name)
        .set_values(Some(values))
        .build()
}
