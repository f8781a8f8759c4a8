//! A quorum that is lost for good: who says so, who stops, and who begins anew.

use zk_bootstrap::model::claim::Milestone::{Joined, Started};
use zk_bootstrap::model::fleet::InstanceState;
use zk_bootstrap::model::plan::{Action, Situation};
use zk_bootstrap::model::policy::Recovery;
use zk_bootstrap::model::probe::{Mode, Probe};
use zk_bootstrap::model::snapshot::Answer;

use crate::given::{Given, THREE, config, given, id, instance, refused, serving, unknown};

pub const FIVE: [(u8, char); 5] = [(1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')];

pub fn not_serving() -> Probe {
    Probe::NotServing
}

/// Server 1 of three; the instances of the others are terminated.
pub fn one_of_three() -> Given {
    given('a', "abc")
        .three_joined()
        .files_of(1, &THREE)
        .state('b', InstanceState::Terminated)
        .state('c', InstanceState::Terminated)
}

/// Server 1 or 2 of five; the instances of `c`, `d` and `e` are terminated.
pub fn two_of_five(me: char) -> Given {
    let all = [Started, Joined];
    given(me, "abcde")
        .three_joined()
        .claim("4", 'd', &all)
        .claim("5", 'e', &all)
        .files_of(if me == 'a' { 1 } else { 2 }, &FIVE)
        .state('c', InstanceState::Terminated)
        .state('d', InstanceState::Terminated)
        .state('e', InstanceState::Terminated)
}

#[test]
fn the_only_survivor_says_that_the_quorum_is_lost_and_stops_its_server_for_good() {
    one_of_three().runs(not_serving()).prints(
        "situation: the quorum is lost for good
         1. testify in log stream 1: the quorum of generation 1 is lost
         2. write identity: server 1 on i-0000000a of generation 1, founded by i-0000000a, withdrawn
         3. stop ZooKeeper
         warning: 2 of 3 voters are terminated (server 2 on i-0000000b, server 3 on i-0000000c): what was acknowledged by them alone is gone",
    );
}

/// Who had lost its data may have taken that back since, and have joined this very server.
#[test]
fn with_a_list_of_claims_that_is_older_than_the_look_it_only_says_so() {
    let heard_before = one_of_three().runs(not_serving()).claims_heard_before();
    let said = "situation: the quorum is lost for good
         1. testify in log stream 1: the quorum of generation 1 is lost
         warning: 2 of 3 voters are terminated (server 2 on i-0000000b, server 3 on i-0000000c): what was acknowledged by them alone is gone";
    heard_before.clone().prints(said);
    let stops = one_of_three().runs(not_serving()).plan().actions;
    refused(&heard_before, stops, "every survivor says");
}

#[test]
fn when_all_survivors_say_so_it_stops_its_server_for_good() {
    one_of_three().runs(not_serving()).says("1", &THREE).prints(
        "situation: the quorum is lost for good
         1. write identity: server 1 on i-0000000a of generation 1, founded by i-0000000a, withdrawn
         2. stop ZooKeeper
         warning: 2 of 3 voters are terminated (server 2 on i-0000000b, server 3 on i-0000000c): what was acknowledged by them alone is gone",
    );
}

/// EC2 has forgotten the lost, whose claims are younger than `register.absence_proof`.
#[test]
fn a_survivor_says_when_it_will_count_those_as_terminated_whom_ec2_lists_no_more() {
    let forgotten = given('a', "a")
        .three_joined()
        .files_of(1, &THREE)
        .fleet(|fleet| fleet.asked.extend(['b', 'c'].map(instance)));
    let lost = "waiting for a quorum; without an answer: server 2 at 10.0.0.2 (EC2 lists i-0000000b no more, \
         which is no proof of its end before 2026-03-01T14:59:00Z), server 3 at 10.0.0.3 (EC2 lists \
         i-0000000c no more, which is no proof of its end before 2026-03-01T14:59:00Z)";
    let said = |situation: &str| format!("situation: {situation}\n{lost}");
    let runs = forgotten.clone().runs(not_serving());
    runs.prints(&said("a member whose server does not serve"));
    let has_withdrawn = forgotten
        .testifies("1", &THREE, Some((1, 9)))
        .withdrawn(1, 9);
    has_withdrawn.prints(&said("recovering the ensemble from its survivors"));
}

#[test]
fn the_last_to_stop_testifies_how_far_its_data_goes_and_claims_the_next_generation() {
    one_of_three()
        .says("1", &THREE)
        .withdrawn(1, 0x1_0000_0009)
        .prints(
            "situation: recovering the ensemble from its survivors
             1. testify in log stream 1: the quorum of generation 1 is lost, data here up to zxid 100000009 (generation 1, epoch 1)
             2. create log stream ensemble.2 as server 1",
        );
}

#[test]
fn the_only_survivor_claims_the_next_generation() {
    one_of_three()
        .testifies("1", &THREE, Some((1, 9)))
        .withdrawn(1, 9)
        .prints(
            "situation: recovering the ensemble from its survivors
             1. create log stream ensemble.2 as server 1",
        );
}

#[test]
fn it_begins_the_next_generation_alone_with_its_data() {
    one_of_three()
        .testifies("1", &THREE, Some((1, 9)))
        .withdrawn(1, 9)
        .claim("ensemble.2", 'a', &[])
        .prints(
            "situation: recovering the ensemble from its survivors
             1. note \"started\" in log stream ensemble.2
             2. write the dynamic file and zoo.cfg: server.1=10.0.0.1:2888:3888:participant;2181
             3. write identity: server 1 on i-0000000a of generation 2, founded by i-0000000a
             4. start ZooKeeper",
        );
}

/// Nothing holds but the newest marker, so it says again what it has, and claims the one after that.
#[test]
fn it_does_not_begin_a_generation_whose_marker_was_followed_by_one_that_nobody_signed() {
    let follows = |seconds| {
        let chosen = one_of_three()
            .testifies("1", &THREE, Some((1, 9)))
            .withdrawn(1, 9)
            .claim("ensemble.2", 'a', &[]);
        chosen.claim_at("ensemble.3", None, seconds, &[])
    };
    follows(300).prints(
        "situation: recovering the ensemble from its survivors
         1. testify in log stream 1: the quorum of generation 2 is lost, data here up to zxid 9 (generation 1, epoch 1)
         2. create log stream ensemble.4 as server 1",
    );
    follows(299).prints(
        "situation: recovering the ensemble from its survivors
         1. testify in log stream 1: the quorum of generation 2 is lost, data here up to zxid 9 (generation 1, epoch 1)
         waiting for log stream ensemble.3, which has no owner, to be vacant in 1 s",
    );
}

#[test]
fn a_crash_after_the_note_changes_nothing() {
    let plan = one_of_three()
        .testifies("1", &THREE, Some((1, 9)))
        .withdrawn(1, 9)
        .claim("ensemble.2", 'a', &[Started])
        .plan();
    assert_eq!(plan.actions.len(), 4, "{plan}");
}

#[test]
fn a_survivor_does_not_stop_its_server_before_the_others_have_spoken() {
    two_of_five('a')
        .runs(not_serving())
        .says("1", &FIVE)
        .prints(
            "situation: the quorum is lost for good
             waiting for the testimony of every survivor; without it: server 2 on i-0000000b (running)
             warning: 3 of 5 voters are terminated (server 3 on i-0000000c, server 4 on i-0000000d, server 5 on i-0000000e): what was acknowledged by them alone is gone",
        );
}

/// Its config is old: server 4 joined later, and may need its vote.
#[test]
fn a_member_with_an_old_config_does_not_stop_its_server_while_a_later_one_is_silent() {
    given('b', "abcd")
        .three_joined()
        .claim("4", 'd', &[Started, Joined])
        .files_of(2, &THREE)
        .state('a', InstanceState::Terminated)
        .state('c', InstanceState::Terminated)
        .runs(not_serving())
        .says("2", &THREE)
        .prints(
            "situation: the quorum is lost for good
             waiting for the testimony of every survivor; without it: server 4 on i-0000000d (running)
             warning: 2 of 3 voters are terminated (server 1 on i-0000000a, server 3 on i-0000000c): what was acknowledged by them alone is gone",
        );
}

#[test]
fn the_quorum_is_not_lost_while_the_missing_are_merely_stopped_or_not_to_be_seen() {
    for state in [
        InstanceState::Stopped,
        InstanceState::ShuttingDown,
        InstanceState::Running,
    ] {
        let plan = one_of_three().state('b', state).runs(not_serving()).plan();
        assert_eq!(plan.situation, Situation::NotServing, "{plan}");
        assert!(plan.actions.is_empty(), "{plan}");
    }
    for blind in [true, false] {
        let plan = one_of_three()
            .runs(not_serving())
            .with(|s, _| {
                if blind {
                    s.fleet = unknown();
                } else {
                    s.register = unknown();
                }
            })
            .plan();
        assert!(plan.actions.is_empty(), "{plan}");
    }
}

#[test]
fn the_less_advanced_waits_for_the_more_advanced() {
    let survivors = |me| {
        two_of_five(me)
            .testifies("1", &FIVE, Some((1, 9)))
            .testifies("2", &FIVE, Some((2, 7)))
    };
    survivors('a').withdrawn(1, 9).prints(
        "situation: recovering the ensemble from its survivors
         waiting for i-0000000b, which has the most advanced data, to begin the next generation",
    );
    survivors('b').withdrawn(2, 7).prints(
        "situation: recovering the ensemble from its survivors
         1. create log stream ensemble.2 as server 2",
    );
}

#[test]
fn nobody_begins_before_the_last_server_is_stopped() {
    two_of_five('a')
        .testifies("1", &FIVE, Some((1, 9)))
        .says("2", &FIVE)
        .withdrawn(1, 9)
        .prints(
            "situation: recovering the ensemble from its survivors
             waiting for the testimony of every survivor; without it: server 2 on i-0000000b (still to stop)",
        );
}

#[test]
fn a_chosen_one_that_dies_before_it_begins_is_succeeded() {
    two_of_five('a')
        .testifies("1", &FIVE, Some((1, 9)))
        .testifies("2", &FIVE, Some((2, 7)))
        .withdrawn(1, 9)
        .claim("ensemble.2", 'b', &[])
        .state('b', InstanceState::Terminated)
        .prints(
            "situation: recovering the ensemble from its survivors
             1. create log stream ensemble.3 as server 1",
        );
}

#[test]
fn while_the_chosen_one_lives_the_others_wait_for_it() {
    two_of_five('a')
        .testifies("1", &FIVE, Some((1, 9)))
        .testifies("2", &FIVE, Some((2, 7)))
        .withdrawn(1, 9)
        .claim("ensemble.2", 'b', &[Started])
        .prints(
            "situation: recovering the ensemble from its survivors
             waiting for i-0000000b, which has the most advanced data, to begin the next generation",
        );
}

#[test]
fn with_manual_recovery_an_operator_gives_leave() {
    let manual = one_of_three()
        .testifies("1", &THREE, Some((1, 9)))
        .withdrawn(1, 9)
        .with(|_, p| p.recovery = Recovery::Manual);
    let plan = manual.plan();
    assert!(plan.actions.is_empty(), "{plan}");
    assert!(
        plan.to_string().contains("`zk-bootstrap recover`"),
        "{plan}"
    );
    let allowed = manual.with(|s, _| {
        if let Answer::Known { value, .. } = &mut s.register {
            let claim = value.claims.get_mut(&"1".parse().expect("a claim"));
            claim.expect("it is there").leave = Some(1);
        }
    });
    assert_eq!(allowed.plan().actions.len(), 1, "{}", allowed.plan());
}

#[test]
fn the_checker_knows_the_rules_of_recovery_by_itself() {
    let claim = |id_of_marker: &str, server| Action::Claim {
        claim: id_of_marker.parse().expect("a claim"),
        server: id(server),
    };
    let spoken = two_of_five('a')
        .testifies("1", &FIVE, Some((1, 9)))
        .testifies("2", &FIVE, Some((2, 7)))
        .withdrawn(1, 9);
    refused(
        &spoken,
        vec![claim("ensemble.2", 1)],
        "no ensemble is founded",
    );
    refused(&spoken, vec![Action::StartServer], "another lineage");
    let silent = two_of_five('a').runs(not_serving()).says("1", &FIVE);
    let Some(mut identity) = silent
        .snapshot
        .disk
        .known()
        .and_then(|disk| disk.identity.clone())
    else {
        panic!("an identity")
    };
    identity.withdrawn = true;
    refused(
        &silent,
        vec![Action::WriteIdentity { identity }],
        "every survivor says",
    );
    let serves = two_of_five('a').runs(serving(Mode::Leader, config(&FIVE)));
    refused(&serves, vec![Action::StopServer], "serving member");
}

#[test]
fn an_old_config_is_lost_although_one_of_its_ids_was_claimed_anew_elsewhere() {
    let plan = given('b', "abcd")
        .three_joined()
        .claim("3.2", 'd', &[Started])
        .files_of(2, &THREE)
        .state('a', InstanceState::Terminated)
        .state('c', InstanceState::Terminated)
        .runs(not_serving())
        .plan();
    assert_eq!(plan.situation, Situation::QuorumLost, "{plan}");
}

/// `d` was stopped while it synced: it knows of no change since, and has no vote to give.
#[test]
fn a_joiner_that_missed_the_last_change_goes_by_the_config_of_another_survivor() {
    let joiner = |joiner: Given| {
        joiner
            .three_joined()
            .claim("4", 'd', &[Started])
            .claim("5", 'e', &[Started, Joined])
            .files_of(4, &THREE)
            .disk(|disk| {
                let three = config(&THREE);
                let own = zk_bootstrap::model::ensemble::Ensemble::with_joiner;
                let listed = config(&[(4, 'd')])
                    .servers
                    .remove(&id(4))
                    .expect("server 4");
                disk.dynamic = Some(own(&three, listed));
            })
            .state('b', InstanceState::Terminated)
            .state('e', InstanceState::Terminated)
            .runs(not_serving())
    };
    let four = [(1, 'a'), (2, 'b'), (3, 'c'), (5, 'e')];
    let plan = joiner(given('d', "abcde")).plan();
    assert_eq!(plan.situation, Situation::Joining, "{plan}");
    joiner(given('d', "abcde")).says("1", &four).prints(
        "situation: the quorum is lost for good
         1. testify in log stream 4: the quorum of generation 1 is lost
         waiting for the testimony of every survivor; without it: server 3 on i-0000000c (running)
         warning: 2 of 4 voters are terminated (server 2 on i-0000000b, server 5 on i-0000000e): what was acknowledged by them alone is gone",
    );
}
