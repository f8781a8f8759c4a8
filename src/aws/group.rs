//! The Auto Scaling group: whom it lists, and what it is told of them.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use aws_sdk_autoscaling::Client;
use aws_sdk_autoscaling::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_autoscaling::types::Instance;

use super::{AwsError, SdkConfig, failed};
use crate::model::fleet::{Hook, Lifecycle};
use crate::model::id::InstanceId;

/// How many instances one SetInstanceProtection may name.
const PROTECTED_A_CALL: usize = 50;
/// The health status of an instance that the group replaces.
const UNHEALTHY: &str = "Unhealthy";

/// An Auto Scaling group.
#[derive(Debug)]
pub struct Group {
    pub(super) client: Client,
    pub(super) name: String,
    /// When the hooks were told, and what.
    pub(super) hooks: Option<(Instant, Vec<Hook>)>,
}

/// What became of something that the group was told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It holds.
    Taken,
    /// It came too late: the group no longer waits for this, or the instance is no longer in a
    /// state in which it can be (`ValidationError`).
    TooLate(String),
}

/// What the scheme says beyond EC2.
#[derive(Debug)]
pub(super) struct Listed {
    /// How many instances there shall be.
    pub desired: Option<u32>,
    /// The group's instances by their ids; absent where membership goes by tags.
    pub members: Option<BTreeMap<String, Standing>>,
}

impl Listed {
    /// Where membership goes by tags.
    pub fn without_group(desired: Option<u32>) -> Self {
        let members = None;
        Listed { desired, members }
    }
}

/// What the group says of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Standing {
    pub lifecycle: Lifecycle,
    pub held: bool,
    pub protected: bool,
    pub unhealthy: bool,
}

impl Standing {
    /// Of an instance that the group does not list.
    pub const UNLISTED: Standing = Standing::of(Lifecycle::Unlisted);

    /// Neither held nor protected nor unhealthy.
    pub const fn of(lifecycle: Lifecycle) -> Self {
        Standing {
            lifecycle,
            held: false,
            protected: false,
            unhealthy: false,
        }
    }

    fn told(state: &str) -> Self {
        Standing {
            held: state.ends_with(":Wait"),
            ..Standing::of(lifecycle_of(state))
        }
    }
}

impl Group {
    /// The group of this name; whether it exists is seen when it is read.
    pub fn new(configuration: &SdkConfig, name: String) -> Self {
        Group {
            client: Client::new(configuration),
            name,
            hooks: None,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The group's desired capacity and its instances.
    ///
    /// # Errors
    /// When the call failed, or there is no such group.
    pub(super) async fn read(&self) -> Result<Listed, AwsError> {
        let call = "autoscaling:DescribeAutoScalingGroups";
        let request = self.client.describe_auto_scaling_groups();
        let answer = request.auto_scaling_group_names(&self.name).send().await;
        let answer = answer.map_err(failed(call))?;
        let mut groups = answer.auto_scaling_groups.unwrap_or_default().into_iter();
        let group = groups
            .find(|g| g.auto_scaling_group_name.as_ref() == Some(&self.name))
            .ok_or_else(|| AwsError::Senseless {
                what: format!("{call} for {:?}", self.name),
                answer: "no such group".to_owned(),
            })?;
        let listed = group.instances.unwrap_or_default().into_iter();
        Ok(Listed {
            desired: group.desired_capacity.and_then(|n| n.try_into().ok()),
            members: Some(listed.filter_map(member_of).collect()),
        })
    }

    /// Says whether the group may choose these instances when it scales in, or refreshes.
    ///
    /// # Errors
    /// When a call failed; those before it hold.
    pub async fn protect(
        &self,
        instances: &BTreeSet<InstanceId>,
        protected: bool,
    ) -> Result<Told, AwsError> {
        let ids: Vec<String> = instances.iter().map(ToString::to_string).collect();
        for some in ids.chunks(PROTECTED_A_CALL) {
            let request = self.client.set_instance_protection();
            let request = request
                .auto_scaling_group_name(&self.name)
                .set_instance_ids(Some(some.to_vec()))
                .protected_from_scale_in(protected);
            let call = "autoscaling:SetInstanceProtection";
            let told = told(call, request.send().await.map(drop))?;
            if told != Told::Taken {
                return Ok(told);
            }
        }
        Ok(Told::Taken)
    }

    /// Reports an instance as unhealthy: the group terminates and replaces it, unless its health
    /// check grace period is not over yet.
    ///
    /// # Errors
    /// When the call failed.
    pub async fn report_unhealthy(&self, instance: &InstanceId) -> Result<Told, AwsError> {
        let request = self.client.set_instance_health();
        let request = request
            .instance_id(instance.as_str())
            .health_status(UNHEALTHY)
            .should_respect_grace_period(true);
        told(
            "autoscaling:SetInstanceHealth",
            request.send().await.map(drop),
        )
    }
}

/// These requests are well-formed: one that is invalid all the same is about a group that is not
/// what it was when it was looked at.
pub(super) fn told<E>(call: &'static str, answer: Result<(), SdkError<E>>) -> Result<Told, AwsError>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    match answer.map_err(failed(call)) {
        Ok(()) => Ok(Told::Taken),
        Err(AwsError::Refused { code, message, .. }) if code == "ValidationError" => {
            Ok(Told::TooLate(message))
        }
        Err(error) => Err(error),
    }
}

fn member_of(listed: Instance) -> Option<(String, Standing)> {
    let state = listed.lifecycle_state?;
    let standing = Standing {
        protected: listed.protected_from_scale_in.unwrap_or_default(),
        unhealthy: listed.health_status.is_some_and(|s| s == UNHEALTHY),
        ..Standing::told(state.as_str())
    };
    Some((listed.instance_id?, standing))
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
        for (text, lifecycle, held) in [
            ("Pending", Lifecycle::Pending, false),
            ("Pending:Wait", Lifecycle::Pending, true),
            ("Terminating:Wait", Lifecycle::Terminating, true),
            ("Terminating:Proceed", Lifecycle::Terminating, false),
            ("Warmed:Running", Lifecycle::Warmed, false),
            ("EnteringStandby", Lifecycle::Standby, false),
            ("Quarantined", Lifecycle::Unlisted, false),
            ("Wait", Lifecycle::Unlisted, false),
            ("", Lifecycle::Unlisted, false),
        ] {
            let standing = Standing::told(text);
            assert_eq!(
                (standing.lifecycle, standing.held),
                (lifecycle, held),
                "{text}"
            );
        }
    }
}
