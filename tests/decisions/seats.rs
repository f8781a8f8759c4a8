use std::collections::BTreeSet;

use jiff::ToSpan;
use zk_bootstrap::decide::safety::violations;
use zk_bootstrap::model::claim::Milestone::{Joined, Leaving, Started};
use zk_bootstrap::model::ensemble::Ensemble;
use zk_bootstrap::model::fleet::{Hook, InstanceState, Lifecycle, Notice, Transition};
use zk_bootstrap::model::plan::Action;
use zk_bootstrap::model::probe::{Mode, Probe};
use zk_bootstrap::model::server::Role;
use zk_bootstrap::model::snapshot::Answer;

use crate::given::{Given, THREE, address, config, given, id, noon, observed, policy, serving};

const FOUR: [(u8, char); 4] = [(1, 'a'), (2, 'b'), (3, 'c'), (4, 'd')];
const FIVE: [(u8, char); 5] = [(1, 'a'), (2, 'b'), (3, 'c'), (4, 'd'), (5, 'e')];

/// `me` of a group in which every letter's instance is a member or a joiner that has synced: server 1
/// on `a`, which leads, 2 on `b`, …; all with this config.
fn all_serve(me: char, group: &str, ensemble: &Ensemble) -> Given {
    let mode_of = |letter: char| {
        let observes = ensemble.at(address(letter)).map(|s| s.role) == Some(Role::Observer);
        match letter {
            'a' => Mode::Leader,
            _ if observes => Mode::Observer,
            _ => Mode::Follower,
        }
    };
    let n_of = |letter: char| letter as u8 - b'a' + 1;
    let mut all = given(me, group).claim("ensemble", 'a', &[Started]);
    for letter in group.chars() {
        let joined = [Started, Joined];
        all = all.claim(&n_of(letter).to_string(), letter, &joined);
        if letter != me {
            all = all.peer(letter, serving(mode_of(letter), ensemble.clone()));
        }
    }
    all.files_of(n_of(me), &THREE)
        .disk(|disk| disk.dynamic = Some(ensemble.clone()))
        .tagged(n_of(me))
        .runs(serving(mode_of(me), ensemble.clone()))
}

/// What its own server said is then of another time than what the others did.
#[test]
fn who_was_frozen_in_the_midst_of_a_look_looks_again() {
    let frozen = all_serve('d', "abcd", &config(&THREE)).with(|snapshot, _| {
        snapshot.at += 2.minutes();
    });
    frozen.prints(
        "situation: cannot see enough to decide
         waiting for an answer from this instance: what was seen of it is 120 s old",
    );
}

/// Its agent was frozen in the midst of a look, if not for long: what its own server said is of long ago.
#[test]
fn a_joiner_is_not_added_to_a_config_of_which_a_quorum_is_terminated() {
    let joiner = all_serve('d', "abcd", &config(&THREE))
        .state('b', InstanceState::Terminated)
        .state('c', InstanceState::Terminated);
    joiner.prints(
        "situation: synced, not yet a member
         waiting for an answer from the voters: not asked since this server synced",
    );
}

#[test]
fn there_are_as_many_voters_as_an_odd_number_allows_and_the_floor_asks_for() {
    let wanted = |voters, floor| {
        let mut policy = policy();
        (policy.voters, policy.floor) = (voters, floor);
        let some = (1..=8).map(|desired| policy.wanted_voters(Some(desired)));
        (some.collect::<Vec<_>>(), policy.wanted_voters(None))
    };
    assert_eq!(wanted(5, 3), (vec![1, 2, 3, 3, 5, 5, 5, 5], 5));
    assert_eq!(wanted(5, 1), (vec![1, 1, 3, 3, 5, 5, 5, 5], 5));
    assert_eq!(wanted(3, 3), (vec![1, 2, 3, 3, 3, 3, 3, 3], 3));
    assert_eq!(wanted(7, 5), (vec![1, 2, 3, 4, 5, 5, 7, 7], 7));
    assert_eq!(wanted(1, 3), (vec![1; 8], 1));
}

#[test]
fn a_synced_joiner_without_an_open_seat_becomes_an_observer() {
    all_serve('d', "abcd", &config(&THREE)).prints(
        "situation: synced, not yet a member
         1. reconfig at version 100000003: add server.4=10.0.0.4:2888:3888:observer;2181",
    );
}

#[test]
fn of_two_joiners_the_one_whose_zone_has_fewer_voters_takes_the_open_seat() {
    let two = config(&[(1, 'a'), (2, 'b')]);
    let group = |me| all_serve(me, "abcd", &two).fleet(|fleet| fleet.desired = Some(3));
    let voter = "situation: synced, not yet a member
                 1. reconfig at version 100000003: add server.4=10.0.0.4:2888:3888:participant;2181";
    let observer = "situation: synced, not yet a member
                    1. reconfig at version 100000003: add server.3=10.0.0.3:2888:3888:observer;2181";
    group('d').zones("abac").prints(voter);
    group('c').zones("abac").prints(observer);
    // Of equals, the lower id.
    let plan = group('d').zones("abcc").plan();
    assert!(plan.to_string().contains(":observer"), "{plan}");
    // One that is about to go is no candidate.
    group('d')
        .zones("abcc")
        .claim("3", 'c', &[Started, Leaving])
        .prints(voter);
}

#[test]
fn two_seats_are_taken_in_two_zones() {
    let one = config(&[(1, 'a')]);
    let takes = |me| {
        let plan = all_serve(me, "abcd", &one).zones("aabb").plan();
        plan.to_string().contains(":participant")
    };
    // The first goes to `b`'s zone, which then has as many as `a`'s.
    assert_eq!(['b', 'c', 'd'].map(takes), [true, true, false]);
}

#[test]
fn an_observer_that_serves_is_a_member_and_is_not_tagged_as_a_voter() {
    let ensemble = observed(&THREE, &[(4, 'd')]);
    let observer = all_serve('d', "abcd", &ensemble);
    observer.prints("situation: a serving member\nnothing to do");
    let new = observer.claim("4", 'd', &[Started]).fleet(|fleet| {
        fleet.instances.values_mut().for_each(|i| i.tags.clear());
    });
    new.prints(
        "situation: a serving member
         1. note \"joined\" in log stream 4
         2. tag this instance zookeeper_id=4",
    );
}

#[test]
fn an_observer_goes_into_service() {
    let ensemble = observed(&THREE, &[(4, 'd')]);
    all_serve('d', "abcd", &ensemble)
        .lifecycle('d', Lifecycle::Pending)
        .fleet(|fleet| {
            let launched = fleet.instances.values_mut();
            let launched = launched.filter(|i| i.lifecycle == Lifecycle::Pending);
            launched.for_each(|instance| instance.held = true);
            fleet.hooks = vec![Hook {
                name: "zk".to_owned(),
                transition: Transition::Launching,
                timeout: std::time::Duration::from_secs(300),
                beaten: None,
            }];
        })
        .prints(
            "situation: a serving member
             1. complete lifecycle hook zk: the group may take this instance into service",
        );
}

#[test]
fn a_stopped_observer_keeps_its_data_and_is_told_by_a_member_that_it_is_listed() {
    let ensemble = observed(&THREE, &[(4, 'd')]);
    let stopped = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[Started, Joined])
        .files_of(4, &THREE)
        .disk(|disk| disk.dynamic = Some(ensemble.clone()));
    stopped
        .clone()
        .peer('a', serving(Mode::Leader, ensemble))
        .prints(
            "situation: joining the ensemble
         1. start ZooKeeper",
        );
    stopped.prints(
        "situation: joining the ensemble
         waiting for a member that serves and tells the config",
    );
}

#[test]
fn when_a_voter_is_terminated_an_observer_takes_itself_out_to_be_added_in_its_place() {
    let ensemble = observed(&THREE, &[(4, 'd'), (5, 'e')]);
    let lost = |me, ensemble: &Ensemble| {
        all_serve(me, "abcde", ensemble)
            .fleet(|fleet| fleet.desired = Some(4))
            .state('b', InstanceState::Terminated)
            .with(|snapshot, _| {
                let unreachable = Probe::NotServing;
                snapshot
                    .peers
                    .insert(crate::given::instance('b'), unreachable);
            })
    };
    lost('d', &ensemble).prints(
        "situation: a serving member
         1. reconfig at version 100000003: remove server 4",
    );
    lost('e', &ensemble).prints(
        "situation: a serving member
         waiting for i-0000000d, whose turn it is, to become a voter
         waiting for a newcomer in place of server 2, whose instance i-0000000b is terminated",
    );
    let out = observed(&THREE, &[(5, 'e')]);
    lost('d', &out).prints(
        "situation: synced, not yet a member
         1. reconfig at version 100000003: add server.4=10.0.0.4:2888:3888:participant;2181, remove server 2",
    );
}

#[test]
fn an_observer_takes_the_place_of_a_voter_that_is_leaving() {
    let ensemble = observed(&THREE, &[(4, 'd')]);
    let leaving = all_serve('d', "abcd", &ensemble).claim("2", 'b', &[Started, Joined, Leaving]);
    leaving.prints(
        "situation: a serving member
         1. reconfig at version 100000003: remove server 4",
    );
    let voter = all_serve('b', "abcd", &ensemble)
        .claim("2", 'b', &[Started, Joined, Leaving])
        .with(|snapshot, _| {
            let (at, value) = (noon(), Some(Notice::Group));
            snapshot.notice = Answer::Known { at, value };
        });
    voter.prints(
        "situation: leaving the ensemble
         waiting for i-0000000d to take this server's place, for 842 s at most
         warning: the group terminates this instance",
    );
}

#[test]
fn an_observer_leaves_without_a_successor_and_whatever_the_voters_do() {
    let ensemble = observed(&THREE, &[(4, 'd')]);
    let goes = all_serve('d', "abcde", &ensemble)
        .peer('b', Probe::NotServing)
        .peer('c', Probe::NotServing)
        .with(|snapshot, _| {
            let (at, value) = (noon(), Some(Notice::Group));
            snapshot.notice = Answer::Known { at, value };
        });
    goes.prints(
        "situation: leaving the ensemble
         1. note \"leaving\" in log stream 4
         2. reconfig at version 100000003: remove server 4
         warning: the group terminates this instance",
    );
}

/// Voters on `a`, `b` and `c`, an observer on `d`, all in the zones of these letters.
fn in_zones(me: char, zones: &str) -> Given {
    all_serve(me, "abcd", &observed(&THREE, &[(4, 'd')])).zones(zones)
}

#[test]
fn where_a_zone_holds_a_majority_an_observer_of_another_takes_the_seat_of_one_of_its_voters() {
    in_zones('d', "aabc").prints(
        "situation: a serving member
         1. reconfig at version 100000003: remove server 4",
    );
    all_serve('d', "abcd", &config(&THREE)).zones("aabc").prints(
        "situation: synced, not yet a member
         1. reconfig at version 100000003: add server.4=10.0.0.4:2888:3888:participant;2181, remove server 2",
    );
}

#[test]
fn nobody_that_lives_gives_way_by_what_was_heard_before_this_look() {
    let synced = all_serve('d', "abcd", &config(&THREE)).zones("aabc");
    let exchange = synced.plan().actions;
    let heard_before = synced.peers_heard_before();
    heard_before.prints(
        "situation: synced, not yet a member
         waiting for an answer from the voters: not asked since this server synced",
    );
    let mut plan = heard_before.plan();
    plan.actions = exchange;
    let broken = violations(&heard_before.snapshot, &heard_before.policy, &plan);
    assert!(!broken.is_empty(), "{plan}");
}

#[test]
fn the_one_that_gave_way_is_an_observer_then() {
    let after = config(&[(1, 'a'), (3, 'c'), (4, 'd')]);
    all_serve('b', "abcd", &after).zones("aabc").prints(
        "situation: synced, not yet a member
         1. reconfig at version 100000003: add server.2=10.0.0.2:2888:3888:observer;2181",
    );
}

#[test]
fn nobody_gives_way_without_need_or_while_a_voter_is_down() {
    let rests = |given: &Given| given.prints("situation: a serving member\nnothing to do");
    // Two zones: somebody must have the majority.
    rests(&in_zones('d', "aabb"));
    // It has no majority.
    rests(&in_zones('d', "abca"));
    // It would take the majority along.
    rests(&in_zones('d', "aaba"));
    rests(&in_zones('d', "aabc").peer('b', Probe::NotServing));
    rests(&in_zones('d', "aabc").state('b', InstanceState::ShuttingDown));
    rests(
        &in_zones('d', "aabc")
            .fleet(|fleet| fleet.desired = Some(5))
            .with(|_, policy| policy.voters = 1),
    );
}

#[test]
fn a_voter_that_is_one_too_many_steps_down() {
    let four = |me| all_serve(me, "abcd", &config(&FOUR)).zones("aabc");
    four('b').prints(
        "situation: a serving member
         1. reconfig at version 100000003: remove server 2",
    );
    for other in ['a', 'c', 'd'] {
        four(other).prints("situation: a serving member\nnothing to do");
    }
    let rests = |given: Given| given.prints("situation: a serving member\nnothing to do");
    rests(four('b').peer('d', Probe::NotServing));
    // A scale-in takes care of it.
    rests(four('b').fleet(|fleet| fleet.desired = Some(3)));
    rests(four('b').lifecycle('d', Lifecycle::Terminating));
    let five = |me| all_serve(me, "abcde", &config(&FIVE)).with(|_, policy| policy.voters = 3);
    rests(five('e').with(|_, policy| policy.floor = 5));
    five('e').prints(
        "situation: a serving member
         1. reconfig at version 100000003: remove server 5",
    );
}

#[test]
fn beside_the_leader_terminated_observers_are_removed_whatever_the_floor() {
    let ensemble = observed(&THREE, &[(4, 'd')]);
    all_serve('a', "abcd", &ensemble)
        .fleet(|fleet| fleet.desired = Some(3))
        .state('d', InstanceState::Terminated)
        .prints(
            "situation: a serving member
             1. reconfig at version 100000003: remove server 4",
        );
}

#[test]
fn an_observer_is_free_to_go_whatever_its_protection_was() {
    let ensemble = observed(&THREE, &[(4, 'd')]);
    let protected = |fleet: &mut zk_bootstrap::model::fleet::Fleet| {
        fleet
            .instances
            .values_mut()
            .for_each(|i| i.protected = true);
    };
    all_serve('a', "abcd", &ensemble)
        .fleet(protected)
        .peer('b', Probe::NotServing)
        .prints(
            "situation: a serving member
             1. take the protection from scale-in off: i-0000000d",
        );
}

#[test]
fn a_voter_whose_identity_is_torn_does_not_make_itself_an_observer() {
    let torn = all_serve('b', "abc", &config(&THREE)).disk(|disk| disk.identity = None);
    torn.prints(
        "situation: synced, not yet a member
         1. reconfig at version 100000003: add server.2=10.0.0.2:2888:3888:participant;2181",
    );
}

#[test]
fn the_checker_knows_by_itself_who_may_give_way_to_whom() {
    let take = |place: u8, role| Action::AddServer {
        server: policy().server(id(4), address('d')).with_role(role),
        remove: Some(id(place)),
        expected: config(&THREE).version,
    };
    let joiner = |zones| all_serve('d', "abcd", &config(&THREE)).zones(zones);
    let voter = |place| take(place, Role::Participant);
    let clean: [&str; 0] = [];
    assert_eq!(joiner("aabc").judges(voter(2)), clean);
    let wrong = [
        // The leader; one of another zone; no majority; a majority that moves; for no vote at all.
        (joiner("aabc"), voter(1)),
        (joiner("aabc"), voter(3)),
        (joiner("abcc"), voter(2)),
        (joiner("aaba"), voter(2)),
        (joiner("aabc"), take(2, Role::Observer)),
        // While a voter is down.
        (joiner("aabc").peer('c', Probe::NotServing), voter(2)),
    ];
    for (given, action) in wrong {
        let broken = given.judges(action.clone());
        assert!(
            broken.iter().any(|rule| rule.contains("majority")),
            "{action}: {broken:?}"
        );
    }
}

#[test]
fn the_checker_knows_by_itself_how_many_may_vote_and_who_may_step_down() {
    let add = Action::AddServer {
        server: policy().server(id(4), address('d')),
        remove: None,
        expected: config(&THREE).version,
    };
    let joiner = all_serve('d', "abcd", &config(&THREE));
    assert!(joiner.judges(add.clone())[0].contains("where one is wanted"));
    let more = joiner.fleet(|fleet| fleet.desired = Some(5));
    assert!(more.judges(add).is_empty());
    let out = |n: u8| Action::RemoveServers {
        servers: BTreeSet::from([id(n)]),
        expected: config(&THREE).version,
    };
    let refused = |given: &Given, n| !given.judges(out(n)).is_empty();
    let observer = in_zones('d', "abca");
    assert!(!refused(&observer, 4));
    assert!(refused(&observer, 3));
    let four = |me| all_serve(me, "abcd", &config(&FOUR));
    assert!(!refused(&four('d'), 4));
    assert!(refused(&four('d'), 3));
    assert!(refused(&four('a'), 1), "the leader");
    assert!(refused(&four('d').peer('b', Probe::NotServing), 4));
    assert!(refused(&all_serve('c', "abc", &config(&THREE)), 3));
    let demote = Action::AddServer {
        server: policy()
            .server(id(3), address('c'))
            .with_role(Role::Observer),
        remove: None,
        expected: config(&THREE).version,
    };
    assert!(
        !all_serve('c', "abc", &config(&THREE))
            .judges(demote)
            .is_empty()
    );
}
