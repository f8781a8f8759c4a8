//! Recovery: of five voters two are terminated, and any of the three others may follow at any
//! moment. Survivors speak, stop, and the one that has seen most goes on with its data.

use stateright::Property;

use super::checks::{fresh, holds, is_refuted, never, one_lineage_serves};
use super::look::{Eyes, policy};
use super::mutations::Mutation;
use super::protocol::{Given, Protocol};
use super::state::{
    Adversity, Broke, Config, Data, Event, Identity, Instance, InstanceState, M, Member, Name,
    Server, State, Stream,
};

const UNHEARD: &str = "no generation begins while a copy may be in use";
const LOST: &str = "no acknowledged write is lost of which a copy is left";

fn recovered(state: &State) -> bool {
    let mut serving = state.instances.iter().filter(|i| i.serves());
    serving.any(|i| i.data().is_some_and(|d| d.lineage > 1))
}

fn two_go_on(state: &State) -> bool {
    let serving = state.instances.iter().filter(|i| i.serves());
    let after = serving.filter(|i| i.data().is_some_and(|d| d.lineage > 1));
    after.count() > 1
}

fn properties() -> Vec<Property<Protocol>> {
    vec![
        Property::always(UNHEARD, |_, s| never(s, Broke::Unheard)),
        Property::always(LOST, |_, s| never(s, Broke::LostWrite)),
        Property::always("nothing is founded anew", |_, s| {
            never(s, Broke::SecondFounding)
        }),
        Property::always("one lineage serves", |_, s| one_lineage_serves(s)),
        Property::always("no lineages are mixed", |_, s| never(s, Broke::Mixed)),
        Property::always("the safety checker agrees", |_, s| never(s, Broke::Unsafe)),
        Property::sometimes("a survivor goes on", |_, s| recovered(s)),
        Property::sometimes("another survivor joins it", |_, s| two_go_on(s)),
    ]
}

/// An instance whose server was down for a moment, with so many of the three transactions.
fn survivor(m: M, voters: u8, log: usize) -> Instance {
    let id = m + 1;
    let member = |at| Member {
        id: at + 1,
        at,
        votes: true,
    };
    let mut instance = fresh(1).remove(0);
    instance.server = Server::Looking;
    instance.disk.myid = Some(id);
    instance.disk.identity = Some(Identity {
        generation: 1,
        founder: 0,
        server: id,
        withdrawn: false,
    });
    instance.disk.config = Some(Config {
        version: 1,
        members: (0..voters).map(member).collect(),
    });
    instance.disk.data = Some(Data {
        lineage: 1,
        generation: 1,
        epoch: 1,
        log: vec![1; log],
    });
    instance
}

fn terminated() -> Instance {
    Instance {
        state: InstanceState::Terminated,
        ..Instance::unlaunched()
    }
}

/// The register of an ensemble that the first founded.
fn joined(protocol: &mut Protocol) {
    let claimed = |by| Event::Claimed {
        by,
        server: by + 1,
        in_time: true,
    };
    let marker = vec![claimed(0), Event::Started];
    let stream = |events| Stream { old: false, events };
    let streams = &mut protocol.start.streams;
    streams.insert(Name { slot: 0, term: 1 }, stream(marker));
    for m in 0..u8::try_from(protocol.start.instances.len()).expect("few") {
        let events = vec![claimed(m), Event::Started, Event::Joined];
        let name = Name {
            slot: m + 1,
            term: 1,
        };
        streams.insert(name, stream(events));
    }
    protocol.start.acknowledged = vec![1, 1];
    protocol.start.lineages = 1;
    protocol.start.versions = 1;
}

/// All three have what was acknowledged, or a part of it, or more.
fn given(any: u8, mutation: Option<Mutation>) -> Protocol {
    let given = Given {
        instances: vec![
            terminated(),
            terminated(),
            survivor(2, 5, 1),
            survivor(3, 5, 2),
            survivor(4, 5, 3),
        ],
        left: Adversity {
            terminations: 2,
            stops: 1,
            stale_reads: 1,
            deaf_looks: 1,
            crashes: 1,
            graces: 1,
            writes: 1,
            ..Adversity::default()
        }
        .but_at_most(any),
        eyes: Eyes {
            policy: policy(),
            crowded: false,
        },
        servers: true,
        properties,
    };
    let mut protocol = given.protocol(mutation);
    joined(&mut protocol);
    protocol
}

#[test]
fn survivors_in_any_three_troubles_go_on_in_one_lineage() {
    holds("recovery of three", given(3, None));
}

#[test]
fn who_takes_silence_for_termination_is_refuted() {
    let mutation = Mutation::TakesSilenceForTermination;
    is_refuted(UNHEARD, given(2, Some(mutation)));
}

#[test]
fn who_withdraws_unheard_is_refuted() {
    is_refuted(UNHEARD, given(2, Some(Mutation::WithdrawsUnheard)));
}

#[test]
fn who_leads_without_the_best_history_is_refuted() {
    let mutation = Mutation::LeadsWithoutTheBestHistory;
    is_refuted(LOST, given(2, Some(mutation)));
}
