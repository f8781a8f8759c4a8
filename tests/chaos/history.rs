//! What the clients of an ensemble did and saw.
//!
//! Each client has a register: a znode with the number of the client's last write, and below it a
//! znode for each of its writes. A write is one transaction: it creates the znode of a number that
//! was never tried before, and puts the number into the register, if that still has the version
//! that the client knows. So a write that took place is there once, and is one version.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A client, which has one session after the other.
pub type ClientId = u8;

/// A request and its answer. The requests of a session follow each other.
#[derive(Debug, Clone)]
pub struct Event {
    /// Whose request.
    pub client: ClientId,
    /// The client's session, counted from one.
    pub session: u32,
    /// When it was sent, by the clock that all clients share.
    pub begun: Duration,
    /// When it was answered.
    pub ended: Duration,
    /// The request.
    pub what: What,
}

/// A request with its answer.
#[derive(Debug, Clone, Copy)]
pub enum What {
    /// A write of the client's own.
    Write {
        /// Its number, from one.
        number: u64,
        /// Its answer.
        outcome: Outcome,
    },
    /// A read of anybody's register.
    Read {
        /// Whose.
        of: ClientId,
        /// What it said.
        seen: Register,
    },
}

/// The answer to a write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It took place.
    Acknowledged {
        /// The register's version since.
        version: i32,
    },
    /// It did not take place, and never will.
    Refused,
    /// There was no answer: it may have taken place, and may yet.
    Unknown,
}

/// What a register says; a register that does not exist says nothing but zeros.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Register {
    /// How many writes took place.
    pub version: i32,
    /// The last one.
    pub number: u64,
}

/// All that a server says when the clients have ended.
#[derive(Debug, Clone, Default)]
pub struct Told {
    /// The server's instance.
    pub server: String,
    /// What it has of each client.
    pub clients: BTreeMap<ClientId, Contents>,
}

/// What is left of a client.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its register.
    pub register: Register,
    /// The writes whose znodes are there.
    pub writes: BTreeSet<u64>,
}

/// For each client the times at which its writes were acknowledged, with their versions.
pub fn acknowledgements(events: &[Event]) -> BTreeMap<ClientId, BTreeMap<Duration, i32>> {
    let mut times: BTreeMap<ClientId, BTreeMap<Duration, i32>> = BTreeMap::new();
    for event in events {
        if let What::Write {
            outcome: Outcome::Acknowledged { version },
            ..
        } = event.what
        {
            times
                .entry(event.client)
                .or_default()
                .insert(event.ended, version);
        }
    }
    times
}

/// How many writes were acknowledged.
pub fn acknowledged(events: &[Event]) -> usize {
    acknowledgements(events).values().map(BTreeMap::len).sum()
}

/// The longest time from one acknowledgement to the next, whoever got them.
pub fn longest_gap(events: &[Event]) -> Duration {
    let times = acknowledgements(events).into_values();
    let times: BTreeSet<Duration> = times.flat_map(BTreeMap::into_keys).collect();
    let gaps = times.iter().zip(times.iter().skip(1));
    gaps.map(|(one, next)| *next - *one)
        .max()
        .unwrap_or_default()
}
