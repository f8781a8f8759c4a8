use zk_bootstrap::model::claim::Milestone::{Joined, Started};
use zk_bootstrap::model::disk::Disk;
use zk_bootstrap::model::fleet::InstanceState;
use zk_bootstrap::model::plan::{Action, Plan, Situation};
use zk_bootstrap::model::policy::{Recovery, WhenAllIsLost};
use zk_bootstrap::model::probe::{Mode, Probe};
use zk_bootstrap::model::snapshot::Answer;

use crate::given::{Given, THREE, config, given, id, instance, serving, unknown, value};

const FIVE: [(u8, char); 5] = [(1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')];

fn not_serving() -> Probe {
    Probe::NotServing
}

/// Server 1 of three; the instances of the others are terminated.
fn one_of_three() -> Given {
    given('a', "abc")
        .three_joined()
        .files_of(1, &THREE)
        .state('b', InstanceState::Terminated)
        .state('c', InstanceState::Terminated)
}

/// Server 1 or 2 of five; the instances of `c`, `d` and `e` are terminated.
fn two_of_five(me: char) -> Given {
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

fn when_the_next_generation_serves(mine: (u32, u64)) -> Given {
    two_of_five('a')
        .testifies("1", &FIVE, Some(mine))
        .testifies("2", &FIVE, Some((2, 7)))
        .withdrawn(mine.0, mine.1)
        .claim("ensemble.2", 'b', &[Started])
        .peer('b', serving(Mode::Leader, config(&[(2, 'b')])))
}

#[test]
fn a_survivor_whose_data_is_a_part_of_the_chosen_ones_joins_with_it() {
    when_the_next_generation_serves((2, 5)).prints(
        "situation: joining the ensemble
         1. write the dynamic file and zoo.cfg: server.1=10.0.0.1:2888:3888:observer;2181 server.2=10.0.0.2:2888:3888:participant;2181
         2. write identity: server 1 on i-0000000a of generation 2, founded by i-0000000b
         3. start ZooKeeper",
    );
}

#[test]
fn a_survivor_with_another_history_moves_its_data_aside() {
    let plan = when_the_next_generation_serves((1, 9)).plan();
    assert_eq!(
        plan.actions[0].to_string(),
        "move the data aside: it is not a part of what generation 2 began with"
    );
}

#[test]
fn a_withdrawn_server_does_not_start_by_itself_after_a_reboot() {
    let plan = one_of_three()
        .withdrawn(1, 9)
        .with(|s, _| {
            s.fleet = unknown();
            s.register = unknown();
        })
        .plan();
    assert_eq!(plan.actions, [], "{plan}");
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
fn survivors_without_data_know_that_all_is_lost() {
    let plan = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[Started])
        .state('a', InstanceState::Terminated)
        .state('b', InstanceState::Terminated)
        .state('c', InstanceState::Terminated)
        .disk(|disk| disk.dynamic = Some(config(&THREE)))
        .testifies("4", &THREE, None)
        .plan();
    assert_eq!(plan.situation, Situation::AllLost, "{plan}");
}

/// It founded generation 1; a voter that joined it lost its disk, and is the only one whose claim
/// tells of a start.
#[test]
fn a_founder_is_a_survivor_although_only_its_marker_tells_of_its_start() {
    given('b', "ab")
        .claim("ensemble", 'a', &[Started])
        .claim("1", 'a', &[])
        .claim("2", 'b', &[Started, Joined])
        .state('a', InstanceState::Stopped)
        .testifies("2", &[(1, 'a'), (2, 'b')], None)
        .with(|_, p| p.when_all_is_lost = WhenAllIsLost::Refound)
        .prints(
            "situation: the quorum is lost for good
             waiting for the testimony of every survivor; without it: server 1 on i-0000000a (stopped)
             warning: 1 of 2 voters have lost their data (server 2 on i-0000000b): what was acknowledged by them alone is gone",
        );
}

#[test]
fn a_chosen_one_that_has_lost_its_data_says_so_and_founds_nothing() {
    two_of_five('a')
        .testifies("1", &FIVE, Some((1, 9)))
        .testifies("2", &FIVE, Some((1, 7)))
        .claim("ensemble.2", 'a', &[])
        .disk(|disk| *disk = Disk::default())
        .prints(
            "situation: joining the ensemble
             1. testify in log stream 1: no data of generation 2 here",
        );
}

/// Else each of them would wait for the others to say so, and for a generation that nobody begins.
#[test]
fn when_the_chosen_one_has_lost_its_data_the_others_say_so_of_theirs_too() {
    let emptied = two_of_five('b')
        .state('c', InstanceState::Running)
        .state('d', InstanceState::Running)
        .testifies("1", &FIVE, Some((1, 9)))
        .testifies("2", &FIVE, Some((1, 7)))
        .claim("ensemble.2", 'a', &[])
        .disk(|disk| *disk = Disk::default());
    emptied.clone().prints(
        "situation: joining the ensemble
         waiting for a member that serves and tells the config",
    );
    let declined = emptied.testifies("1", &FIVE, None).with(|snapshot, _| {
        let claims = &mut value(&mut snapshot.register).claims;
        let said = claims.get_mut(&"1".parse().expect("a name"));
        said.and_then(|claim| claim.testimony.as_mut())
            .expect("said")
            .generation = 2;
    });
    declined.prints(
        "situation: joining the ensemble
         1. testify in log stream 2: no data of generation 2 here",
    );
}

#[test]
fn the_founder_of_an_empty_generation_does_not_wait_for_itself() {
    let plan = given('b', "ab")
        .claim("ensemble", 'a', &[])
        .claim("ensemble.2", 'b', &[])
        .claim("1", 'b', &[Started])
        .state('a', InstanceState::Terminated)
        .files_of(1, &[(3, 'a')])
        .disk(|disk| disk.data = false)
        .plan();
    assert_eq!(plan.situation, Situation::Founding, "{plan}");
}

/// It said that it has nothing; then the quorum came back, and it joins again.
#[test]
fn who_joins_after_all_takes_back_that_it_has_withdrawn() {
    given('c', "abc")
        .three_joined()
        .testifies("3", &THREE, None)
        .peer('a', serving(Mode::Leader, config(&THREE)))
        .prints(
            "situation: joining the ensemble
             1. write myid: 3
             2. write the dynamic file and zoo.cfg: server.1=10.0.0.1:2888:3888:participant;2181 server.2=10.0.0.2:2888:3888:participant;2181 server.3=10.0.0.3:2888:3888:participant;2181
             3. write identity: server 3 on i-0000000c of generation 1, founded by i-0000000a
             4. take back the testimony in log stream 3
             5. start ZooKeeper",
        );
}

/// The list of claims is older than that testimony, and would be read again in a minute only.
#[test]
fn who_joins_again_with_an_empty_disk_takes_back_what_it_may_have_said_of_it() {
    let joins = given('c', "abc")
        .three_joined()
        .peer('a', serving(Mode::Leader, config(&THREE)));
    let last_two = |plan: &Plan| plan.actions[plan.actions.len() - 2..].to_vec();
    let claim = "3".parse().expect("a claim");
    let taken_back = [Action::TakeBack { claim }, Action::StartServer];
    assert_eq!(last_two(&joins.plan()), taken_back);
    let for_the_first_time = joins.claim("3", 'c', &[]).plan();
    assert!(!for_the_first_time.actions.contains(&taken_back[0]));
}

#[track_caller]
/// Its list of claims has that testimony already, and not the record of the marker that it is of.
#[test]
fn who_joins_takes_back_what_it_said_of_a_generation_later_than_its_list_of_claims_has() {
    let joiner = given('c', "abc")
        .three_joined()
        .testifies("3", &THREE, None)
        .with(|snapshot, _| {
            let Answer::Known { value, .. } = &mut snapshot.register else {
                panic!("a register")
            };
            let claims = value.claims.values_mut();
            let said = claims.filter_map(|claim| claim.testimony.as_mut());
            said.for_each(|testimony| testimony.generation = 2);
        })
        .peer('a', serving(Mode::Leader, config(&THREE)));
    let claim = "3".parse().expect("a claim");
    let plan = joiner.plan();
    assert!(plan.actions.contains(&Action::TakeBack { claim }), "{plan}");
}

fn refused(given: &Given, actions: Vec<Action>, rule: &str) {
    let mut plan = given.plan();
    plan.actions = actions;
    let violations =
        zk_bootstrap::decide::safety::violations(&given.snapshot, &given.policy, &plan);
    assert!(
        violations.iter().any(|v| v.rule.contains(rule)),
        "{violations:?}"
    );
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

#[test]
fn survivors_without_a_config_do_not_wait_for_one_another() {
    let plan = given('d', "abcde")
        .three_joined()
        .claim("4", 'd', &[Started])
        .claim("5", 'e', &[Started])
        .state('a', InstanceState::Terminated)
        .state('b', InstanceState::Terminated)
        .state('c', InstanceState::Terminated)
        .plan();
    assert_eq!(
        plan.actions[0].to_string(),
        "testify in log stream 4: no data of generation 1 here"
    );
}

/// The list is from before the second generation, whose marker this very disk follows.
#[test]
fn a_list_of_claims_that_is_older_than_the_own_data_is_no_answer() {
    for signed in [false, true] {
        let second = given('b', "abc").three_joined().files_of(2, &THREE);
        let second = second.disk(|disk| {
            let identity = disk.identity.as_mut().expect("an identity");
            identity.lineage.generation = 2;
            identity.withdrawn = true;
        });
        match signed {
            true => second.claim_at("ensemble.2", None, 1, &[]),
            false => second,
        }
        .prints(
            "situation: cannot see enough to decide
             waiting for an answer from CloudWatch Logs: without the record in log stream ensemble.2, under which the data here began",
        );
    }
}

#[test]
fn a_list_of_claims_without_the_generation_that_a_peer_serves_is_no_answer() {
    let newcomer = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .testifies("1", &THREE, Some((1, 9)))
        .peer('a', serving(Mode::Leader, config(&[(1, 'a')])));
    newcomer.clone().prints(
        "situation: cannot see enough to decide
         waiting for an answer from CloudWatch Logs: without the generation that i-0000000a serves, which began after its server was withdrawn",
    );
    let plan = newcomer.claim("ensemble.2", 'a', &[Started]).plan();
    assert_eq!(plan.situation, Situation::Joining, "{plan}");
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

#[test]
fn a_joiner_without_data_leaves_it_to_the_others() {
    given('c', "abc")
        .claim("ensemble", 'a', &[Started])
        .claim("1", 'a', &[Started, Joined])
        .claim("2", 'b', &[Started, Joined])
        .claim("3", 'c', &[Started])
        .files_of(3, &[(1, 'a')])
        .disk(|disk| {
            disk.data = false;
            disk.dynamic.as_mut().expect("a file").version =
                zk_bootstrap::model::id::ConfigVersion(0);
        })
        .state('b', InstanceState::Terminated)
        .testifies("1", &[(1, 'a'), (2, 'b')], None)
        .prints(
            "situation: every copy of the data is gone
             1. testify in log stream 3: no data of generation 1 here
             waiting for an operator: every instance that ever held data is terminated, or has lost it: no copy is left. policy.when_all_is_lost = \"refound\" begins anew with an empty ensemble",
        );
}

/// It was started from a list of claims that did not have the second generation yet.
#[test]
fn a_member_that_names_an_older_generation_learns_whose_data_it_has() {
    let member = given('c', "abc")
        .three_joined()
        .claim("ensemble.2", 'b', &[Started])
        .files_of(3, &THREE)
        .tagged(3);
    let here = config(&THREE);
    member.clone().runs(serving(Mode::Follower, here)).prints(
        "situation: a serving member
             1. write identity: server 3 on i-0000000c of generation 2, founded by i-0000000b",
    );
    let plan = member.plan();
    assert!(!plan.actions.contains(&Action::StartServer), "{plan}");
}

/// It founded once, and was frozen before it started; the next generation was begun without it.
#[test]
fn a_joiner_does_not_take_a_leave_to_serve_an_empty_database_with_it() {
    let joiner = given('a', "abc")
        .claim("ensemble", 'a', &[])
        .claim("ensemble.2", 'b', &[Started])
        .claim("1", 'a', &[])
        .claim("2", 'b', &[Started, Joined])
        .files_of(1, &[(1, 'a')])
        .disk(|disk| (disk.data, disk.initialize) = (false, true))
        .peer('b', serving(Mode::Leader, config(&[(2, 'b')])));
    joiner.prints(
        "situation: joining the ensemble
         1. move the data aside: a leave to serve an empty database is there, of a founding that never took place
         2. write myid: 1
         3. write the dynamic file and zoo.cfg: server.1=10.0.0.1:2888:3888:observer;2181 server.2=10.0.0.2:2888:3888:participant;2181
         4. write identity: server 1 on i-0000000a of generation 2, founded by i-0000000b
         5. note \"started\" in log stream 1
         6. take back the testimony in log stream 1
         7. start ZooKeeper",
    );
    let mut plan = joiner.plan();
    plan.actions.remove(0);
    let broken = zk_bootstrap::decide::safety::violations(&joiner.snapshot, &joiner.policy, &plan);
    assert!(
        broken.iter().any(|v| v.rule.contains("empty database")),
        "{broken:?}"
    );
}

/// Two of three disks are gone although their instances live: ZooKeeper alone would wait for ever.
#[test]
fn a_voter_that_testifies_to_an_empty_disk_counts_as_gone() {
    let survivor = given('a', "abc")
        .three_joined()
        .files_of(1, &THREE)
        .runs(not_serving())
        .testifies("2", &THREE, None);
    let plan = survivor.plan();
    assert_eq!(plan.situation, Situation::NotServing, "{plan}");
    survivor.testifies("3", &[], None).prints(
        "situation: the quorum is lost for good
         1. testify in log stream 1: the quorum of generation 1 is lost
         2. write identity: server 1 on i-0000000a of generation 1, founded by i-0000000a, withdrawn
         3. stop ZooKeeper
         warning: 2 of 3 voters have lost their data (server 2 on i-0000000b, server 3 on i-0000000c): what was acknowledged by them alone is gone",
    );
}

/// ZooKeeper takes the leave away before it has written its first snapshot. To stop it in between
/// would leave an ensemble that nobody may found again.
#[test]
fn a_founder_is_let_be_while_it_writes_its_first_snapshot() {
    let founder = given('a', "ab")
        .claim("ensemble", 'a', &[Started])
        .claim("1", 'a', &[])
        .claim("2", 'b', &[Started])
        .files_of(1, &[(1, 'a')])
        .disk(|disk| disk.data = false);
    let boots = founder.clone().runs(Probe::Unreachable {
        why: "Connection refused".to_owned(),
    });
    boots.prints(
        "situation: joining the ensemble
         waiting for this instance's server, now unreachable (Connection refused)",
    );
    let waits_in_vain = founder.runs(not_serving());
    waits_in_vain.prints(
        "situation: joining the ensemble
         1. stop ZooKeeper",
    );
}

/// Nothing is lost, for nothing was ever served; `policy.when_all_is_lost` is not asked.
#[test]
fn a_founder_that_died_before_its_first_snapshot_founds_the_next_generation() {
    let founder = given('a', "ab")
        .claim("ensemble", 'a', &[Started])
        .claim("1", 'a', &[])
        .claim("2", 'b', &[Started])
        .files_of(1, &[(1, 'a')])
        .disk(|disk| disk.data = false)
        .testifies("2", &[], None);
    founder.clone().prints(
        "situation: joining the ensemble
         1. testify in log stream 1: no data of generation 1 here",
    );
    let told = founder.testifies("1", &[(1, 'a')], None);
    told.clone().prints(
        "situation: recovering the ensemble from its survivors
         1. create log stream ensemble.2 as server 1",
    );
    let served = told
        .claim("2", 'b', &[Started, Joined])
        .testifies("2", &[], None);
    assert_eq!(
        served.plan().situation,
        Situation::AllLost,
        "{}",
        served.plan()
    );
}

#[test]
fn who_serves_again_takes_back_that_the_quorum_is_lost() {
    given('a', "abc")
        .three_joined()
        .files_of(1, &THREE)
        .tagged(1)
        .says("1", &THREE)
        .runs(serving(Mode::Follower, config(&THREE)))
        .prints(
            "situation: a serving member
             1. take back the testimony in log stream 1",
        );
}

#[test]
fn a_member_takes_back_nothing_that_an_earlier_owner_of_its_id_has_said() {
    let three = [(1, 'a'), (2, 'b'), (3, 'c')];
    let member = given('a', "abc")
        .three_joined()
        .claim("1", 'd', &[Started, Joined])
        .says("1", &three)
        .files_of(1, &three)
        .tagged(1)
        .runs(serving(Mode::Follower, config(&three)));
    let plan = member.plan();
    let taken_back = |action: &Action| matches!(action, Action::TakeBack { .. });
    assert!(!plan.actions.iter().any(taken_back), "{plan}");
}
