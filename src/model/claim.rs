//! Claims: log streams whose creation is the one act that only one instance can win.
//!
//! A slot (a server id, or the right to found the ensemble) is held by the owner of its claim
//! with the highest term. `3` is the first claim on id 3, `3.2` its second. Nobody ever deletes a
//! claim to make room: who finds the newest claim vacant creates the next term, and creation
//! fails for all but one. A list of claims that is old can therefore cost a call, never an id.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::history::Testimony;
use super::id::{InstanceId, Malformed, ServerId};

/// What can be claimed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// The right to found; its term is the ensemble's generation, and the claim is the marker
    /// that an ensemble exists.
    Ensemble,
    /// A server id.
    Server(ServerId),
}

/// The name of a claim and of its log stream: `3`, `3.2`, `ensemble`, `ensemble.2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ClaimName {
    /// What is claimed.
    pub slot: Slot,
    /// How many claims on the slot there have been, this one included; from 1.
    pub term: u32,
}

impl ClaimName {
    /// The first claim on a slot.
    pub fn first(slot: Slot) -> Self {
        ClaimName { slot, term: 1 }
    }

    /// The claim that would succeed this one.
    #[must_use]
    pub fn next(self) -> Self {
        ClaimName {
            slot: self.slot,
            term: self.term + 1,
        }
    }
}

const ENSEMBLE: &str = "ensemble";

impl fmt::Display for ClaimName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.slot {
            Slot::Ensemble => f.write_str(ENSEMBLE)?,
            Slot::Server(id) => id.fmt(f)?,
        }
        match self.term {
            1 => Ok(()),
            term => write!(f, ".{term}"),
        }
    }
}

impl FromStr for ClaimName {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let malformed =
            || Malformed::new(text, "the name of a claim (3, 3.2, ensemble, ensemble.2)");
        let (slot, term) = match text.split_once('.') {
            None => (text, 1),
            Some((slot, term)) => {
                let number: u32 = term.parse().map_err(|_| malformed())?;
                // One spelling for each claim: neither `3.1` nor `3.02`.
                if number < 2 || term.starts_with(['0', '+']) {
                    return Err(malformed());
                }
                (slot, number)
            }
        };
        let slot = match slot {
            ENSEMBLE => Slot::Ensemble,
            id => Slot::Server(id.parse().map_err(|_| malformed())?),
        };
        Ok(ClaimName { slot, term })
    }
}

impl TryFrom<String> for ClaimName {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<ClaimName> for String {
    fn from(name: ClaimName) -> String {
        name.to_string()
    }
}

/// All claims of one ensemble: the streams of its log group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Whether the log group exists.
    pub exists: bool,
    /// The claims by name. Streams with other names are not claims and are passed over.
    pub claims: BTreeMap<ClaimName, Claim>,
}

impl Register {
    /// All claims on a slot, the oldest first.
    pub fn of(&self, slot: Slot) -> impl DoubleEndedIterator<Item = (ClaimName, &Claim)> {
        let all = ClaimName { slot, term: 1 }..=ClaimName {
            slot,
            term: u32::MAX,
        };
        self.claims.range(all).map(|(name, claim)| (*name, claim))
    }

    /// The newest claim on a slot: the only one that counts.
    pub fn newest(&self, slot: Slot) -> Option<(ClaimName, &Claim)> {
        self.of(slot).next_back()
    }

    /// The claims that bind this instance: whose records name it, and were taken in time.
    pub fn of_instance<'a, 'b>(
        &'a self,
        instance: &'b InstanceId,
    ) -> impl DoubleEndedIterator<Item = (ClaimName, &'a Claim)> + use<'a, 'b> {
        let claims = self.claims.iter().map(|(name, claim)| (*name, claim));
        claims.filter(|(_, claim)| claim.is_of(instance))
    }

    /// Whether an operator has given leave, on any instance, to recover this generation.
    pub fn allows(&self, generation: u32) -> bool {
        self.claims.values().any(|c| c.leave == Some(generation))
    }

    /// The markers of generations whose founders may have been started, the oldest first.
    pub fn begun(&self) -> impl DoubleEndedIterator<Item = (ClaimName, &Claim)> {
        let markers = self.of(Slot::Ensemble);
        markers.filter(|(_, marker)| !marker.journal.is_empty())
    }

    /// The newest claim on each server id.
    pub fn newest_of_servers(&self) -> BTreeMap<ServerId, (ClaimName, &Claim)> {
        let mut newest = BTreeMap::new();
        for (name, claim) in &self.claims {
            if let Slot::Server(id) = name.slot {
                newest.insert(id, (*name, claim));
            }
        }
        newest
    }
}

/// An owner's record counts only when the service took it within this time of the stream's
/// creation, by the service's own clock on both ends. A claimant that was frozen in between thus
/// learns from the same two numbers as everybody else that it has lost, and
/// [`claim_grace`](super::policy::Policy::claim_grace) must be longer by more than any clock is wrong.
pub const OWNER_RECORD_LIMIT: SignedDuration = SignedDuration::from_secs(60);

/// One claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// When the stream was created, by the service's clock.
    pub created: Timestamp,
    /// Its owner; absent until its record can be read.
    pub owner: Option<Owner>,
    /// What the journal in the stream says has happened since, and when the service took each note
    /// for the first time.
    pub journal: BTreeMap<Milestone, Timestamp>,
    /// The owner's newest testimony.
    #[serde(default)]
    pub testimony: Option<Testimony>,
    /// The generation for whose recovery an operator has given leave, on the owner's instance.
    #[serde(default)]
    pub leave: Option<u32>,
    /// Whether somebody has signed it in time in a form that only a later release can read.
    #[serde(default)]
    pub foreign: bool,
}

impl Claim {
    /// The owner, if its record was taken in time. A record that came too late binds nobody, its
    /// writer included: a claimant that froze in between has lost.
    pub fn valid_owner(&self) -> Option<&Owner> {
        let owner = self.owner.as_ref()?;
        let delay = owner.written.duration_since(self.created);
        (delay <= OWNER_RECORD_LIMIT).then_some(owner)
    }

    /// Whether it binds this instance.
    pub fn is_of(&self, instance: &InstanceId) -> bool {
        let owner = self.valid_owner();
        owner.is_some_and(|owner| owner.instance == *instance)
    }

    /// Whether its journal has this milestone.
    pub fn has_noted(&self, milestone: Milestone) -> bool {
        self.journal.contains_key(&milestone)
    }
}

/// The first event of a claim's stream: who holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The instance that created the stream.
    pub instance: InstanceId,
    /// Its private address.
    pub address: IpAddr,
    /// Its availability zone.
    pub zone: String,
    /// The group (or the tag) by which the instance counts its peers: two groups in one register
    /// are a mistake that must stop both.
    pub group: String,
    /// The server id that the instance holds or claims; in the marker, the founder's.
    pub server: ServerId,
    /// When the service took the record, by the service's clock (`ingestionTime`).
    pub written: Timestamp,
}

/// What can have happened to the server of a claim. In the marker, to the ensemble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Milestone {
    /// The server is about to be started for the first time: from here on its disk may hold data.
    Started,
    /// The server has become a member, as a voter or as an observer.
    Joined,
    /// The instance is about to go: a newcomer may take its server's place.
    Leaving,
    /// The server is out of the config and stopped: the claim is released.
    Left,
}

impl fmt::Display for Milestone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Milestone::Started => "started",
            Milestone::Joined => "joined",
            Milestone::Leaving => "leaving",
            Milestone::Left => "left",
        })
    }
}

/// Which ensemble data belongs to: its generation and the instance that founded it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lineage {
    /// The term of the marker.
    pub generation: u32,
    /// The marker's owner.
    pub founder: InstanceId,
}

impl fmt::Display for Lineage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Lineage {
            generation,
            founder,
        } = self;
        write!(f, "generation {generation}, founded by {founder}")
    }
}
