use jiff::ToSpan;
use zk_bootstrap::model::claim::Milestone::{self, Joined, Started};
use zk_bootstrap::model::disk::ZooCfg;
use zk_bootstrap::model::ensemble::Ensemble;
use zk_bootstrap::model::fleet::InstanceState;
use zk_bootstrap::model::id::ConfigVersion;
use zk_bootstrap::model::plan::{Action, Next, Situation};
use zk_bootstrap::model::probe::{Mode, Probe};
use zk_bootstrap::model::snapshot::{Answer, Snapshot};

use crate::given::{Given, THREE, config, given, serving, unknown};

#[test]
fn a_newcomer_starts_from_a_serving_members_config_as_a_non_voter() {
    given('d', "abcd").three_joined().claim("4", 'd', &[])
        .peer('a', serving(Mode::Leader, config(&THREE)))
        .prints(
            "situation: joining the ensemble
             1. write myid: 4
             2. write the dynamic file and zoo.cfg: server.1=10.0.0.1:2888:3888:participant;2181 server.2=10.0.0.2:2888:3888:participant;2181 server.3=10.0.0.3:2888:3888:participant;2181 server.4=10.0.0.4:2888:3888:observer;2181
             3. write identity: server 4 on i-0000000d of generation 1, founded by i-0000000a
             4. note \"started\" in log stream 4
             5. start ZooKeeper",
        );
}

#[test]
fn a_joiner_waits_until_it_has_synced() {
    let mut syncing = serving(Mode::Follower, config(&THREE));
    if let Probe::Serving(s) = &mut syncing {
        s.synced = Some(false);
    }
    given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .files_of(4, &THREE)
        .runs(syncing)
        .prints(
            "situation: joining the ensemble
         waiting for this instance's server to sync with its leader",
        );
}

#[test]
fn a_joiner_whose_founder_was_replaced_at_the_same_address_begins_anew() {
    let members = [(5, 'a')];
    given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .files_of(4, &[(1, 'a'), (4, 'd')])
        .disk(|disk| disk.data = false)
        .runs(Probe::NotServing)
        .peer('a', serving(Mode::Leader, config(&members)))
        .prints(
            "situation: joining the ensemble
             1. stop ZooKeeper",
        );
}

/// Server 4, which was started to join generation 1, and `b` of generation 2.
fn of_an_earlier_generation(members: &[(u8, char)]) -> Given {
    given('d', "abcd")
        .claim("ensemble", 'b', &[])
        .claim("ensemble.2", 'a', &[Started])
        .claim("1", 'a', &[Started, Joined])
        .claim("4", 'd', &[Started])
        .files_of(4, &[(1, 'a')])
        .runs(serving(Mode::Follower, config(&[(1, 'a')])))
        .peer('a', serving(Mode::Leader, config(members)))
}

#[test]
fn a_joiner_of_an_earlier_generation_begins_anew_before_it_is_added() {
    of_an_earlier_generation(&[(1, 'a')]).prints(
        "situation: joining the ensemble
         1. stop ZooKeeper",
    );
}

/// Its own server has yet to learn of it, perhaps in a moment in which it does not serve.
#[test]
fn a_joiner_of_an_earlier_generation_that_was_added_is_not_stopped() {
    let added = of_an_earlier_generation(&[(1, 'a'), (4, 'd')]);
    let stops = |given: &Given| given.plan().actions.contains(&Action::StopServer);
    assert!(!stops(&added), "{}", added.plan());
    assert!(!stops(&added.clone().runs(Probe::NotServing)));
}

#[test]
fn a_joiner_of_an_earlier_generation_is_not_stopped_before_the_others_were_asked_since() {
    let heard_before = of_an_earlier_generation(&[(1, 'a')]).peers_heard_before();
    heard_before.prints(
        "situation: joining the ensemble
         waiting for a member that serves and tells the config; asked: i-0000000a leader",
    );
}

#[test]
fn a_synced_joiner_is_added_in_one_conditional_reconfig() {
    given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .files_of(4, &THREE)
        .runs(serving(Mode::Follower, config(&THREE)))
        .fleet(|fleet| fleet.desired = Some(5))
        .prints(
            "situation: synced, not yet a member
             1. reconfig at version 100000003: add server.4=10.0.0.4:2888:3888:participant;2181",
        );
}

/// An old list of claims can lack the generation that it joins: it would vote with another's name on
/// its data. Who joins the founder first has its list from the founder's own marker.
#[test]
fn a_joiner_reads_the_claims_once_more_before_it_is_added_unless_nobody_has_joined_before() {
    let heard_before = |journal: &[Milestone]| {
        let given = given('d', "abcd")
            .claim("ensemble", 'a', &[Started])
            .claim("1", 'a', journal)
            .claim("4", 'd', &[Started])
            .files_of(4, &[(1, 'a')])
            .runs(serving(Mode::Follower, config(&[(1, 'a')])));
        given.claims_heard_before()
    };
    heard_before(&[Joined]).prints(
        "situation: synced, not yet a member
         waiting for an answer from CloudWatch Logs: not read since this server synced",
    );
    heard_before(&[]).prints(
        "situation: synced, not yet a member
         1. reconfig at version 100000003: add server.4=10.0.0.4:2888:3888:participant;2181",
    );
}

#[test]
fn after_its_own_change_a_joiner_does_not_rely_on_what_the_peers_told_before_it() {
    let plan = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .files_of(4, &THREE)
        .runs(serving(Mode::Follower, config(&THREE)))
        .plan();
    assert_eq!(plan.next, Next::Everywhere, "{plan}");
}

#[test]
fn a_synced_joiner_takes_the_place_of_a_terminated_voter() {
    given('d', "abcd").three_joined().claim("4", 'd', &[]).files_of(4, &THREE)
        .state('b', InstanceState::Terminated)
        .runs(serving(Mode::Follower, config(&THREE)))
        .prints(
            "situation: synced, not yet a member
             1. reconfig at version 100000003: add server.4=10.0.0.4:2888:3888:participant;2181, remove server 2",
        );
}

#[test]
fn nobody_is_removed_while_the_answer_is_throttled_or_the_instance_is_merely_stopped() {
    let joiner = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .files_of(4, &THREE)
        .runs(serving(Mode::Follower, config(&THREE)))
        .fleet(|fleet| fleet.desired = Some(5));
    for state in [
        InstanceState::Stopped,
        InstanceState::Stopping,
        InstanceState::ShuttingDown,
        InstanceState::Other,
    ] {
        let plan = joiner.clone().state('b', state).plan();
        assert!(
            matches!(&plan.actions[..], [Action::AddServer { remove: None, .. }]),
            "{plan}"
        );
    }
    let plan = joiner
        .state('b', InstanceState::Terminated)
        .with(|s, _| s.fleet = unknown())
        .plan();
    assert_eq!((plan.situation, plan.actions.len()), (Situation::Blind, 0));
}

#[test]
fn a_joiner_that_restarts_before_its_add_gets_a_joiners_file_again() {
    let plan = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .files_of(4, &THREE)
        .peer('a', serving(Mode::Leader, config(&THREE)))
        .plan();
    let lines: Vec<_> = plan.actions.iter().map(ToString::to_string).collect();
    assert!(lines[0].starts_with("move the data aside"), "{plan}");
    assert!(
        lines
            .iter()
            .any(|l| l.contains("server.4=10.0.0.4:2888:3888:observer")),
        "{plan}"
    );
    assert_eq!(plan.actions.last(), Some(&Action::StartServer));
}

/// It is a voter then, and what the one who was asked tells is older.
#[test]
fn a_joiner_whose_server_dies_after_its_add_keeps_its_data_until_the_others_must_know_of_it() {
    let dies = |seconds: i64| {
        let joiner = given('d', "abcd")
            .three_joined()
            .claim("4", 'd', &[Started])
            .files_of(4, &THREE)
            .peer('a', serving(Mode::Leader, config(&THREE)));
        joiner.with(|s, _| s.add_asked = Some(s.at - seconds.seconds()))
    };
    dies(19).prints(
        "situation: joining the ensemble
         waiting for an answer from the peers: what they tell may be older than the addition of this server",
    );
    let aside = dies(20).plan().actions[0].clone();
    assert!(matches!(aside, Action::MoveDataAside { .. }), "{aside}");
    let rule = ["data is moved aside only while others are seen to serve without this server"];
    assert_eq!(dies(19).judges(aside.clone()), rule);
    assert_eq!(dies(20).judges(aside), Vec::<&str>::new());
    let four = [THREE.as_slice(), &[(4, 'd')]].concat();
    let added = dies(19).peer('a', serving(Mode::Leader, config(&four)));
    assert_eq!(added.plan().actions.last(), Some(&Action::StartServer));
}

#[test]
fn a_member_with_its_data_starts_first_and_asks_questions_later() {
    given('b', "abc")
        .files_of(2, &THREE)
        .with(|s, _| {
            s.fleet = unknown();
            s.register = unknown();
        })
        .prints(
            "situation: a member whose server is down
         1. start ZooKeeper",
        );
}

/// A server that synced while a change was committed tells the config before it.
#[test]
fn a_joiner_whose_server_missed_a_change_is_added_at_the_version_that_its_peers_tell() {
    let newer = Ensemble {
        version: ConfigVersion(0x1_0000_0017),
        ..config(&THREE)
    };
    given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .files_of(4, &THREE)
        .runs(serving(Mode::Follower, config(&[(1, 'a'), (2, 'b')])))
        .peer('a', serving(Mode::Leader, newer))
        .fleet(|fleet| fleet.desired = Some(5))
        .prints(
            "situation: synced, not yet a member
             1. reconfig at version 100000017: add server.4=10.0.0.4:2888:3888:participant;2181",
        );
}

#[test]
fn a_member_starts_with_its_data_even_when_another_group_writes_into_its_register() {
    let stranger = |s: &mut Snapshot| {
        let name = "9".parse().expect("the name of a claim");
        if let Answer::Known { value, .. } = &mut s.register {
            let claim = value.claims.get_mut(&name).expect("a claim");
            claim.owner.as_mut().expect("an owner").group = "asg:other".to_owned();
        }
    };
    given('b', "abc")
        .three_joined()
        .claim("9", 'f', &[])
        .files_of(2, &THREE)
        .with(|s, _| stranger(s))
        .prints(
            "situation: a member whose server is down
             1. start ZooKeeper",
        );
}

#[test]
fn a_member_that_cannot_see_aws_serves_on_and_warns() {
    given('b', "abc")
        .three_joined()
        .files_of(2, &THREE)
        .runs(serving(Mode::Follower, config(&THREE)))
        .with(|s, _| s.fleet = unknown())
        .prints(
            "situation: a serving member
             warning: without an answer from EC2 and the group: throttled; nobody's termination can be proven meanwhile
             nothing to do",
        );
}

#[test]
fn a_changed_setting_reaches_zoo_cfg_at_the_next_start_only() {
    let member = given('b', "abc")
        .three_joined()
        .files_of(2, &THREE)
        .tagged(2)
        .disk(|d| d.zoo_cfg = ZooCfg::Stale);
    member.prints(
        "situation: a member whose server is down
         1. write zoo.cfg
         2. start ZooKeeper",
    );
    member
        .clone()
        .runs(serving(Mode::Follower, config(&THREE)))
        .prints(
            "situation: a serving member
         warning: zoo.cfg differs from the settings; it is written at the server's next start
         nothing to do",
        );
}

#[test]
fn a_voter_whose_disk_is_empty_gets_its_files_again_but_no_leave_to_vote_with_it() {
    given('b', "abc").three_joined().peer('a', serving(Mode::Leader, config(&THREE))).prints(
        "situation: joining the ensemble
         1. write myid: 2
         2. write the dynamic file and zoo.cfg: server.1=10.0.0.1:2888:3888:participant;2181 server.2=10.0.0.2:2888:3888:participant;2181 server.3=10.0.0.3:2888:3888:participant;2181
         3. write identity: server 2 on i-0000000b of generation 1, founded by i-0000000a
         4. take back the testimony in log stream 2
         5. start ZooKeeper",
    );
}

#[test]
fn a_disk_that_was_cloned_from_another_instance_is_moved_aside() {
    let given = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .files_of(2, &THREE)
        .disk(|d| d.identity.as_mut().expect("an identity").instance = crate::given::instance('b'))
        .peer('a', serving(Mode::Leader, config(&THREE)));
    let plan = given.plan();
    assert!(
        matches!(plan.actions[0], Action::MoveDataAside { .. }),
        "{plan}"
    );
}

#[test]
fn a_settled_member_plans_nothing() {
    given('b', "abc")
        .three_joined()
        .files_of(2, &THREE)
        .tagged(2)
        .runs(serving(Mode::Follower, config(&THREE)))
        .prints("situation: a serving member\nnothing to do");
}

#[test]
fn a_new_member_is_tagged_and_notes_that_it_joined() {
    use zk_bootstrap::model::claim::Milestone::Started;
    given('b', "abc")
        .claim("ensemble", 'a', &[Started])
        .claim("2", 'b', &[Started])
        .files_of(2, &THREE)
        .runs(serving(Mode::Follower, config(&THREE)))
        .prints(
            "situation: a serving member
             1. note \"joined\" in log stream 2
             2. tag this instance bootstrap_finished_time=(now), zookeeper_id=2",
        );
}

#[test]
fn a_terminated_voter_that_the_group_will_replace_is_waited_for() {
    given('a', "abc")
        .three_joined()
        .files_of(1, &THREE)
        .tagged(1)
        .state('b', InstanceState::Terminated)
        .runs(serving(Mode::Leader, config(&THREE)))
        .prints(
            "situation: a serving member
             1. protect from scale-in: i-0000000a, i-0000000c
             waiting for a newcomer in place of server 2, whose instance i-0000000b is terminated",
        );
}

#[test]
fn beside_the_leader_those_whom_nobody_replaces_are_removed_down_to_the_floor() {
    let five = [(1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')];
    let shrunk = |mode| {
        given('a', "abcde")
            .three_joined()
            .claim("4", 'd', &[zk_bootstrap::model::claim::Milestone::Joined])
            .claim("5", 'e', &[zk_bootstrap::model::claim::Milestone::Joined])
            .files_of(1, &five)
            .tagged(1)
            .state('d', InstanceState::Terminated)
            .state('e', InstanceState::Terminated)
            .runs(serving(mode, config(&five)))
    };
    shrunk(Mode::Leader).fleet(|f| f.desired = Some(3)).prints(
        "situation: a serving member
         1. reconfig at version 100000003: remove server 4, 5",
    );
    shrunk(Mode::Leader).fleet(|f| f.desired = Some(1)).prints(
        "situation: a serving member
         1. reconfig at version 100000003: remove server 4, 5",
    );
    let beside_a_follower = shrunk(Mode::Follower).fleet(|f| f.desired = Some(3)).plan();
    assert_eq!(beside_a_follower.actions, []);
}

#[test]
fn a_member_without_a_quorum_says_whom_it_waits_for() {
    given('a', "abc").three_joined().files_of(1, &THREE)
        .runs(Probe::NotServing)
        .state('b', InstanceState::Terminated)
        .state('c', InstanceState::Stopped)
        .prints(
            "situation: a member whose server does not serve
             waiting for a quorum; without an answer: server 2 at 10.0.0.2 (its instance is terminated), server 3 at 10.0.0.3 (i-0000000c is stopped)",
        );
}
