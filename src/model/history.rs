//! How far a server's data goes, and what a survivor of a lost quorum says of it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::ensemble::Ensemble;
use super::id::Zxid;

/// How far a server's data goes. The greater one has seen more: ZooKeeper's own elections compare
/// epoch and zxid in this order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct History {
    /// The generation of the ensemble that the data is of.
    pub generation: u32,
    /// `currentEpoch`: the last leader's that the server acknowledged.
    pub epoch: u32,
    /// The last transaction in its log.
    pub zxid: Zxid,
}

impl History {
    /// Whether everything in this history is in `other` too: within one epoch, one leader orders
    /// all, and a follower's log is a prefix of it.
    pub fn is_prefix_of(&self, other: &History) -> bool {
        (self.generation, self.epoch) == (other.generation, other.epoch) && self.zxid <= other.zxid
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let History {
            generation,
            epoch,
            zxid,
        } = self;
        write!(f, "zxid {zxid} (generation {generation}, epoch {epoch})")
    }
}

/// What a survivor of a lost quorum says, twice: first that by its config the quorum is lost for
/// good, while its server still waits for the others; then, when all survivors have said so, that
/// its server is stopped and will not start again as a member of this generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Testimony {
    /// The generation whose quorum is lost.
    pub generation: u32,
    /// The config in its files: who else may hold data.
    pub config: Ensemble,
    /// The generation that the config is of: an earlier one, where this server has yet to join the
    /// newest.
    #[serde(default)]
    pub config_of: u32,
    /// Whether its server is stopped for good.
    pub withdrawn: bool,
    /// How far its data goes, once it is withdrawn; absent when it has none.
    pub history: Option<History>,
}

impl fmt::Display for Testimony {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let generation = self.generation;
        match (self.withdrawn, &self.history) {
            (false, _) => write!(f, "the quorum of generation {generation} is lost"),
            (true, Some(history)) => write!(
                f,
                "the quorum of generation {generation} is lost, data here up to {history}"
            ),
            (true, None) => write!(f, "no data of generation {generation} here"),
        }
    }
}
