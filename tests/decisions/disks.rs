//! What can be wrong with a disk: each has its plan, or its sentence.

use jiff::ToSpan;
use zk_bootstrap::model::disk::{Refusal, Unwritable};
use zk_bootstrap::model::fleet::InstanceState;
use zk_bootstrap::model::plan::{Action, Waiting};
use zk_bootstrap::model::probe::{Mode, Probe};

use crate::given::{Given, THREE, config, given, id, instance, noon, serving};

/// Server 3 of three, which is down; the two others serve.
fn stopped() -> Given {
    given('c', "abc")
        .three_joined()
        .files_of(3, &THREE)
        .tagged(3)
        .peer('a', serving(Mode::Leader, config(&THREE)))
        .peer('b', serving(Mode::Follower, config(&THREE)))
}

/// The data directory takes nothing, since it was written last so long ago.
fn takes_nothing(given: Given, why: Refusal, minutes: i64) -> Given {
    given.disk(|disk| {
        disk.unwritable = Some(Unwritable {
            directory: "/var/lib/zookeeper".into(),
            why,
        });
        disk.written = Some(noon() - minutes.minutes());
    })
}

#[test]
fn a_full_disk_is_told_while_its_server_may_still_come_up() {
    takes_nothing(stopped(), Refusal::Full, 1).prints(
        "situation: a member whose server is down
         1. start ZooKeeper
         waiting for an operator: the file system of /var/lib/zookeeper is full: free space, or make it larger",
    );
}

#[test]
fn a_serving_member_warns_of_its_full_disk() {
    let serves = stopped().runs(serving(Mode::Follower, config(&THREE)));
    takes_nothing(serves, Refusal::Full, 60).prints(
        "situation: a serving member
         warning: the file system of /var/lib/zookeeper is full: free space, or make it larger
         nothing to do",
    );
}

#[test]
fn an_instance_with_a_disk_that_stays_read_only_gives_itself_up() {
    let beyond_help = takes_nothing(stopped(), Refusal::ReadOnly, 6);
    beyond_help.prints(
        "situation: a member whose server is down
         1. report this instance as unhealthy: the disk of its server is read-only
         waiting for an operator: the file system of /var/lib/zookeeper is read-only: look at the kernel's log for the device's errors, and mount it for writing or replace the instance",
    );
    let told = beyond_help.unhealthy().plan();
    assert_eq!(
        (told.actions, told.waiting[1].clone()),
        (vec![], Waiting::Termination)
    );
}

#[test]
fn it_stays_while_the_others_need_it() {
    let needed = takes_nothing(stopped(), Refusal::ReadOnly, 60).peer('b', Probe::NotServing);
    assert_eq!(needed.plan().actions, [Action::StartServer]);
}

#[test]
fn a_server_that_does_not_serve_on_a_full_disk_is_not_restarted() {
    let given = stopped().runs(Probe::NotServing).since(60).stuck(30, 0);
    let given = takes_nothing(given, Refusal::Full, 1);
    assert_eq!(given.plan().actions, []);
}

#[test]
fn a_torn_dynamic_file_is_written_anew_from_what_the_peers_tell() {
    stopped().disk(|disk| disk.dynamic = None).prints(
        "situation: joining the ensemble
         1. write the dynamic file and zoo.cfg: server.1=10.0.0.1:2888:3888:participant;2181 server.2=10.0.0.2:2888:3888:participant;2181 server.3=10.0.0.3:2888:3888:participant;2181
         2. start ZooKeeper",
    );
}

#[test]
fn a_stale_dynamic_file_that_lists_nobody_who_lives_is_written_anew() {
    let stale = [(3, 'c'), (8, 'x'), (9, 'y')];
    let looks = stopped().files_of(3, &stale).runs(Probe::NotServing);
    let plan = looks.since(60).stuck(5, 0).plan();
    assert!(plan.actions.contains(&Action::StopServer), "{plan}");
    stopped().files_of(3, &stale).prints(
        "situation: joining the ensemble
         1. write the dynamic file and zoo.cfg: server.1=10.0.0.1:2888:3888:participant;2181 server.2=10.0.0.2:2888:3888:participant;2181 server.3=10.0.0.3:2888:3888:participant;2181
         2. start ZooKeeper",
    );
}

#[test]
fn a_member_whose_myid_disagrees_with_its_claim_gets_it_back_with_nobodys_help() {
    for wrong in [None, Some(id(7))] {
        let alone = stopped()
            .disk(|disk| disk.myid = wrong)
            .peer('a', Probe::NotServing)
            .peer('b', Probe::NotServing);
        alone.prints(
            "situation: a member whose server is down
             1. write myid: 3
             2. start ZooKeeper",
        );
    }
}

#[test]
fn a_serving_member_whose_myid_was_changed_serves_on_and_warns() {
    stopped()
        .runs(serving(Mode::Follower, config(&THREE)))
        .disk(|disk| disk.myid = Some(id(7)))
        .prints(
            "situation: a serving member
             warning: myid does not say 3, the id of this server; it is written at the next start
             nothing to do",
        );
}

#[test]
fn a_withdrawn_member_waits_for_the_marker_of_the_generation_that_is_served() {
    let began_anew = given('c', "ac")
        .three_joined()
        .files_of(3, &THREE)
        .withdrawn(1, 7)
        .testifies("3", &THREE, Some((1, 7)))
        .peer('a', serving(Mode::Leader, config(&[(1, 'a')])));
    began_anew.prints(
        "situation: recovering the ensemble from its survivors
         waiting for an answer from CloudWatch Logs: without the generation that is served, which began after the one that this server was withdrawn from",
    );
}

/// Who served then may be lost since, and this the last copy.
#[test]
fn data_is_not_moved_aside_by_what_the_peers_said_before_this_look() {
    let useless = stopped()
        .disk(|disk| disk.identity = None)
        .peers_heard_before();
    useless.prints(
        "situation: joining the ensemble
         waiting for an answer from the peers: not asked since the data here was looked at",
    );
    let why = "nothing beside it says whose it is".to_owned();
    let aside = Action::MoveDataAside { why };
    let rule = ["data is moved aside only while others are seen to serve without this server"];
    assert_eq!(useless.judges(aside.clone()), rule);
    let silent = stopped().peer('a', Probe::NotServing);
    assert_eq!(silent.peer('b', Probe::NotServing).judges(aside), rule);
}

#[track_caller]
fn moves_aside(given: &Given, why: &str) {
    let plan = given.plan();
    let first = plan.actions.first().map(ToString::to_string);
    assert_eq!(first, Some(format!("move the data aside: {why}")), "{plan}");
}

#[test]
fn data_of_another_ensemble_is_moved_aside_and_says_why() {
    let other = stopped().disk(|disk| {
        let identity = disk.identity.as_mut().expect("an identity");
        identity.lineage.founder = instance('f');
        disk.dynamic = None;
    });
    moves_aside(
        &other,
        "it is of generation 1, founded by i-0000000f, and the ensemble of generation 1, founded by i-0000000a",
    );
    let nameless = stopped().disk(|disk| disk.identity = None);
    moves_aside(&nameless, "nothing beside it says whose it is");
    let cloned = stopped().disk(|disk| {
        disk.identity.as_mut().expect("an identity").instance = instance('b');
    });
    moves_aside(
        &cloned,
        "it is of server 3 on i-0000000b of generation 1, founded by i-0000000a, and this is another instance",
    );
}

#[test]
fn data_without_an_ensemble_stops_its_instance() {
    given('a', "a").disk(|disk| disk.data = true).prints(
        "situation: stopped by a contradiction
         waiting for an operator: the log stream \"ensemble\" is missing, but this instance's disk holds data: founding now could split or empty a living ensemble. See \"The marker is missing\" in docs/recover.md",
    );
}

#[test]
fn a_member_with_data_of_a_terminated_majority_is_not_restarted_but_recovered() {
    stopped()
        .runs(Probe::NotServing)
        .since(60)
        .stuck(30, 0)
        .peer('a', Probe::NotServing)
        .peer('b', Probe::NotServing)
        .state('a', InstanceState::Terminated)
        .state('b', InstanceState::Terminated)
        .prints(
            "situation: the quorum is lost for good
             1. testify in log stream 3: the quorum of generation 1 is lost
             2. write identity: server 3 on i-0000000c of generation 1, founded by i-0000000a, withdrawn
             3. stop ZooKeeper
             warning: 2 of 3 voters are terminated (server 1 on i-0000000a, server 2 on i-0000000b): what was acknowledged by them alone is gone",
        );
}
