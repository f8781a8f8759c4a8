//! What no history of clients may contain.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::history::{ClientId, Contents, Event, Outcome, Register, Told, What, acknowledgements};

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// A write that was acknowledged is not there.
    Lost {
        /// Whose write.
        client: ClientId,
        /// Its number.
        number: u64,
        /// The server that lacks it.
        server: String,
    },
    /// A write that was refused is there.
    Refused {
        /// Whose write.
        client: ClientId,
        /// Its number.
        number: u64,
        /// The server that has it.
        server: String,
    },
    /// A write is two versions of its register.
    Twice {
        /// Whose write.
        client: ClientId,
        /// Its number.
        number: u64,
        /// Two of the versions.
        versions: [i32; 2],
    },
    /// A version of a register is two writes: there were two histories.
    Forked {
        /// Whose register.
        client: ClientId,
        /// The version.
        version: i32,
        /// The writes.
        numbers: [u64; 2],
    },
    /// A register has more or fewer versions than writes took place.
    Uneven {
        /// Whose register.
        client: ClientId,
        /// The server that says so.
        server: String,
        /// The version.
        version: i32,
        /// The writes that are there.
        writes: usize,
    },
    /// A session saw a register as it was before something that the session already knew.
    Stale {
        /// Whose session.
        client: ClientId,
        /// The session.
        session: u32,
        /// Whose register.
        of: ClientId,
        /// The version that it was shown.
        seen: i32,
        /// The version that it had to see at least.
        known: i32,
    },
    /// A server does not have what the first one has.
    Differs {
        /// The server.
        server: String,
    },
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        use Violation::{Differs, Forked, Lost, Refused, Stale, Twice, Uneven};
        match self {
            Lost {
                client,
                number,
                server,
            } => write!(
                f,
                "write {number} of client {client} was acknowledged, and {server} lacks it"
            ),
            Refused {
                client,
                number,
                server,
            } => write!(
                f,
                "write {number} of client {client} was refused, and {server} has it"
            ),
            Twice {
                client,
                number,
                versions: [one, other],
            } => write!(
                f,
                "write {number} of client {client} took place twice, as versions {one} and {other}"
            ),
            Forked {
                client,
                version,
                numbers: [one, other],
            } => write!(
                f,
                "version {version} of client {client} is write {one} to some, {other} to others"
            ),
            Uneven {
                client,
                server,
                version,
                writes,
            } => write!(
                f,
                "{server} has {writes} writes of client {client}, and version {version}"
            ),
            Stale {
                client,
                session,
                of,
                seen,
                known,
            } => write!(
                f,
                "session {session} of client {client} saw version {seen} of client {of} when it \
                 knew of version {known}"
            ),
            Differs { server } => write!(f, "{server} differs from the first server"),
        }
    }
}

/// Everything that is wrong with a history, and with what the servers say at its end.
pub fn violations(events: &[Event], told: &[Told]) -> BTreeSet<Violation> {
    let mut found = stale_reads(events);
    found.extend(versions(events, told));
    for server in told {
        found.extend(ledger(events, server));
        if told
            .first()
            .is_some_and(|first| first.clients != server.clients)
        {
            let server = server.server.clone();
            found.insert(Violation::Differs { server });
        }
    }
    found
}

/// What a session must see: what it has seen and written, and, since a session's requests take
/// effect in their order, whatever was acknowledged to anybody before its own last write began.
/// (ZooKeeper's `sync` would not do as well: a leader answers it before it knows that it has been
/// deposed.)
fn stale_reads(events: &[Event]) -> BTreeSet<Violation> {
    let acknowledged = acknowledgements(events);
    let mut events: Vec<&Event> = events.iter().collect();
    events.sort_by_key(|event| event.begun);
    let mut known: BTreeMap<(ClientId, u32, ClientId), i32> = BTreeMap::new();
    let mut found = BTreeSet::new();
    for event in events {
        let &Event {
            client, session, ..
        } = event;
        let mut learn = |of, version| {
            let known = known.entry((client, session, of)).or_default();
            let before = *known;
            *known = before.max(version);
            before
        };
        match event.what {
            What::Write {
                outcome: Outcome::Acknowledged { version },
                ..
            } => {
                for (of, times) in &acknowledged {
                    let before = times.range(..event.begun).next_back();
                    learn(*of, before.map_or(0, |(_, version)| *version));
                }
                learn(client, version);
            }
            What::Write { .. } => {}
            What::Read { of, seen } => {
                let known = learn(of, seen.version);
                if seen.version < known {
                    let seen = seen.version;
                    found.insert(Violation::Stale {
                        client,
                        session,
                        of,
                        seen,
                        known,
                    });
                }
            }
        }
    }
    found
}

/// A write is one version, and a version one write, whoever tells.
fn versions(events: &[Event], told: &[Told]) -> BTreeSet<Violation> {
    let of_events = events.iter().filter_map(|event| match event.what {
        What::Write {
            number,
            outcome: Outcome::Acknowledged { version },
        } => Some((event.client, Register { version, number })),
        What::Write { .. } => None,
        What::Read { of, seen } => Some((of, seen)),
    });
    let of_servers = told.iter().flat_map(|server| {
        let clients = server.clients.iter();
        clients.map(|(client, contents)| (*client, contents.register))
    });
    let mut numbers = BTreeMap::new();
    let mut versions = BTreeMap::new();
    let mut found = BTreeSet::new();
    for (client, Register { version, number }) in of_events.chain(of_servers) {
        let first = *numbers.entry((client, version)).or_insert(number);
        if first != number {
            let numbers = [first, number];
            found.insert(Violation::Forked {
                client,
                version,
                numbers,
            });
        }
        let first = *versions.entry((client, number)).or_insert(version);
        if first != version {
            let versions = [first, version];
            found.insert(Violation::Twice {
                client,
                number,
                versions,
            });
        }
    }
    found
}

/// What was acknowledged is at the server, what was refused is not, and nothing took place twice.
fn ledger(events: &[Event], told: &Told) -> BTreeSet<Violation> {
    let mut found = BTreeSet::new();
    let nothing = Contents::default();
    for event in events {
        let What::Write { number, outcome } = event.what else {
            continue;
        };
        let (client, server) = (event.client, told.server.clone());
        let there = &told.clients.get(&client).unwrap_or(&nothing).writes;
        match (outcome, there.contains(&number)) {
            (Outcome::Acknowledged { .. }, false) => {
                found.insert(Violation::Lost {
                    client,
                    number,
                    server,
                });
            }
            (Outcome::Refused, true) => {
                found.insert(Violation::Refused {
                    client,
                    number,
                    server,
                });
            }
            _ => {}
        }
    }
    for (client, contents) in &told.clients {
        let (version, writes) = (contents.register.version, contents.writes.len());
        if usize::try_from(version) != Ok(writes) {
            let (client, server) = (*client, told.server.clone());
            found.insert(Violation::Uneven {
                client,
                server,
                version,
                writes,
            });
        }
    }
    found
}
