//! The checker of the clients' histories notices what may not be, and only that.

#[path = "chaos/history.rs"]
mod history;
#[path = "chaos/violations.rs"]
mod violations;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use self::history::{
    ClientId, Contents, Event, Outcome, Register, Told, What, acknowledged, longest_gap,
};
use self::violations::{Violation, violations};

/// A request of a client's session that takes the first tenth of this second.
fn event(client: ClientId, session: u32, second: u64, what: What) -> Event {
    let begun = Duration::from_secs(second);
    Event {
        client,
        session,
        begun,
        ended: begun + Duration::from_millis(100),
        what,
    }
}

fn write(number: u64, version: i32) -> What {
    let outcome = Outcome::Acknowledged { version };
    What::Write { number, outcome }
}

fn answered(number: u64, outcome: Outcome) -> What {
    What::Write { number, outcome }
}

fn read(of: ClientId, version: i32, number: u64) -> What {
    let seen = Register { version, number };
    What::Read { of, seen }
}

/// A server that has these writes of client 1, and this register.
fn told(server: &str, writes: &[u64], version: i32, number: u64) -> Told {
    let contents = Contents {
        register: Register { version, number },
        writes: writes.iter().copied().collect(),
    };
    Told {
        server: server.to_owned(),
        clients: BTreeMap::from([(1, contents)]),
    }
}

fn said(events: &[Event], told: &[Told]) -> Vec<String> {
    let found: BTreeSet<Violation> = violations(events, told);
    found.iter().map(Violation::to_string).collect()
}

/// Two clients through a change of leaders: an answer that never came, a refusal, a new session,
/// reads that lag behind what other sessions know.
fn sound() -> (Vec<Event>, Vec<Told>) {
    let events = vec![
        event(1, 1, 1, write(1, 1)),
        event(2, 1, 2, read(1, 0, 0)),
        event(1, 1, 3, answered(2, Outcome::Unknown)),
        event(1, 2, 4, read(1, 1, 1)),
        event(1, 2, 5, answered(3, Outcome::Refused)),
        event(1, 2, 6, read(1, 2, 2)),
        event(1, 2, 7, write(4, 3)),
        event(2, 1, 8, read(1, 2, 2)),
        event(2, 2, 9, read(1, 1, 1)),
        event(1, 2, 10, read(1, 3, 4)),
    ];
    let servers = ["i-1", "i-2"].map(|server| told(server, &[1, 2, 4], 3, 4));
    (events, servers.to_vec())
}

#[test]
fn a_sound_history_is_left_alone_counted_and_timed() {
    let (events, told) = sound();
    assert_eq!(said(&events, &told), Vec::<String>::new());
    assert_eq!(acknowledged(&events), 2);
    assert_eq!(longest_gap(&events), Duration::from_secs(6));
}

#[test]
fn a_write_without_an_answer_may_be_there_or_not() {
    let (events, _) = sound();
    let events = [&events[..1], &events[2..3]].concat();
    for there in [told("i-1", &[1, 2], 2, 2), told("i-1", &[1], 1, 1)] {
        assert_eq!(said(&events, &[there]), Vec::<String>::new());
    }
}

#[test]
fn a_lost_write_is_reported_by_each_server_that_lacks_it() {
    let (events, mut servers) = sound();
    servers[1] = told("i-2", &[1, 2], 2, 2);
    assert_eq!(
        said(&events, &servers),
        [
            "write 4 of client 1 was acknowledged, and i-2 lacks it",
            "i-2 differs from the first server",
        ]
    );
    let nothing = Told {
        server: "i-3".to_owned(),
        clients: BTreeMap::new(),
    };
    assert_eq!(
        said(&events, &[nothing]),
        [
            "write 1 of client 1 was acknowledged, and i-3 lacks it",
            "write 4 of client 1 was acknowledged, and i-3 lacks it",
        ]
    );
}

#[test]
fn a_refused_write_that_is_there_is_reported() {
    let (events, _) = sound();
    assert_eq!(
        said(&events, &[told("i-1", &[1, 2, 3, 4], 4, 5)]),
        ["write 3 of client 1 was refused, and i-1 has it"]
    );
}

#[test]
fn a_write_that_took_place_twice_is_reported() {
    let (mut events, servers) = sound();
    events.push(event(2, 2, 11, read(1, 4, 4)));
    assert_eq!(
        said(&events, &servers),
        ["write 4 of client 1 took place twice, as versions 3 and 4"]
    );
    let (events, _) = sound();
    assert_eq!(
        said(&events, &[told("i-1", &[1, 2, 4], 4, 5)]),
        ["i-1 has 3 writes of client 1, and version 4"]
    );
}

#[test]
fn two_writes_of_the_same_version_are_reported() {
    let (mut events, servers) = sound();
    events.push(event(2, 3, 11, read(1, 2, 3)));
    assert_eq!(
        said(&events, &servers),
        ["version 2 of client 1 is write 2 to some, 3 to others"]
    );
}

#[test]
fn a_session_that_sees_less_than_it_saw_is_reported() {
    let (mut events, servers) = sound();
    events.push(event(2, 1, 11, read(1, 1, 1)));
    assert_eq!(
        said(&events, &servers),
        ["session 1 of client 2 saw version 1 of client 1 when it knew of version 2"]
    );
}

#[test]
fn a_session_that_does_not_see_its_own_write_is_reported() {
    let (mut events, servers) = sound();
    events.insert(9, event(1, 2, 9, read(1, 2, 2)));
    assert_eq!(
        said(&events, &servers),
        ["session 2 of client 1 saw version 2 of client 1 when it knew of version 3"]
    );
}

#[test]
fn a_session_that_does_not_see_what_others_wrote_before_its_own_last_write_is_reported() {
    let (mut events, mut servers) = sound();
    events.push(event(2, 3, 11, write(1, 1)));
    events.push(event(2, 3, 12, read(1, 2, 2)));
    for server in &mut servers {
        let contents = Contents {
            register: Register {
                version: 1,
                number: 1,
            },
            writes: BTreeSet::from([1]),
        };
        server.clients.insert(2, contents);
    }
    assert_eq!(
        said(&events, &servers),
        ["session 3 of client 2 saw version 2 of client 1 when it knew of version 3"]
    );
    let last = events.len() - 1;
    events[last] = event(2, 3, 12, read(1, 3, 4));
    assert_eq!(said(&events, &servers), Vec::<String>::new());
}
