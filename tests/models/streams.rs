//! The streams of the register, as they are.

use zk_bootstrap::model::claim::{ClaimName, Slot};

use super::state::{Config, M};

/// The name of a stream. [`ClaimName`] cannot be hashed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name {
    /// 0 is the marker.
    pub slot: u8,
    pub term: u8,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Stream {
    /// Whether the grace has passed: a record that comes now binds nobody.
    pub old: bool,
    pub events: Vec<Event>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    Claimed { by: M, server: u8, in_time: bool },
    Started,
    Joined,
    Testified(Testimony),
    TookBack,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Testimony {
    pub generation: u8,
    pub config: Config,
    pub config_of: u8,
    pub withdrawn: bool,
    pub history: Option<History>,
}

/// Generation, epoch and zxid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct History(pub u8, pub u8, pub u64);

impl Name {
    pub fn of(name: ClaimName) -> Self {
        let slot = match name.slot {
            Slot::Ensemble => 0,
            Slot::Server(id) => id.get(),
        };
        let term = u8::try_from(name.term).expect("few terms");
        Name { slot, term }
    }

    pub fn claim(self) -> ClaimName {
        let slot = match self.slot {
            0 => Slot::Ensemble,
            id => Slot::Server(id.try_into().expect("a server id")),
        };
        let term = u32::from(self.term);
        ClaimName { slot, term }
    }
}

impl Stream {
    /// Whose record binds.
    pub fn owner(&self) -> Option<M> {
        self.events.iter().find_map(|event| match event {
            Event::Claimed { by, in_time, .. } => Some(in_time.then_some(*by)),
            _ => None,
        })?
    }
}
