//! Where disks are empty, the founder's before its first snapshot among them.

use zk_bootstrap::model::claim::Milestone::{Joined, Started};
use zk_bootstrap::model::disk::Disk;
use zk_bootstrap::model::fleet::InstanceState;
use zk_bootstrap::model::plan::Situation;
use zk_bootstrap::model::policy::WhenAllIsLost;
use zk_bootstrap::model::probe::Probe;

use crate::given::{Given, THREE, config, given, value};
use crate::recovery::{FIVE, not_serving, two_of_five};

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

/// It was started, and so was one that is to join it.
fn founder_without_a_snapshot() -> Given {
    given('a', "ab")
        .claim("ensemble", 'a', &[Started])
        .claim("1", 'a', &[])
        .claim("2", 'b', &[Started])
        .files_of(1, &[(1, 'a')])
        .disk(|disk| disk.data = false)
}

/// ZooKeeper takes the leave away before it has written its first snapshot. To stop it in between
/// would leave an ensemble that nobody may found again.
#[test]
fn a_founder_is_let_be_while_it_writes_its_first_snapshot() {
    let founder = founder_without_a_snapshot();
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
    let founder = founder_without_a_snapshot().testifies("2", &[], None);
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
