//! What one look at the world saw, and what it could not see.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::claim::{ClaimName, Register};
use super::disk::Disk;
use super::fleet::{Fleet, Me, Notice};
use super::id::InstanceId;
use super::names::Names;
use super::policy::Policy;
use super::probe::Probe;

/// A question put to the world: answered in full, or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Answer<T> {
    /// The complete answer.
    Known {
        /// When it was given.
        at: Timestamp,
        /// What was answered.
        value: T,
    },
    /// Not asked, refused, throttled, too late, or partial: it proves nothing.
    Unknown {
        /// Why there is no answer.
        why: String,
    },
}

/// Why there is no answer before the first question.
const NOT_ASKED: &str = "not asked yet";

impl<T> Answer<T> {
    /// Before the first question.
    pub fn not_asked() -> Self {
        let why = NOT_ASKED.to_owned();
        Answer::Unknown { why }
    }

    /// Why a question was not answered, if it was put.
    pub fn refusal(&self) -> Option<&str> {
        self.get().err().filter(|why| *why != NOT_ASKED)
    }

    /// The answer, if there is one.
    pub fn known(&self) -> Option<&T> {
        match self {
            Answer::Known { value, .. } => Some(value),
            Answer::Unknown { .. } => None,
        }
    }

    /// The answer, or why there is none.
    ///
    /// # Errors
    /// The reason of an unknown answer.
    pub fn get(&self) -> Result<&T, &str> {
        match self {
            Answer::Known { value, .. } => Ok(value),
            Answer::Unknown { why } => Err(why),
        }
    }

    /// When the answer was given.
    pub fn at(&self) -> Option<Timestamp> {
        match self {
            Answer::Known { at, .. } => Some(*at),
            Answer::Unknown { .. } => None,
        }
    }
}

/// Whether the service manager runs this instance's ZooKeeper.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Service {
    /// The process is there (or being started).
    Running,
    /// There is no process.
    Stopped,
}

/// Everything a plan is made from. It can be recorded (`zk-bootstrap observe`) and planned from
/// again anywhere (`zk-bootstrap plan --from`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was taken.
    pub at: Timestamp,
    /// Who this instance is.
    pub me: Answer<Me>,
    /// Whether this instance is about to go.
    #[serde(default = "unasked")]
    pub notice: Answer<Option<Notice>>,
    /// The instances. An answer in which the asker is missing is not trusted by any decision.
    pub fleet: Answer<Fleet>,
    /// The claims.
    pub register: Answer<Register>,
    /// What is published for clients, if anything is. It is asked for beside the leader alone.
    #[serde(default = "unasked")]
    pub names: Answer<Option<Names>>,
    /// The claims that this process made within the last minute: reads lag behind writes, and a
    /// claim that is not readable yet must be waited for, not made a second time.
    pub claiming: BTreeSet<ClaimName>,
    /// The files of this instance's server.
    pub disk: Answer<Disk>,
    /// Its process.
    pub service: Answer<Service>,
    /// Since when that process runs, where the service manager can tell.
    #[serde(default)]
    pub running_since: Option<Timestamp>,
    /// What it answers.
    pub server: Probe,
    /// What the other instances' servers answer.
    pub peers: BTreeMap<InstanceId, Probe>,
    /// When they were asked; a look at this instance alone keeps what was heard before.
    #[serde(default)]
    pub peers_asked: Option<Timestamp>,
    /// When this process last asked for its own server to be added, whatever it was answered: what the
    /// others tell of the config lags behind.
    #[serde(default)]
    pub add_asked: Option<Timestamp>,
    /// When this process last published figures, or began to be one that would. Absent for who only
    /// looks: that is never the one to publish.
    #[serde(default)]
    pub published: Option<Timestamp>,
}

fn unasked<T>() -> Answer<T> {
    Answer::Unknown {
        why: "not asked".to_owned(),
    }
}

/// A snapshot and the policy under which it was taken: all that a plan depends on, so that an
/// incident can be planned from again on any machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recording {
    /// The form of the recording.
    pub v: u32,
    /// What the operator asked for.
    pub policy: Policy,
    /// What was seen.
    pub snapshot: Snapshot,
}

impl Recording {
    /// The form that this version writes and reads.
    pub const VERSION: u32 = 1;
}
