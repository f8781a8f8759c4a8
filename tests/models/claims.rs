//! Claims have terms: an id is never held twice, and who dies does not keep one.

use stateright::Property;

use super::checks::{fresh, holds, is_refuted, never};
use super::look::{Eyes, policy};
use super::mutations::Mutation;
use super::protocol::{Given, Protocol};
use super::state::{Adversity, Broke, State};

/// Nobody uses an id that another uses who may live.
fn one_holder(state: &State) -> bool {
    let mut used: Vec<u8> = Vec::new();
    let left = state.instances.iter().filter(|i| i.is_left());
    left.filter_map(|i| i.disk.myid).all(|id| {
        let first = !used.contains(&id);
        used.push(id);
        first
    })
}

fn all_hold(state: &State) -> bool {
    let mut running = state.instances.iter().filter(|i| i.runs());
    running.all(|i| i.disk.myid.is_some())
}

fn taken_again(state: &State) -> bool {
    let mut later = state.streams.iter().filter(|(name, _)| name.term > 1);
    later.any(|(name, stream)| {
        let uses = |m| state.at(m).disk.myid == Some(name.slot);
        stream.owner().is_some_and(uses)
    })
}

const ONE: &str = "an id has one holder";

fn properties() -> Vec<Property<Protocol>> {
    vec![
        Property::always(ONE, |_, s| one_holder(s)),
        Property::always("the safety checker agrees", |_, s| never(s, Broke::Unsafe)),
        Property::sometimes("all hold an id", |_, s| all_hold(s)),
        Property::sometimes("an id is taken again", |_, s| taken_again(s)),
    ]
}

/// So many that all begin to look at id 1; one that comes after a death begins there, too.
fn given(instances: usize, any: u8, mutation: Option<Mutation>) -> Protocol {
    let given = Given {
        instances: fresh(instances),
        left: Adversity {
            terminations: 2,
            stale_reads: 2,
            crashes: 2,
            graces: 2,
            ..Adversity::default()
        }
        .but_at_most(any),
        eyes: Eyes {
            policy: policy(),
            crowded: true,
        },
        servers: false,
        properties,
    };
    given.protocol(mutation)
}

#[test]
fn two_in_any_three_troubles_never_hold_one_id() {
    holds("claims of two", given(2, 3, None));
}

#[test]
fn three_in_any_trouble_never_hold_one_id() {
    holds("claims of three", given(3, 1, None));
}

#[test]
fn who_trusts_its_own_claim_is_refuted() {
    is_refuted(ONE, given(2, 2, Some(Mutation::TrustsItsOwnClaim)));
}

#[test]
fn who_takes_late_records_is_refuted() {
    is_refuted(ONE, given(2, 2, Some(Mutation::TakesLateRecords)));
}
