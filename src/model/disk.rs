//! What ZooKeeper's directories on this instance hold.

use std::fmt;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::claim::Lineage;
use super::ensemble::Ensemble;
use super::history::History;
use super::id::{InstanceId, ServerId};

/// The files of this instance's server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disk {
    /// Whether there is a snapshot or a transaction log.
    pub data: bool,
    /// Whether the file `initialize` is there: ZooKeeper's one-time leave to serve an empty
    /// database (`db.autocreate=false`). The server deletes it as it uses it.
    pub initialize: bool,
    /// The id in `myid`; absent when the file is missing or torn.
    pub myid: Option<ServerId>,
    /// Whose data this is; absent when the file is missing or torn.
    pub identity: Option<Identity>,
    /// How far the data goes. It is looked for only where [`Identity::withdrawn`] is set: reading
    /// a log takes its time, and means nothing while a server writes to it.
    #[serde(default)]
    pub history: Option<History>,
    /// What zoo.cfg needs.
    pub zoo_cfg: ZooCfg,
    /// The config in the dynamic file that zoo.cfg points at, with the version in its name;
    /// absent when zoo.cfg or that file is missing or torn.
    pub dynamic: Option<Ensemble>,
    /// What was noted of a server that runs and does not serve; absent when it serves, and when the
    /// note is missing or torn.
    #[serde(default)]
    pub stuck: Option<Stuck>,
    /// The first of the data directories that takes nothing, if one does not.
    #[serde(default)]
    pub unwritable: Option<Unwritable>,
    /// When anything was last stored in the data directories: an empty file is nothing. Absent where
    /// there are none.
    #[serde(default)]
    pub written: Option<Timestamp>,
}

impl Disk {
    /// Whether the server here was withdrawn: see [`Identity::withdrawn`].
    pub fn is_withdrawn(&self) -> bool {
        let identity = self.identity.as_ref();
        identity.is_some_and(|identity| identity.withdrawn)
    }
}

/// A server that does not serve although it could: since when that is known, and what was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// When it was noticed first.
    pub since: Timestamp,
    /// How often it was restarted since.
    pub restarts: u32,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stuck since {}", self.since)?;
        match self.restarts {
            0 => Ok(()),
            n => write!(f, ", restart {n}"),
        }
    }
}

/// A directory in which nothing can be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unwritable {
    /// The directory.
    pub directory: PathBuf,
    /// What its file system says.
    pub why: Refusal,
}

/// Why a file system takes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// It is mounted read-only, by intent or after an error of the device.
    ReadOnly,
    /// Less than [`LEAST_SPACE`] is free, or no inode.
    Full,
}

/// A file system with less free space than this, in bytes, counts as full: it does not take the few
/// small files of a start with the first records of a log.
pub const LEAST_SPACE: u64 = 1 << 20;

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let directory = self.directory.display();
        match self.why {
            Refusal::ReadOnly => write!(
                f,
                "the file system of {directory} is read-only: look at the kernel's log for the \
                 device's errors, and mount it for writing or replace the instance"
            ),
            Refusal::Full => write!(
                f,
                "the file system of {directory} is full: free space, or make it larger"
            ),
        }
    }
}

/// The small file beside the data that says what it is a part of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The ensemble.
    pub lineage: Lineage,
    /// The server.
    pub server: ServerId,
    /// The instance that wrote the data: a disk that was cloned into another one is not its own.
    pub instance: InstanceId,
    /// Whether the server was withdrawn, since its ensemble's quorum is lost for good: it does not
    /// start again as a member of this generation.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub withdrawn: bool,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Identity {
            lineage,
            server,
            instance,
            withdrawn,
        } = self;
        let withdrawn = if *withdrawn { ", withdrawn" } else { "" };
        write!(f, "server {server} on {instance} of {lineage}{withdrawn}")
    }
}

/// How zoo.cfg compares with what the settings ask for. ZooKeeper rewrites the file (order,
/// comments, `dynamicConfigFile=`): only a difference in meaning counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ZooCfg {
    /// There is none.
    #[default]
    Missing,
    /// It says something else than the settings.
    Stale,
    /// It says what the settings say.
    Current,
}
