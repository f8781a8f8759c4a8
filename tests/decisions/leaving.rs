use std::time::Duration;

use jiff::ToSpan;
use zk_bootstrap::model::claim::Milestone::{Joined, Leaving, Left, Started};
use zk_bootstrap::model::disk::Disk;
use zk_bootstrap::model::fleet::{Fleet, Hook, InstanceState, Lifecycle, Notice, Transition};
use zk_bootstrap::model::plan::{Action, Plan, Situation};
use zk_bootstrap::model::probe::{Mode, Probe};
use zk_bootstrap::model::snapshot::Answer;

use crate::given::{Given, THREE, config, given, id, instance, noon, one_of_three, serving};

const FOUR: [(u8, char); 4] = [(1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')];

fn hook(transition: Transition, beaten: Option<i64>) -> Hook {
    Hook {
        name: "zk".to_owned(),
        transition,
        timeout: Duration::from_secs(300),
        beaten: beaten.map(|age| noon() - age.seconds()),
    }
}

fn held(letter: char, lifecycle: Lifecycle, hook: Hook) -> impl FnOnce(&mut Fleet) {
    move |fleet| {
        let found = fleet.instances.get_mut(&instance(letter));
        let found = found.expect("an instance of the group");
        (found.lifecycle, found.held) = (lifecycle, true);
        fleet.hooks = vec![hook];
    }
}

fn goes(given: Given, notice: Notice) -> Given {
    given.with(|snapshot, _| {
        snapshot.notice = Answer::Known {
            at: noon(),
            value: Some(notice),
        };
    })
}

/// Voter 1 of four that serve, on `a`, in a group that is to have three.
fn one_too_many() -> Given {
    given('a', "abcd")
        .three_joined()
        .claim("4", 'd', &[Started, Joined])
        .files_of(1, &FOUR)
        .tagged(1)
        .runs(serving(Mode::Leader, config(&FOUR)))
        .peer('b', serving(Mode::Follower, config(&FOUR)))
        .peer('c', serving(Mode::Follower, config(&FOUR)))
        .peer('d', serving(Mode::Follower, config(&FOUR)))
        .fleet(|fleet| fleet.desired = Some(3))
}

#[test]
fn a_leader_that_the_group_terminates_takes_itself_out() {
    let terminating = hook(Transition::Terminating, Some(10));
    goes(one_too_many(), Notice::Group)
        .fleet(held('a', Lifecycle::Terminating, terminating))
        .prints(
            "situation: leaving the ensemble
             1. note \"leaving\" in log stream 1
             2. reconfig at version 100000003: remove server 1
             warning: the group terminates this instance",
        );
}

#[test]
fn who_answers_at_the_address_of_a_lost_voter_is_not_that_voter() {
    let newcomer = given('a', "abcd")
        .three_joined()
        .claim("4", 'd', &[Started])
        .files_of(1, &THREE)
        .runs(serving(Mode::Leader, config(&THREE)))
        .peer('b', serving(Mode::Follower, config(&THREE)))
        .peer('d', serving(Mode::Follower, config(&THREE)))
        .inherits('d', "4", 'c')
        .claim("1", 'a', &[Started, Joined, Leaving]);
    goes(newcomer, Notice::Group).prints(
        "situation: leaving the ensemble
         waiting for the others to be able to spare this server, for 842 s at most: without a quorum of server 3 at 10.0.0.3
         warning: the group terminates this instance",
    );
}

#[test]
fn it_goes_by_the_groups_list_when_the_metadata_service_is_silent() {
    let terminating = hook(Transition::Terminating, Some(10));
    let leaver = one_too_many()
        .with(|snapshot, _| {
            snapshot.notice = Answer::Unknown {
                why: "no answer".to_owned(),
            };
        })
        .fleet(held('a', Lifecycle::Terminating, terminating));
    assert_eq!(leaver.plan().situation, Situation::Leaving);
}

#[test]
fn a_rebalance_recommendation_is_followed_by_choice_only() {
    let recommended = goes(one_of_three(Mode::Follower), Notice::Rebalance);
    assert_eq!(recommended.plan().situation, Situation::Member);
    let chosen = recommended.with(|_, policy| policy.leave_on_rebalance = true);
    assert_eq!(chosen.plan().situation, Situation::Leaving);
}

#[test]
fn with_a_newcomer_in_sight_it_stays_until_that_one_takes_its_place() {
    let three = given('a', "abcd")
        .three_joined()
        .claim("1", 'a', &[Started, Joined, Leaving])
        .files_of(1, &THREE)
        .runs(serving(Mode::Follower, config(&THREE)))
        .peer('b', serving(Mode::Leader, config(&THREE)))
        .peer('c', serving(Mode::Follower, config(&THREE)))
        .fleet(|fleet| fleet.desired = Some(3));
    let leaver = goes(three, Notice::Group).lifecycle('a', Lifecycle::Terminating);
    leaver.prints(
        "situation: leaving the ensemble
         waiting for i-0000000d to take this server's place, for 842 s at most
         warning: the group terminates this instance",
    );
    // Else the next silence, however short, would be the end of a long one.
    leaver.clone().stuck(20, 0).prints(
        "situation: leaving the ensemble
         1. note that the server serves again
         waiting for i-0000000d to take this server's place, for 842 s at most
         warning: the group terminates this instance",
    );
    let at_last = leaver.with(|_, policy| policy.leave_patience = Duration::from_secs(30));
    at_last.prints(
        "situation: leaving the ensemble
         1. reconfig at version 100000003: remove server 1
         warning: the group terminates this instance",
    );
}

#[test]
fn a_list_from_before_the_notice_does_not_say_that_nobody_takes_its_place() {
    let listed_in_service = one_of_three(Mode::Leader)
        .peer('b', serving(Mode::Follower, config(&THREE)))
        .fleet(|fleet| fleet.desired = Some(3));
    let leaver = goes(listed_in_service, Notice::Group);
    leaver.prints(
        "situation: leaving the ensemble
         1. note \"leaving\" in log stream 1
         waiting for an answer from EC2 and the group: the list is older than the notice, and does not tell who comes instead
         warning: the group terminates this instance",
    );
    let noted = leaver.claim("1", 'a', &[Started, Joined, Leaving]);
    let at_last = noted.with(|_, policy| policy.leave_patience = Duration::from_secs(30));
    at_last.prints(
        "situation: leaving the ensemble
         1. reconfig at version 100000003: remove server 1
         warning: the group terminates this instance",
    );
}

#[test]
fn the_newcomer_takes_the_place_of_one_that_is_leaving() {
    given('d', "abcd")
        .three_joined()
        .claim("1", 'a', &[Started, Joined, Leaving])
        .claim("4", 'd', &[Started])
        .lifecycle('a', Lifecycle::Terminating)
        .files_of(4, &FOUR)
        .disk(|disk| disk.dynamic = Some(config(&THREE)))
        .runs(serving(Mode::Follower, config(&THREE)))
        .peer('b', serving(Mode::Leader, config(&THREE)))
        .prints(
            "situation: synced, not yet a member
             1. reconfig at version 100000003: add server.4=10.0.0.4:2888:3888:participant;2181, remove server 1",
        );
}

#[test]
fn once_it_is_out_it_stops_releases_its_id_and_lets_the_group_go_on() {
    let two = [(2, 'b'), (3, 'c')];
    let terminating = hook(Transition::Terminating, Some(10));
    let out = given('a', "abc")
        .three_joined()
        .claim("1", 'a', &[Started, Joined, Leaving])
        .files_of(1, &two)
        .peer('b', serving(Mode::Leader, config(&two)));
    let out = goes(out, Notice::Group).fleet(held('a', Lifecycle::Terminating, terminating));
    out.clone()
        .runs(serving(Mode::Follower, config(&two)))
        .prints(
            "situation: leaving the ensemble
             1. commit a write through the ensemble
             2. stop ZooKeeper
             3. note \"left\" in log stream 1
             warning: the group terminates this instance",
        );
    out.claim("1", 'a', &[Started, Joined, Leaving, Left])
        .prints(
            "situation: has left the ensemble
             1. complete lifecycle hook zk: the group may terminate this instance
             waiting for the group to terminate this instance
             warning: the group terminates this instance",
        );
}

#[test]
fn one_that_cannot_be_spared_sends_heartbeats_says_why_and_lets_go_in_the_end() {
    let terminating = hook(Transition::Terminating, Some(120));
    let leaver = goes(one_of_three(Mode::Leader), Notice::Group)
        .claim("1", 'a', &[Started, Joined, Leaving])
        .peer('b', Probe::NotServing)
        .peer('c', Probe::NotServing)
        .fleet(held('a', Lifecycle::Terminating, terminating));
    leaver.clone().prints(
        "situation: leaving the ensemble
         1. send a heartbeat for lifecycle hook zk
         waiting for the others to be able to spare this server, for 842 s at most: without a quorum of server 2 at 10.0.0.2, server 3 at 10.0.0.3
         warning: the group terminates this instance",
    );
    leaver
        .with(|_, policy| policy.leave_patience = Duration::from_secs(30))
        .prints(
            "situation: leaving the ensemble
             1. complete lifecycle hook zk: the group may terminate this instance
             waiting for the others to be able to spare this server, for 0 s at most: without a quorum of server 2 at 10.0.0.2, server 3 at 10.0.0.3
             warning: the group terminates this instance",
        );
}

#[test]
fn the_only_voter_does_not_take_the_ensemble_with_it() {
    let alone = [(1, 'a')];
    let last = given('a', "a")
        .claim("ensemble", 'a', &[Started])
        .claim("1", 'a', &[Started, Joined, Leaving])
        .files_of(1, &alone)
        .runs(serving(Mode::Leader, config(&alone)));
    let plan = goes(last, Notice::Group).plan();
    assert!(plan.to_string().contains("it is the only voter"), "{plan}");
    assert!(plan.actions.is_empty(), "{plan}");
}

#[test]
fn a_newcomer_that_is_to_go_releases_its_id_at_once() {
    let joiner = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[Started])
        .lifecycle('d', Lifecycle::Terminating)
        .peer('b', serving(Mode::Leader, config(&THREE)));
    joiner.prints(
        "situation: leaving the ensemble
         1. note \"left\" in log stream 4
         warning: the group terminates this instance",
    );
}

#[test]
fn a_released_id_is_free_again() {
    let newcomer = given('d', "abcd")
        .three_joined()
        .claim("4", 'c', &[Started, Left])
        .peer('b', serving(Mode::Leader, config(&THREE)));
    let plan = newcomer.plan();
    assert!(plan.to_string().contains("create log stream 4.2"), "{plan}");
}

#[test]
fn an_instance_goes_into_service_when_its_server_is_a_voter_and_not_before() {
    let launching = |beaten| hook(Transition::Launching, Some(beaten));
    one_of_three(Mode::Follower)
        .fleet(held('a', Lifecycle::Pending, launching(10)))
        .prints(
            "situation: a serving member
             1. complete lifecycle hook zk: the group may take this instance into service",
        );
    let booting = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[Started])
        .files_of(4, &FOUR)
        .disk(|disk| disk.dynamic = Some(config(&THREE)))
        .runs(Probe::NotServing)
        .peer('b', serving(Mode::Leader, config(&THREE)));
    let plan = booting
        .clone()
        .fleet(held('d', Lifecycle::Pending, launching(10)))
        .plan();
    assert!(plan.actions.is_empty(), "{plan}");
    let plan = booting
        .fleet(held('d', Lifecycle::Pending, launching(200)))
        .plan();
    let beat = Action::Heartbeat {
        hook: "zk".to_owned(),
    };
    assert_eq!(plan.actions, [beat], "{plan}");
}

#[test]
fn an_instance_does_not_go_into_service_while_the_claims_cannot_be_read() {
    let launching = hook(Transition::Launching, Some(200));
    let plan = one_of_three(Mode::Follower)
        .fleet(held('a', Lifecycle::Pending, launching))
        .with(|snapshot, _| {
            let why = "throttled".to_owned();
            snapshot.register = Answer::Unknown { why };
        })
        .plan();
    let beat = Action::Heartbeat {
        hook: "zk".to_owned(),
    };
    assert_eq!(plan.actions, [beat], "{plan}");
}

#[test]
fn who_has_left_neither_comes_into_service_nor_asks_the_group_to_wait_for_it() {
    let launching = hook(Transition::Launching, Some(200));
    let left = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[Started, Left])
        .peer('b', serving(Mode::Leader, config(&THREE)))
        .fleet(held('d', Lifecycle::Pending, launching));
    for notice in [Notice::Group, Notice::Spot] {
        let plan = goes(left.clone(), notice).plan();
        assert_eq!(plan.situation, Situation::Left, "{plan}");
        assert!(plan.actions.is_empty(), "{plan}");
    }
}

#[test]
fn voters_are_protected_while_none_can_be_spared_and_no_longer() {
    let leader = given('a', "abc")
        .three_joined()
        .files_of(1, &THREE)
        .tagged(1)
        .runs(serving(Mode::Leader, config(&THREE)))
        .peer('b', serving(Mode::Follower, config(&THREE)));
    let broken = leader.clone().peer('c', Probe::NotServing);
    broken.prints(
        "situation: a serving member
         1. protect from scale-in: i-0000000a, i-0000000b, i-0000000c",
    );
    let whole = leader.peer('c', serving(Mode::Follower, config(&THREE)));
    whole
        .clone()
        .prints("situation: a serving member\nnothing to do");
    whole
        .fleet(|fleet| {
            for instance in fleet.instances.values_mut() {
                instance.protected = true;
            }
        })
        .prints(
            "situation: a serving member
             1. take the protection from scale-in off: i-0000000a, i-0000000b, i-0000000c",
        );
    broken
        .with(|_, policy| policy.protect_voters = false)
        .prints("situation: a serving member\nnothing to do");
}

/// Else a group of two would never become one of one.
#[test]
fn of_two_voters_that_serve_the_group_may_choose_when_it_wants_one() {
    let two = config(&[(1, 'a'), (2, 'b')]);
    let wants = |desired| {
        given('a', "ab")
            .claim("ensemble", 'a', &[Started])
            .claim("1", 'a', &[Started, Joined])
            .claim("2", 'b', &[Started, Joined])
            .files_of(1, &[(1, 'a'), (2, 'b')])
            .tagged(1)
            .runs(serving(Mode::Leader, two.clone()))
            .peer('b', serving(Mode::Follower, two.clone()))
            .fleet(|fleet| fleet.desired = Some(desired))
            .with(|_, policy| (policy.floor, policy.voters) = (1, 2))
    };
    wants(1).prints("situation: a serving member\nnothing to do");
    let protects = |plan: &Plan| {
        let mut actions = plan.actions.iter();
        actions.any(|action| matches!(action, Action::Protect { .. }))
    };
    assert!(protects(&wants(1).peer('b', Probe::NotServing).plan()));
}

#[test]
fn the_checker_knows_the_rules_of_leaving_by_itself() {
    let terminating = || hook(Transition::Terminating, Some(10));
    let kept = one_of_three(Mode::Follower);
    let remove = |n| Action::RemoveServers {
        servers: [id(n)].into(),
        expected: config(&THREE).version,
    };
    assert!(
        kept.judges(remove(1))
            .iter()
            .any(|rule| rule.contains("leaves by itself"))
    );
    let going = goes(kept.clone(), Notice::Group);
    assert_eq!(going.judges(remove(1)), Vec::<&str>::new());
    assert!(!going.judges(remove(2)).is_empty());
    let complete = Action::CompleteHook {
        hook: "zk".to_owned(),
        transition: Transition::Terminating,
    };
    let going = going.fleet(held('a', Lifecycle::Terminating, terminating()));
    assert!(!going.judges(complete).is_empty());
    let report = Action::ReportUnhealthy {
        why: "its disk is read-only".to_owned(),
    };
    assert_eq!(kept.judges(report.clone()), Vec::<&str>::new());
    let alone = kept
        .peer('b', Probe::NotServing)
        .peer('c', Probe::NotServing);
    assert!(!alone.judges(report).is_empty());
    let left = Action::Journal {
        claim: "1".parse().expect("a claim"),
        milestone: Left,
    };
    assert!(!alone.judges(left).is_empty());
}

#[test]
fn who_has_left_is_no_survivor() {
    let survivor = given('a', "abc")
        .three_joined()
        .claim("2", 'b', &[Started, Joined, Leaving, Left])
        .files_of(1, &[(1, 'a'), (3, 'c')])
        .state('c', InstanceState::Terminated)
        .says("1", &[(1, 'a'), (3, 'c')])
        .runs(Probe::NotServing);
    let plan = survivor.plan();
    assert!(plan.actions.contains(&Action::StopServer), "{plan}");
    let empty = survivor.disk(|disk| *disk = Disk::default());
    assert_ne!(empty.plan().situation, Situation::Left);
}
