//! One instance: what EC2 describes, and what the group lists, as one.

use std::net::IpAddr;

use aws_sdk_ec2::types::{Instance as Described, InstanceStateName};
use jiff::Timestamp;

use super::AwsError;
use super::group::{Listed, Standing};
use crate::model::fleet::{Instance, InstanceState, Lifecycle};
use crate::model::id::InstanceId;

/// One instance, with what the group says of it.
///
/// # Errors
/// When an instance without an id, an address or a time of its launch is described.
pub(super) fn instance_of(
    found: &Described,
    group: &Listed,
) -> Result<(InstanceId, Instance), AwsError> {
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
    let running = matches!(state, InstanceState::Pending | InstanceState::Running);
    let standing = match &group.members {
        Some(members) => members.get(text).copied().unwrap_or(Standing::UNLISTED),
        None if running => Standing::of(Lifecycle::InService),
        None => Standing::UNLISTED,
    };
    let tags = found.tags().iter();
    let tags = tags.filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
    let zone = found.placement().and_then(|p| p.availability_zone());
    let instance = Instance {
        address: address.filter(|_| state != InstanceState::Terminated),
        zone: zone.unwrap_or_default().to_owned(),
        state,
        lifecycle: standing.lifecycle,
        held: standing.held,
        protected: standing.protected,
        unhealthy: standing.unhealthy,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instance_without_its_essentials_makes_the_answer_senseless() {
        let group = Listed::without_group(None);
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
