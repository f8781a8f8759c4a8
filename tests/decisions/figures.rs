use jiff::ToSpan;
use zk_bootstrap::model::claim::Milestone::Started;
use zk_bootstrap::model::plan::Next;
use zk_bootstrap::model::probe::Mode;

use crate::given::{Given, THREE, config, given, noon, serving, unknown};

/// Member 1 of three, which last published a while ago; `c` is silent.
fn two_of_three_serve(mode: Mode, seconds: i64) -> Given {
    given('a', "abc")
        .three_joined()
        .files_of(1, &THREE)
        .tagged(1)
        .runs(serving(mode, config(&THREE)))
        .peer('b', serving(Mode::Follower, config(&THREE)))
        .fleet(|fleet| {
            for instance in fleet.instances.values_mut() {
                instance.protected = true;
            }
        })
        .with(|snapshot, policy| {
            snapshot.published = Some(noon() - seconds.seconds());
            policy.figures = true;
        })
}

#[test]
fn the_agent_beside_the_leader_publishes_figures_once_a_minute() {
    two_of_three_serve(Mode::Leader, 50).prints(
        "situation: a serving member
         1. publish figures: generation 1, 3 voters of 3, 2 serve",
    );
    let early = two_of_three_serve(Mode::Leader, 49);
    early.prints("situation: a serving member\nnothing to do");
    assert_eq!(early.plan().next, Next::AtLeisure);
}

#[test]
fn nobody_else_publishes_figures() {
    two_of_three_serve(Mode::Follower, 600).prints("situation: a serving member\nnothing to do");
    let looks = two_of_three_serve(Mode::Leader, 600);
    let looks = looks.with(|snapshot, _| snapshot.published = None);
    looks.prints("situation: a serving member\nnothing to do");
    let off = two_of_three_serve(Mode::Leader, 600);
    let off = off.with(|_, policy| policy.figures = false);
    off.prints("situation: a serving member\nnothing to do");
}

#[test]
fn figures_that_are_not_known_are_left_out() {
    let blind = two_of_three_serve(Mode::Leader, 60);
    let blind = blind.with(|snapshot, _| snapshot.fleet = unknown());
    blind.prints(
        "situation: a serving member
         1. publish figures: generation 1, 3 voters
         warning: without an answer from EC2 and the group: throttled; nobody's termination can be proven meanwhile",
    );
}

#[test]
fn a_recovery_is_told_for_an_hour() {
    for (minutes, told) in [(59, ", just recovered"), (61, "")] {
        two_of_three_serve(Mode::Leader, 60)
            .claim_at("ensemble.2", Some('a'), minutes * 60, &[Started])
            .disk(|disk| disk.identity.as_mut().expect("mine").lineage.generation = 2)
            .prints(&format!(
                "situation: a serving member
                 1. publish figures: generation 2, 3 voters of 3, 2 serve{told}"
            ));
    }
}
