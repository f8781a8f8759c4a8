//! What the operator asked for, as far as decisions depend on it.

use std::net::IpAddr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::id::ServerId;
use super::server::{ClientAddress, Role, Server};

/// The settings that decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// The ports that every server of the ensemble uses.
    pub ports: Ports,
    /// Where a server listens to clients.
    pub client_bind: ClientBind,
    /// Pruning never leaves fewer voters than this.
    pub floor: usize,
    /// The most voters that there are to be; an odd number.
    #[serde(default = "voters")]
    pub voters: usize,
    /// What to do when every copy of the data is provably gone.
    pub when_all_is_lost: WhenAllIsLost,
    /// Who begins the recovery of a quorum that is lost for good.
    #[serde(default)]
    pub recovery: Recovery,
    /// Whether a rebalance recommendation makes a server leave.
    #[serde(default)]
    pub leave_on_rebalance: bool,
    /// Whether the group may choose no voter for scale-in while none can be spared.
    #[serde(default)]
    pub protect_voters: bool,
    /// How long after its notice ("leaving" in its journal) a server that costs the quorum is kept:
    /// then its instance goes with its server in the config.
    #[serde(default = "leave_patience")]
    pub leave_patience: Duration,
    /// How long a server may run without serving, and be seen to, before it is restarted. A boot and
    /// the sync of a large snapshot must fit. It doubles with each restart in vain.
    #[serde(default = "restart_after")]
    pub restart_after: Duration,
    /// Whether an instance whose server is beyond help reports itself as unhealthy to its group.
    #[serde(default)]
    pub report_unhealthy: bool,
    /// How long a stream may stay without a valid owner's record before its slot is free again.
    pub claim_grace: Duration,
    /// How long ago an instance must have been recorded for its absence from a complete answer
    /// to prove its termination.
    pub absence_proof: Duration,
    /// Whether the agent beside the leader publishes figures.
    #[serde(default)]
    pub figures: bool,
}

/// Five survive the loss of two; with each further one, every write waits for one more disk.
fn voters() -> usize {
    5
}

/// Long enough for a replacement to boot and to sync, well below a hook's limits.
fn leave_patience() -> Duration {
    Duration::from_secs(15 * 60)
}

/// A snapshot of some gigabytes is loaded, or sent by a leader, in less.
fn restart_after() -> Duration {
    Duration::from_secs(5 * 60)
}

impl Policy {
    /// How many voters there are to be where a group is to have `desired` instances (as many as
    /// there are, where nobody says): the largest odd number that this and [`Policy::voters`] allow,
    /// since an even one survives no more losses than the odd one below it. The floor goes first: two
    /// instances under a floor of three both vote, since one voter alone would have the only copy.
    pub fn wanted_voters(&self, desired: Option<u32>) -> usize {
        let most = desired.map_or(self.voters, |desired| self.voters.min(desired as usize));
        let most = most.max(1);
        let odd = most - (most + 1) % 2;
        odd.max(self.floor.min(most))
    }

    /// The line of server `id` at `address`, as a voter.
    pub fn server(&self, id: ServerId, address: IpAddr) -> Server {
        let bind = match self.client_bind {
            ClientBind::All => None,
            ClientBind::Instance => Some(address.to_string()),
        };
        Server {
            id,
            address: address.to_string(),
            quorum_port: self.ports.quorum,
            election_port: self.ports.election,
            role: Role::Participant,
            client: Some(ClientAddress {
                bind,
                port: self.ports.client,
            }),
        }
    }
}

/// ZooKeeper's three ports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ports {
    /// For clients and four-letter words (2181).
    pub client: u16,
    /// For followers (2888).
    pub quorum: u16,
    /// For elections (3888).
    pub election: u16,
}

/// Which addresses the client port is bound to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ClientBind {
    /// All of them.
    All,
    /// The instance's private address.
    Instance,
}

/// What to do when every instance that ever held data is proven terminated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WhenAllIsLost {
    /// Found the next generation, empty.
    Refound,
    /// Wait for an operator.
    Wait,
}

/// Who begins the recovery of a quorum that is lost for good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Recovery {
    /// The survivor with the most advanced history, as soon as all survivors have testified.
    #[default]
    Auto,
    /// The same, after an operator has given leave (`zk-bootstrap recover`).
    Manual,
}
