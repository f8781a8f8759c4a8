//! A server that runs and does not serve.

use zk_bootstrap::decide::safety::violations;
use zk_bootstrap::model::claim::Milestone::Started;
use zk_bootstrap::model::fleet::InstanceState;
use zk_bootstrap::model::plan::{Action, Plan, Situation};
use zk_bootstrap::model::probe::{Mode, Probe};

use crate::given::{Given, THREE, config, given, serving};

/// Server 3 of three answers so; the two others serve.
fn beside_two(answer: Probe) -> Given {
    given('c', "abc")
        .three_joined()
        .files_of(3, &THREE)
        .tagged(3)
        .runs(answer)
        .peer('a', serving(Mode::Leader, config(&THREE)))
        .peer('b', serving(Mode::Follower, config(&THREE)))
}

fn silence() -> Probe {
    Probe::Unreachable {
        why: "timed out".to_owned(),
    }
}

#[track_caller]
fn waits(given: &Given) -> Plan {
    let plan = given.plan();
    assert_eq!(plan.actions, [], "{plan}");
    plan
}

#[test]
fn a_server_that_boots_or_syncs_is_left_alone() {
    for answer in [silence(), Probe::NotServing] {
        waits(&beside_two(answer).since(4));
    }
    let mut syncing = serving(Mode::Follower, config(&THREE));
    if let Probe::Serving(s) = &mut syncing {
        s.synced = Some(false);
    }
    let given = beside_two(syncing).since(60).stuck(30, 0);
    let plan = given.plan();
    assert!(!plan.actions.contains(&Action::StopServer), "{plan}");
}

#[test]
fn a_server_that_has_run_for_long_is_noted_first_for_it_may_be_electing() {
    beside_two(Probe::NotServing).since(60).prints(
        "situation: a member whose server does not serve
         1. note that the server is stuck since 2026-03-01T12:00:00Z
         waiting for this instance's server, now not serving",
    );
    waits(&beside_two(Probe::NotServing).since(60).stuck(4, 0));
}

#[test]
fn a_server_that_does_not_serve_although_a_quorum_does_is_restarted() {
    for answer in [silence(), Probe::NotServing] {
        let given = beside_two(answer.clone()).since(60).stuck(5, 0);
        given.prints(&format!(
            "situation: a member whose server does not serve
             1. note that the server is stuck since 2026-03-01T11:55:00Z, restart 1
             2. stop ZooKeeper
             waiting for this instance's server, now {answer}",
        ));
    }
}

#[test]
fn each_restart_in_vain_doubles_the_wait_for_the_next() {
    for (restarts, patience) in [(0, 5), (1, 10), (2, 20)] {
        let stuck = |age| {
            let given = beside_two(Probe::NotServing).since(age);
            given.stuck(90, restarts).plan().actions
        };
        assert_eq!(stuck(patience - 1), []);
        assert!(stuck(patience).contains(&Action::StopServer));
    }
}

#[test]
fn after_three_restarts_in_vain_the_instance_gives_itself_up() {
    let beyond_help = beside_two(Probe::NotServing).since(40).stuck(80, 3);
    beyond_help.prints(
        "situation: a member whose server does not serve
         1. report this instance as unhealthy: its server is stuck since 2026-03-01T10:40:00Z
         waiting for this instance's server, now not serving",
    );
    beyond_help.clone().unhealthy().prints(
        "situation: a member whose server does not serve
         waiting for this instance's server, now not serving
         waiting for the group to terminate this instance",
    );
    let kept = beyond_help.with(|_, policy| policy.report_unhealthy = false);
    assert!(kept.plan().actions.contains(&Action::StopServer));
}

#[test]
fn it_is_not_given_up_while_the_others_need_it() {
    let needed = beside_two(Probe::NotServing)
        .since(40)
        .stuck(80, 3)
        .peer('b', silence());
    waits(&needed);
    let nobody_serves = needed
        .peer('a', Probe::NotServing)
        .peer('b', Probe::NotServing);
    let plan = nobody_serves.plan();
    assert!(plan.actions.contains(&Action::StopServer), "{plan}");
}

#[test]
fn who_answers_at_the_address_of_a_lost_voter_does_not_make_up_for_it() {
    let newcomer = given('c', "abcd")
        .three_joined()
        .claim("4", 'd', &[Started])
        .files_of(3, &THREE)
        .tagged(3)
        .runs(Probe::NotServing)
        .peer('a', serving(Mode::Leader, config(&THREE)))
        .peer('d', serving(Mode::Follower, config(&THREE)))
        .inherits('d', "4", 'b')
        .since(40)
        .stuck(80, 3);
    waits(&newcomer);
}

#[test]
fn a_server_whose_answer_tells_nothing_is_not_restarted() {
    let refused = Probe::Unknown {
        why: "srvr is not in the whitelist".to_owned(),
    };
    waits(&beside_two(refused).since(60).stuck(30, 0));
}

#[test]
fn a_server_of_unknown_age_is_not_restarted() {
    waits(&beside_two(Probe::NotServing).stuck(30, 0));
}

#[test]
fn a_founder_that_waits_for_a_change_that_it_took_up_drops_it_by_a_restart() {
    let alone = [(1, 'a')];
    given('a', "abc")
        .three_joined()
        .files_of(1, &alone)
        .runs(Probe::NotServing)
        .since(10)
        .stuck(5, 0)
        .peer('b', Probe::NotServing)
        .prints(
            "situation: a member whose server does not serve
             1. note that the server is stuck since 2026-03-01T11:55:00Z, restart 1
             2. stop ZooKeeper
             waiting for this instance's server, now not serving",
        );
}

#[test]
fn a_quorum_that_is_up_and_serves_nobody_is_restarted_only_when_every_voter_tells_so() {
    let two = beside_two(Probe::NotServing)
        .since(10)
        .stuck(5, 0)
        .peer('a', Probe::NotServing)
        .peer('b', silence());
    // It may serve with others whom nobody here hears.
    waits(&two);
    let gone = two.clone().state('b', InstanceState::Terminated);
    assert!(gone.plan().actions.contains(&Action::StopServer));
    // It votes for nobody before it has synced, and says so before it starts.
    let emptied = two.clone().testifies("2", &THREE, None);
    assert!(emptied.plan().actions.contains(&Action::StopServer));
    assert_eq!(
        violations(&emptied.snapshot, &emptied.policy, &emptied.plan()),
        []
    );
    let heard_before = emptied.claims_heard_before();
    waits(&heard_before);
    let refused = violations(
        &heard_before.snapshot,
        &heard_before.policy,
        &all_told(&two),
    );
    assert!(!refused.is_empty());
    let with_data = two.clone().testifies("2", &THREE, Some((1, 9)));
    assert!(!with_data.plan().actions.contains(&Action::StopServer));
    assert!(all_told(&two).actions.contains(&Action::StopServer));
}

/// What the same server does when the other one says that it does not serve, too.
fn all_told(two: &Given) -> Plan {
    two.clone().peer('b', Probe::NotServing).plan()
}

#[test]
fn old_voters_are_not_restarted_where_they_could_elect_beside_those_who_serve() {
    // Server 4 took the place of 1, which was about to leave and lives.
    let new = config(&[(2, 'b'), (3, 'c'), (4, 'd')]);
    let given = given('b', "abcd")
        .three_joined()
        .files_of(2, &THREE)
        .runs(Probe::NotServing)
        .since(60)
        .stuck(30, 0)
        .peer('a', Probe::NotServing)
        .peer('c', serving(Mode::Leader, new.clone()))
        .peer('d', serving(Mode::Follower, new));
    waits(&given);
}

#[test]
fn a_joiner_that_hangs_is_restarted_too() {
    let given = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .files_of(4, &THREE)
        .runs(silence())
        .since(10)
        .stuck(5, 0)
        .peer('a', serving(Mode::Leader, config(&THREE)))
        .peer('b', serving(Mode::Follower, config(&THREE)));
    let plan = given.plan();
    assert_eq!(plan.situation, Situation::Joining);
    assert!(plan.actions.contains(&Action::StopServer), "{plan}");
}

#[test]
fn a_server_that_serves_again_is_forgotten_to_be_stuck() {
    beside_two(serving(Mode::Follower, config(&THREE)))
        .since(60)
        .stuck(5, 1)
        .prints(
            "situation: a serving member
             1. note that the server serves again",
        );
}
