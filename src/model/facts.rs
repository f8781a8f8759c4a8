//! What `zk-bootstrap doctor` gathers beyond a snapshot. Each part is known, or not, by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::fleet::Transition;
use super::id::InstanceId;
use super::policy::Policy;
use super::snapshot::{Answer, Snapshot};

/// Everything that the findings are made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// What the settings decide.
    pub policy: Policy,
    /// What the agent would see.
    pub snapshot: Snapshot,
    /// What AWS told besides.
    pub aws: AwsFacts,
    /// The ways from here to each peer, by its instance and the port.
    pub ways: BTreeMap<InstanceId, BTreeMap<u16, Knock>>,
    /// Who has, or had within the last minute, connections to which ports of this instance.
    pub arrivals: Answer<BTreeMap<IpAddr, BTreeSet<u16>>>,
    /// What this instance's server told besides.
    pub server: ServerFacts,
    /// What the settings ask of zoo.cfg, and what it says.
    pub zoo_cfg: ZooCfgFacts,
    /// The directories of data, log and configuration.
    pub directories: Vec<Directory>,
    /// The user that the server runs as, by its number.
    pub user: Answer<u32>,
    /// The size of the newest snapshot on the disk in bytes, if there is one.
    pub newest_snapshot: Option<u64>,
    /// The file with the super user's secret.
    pub secret: SecretFacts,
}

/// What AWS told of this instance, its group and its rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsFacts {
    /// Each call that the switched-on features make, by its IAM action.
    pub rights: BTreeMap<&'static str, Tried>,
    /// How far this instance's clock is ahead of AWS's, by the `Date` of an answer, which counts
    /// whole seconds.
    pub clock: Answer<SignedDuration>,
    /// How far the clocks of the owners of claims were ahead when they wrote their last record, and
    /// when that was, by CloudWatch Logs.
    pub clocks: BTreeMap<InstanceId, (Timestamp, SignedDuration)>,
    /// The options of this instance's metadata service.
    pub metadata: Answer<MetadataOptions>,
    /// The group's lifecycle hooks; none where membership goes by tags.
    pub hooks: Answer<Vec<HookFacts>>,
    /// After how many days the register's log group forgets its events, if it does.
    pub retention: Answer<Option<u32>>,
}

/// What came of trying a right without changing anything.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tried {
    /// The call was made, or its dry run said that it may be.
    Allowed,
    /// It was refused.
    Denied,
    /// It failed for another reason.
    Failed(String),
    /// The call has no dry run, and would change something.
    Untried,
}

/// The options of an instance's metadata service; absent where EC2 does not tell.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct MetadataOptions {
    /// Whether it answers at all.
    pub enabled: Option<bool>,
    /// Whether every question needs a token (IMDSv2).
    pub tokens_required: Option<bool>,
    /// How many hops the answer with a token survives: 1 is this machine itself.
    pub hop_limit: Option<u32>,
}

/// A lifecycle hook as the group has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookFacts {
    /// Its name.
    pub name: String,
    /// What it holds up.
    pub transition: Transition,
    /// How long the group waits without a heartbeat.
    pub heartbeat: Duration,
    /// How long it waits at most, whatever the heartbeats.
    pub longest: Duration,
    /// Whether a time-out counts as `ABANDON`.
    pub abandons: bool,
}

/// What became of a connection that was opened and closed again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Knock {
    /// Somebody listens.
    Open,
    /// Nobody listens; but whoever refused was reached.
    Refused,
    /// Nothing came back in time.
    Silent,
    /// Something else: no route.
    Failed(String),
}

/// What this instance's server told besides its state. Empty where it does not answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerFacts {
    /// The words that the agent asks, and whether each was answered; those that got no answer at
    /// all are missing.
    pub words: BTreeMap<String, bool>,
    /// How long its writes of the transaction log to the disk took.
    pub fsync: Option<Fsync>,
}

/// The server's own measure of its `fsync`s since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fsync {
    /// How many there were.
    pub count: u64,
    /// In the mean.
    pub mean: Duration,
    /// The longest.
    pub longest: Duration,
}

/// What the settings ask of zoo.cfg and the JVM, and where the file differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZooCfgFacts {
    /// The keys in which the file differs; absent where there is no file.
    pub differences: Answer<Option<Vec<Difference>>>,
    /// The flags of the server's JVM.
    pub jvm_flags: Option<String>,
    /// `tickTime`.
    pub tick: Duration,
    /// `tickTime` × `initLimit`: within it a newcomer gets its data.
    pub init: Duration,
    /// `tickTime` × `syncLimit`: a silent leader is left after it.
    pub sync: Duration,
    /// The longest session that a client gets.
    pub longest_session: Duration,
}

/// A key of zoo.cfg. The super user's digest is never among the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub key: String,
    /// What the file says, if it has the key.
    pub is: Option<String>,
    /// What the settings ask for, if they do.
    pub should: Option<String>,
}

/// A directory that the server needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Where it is.
    pub path: PathBuf,
    /// What it is for.
    pub purpose: Purpose,
    /// What the file system says of it; `None` where it is missing.
    pub found: Answer<Option<FileSystem>>,
}

/// What a directory is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Snapshots, and the log where it has no directory of its own.
    Data,
    /// The transaction log.
    Log,
    /// zoo.cfg and the membership.
    Configuration,
}

/// What a file system says of a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSystem {
    /// Where it is mounted.
    pub mount: PathBuf,
    /// Whether that is the device of `/`.
    pub on_root: bool,
    /// The directory's owner, by its number.
    pub owner: u32,
    /// The directory's mode: `0o750`.
    pub mode: u32,
    /// Bytes that are free to who is not root.
    pub free: u64,
    /// Bytes in all.
    pub size: u64,
    /// Whether it is mounted read-only.
    pub read_only: bool,
    /// Whether no inode is free.
    pub out_of_inodes: bool,
}

/// The file with the super user's secret. What is in it is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretFacts {
    /// Where it is looked for.
    pub path: PathBuf,
    /// Its mode, and whether its content can be a secret; `None` where it is missing.
    pub found: Answer<Option<(u32, bool)>>,
}
