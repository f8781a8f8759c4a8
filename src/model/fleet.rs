//! What EC2 and the Auto Scaling group say of the instances.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::id::InstanceId;

/// Who this instance is, by its metadata service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Me {
    /// The instance.
    pub instance: InstanceId,
    /// Its private address.
    pub address: IpAddr,
    /// Its availability zone.
    pub zone: String,
    /// Its region.
    pub region: String,
}

/// One complete answer: every page, every instance of every reservation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fleet {
    /// The name by which peers are counted: `asg:NAME` or `tag:KEY=VALUE`.
    pub group: String,
    /// The group's desired capacity; absent where membership goes by tags.
    pub desired: Option<u32>,
    /// The group's lifecycle hooks. They are asked for only while this instance waits for one.
    #[serde(default)]
    pub hooks: Vec<Hook>,
    /// Every instance of the group, and every other one that was asked for by its id and found.
    pub instances: BTreeMap<InstanceId, Instance>,
    /// The ids that were asked for one by one (owners of claims that the group no longer lists).
    /// Only of these does absence mean anything.
    pub asked: BTreeSet<InstanceId>,
}

/// One instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instance {
    /// Its private address; a terminated instance has none.
    pub address: Option<IpAddr>,
    /// Its availability zone.
    pub zone: String,
    /// What EC2 says of the machine.
    pub state: InstanceState,
    /// What the group says of its membership.
    pub lifecycle: Lifecycle,
    /// Whether the group waits for lifecycle hooks before it goes on with it (`Pending:Wait`,
    /// `Terminating:Wait`).
    #[serde(default)]
    pub held: bool,
    /// Whether the group may not choose it when it scales in, or refreshes.
    #[serde(default)]
    pub protected: bool,
    /// Whether the group lists it as unhealthy, whoever said so: it is going to replace it
    /// (HealthStatus of DescribeAutoScalingGroups).
    #[serde(default)]
    pub unhealthy: bool,
    /// When it was launched.
    pub launched: Timestamp,
    /// Those of its tags that the agent writes.
    pub tags: BTreeMap<String, String>,
}

impl Instance {
    /// Whether the instance counts as one of the group: being launched, in service, or leaving.
    pub fn is_peer(&self) -> bool {
        matches!(
            self.lifecycle,
            Lifecycle::Pending | Lifecycle::InService | Lifecycle::Terminating
        )
    }

    /// Whether the instance is of the group, and neither leaving nor gone: one that may hold a
    /// server tomorrow.
    pub fn is_staying(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::Pending | Lifecycle::InService)
            && matches!(self.state, InstanceState::Pending | InstanceState::Running)
    }
}

/// A lifecycle hook: the group waits until it is completed for an instance, or until no heartbeat
/// came for too long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hook {
    /// Its name.
    pub name: String,
    /// What it holds up.
    pub transition: Transition,
    /// How long the group waits without a heartbeat.
    pub timeout: Duration,
    /// When this process last sent a heartbeat for it.
    #[serde(default)]
    pub beaten: Option<Timestamp>,
}

/// What a lifecycle hook holds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Transition {
    /// `autoscaling:EC2_INSTANCE_LAUNCHING`.
    Launching,
    /// `autoscaling:EC2_INSTANCE_TERMINATING`.
    Terminating,
}

/// Why this instance is about to go, by its metadata service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Notice {
    /// `autoscaling/target-lifecycle-state` is `Terminated`: the group takes it out.
    Group,
    /// `spot/instance-action`: EC2 takes the capacity back, two minutes after the notice.
    Spot,
    /// `events/recommendations/rebalance`: EC2 may do so soon.
    Rebalance,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Notice::Group => "the group terminates this instance",
            Notice::Spot => "EC2 interrupts this spot instance",
            Notice::Rebalance => "EC2 recommends to replace this spot instance",
        })
    }
}

/// EC2's instance state. Only `terminated` is final.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InstanceState {
    /// Being started.
    Pending,
    /// Running.
    Running,
    /// On its way to `terminated`; proves nothing yet.
    ShuttingDown,
    /// Gone for good.
    Terminated,
    /// On its way to `stopped`.
    Stopping,
    /// Stopped; may be started again, with its disk.
    Stopped,
    /// A state that this version does not know.
    Other,
}

impl fmt::Display for InstanceState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            InstanceState::Pending => "pending",
            InstanceState::Running => "running",
            InstanceState::ShuttingDown => "shutting-down",
            InstanceState::Terminated => "terminated",
            InstanceState::Stopping => "stopping",
            InstanceState::Stopped => "stopped",
            InstanceState::Other => "other",
        })
    }
}

/// The group's LifecycleState, without its wait states (`Pending:Wait` is `Pending`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lifecycle {
    /// Being launched into the group.
    Pending,
    /// In service; also every running instance that the tag scheme selects.
    InService,
    /// Leaving the group.
    Terminating,
    /// Terminated by the group.
    Terminated,
    /// Set aside by an operator; runs, and is not a peer.
    Standby,
    /// On its way out of the group, alive; not a peer.
    Detached,
    /// In the warm pool; may run, and is not a peer.
    Warmed,
    /// The group does not list it (yet, or any more), or with a state that this version does not
    /// know; not a peer.
    Unlisted,
}

impl fmt::Display for Lifecycle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Lifecycle::Pending => "Pending",
            Lifecycle::InService => "InService",
            Lifecycle::Terminating => "Terminating",
            Lifecycle::Terminated => "Terminated",
            Lifecycle::Standby => "Standby",
            Lifecycle::Detached => "Detached",
            Lifecycle::Warmed => "Warmed",
            Lifecycle::Unlisted => "not listed",
        })
    }
}
