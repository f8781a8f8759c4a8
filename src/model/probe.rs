//! What a server answers to four-letter words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ensemble::Ensemble;
use super::id::Zxid;

/// The outcome of asking one server. Each is a fact about the answer, never about the instance's
/// fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Probe {
    /// It serves.
    Serving(Serving),
    /// It runs and says that it is not serving requests: no quorum, or still syncing.
    NotServing,
    /// No connection, or no answer in time.
    Unreachable {
        /// Refused, timed out, no route, …
        why: String,
    },
    /// It answered something that tells nothing: the word is not whitelisted, or the reply is
    /// garbled.
    Unknown {
        /// What it answered.
        why: String,
    },
}

impl Probe {
    /// The details, if it serves.
    pub fn serving(&self) -> Option<&Serving> {
        match self {
            Probe::Serving(serving) => Some(serving),
            Probe::NotServing | Probe::Unreachable { .. } | Probe::Unknown { .. } => None,
        }
    }

    /// The committed config as that server knows it, if it serves and tells.
    pub fn ensemble(&self) -> Option<&Ensemble> {
        self.serving().and_then(|serving| serving.ensemble.as_ref())
    }

    /// Whether a ZooKeeper process answered at all.
    pub fn answered(&self) -> bool {
        match self {
            Probe::Serving(_) | Probe::NotServing | Probe::Unknown { .. } => true,
            Probe::Unreachable { .. } => false,
        }
    }
}

impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Probe::Serving(serving) => serving.mode.fmt(f),
            Probe::NotServing => f.write_str("not serving"),
            Probe::Unreachable { why } => write!(f, "unreachable ({why})"),
            Probe::Unknown { why } => write!(f, "unknown ({why})"),
        }
    }
}

/// What a serving server says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Serving {
    /// Its mode. A non-voting follower calls itself a follower, too.
    pub mode: Mode,
    /// The last zxid it has processed.
    pub zxid: Zxid,
    /// Its release (`3.8.0`).
    pub release: String,
    /// Whether it has synced with its leader (`zk_peer_state` of `mntr`); absent where `mntr` was
    /// not asked or does not say. A leader is.
    pub synced: Option<bool>,
    /// The committed config (`conf`); absent where the word is not whitelisted.
    pub ensemble: Option<Ensemble>,
}

/// `Mode:` of `srvr` and `stat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Leads.
    Leader,
    /// Follows, with or without a vote.
    Follower,
    /// Observes.
    Observer,
    /// Not part of an ensemble (`standaloneEnabled=true` and one server).
    Standalone,
    /// Without a quorum, serving reads only.
    ReadOnly,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mode::Leader => "leader",
            Mode::Follower => "follower",
            Mode::Observer => "observer",
            Mode::Standalone => "standalone",
            Mode::ReadOnly => "read-only",
        })
    }
}
