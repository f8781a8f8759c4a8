use zk_bootstrap::model::claim::Milestone::{Joined, Leaving, Left, Started};
use zk_bootstrap::model::fleet::{InstanceState, Lifecycle};
use zk_bootstrap::model::plan::Situation;
use zk_bootstrap::model::policy::WhenAllIsLost;
use zk_bootstrap::model::probe::{Mode, Probe};
use zk_bootstrap::model::snapshot::Answer;

use crate::given::{THREE, config, given, id, serving, unknown};

#[test]
fn the_first_of_all_creates_the_log_group_too() {
    given('a', "abc")
        .with(|s, _| {
            s.register = zk_bootstrap::model::snapshot::Answer::Known {
                at: s.at,
                value: zk_bootstrap::model::claim::Register::default(),
            };
        })
        .prints(
            "situation: without a server id
         1. create the log group
         2. create log stream 1 as server 1
         3. create log stream ensemble as server 1",
        );
}

#[test]
fn the_first_claimant_claims_the_marker_with_its_id() {
    given('a', "abc").prints(
        "situation: without a server id
         1. create log stream 1 as server 1
         2. create log stream ensemble as server 1",
    );
}

#[test]
fn who_finds_claims_leaves_the_marker_to_those_before() {
    given('b', "abc").claim("1", 'a', &[]).prints(
        "situation: without a server id
         1. create log stream 2 as server 2",
    );
}

#[test]
fn a_marker_that_those_before_left_is_claimed_when_the_id_is_read_back() {
    given('b', "abc")
        .claim("1", 'a', &[])
        .claim("2", 'b', &[])
        .prints(
            "situation: no ensemble exists
             1. create log stream ensemble as server 2",
        );
}

#[test]
fn whoever_made_the_marker_founds_alone() {
    given('a', "abc")
        .claim("1", 'a', &[])
        .claim("ensemble", 'a', &[])
        .prints(
            "situation: founding the ensemble
         1. write myid: 1
         2. write the dynamic file and zoo.cfg: server.1=10.0.0.1:2888:3888:participant;2181
         3. write identity: server 1 on i-0000000a of generation 1, founded by i-0000000a
         4. create initialize: serve an empty database, once
         5. note \"started\" in log stream ensemble
         6. start ZooKeeper",
        );
}

#[test]
fn a_founder_that_was_interrupted_before_its_start_goes_on() {
    given('a', "abc")
        .claim("1", 'a', &[])
        .claim("ensemble", 'a', &[Started])
        .files_of(1, &[(1, 'a')])
        .disk(|d| {
            d.data = false;
            d.initialize = true;
        })
        .prints(
            "situation: founding the ensemble
             1. create initialize: serve an empty database, once
             2. start ZooKeeper",
        );
}

/// Its server died between taking the leave and its first snapshot, and it may have said so; the list
/// of claims is older than that.
#[test]
fn a_founder_that_begins_again_takes_back_what_it_may_have_said_of_its_empty_disk() {
    given('a', "abc")
        .claim("1", 'a', &[])
        .claim("ensemble", 'a', &[])
        .files_of(1, &[(1, 'a')])
        .disk(|d| d.data = false)
        .prints(
            "situation: founding the ensemble
             1. take back the testimony in log stream 1
             2. create initialize: serve an empty database, once
             3. note \"started\" in log stream ensemble
             4. start ZooKeeper",
        );
}

#[test]
fn a_founder_whose_disk_was_wiped_says_so_and_never_founds_again() {
    given('a', "abc").three_joined().prints(
        "situation: joining the ensemble
         1. testify in log stream 1: no data of generation 1 here",
    );
    given('a', "abc")
        .three_joined()
        .testifies("1", &[], None)
        .prints(
            "situation: joining the ensemble
             waiting for a member that serves and tells the config",
        );
}

#[test]
fn the_others_join_the_founder_while_it_boots() {
    given('b', "abc").claim("1", 'a', &[]).claim("ensemble", 'a', &[]).claim("2", 'b', &[]).prints(
        "situation: joining the ensemble
         1. write myid: 2
         2. write the dynamic file and zoo.cfg: server.1=10.0.0.1:2888:3888:participant;2181 server.2=10.0.0.2:2888:3888:observer;2181
         3. write identity: server 2 on i-0000000b of generation 1, founded by i-0000000a
         4. note \"started\" in log stream 2
         5. start ZooKeeper",
    );
}

#[test]
fn a_newcomer_that_reaches_nobody_does_not_found_a_second_ensemble() {
    given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .peer(
            'a',
            Probe::Unreachable {
                why: "timed out".to_owned(),
            },
        )
        .prints(
            "situation: joining the ensemble
             waiting for a member that serves and tells the config; asked: i-0000000a unreachable (timed out)",
        );
}

#[test]
fn a_missing_marker_beside_a_serving_peer_is_a_hard_stop() {
    let given = given('d', "abcd").claim("4", 'd', &[]).peer(
        'a',
        serving(Mode::Leader, config(&[(1, 'a'), (2, 'b'), (3, 'c')])),
    );
    let plan = given.plan();
    assert_eq!(plan.situation, Situation::Halted);
    assert_eq!(plan.actions, []);
}

#[test]
fn a_missing_marker_beside_a_started_server_is_a_hard_stop() {
    let plan = given('d', "abcd")
        .claim("4", 'd', &[])
        .claim("1", 'a', &[Started, Joined])
        .plan();
    assert_eq!((plan.situation, plan.actions.len()), (Situation::Halted, 0));
}

#[test]
fn a_marker_without_an_owner_is_waited_for_and_then_succeeded() {
    let young = given('b', "abc")
        .claim("2", 'b', &[])
        .claim_at("ensemble", None, 10, &[]);
    young.prints(
        "situation: no ensemble exists
         waiting for log stream ensemble, which has no owner, to be vacant in 290 s",
    );
    let old = given('b', "abc")
        .claim("2", 'b', &[])
        .claim_at("ensemble", None, 301, &[]);
    old.prints(
        "situation: no ensemble exists
         1. create log stream ensemble.2 as server 2",
    );
}

#[test]
fn a_founder_that_is_terminated_before_its_start_is_succeeded() {
    given('b', "abc")
        .claim("1", 'a', &[])
        .claim("ensemble", 'a', &[])
        .claim("2", 'b', &[])
        .state('a', InstanceState::Terminated)
        .prints(
            "situation: no ensemble exists
             1. create log stream ensemble.2 as server 2",
        );
}

#[test]
fn a_founder_that_may_have_started_is_not_succeeded_while_it_may_live() {
    for state in [
        InstanceState::Stopped,
        InstanceState::ShuttingDown,
        InstanceState::Stopping,
    ] {
        let plan = given('b', "abc")
            .claim("ensemble", 'a', &[Started])
            .claim("1", 'a', &[])
            .claim("2", 'b', &[])
            .state('a', state)
            .plan();
        assert!(
            plan.actions
                .iter()
                .all(|a| !a.to_string().contains("ensemble.2")),
            "{plan}"
        );
    }
}

#[test]
fn when_everything_is_lost_the_operator_decides_beforehand() {
    let lost = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .state('a', InstanceState::Terminated)
        .state('b', InstanceState::Terminated)
        .state('c', InstanceState::Terminated);
    let plan = lost.plan();
    assert_eq!(
        (plan.situation, plan.actions.len()),
        (Situation::AllLost, 0)
    );
    lost.with(|_, p| p.when_all_is_lost = WhenAllIsLost::Refound)
        .prints(
            "situation: every copy of the data is gone
         1. create log stream ensemble.2 as server 4",
        );
}

#[test]
fn the_founder_of_the_next_generation_founds_once() {
    let plan = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .claim("ensemble.2", 'd', &[])
        .with(|s, p| {
            p.when_all_is_lost = WhenAllIsLost::Refound;
            if let Answer::Known { value, .. } = &mut s.register {
                let marker = "ensemble.2".parse().expect("the marker");
                let claim = value.claims.get_mut(&marker).expect("it is there");
                claim.owner.as_mut().expect("an owner").server = id(4);
            }
        })
        .state('a', InstanceState::Terminated)
        .state('b', InstanceState::Terminated)
        .state('c', InstanceState::Terminated)
        .plan();
    assert_eq!(plan.situation, Situation::Founding, "{plan}");
}

#[test]
fn a_next_generation_whose_founder_never_wrote_its_record_is_succeeded() {
    given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .claim_at("ensemble.2", None, 301, &[])
        .state('a', InstanceState::Terminated)
        .state('b', InstanceState::Terminated)
        .state('c', InstanceState::Terminated)
        .with(|_, p| p.when_all_is_lost = WhenAllIsLost::Refound)
        .prints(
            "situation: every copy of the data is gone
             1. create log stream ensemble.3 as server 4",
        );
}

/// It made both, and what it was told of the second was lost.
#[test]
fn a_founder_whose_marker_was_followed_by_one_that_nobody_signed_claims_the_next() {
    let follows = |seconds| {
        let founder = given('a', "a").claim("1", 'a', &[]);
        let founder = founder.claim("ensemble", 'a', &[]);
        founder.claim_at("ensemble.2", None, seconds, &[])
    };
    follows(300).prints(
        "situation: founding the ensemble
         1. create log stream ensemble.3 as server 1",
    );
    assert_eq!(follows(299).plan().actions, []);
}

/// Who stayed has lost everything, and who left has not: an operator may want its disk.
#[test]
fn an_ensemble_is_not_founded_anew_before_those_who_left_with_a_copy_are_gone() {
    let emptied = given('d', "abcd")
        .three_joined()
        .claim("3", 'c', &[Joined, Leaving, Left])
        .claim("4", 'd', &[Started])
        .state('a', InstanceState::Terminated)
        .state('b', InstanceState::Terminated)
        .disk(|disk| disk.dynamic = Some(config(&THREE)))
        .testifies("4", &THREE, None)
        .with(|_, p| p.when_all_is_lost = WhenAllIsLost::Refound);
    emptied.prints(
        "situation: the quorum is lost for good
         waiting for the end of whoever may hold a last copy: server 3 on i-0000000c (running)
         warning: 2 of 3 voters are terminated (server 1 on i-0000000a, server 2 on i-0000000b): what was acknowledged by them alone is gone",
    );
    emptied.state('c', InstanceState::Terminated).prints(
        "situation: every copy of the data is gone
         1. create log stream ensemble.2 as server 4",
    );
}

#[test]
fn one_survivor_that_is_not_proven_gone_keeps_the_ensemble_from_being_founded_anew() {
    let plan = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .state('a', InstanceState::Terminated)
        .state('b', InstanceState::Terminated)
        .state('c', InstanceState::Stopped)
        .with(|_, p| p.when_all_is_lost = WhenAllIsLost::Refound)
        .plan();
    assert_eq!(
        (plan.situation, plan.actions.len()),
        (Situation::Joining, 0)
    );
}

#[test]
fn two_groups_in_one_register_stop() {
    let given = given('a', "abc").claim("1", 'b', &[]).with(|s, _| {
        if let zk_bootstrap::model::snapshot::Answer::Known { value, .. } = &mut s.register {
            for claim in value.claims.values_mut() {
                claim.owner.as_mut().expect("an owner").group = "asg:other".to_owned();
            }
        }
    });
    given.prints(
        "situation: stopped by a contradiction
         waiting for an operator: log stream 1 belongs to i-0000000b of asg:other, this instance is of asg:zk; give each ensemble a log group of its own (register.log_group)",
    );
}

#[test]
fn an_instance_that_is_not_in_service_claims_nothing() {
    for lifecycle in [
        Lifecycle::Standby,
        Lifecycle::Detached,
        Lifecycle::Warmed,
        Lifecycle::Unlisted,
    ] {
        let plan = given('a', "abc").lifecycle('a', lifecycle).plan();
        assert_eq!(
            (plan.situation, plan.actions.len()),
            (Situation::NotPeer, 0),
            "{lifecycle}"
        );
    }
    let leaving = given('a', "abc").lifecycle('a', Lifecycle::Terminating);
    leaving.prints(
        "situation: has left the ensemble
         waiting for the group to terminate this instance
         warning: the group terminates this instance",
    );
}

#[test]
fn nothing_is_claimed_without_an_answer_from_ec2_or_with_one_that_lacks_the_asker() {
    let throttled = given('a', "abc").with(|s, _| s.fleet = unknown());
    let empty = given('a', "abc").fleet(|f| f.instances.clear());
    let unread = given('a', "abc").with(|s, _| s.register = unknown());
    for given in [throttled, empty, unread] {
        let plan = given.plan();
        assert_eq!(
            (plan.situation, plan.actions.len()),
            (Situation::Blind, 0),
            "{plan}"
        );
    }
}
