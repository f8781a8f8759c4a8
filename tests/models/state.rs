//! The world in a few bytes: what is true of the streams, the instances, their disks and servers.

use std::collections::BTreeMap;

pub use super::streams::{Event, History, Name, Stream, Testimony};

/// An instance, by its place in the fleet.
pub type M = u8;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub streams: BTreeMap<Name, Stream>,
    pub instances: Vec<Instance>,
    /// What is left of the adversities that one history may have.
    pub left: Adversity,
    /// The log that clients were told is written.
    pub acknowledged: Vec<u8>,
    /// How many lineages there have been: founded empty, or begun with a survivor's data.
    pub lineages: u8,
    /// How many config versions there have been.
    pub versions: u8,
    /// The first thing that happened and must not.
    pub broke: Option<Broke>,
}

/// How much of each may happen in one history, and how much of all together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Adversity {
    /// How many of those below, of whatever kind.
    pub any: u8,
    /// Instances terminated.
    pub terminations: u8,
    /// Instances stopped, with their disks; each may start again.
    pub stops: u8,
    /// Looks that miss the newest events of a stream, or the stream.
    pub stale_reads: u8,
    /// Looks that no peer answers.
    pub deaf_looks: u8,
    /// Agents that die, freeze beyond their claims' minute, or lose a reply.
    pub crashes: u8,
    /// Claims whose grace passes before their record is taken.
    pub graces: u8,
    /// Writes of clients: no adversity, but bounded like one, and not counted with them.
    pub writes: u8,
}

/// What must never happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Broke {
    /// An empty ensemble was founded while another's data may live.
    SecondFounding,
    /// An empty database was served beside others: leave that was left over.
    EmptyBesideOthers,
    /// A generation was begun with data while an instance with data had not withdrawn.
    Unheard,
    /// A leader lacks an acknowledged write of which a copy is left.
    LostWrite,
    /// A server with data joined an ensemble that its data is no part of.
    Mixed,
    /// The safety checker refused a plan.
    Unsafe,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Config {
    pub version: u8,
    /// By id, ascending.
    pub members: Vec<Member>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Member {
    pub id: u8,
    pub at: M,
    pub votes: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Instance {
    pub state: InstanceState,
    pub disk: Disk,
    pub server: Server,
    /// The claims that its agent made within the last minute.
    pub claiming: Vec<Name>,
    /// What is left of its agent's plan.
    pub plan: Vec<Act>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum InstanceState {
    Unlaunched,
    Running,
    Stopped,
    Terminated,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    pub data: Option<Data>,
    pub initialize: bool,
    pub myid: Option<u8>,
    pub identity: Option<Identity>,
    pub config: Option<Config>,
}

/// A history: each transaction is the epoch of the leader that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Data {
    pub lineage: u8,
    pub generation: u8,
    pub epoch: u8,
    pub log: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Identity {
    pub generation: u8,
    pub founder: M,
    pub server: u8,
    pub withdrawn: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Server {
    Down,
    Booting,
    Looking,
    Leading,
    Following(M),
}

/// One step of a plan; see `zk_bootstrap::model::plan::Action`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Act {
    /// Creates the stream; the record is a second call.
    Create {
        name: Name,
        server: u8,
    },
    Record {
        name: Name,
        server: u8,
    },
    Write {
        name: Name,
        event: Event,
    },
    MoveAside,
    MyId(u8),
    Membership(Config),
    Identity(Identity),
    AllowEmpty,
    Start,
    Stop,
    Reconfig {
        add: Option<Member>,
        remove: Vec<u8>,
        expected: u8,
    },
}

impl Adversity {
    /// At most so many of all kinds together, and `ZKB_TROUBLES` more.
    #[must_use]
    pub fn but_at_most(self, any: u8) -> Self {
        let more = std::env::var("ZKB_TROUBLES");
        let more: u8 = more.map_or(0, |n| n.parse().expect("ZKB_TROUBLES is a number"));
        Adversity {
            any: any + more,
            ..self
        }
    }

    /// One is spent.
    pub fn spend(&mut self, kind: fn(&mut Adversity) -> &mut u8) {
        *kind(self) -= 1;
        self.any -= 1;
        // What cannot happen any more needs no telling apart.
        if self.any == 0 {
            let writes = self.writes;
            *self = Adversity {
                writes,
                ..Adversity::default()
            };
        }
    }
}

impl Act {
    /// Whether nobody but the instance itself can notice it at once.
    pub fn is_local(&self) -> bool {
        !matches!(
            self,
            Act::Create { .. } | Act::Record { .. } | Act::Write { .. } | Act::Reconfig { .. }
        )
    }
}

impl Config {
    pub fn lists(&self, id: Option<u8>, at: M) -> bool {
        self.members.iter().any(|s| Some(s.id) == id && s.at == at)
    }

    pub fn voters(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|s| s.votes)
    }

    pub fn quorum(&self) -> usize {
        self.voters().count() / 2 + 1
    }
}

impl Data {
    /// Election order: who has seen more.
    pub fn rank(&self) -> (u8, u64) {
        (self.epoch, self.zxid())
    }

    pub fn zxid(&self) -> u64 {
        let last = self.log.last().copied().unwrap_or(0);
        u64::from(last) << 32 | self.log.len() as u64
    }

    /// How much of `log` is here.
    pub fn common(&self, log: &[u8]) -> usize {
        let both = self.log.iter().zip(log);
        both.take_while(|(mine, theirs)| mine == theirs).count()
    }
}

impl Instance {
    pub fn unlaunched() -> Self {
        Instance {
            state: InstanceState::Unlaunched,
            disk: Disk::default(),
            server: Server::Down,
            claiming: Vec::new(),
            plan: Vec::new(),
        }
    }

    pub fn runs(&self) -> bool {
        self.state == InstanceState::Running
    }

    /// Whether anybody could ever hear of what is on its disk again.
    pub fn is_left(&self) -> bool {
        self.state != InstanceState::Terminated
    }

    pub fn data(&self) -> Option<&Data> {
        self.disk.data.as_ref()
    }

    pub fn serves(&self) -> bool {
        matches!(self.server, Server::Leading | Server::Following(_))
    }

    pub fn is_withdrawn(&self) -> bool {
        let marked = self.disk.identity.is_some_and(|i| i.withdrawn);
        marked && self.server == Server::Down
    }
}
