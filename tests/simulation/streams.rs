//! The log service: streams whose creation only one caller can win, and reads that lag.

use std::collections::BTreeMap;

use zk_bootstrap::model::claim::{Claim, ClaimName, Milestone, Owner, Register, Slot};
use zk_bootstrap::model::history::Testimony;

use super::region::{Ms, timestamp};

#[derive(Debug, Clone)]
pub enum Event {
    /// The owner's record; its time is filled in when it is read.
    Claimed(Owner),
    Note(Milestone),
    Testified(Testimony),
    TookBack,
    /// An operator's leave to recover this generation.
    Allowed(u32),
}

#[derive(Debug, Clone)]
pub struct Stream {
    pub created: Ms,
    /// The machine whose agent created it, which nobody can read there.
    pub by: usize,
    pub events: Vec<(Ms, Event)>,
}

impl Stream {
    pub fn owner(&self) -> Option<&Owner> {
        self.events.iter().find_map(|(_, event)| match event {
            Event::Claimed(owner) => Some(owner),
            _ => None,
        })
    }

    pub fn has_started(&self) -> bool {
        let started = |(_, e): &(Ms, Event)| matches!(e, Event::Note(Milestone::Started));
        self.events.iter().any(started)
    }
}

#[derive(Debug, Default)]
pub struct Streams {
    /// When the log group was created.
    pub group: Option<Ms>,
    pub streams: BTreeMap<ClaimName, Stream>,
    /// How often `CreateLogStream` was called.
    pub creates: u64,
}

/// How old the two kinds of read are.
#[derive(Debug, Clone, Copy, Default)]
pub struct Age {
    /// Of the list of streams.
    pub list: Ms,
    /// Of the events in them.
    pub events: Ms,
}

impl Streams {
    /// The stream of the newest claim on a slot.
    pub fn newest(&self, slot: Slot) -> Option<(ClaimName, &Stream)> {
        let mut streams = self.streams.iter();
        let (name, stream) = streams.rfind(|(name, _)| name.slot == slot)?;
        Some((*name, stream))
    }

    /// Creates the log group; false when it exists.
    pub fn create_group(&mut self, now: Ms) -> bool {
        let absent = self.group.is_none();
        self.group.get_or_insert(now);
        absent
    }

    /// Creates a stream; false when it exists.
    pub fn create(&mut self, name: ClaimName, by: usize, now: Ms) -> bool {
        self.creates += 1;
        if self.streams.contains_key(&name) {
            return false;
        }
        let events = Vec::new();
        self.streams.insert(
            name,
            Stream {
                created: now,
                by,
                events,
            },
        );
        true
    }

    /// Appends an event; false when there is no such stream.
    pub fn put(&mut self, name: ClaimName, event: Event, now: Ms) -> bool {
        let Some(stream) = self.streams.get_mut(&name) else {
            return false;
        };
        stream.events.push((now, event));
        true
    }

    pub fn read(&self, now: Ms, age: Age) -> Register {
        let visible = |at: Ms, age: Ms| at + age <= now;
        let listed = self
            .streams
            .iter()
            .filter(|(_, s)| visible(s.created, age.list));
        let claims = listed.map(|(name, stream)| {
            let events = stream.events.iter();
            let events = events.filter(|(at, _)| visible(*at, age.events));
            (*name, claim(stream.created, events))
        });
        Register {
            exists: self.group.is_some_and(|at| visible(at, age.list)),
            claims: claims.collect(),
        }
    }
}

fn claim<'a>(created: Ms, events: impl Iterator<Item = &'a (Ms, Event)>) -> Claim {
    let mut owner = None;
    let mut journal = BTreeMap::new();
    let (mut testimony, mut leave) = (None, None);
    for (at, event) in events {
        match event {
            Event::Claimed(first) if owner.is_none() => {
                let written = timestamp(*at);
                owner = Some(Owner {
                    written,
                    ..first.clone()
                });
            }
            Event::Claimed(_) => {}
            Event::Note(milestone) => {
                journal.entry(*milestone).or_insert(timestamp(*at));
            }
            Event::Testified(newer) => testimony = Some(newer.clone()),
            Event::TookBack => testimony = None,
            Event::Allowed(generation) => leave = Some(*generation),
        }
    }
    Claim {
        created: timestamp(created),
        owner,
        journal,
        testimony,
        leave,
        foreign: false,
    }
}
