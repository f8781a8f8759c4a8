//! Founding: one instance begins an ensemble, and nobody a second one while data of the first may
//! live, although an operator has allowed to begin anew when all is lost.

use stateright::Property;
use zk_bootstrap::model::policy::{Policy, WhenAllIsLost};

use super::checks::{fresh, holds, is_refuted, never, one_lineage_serves};
use super::look::{Eyes, policy};
use super::mutations::Mutation;
use super::protocol::{Given, Protocol};
use super::state::{Adversity, Broke, State};

/// A later marker's founder serves.
fn succeeded(state: &State) -> bool {
    let mut serving = state.instances.iter().filter(|i| i.serves());
    serving.any(|i| i.disk.identity.is_some_and(|i| i.generation > 1))
}

fn two_vote(state: &State) -> bool {
    let mut leading = state.instances.iter().filter(|i| i.serves());
    leading.any(|i| {
        let config = i.disk.config.as_ref();
        config.is_some_and(|c| c.voters().count() > 1)
    })
}

const ONE: &str = "nothing is founded while data of another founding may live";

fn properties() -> Vec<Property<Protocol>> {
    vec![
        Property::always(ONE, |_, s| never(s, Broke::SecondFounding)),
        Property::always("an empty database is served by a founder alone", |_, s| {
            never(s, Broke::EmptyBesideOthers)
        }),
        Property::always("one lineage serves", |_, s| one_lineage_serves(s)),
        Property::always("no lineages are mixed", |_, s| never(s, Broke::Mixed)),
        Property::always("the safety checker agrees", |_, s| never(s, Broke::Unsafe)),
        Property::sometimes("two vote", |_, s| two_vote(s)),
        Property::sometimes("a founder is succeeded", |_, s| succeeded(s)),
    ]
}

/// At most one of each.
const TROUBLE: Adversity = Adversity {
    any: 1,
    terminations: 1,
    stops: 1,
    stale_reads: 1,
    deaf_looks: 1,
    crashes: 1,
    graces: 0,
    writes: 0,
};

fn given(
    instances: usize,
    left: Adversity,
    policy: Policy,
    mutation: Option<Mutation>,
) -> Protocol {
    let given = Given {
        instances: fresh(instances),
        left,
        eyes: Eyes {
            policy,
            crowded: false,
        },
        servers: true,
        properties,
    };
    given.protocol(mutation)
}

/// Two instances in any two troubles, with a defect.
fn mutated(mutation: Mutation) -> Protocol {
    given(2, TROUBLE.but_at_most(2), refound(), Some(mutation))
}

/// An operator has allowed to begin anew when all is lost.
fn refound() -> Policy {
    Policy {
        when_all_is_lost: WhenAllIsLost::Refound,
        ..policy()
    }
}

#[test]
fn two_in_any_two_troubles_found_one_ensemble() {
    let protocol = given(2, TROUBLE.but_at_most(2), refound(), None);
    holds("founding by two", protocol);
}

#[test]
fn three_in_any_trouble_found_one_ensemble() {
    holds(
        "founding by three",
        given(3, TROUBLE.but_at_most(1), policy(), None),
    );
}

#[test]
fn three_of_whom_one_is_lost_found_one_ensemble_even_if_they_may_begin_anew() {
    let lost = Adversity {
        any: 1,
        terminations: 1,
        ..Adversity::default()
    };
    holds("founding anew by three", given(3, lost, refound(), None));
}

#[test]
fn two_of_whom_one_claims_too_late_found_one_ensemble() {
    let late = Adversity {
        graces: 1,
        ..TROUBLE.but_at_most(2)
    };
    holds(
        "founding, a claim too late",
        given(2, late, refound(), None),
    );
}

#[test]
fn who_takes_silence_for_termination_is_refuted() {
    is_refuted(ONE, mutated(Mutation::TakesSilenceForTermination));
}

#[test]
fn who_founds_regardless_is_refuted() {
    is_refuted(ONE, mutated(Mutation::FoundsRegardless));
}

#[test]
fn who_skips_the_journal_is_refuted() {
    let lost = Adversity {
        any: 1,
        terminations: 1,
        ..Adversity::default()
    };
    let mutation = Some(Mutation::SkipsTheJournal);
    is_refuted(ONE, given(3, lost, policy(), mutation));
}
