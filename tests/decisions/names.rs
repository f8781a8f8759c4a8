//! What clients are told, and by whom.

use zk_bootstrap::decide::safety;
use zk_bootstrap::model::names::Names;
use zk_bootstrap::model::plan::Action;
use zk_bootstrap::model::policy::ClientBind;
use zk_bootstrap::model::probe::{Mode, Probe};
use zk_bootstrap::model::snapshot::Answer;

use crate::given::{Given, THREE, config, id, noon, one_of_three, serving, unknown};

/// Member 1 of three that serve, on `a`, where names are published; this is.
fn member(mode: Mode, published: Option<Names>) -> Given {
    one_of_three(mode).with(|snapshot, policy| {
        policy.publish_names = true;
        // Otherwise it would have to be taken off, or set.
        policy.protect_voters = false;
        snapshot.names = Answer::Known {
            at: noon(),
            value: published,
        };
    })
}

/// The names of these members, with a config so much older (or newer).
fn names(generation: u32, members: &[(u8, char)], newer: i64) -> Names {
    let mut config = config(members);
    config.version.0 = config
        .version
        .0
        .checked_add_signed(newer)
        .expect("a version");
    Names::of(generation, &config)
}

const SETTLED: &str = "situation: a serving member\nnothing to do";

#[test]
fn the_leader_tells_clients_where_nothing_is_published() {
    member(Mode::Leader, None).prints(
        "situation: a serving member
         1. publish the names of server 1, 2, 3 of generation 1, version 100000003",
    );
}

#[test]
fn the_leader_replaces_what_is_of_an_older_config() {
    let two = [(1, 'a'), (2, 'b')];
    member(Mode::Leader, Some(names(1, &two, -1))).prints(
        "situation: a serving member
         1. publish the names of server 1, 2, 3 of generation 1, version 100000003, \
         in place of generation 1, version 100000002",
    );
}

#[test]
fn a_new_generation_replaces_the_names_of_the_last_whose_version_was_higher() {
    let last = names(1, &THREE, 0x10_0000_0000);
    let next = member(Mode::Leader, Some(last)).disk(|disk| {
        let identity = disk.identity.as_mut().expect("an identity");
        identity.lineage.generation = 2;
    });
    let next = next.claim(
        "ensemble.2",
        'a',
        &[zk_bootstrap::model::claim::Milestone::Started],
    );
    next.prints(
        "situation: a serving member
         1. publish the names of server 1, 2, 3 of generation 2, version 100000003, \
         in place of generation 1, version 1100000003",
    );
}

#[test]
fn records_that_somebody_changed_are_published_anew() {
    let mut torn = names(1, &THREE, 0);
    torn.servers.clear();
    member(Mode::Leader, Some(torn)).prints(
        "situation: a serving member
         1. publish the names of server 1, 2, 3 of generation 1, version 100000003, \
         in place of generation 1, version 100000003",
    );
}

#[test]
fn what_is_published_already_or_newer_is_left_alone() {
    for newer in [0, 1] {
        member(Mode::Leader, Some(names(1, &THREE, newer))).prints(SETTLED);
    }
    member(Mode::Leader, Some(names(2, &THREE, -2))).prints(SETTLED);
}

#[test]
fn nobody_else_publishes_and_nobody_who_cannot_see_what_is_there() {
    member(Mode::Follower, None).prints(SETTLED);
    let blind = |answer| member(Mode::Leader, None).with(|snapshot, _| snapshot.names = answer);
    blind(Answer::not_asked()).prints(SETTLED);
    blind(unknown()).prints(
        "situation: a serving member
         warning: what clients are told cannot be seen: throttled
         nothing to do",
    );
    let off = |given: Given| given.with(|_, policy| policy.publish_names = false);
    off(member(Mode::Leader, None)).prints(SETTLED);
}

#[test]
fn the_leader_goes_by_the_newest_config_that_any_member_tells() {
    let mut newer = config(&[(1, 'a'), (2, 'b'), (4, 'c')]);
    newer.version.0 += 1;
    let given = member(Mode::Leader, Some(names(1, &THREE, 0)));
    given.peer('b', serving(Mode::Follower, newer)).prints(
        "situation: a serving member
         1. publish the names of server 1, 2, 4 of generation 1, version 100000004, \
         in place of generation 1, version 100000003",
    );
}

#[test]
fn clients_meet_a_server_at_the_address_that_it_binds() {
    let bound = member(Mode::Leader, None).with(|snapshot, policy| {
        policy.client_bind = ClientBind::Instance;
        let Probe::Serving(serving) = &mut snapshot.server else {
            panic!("it serves");
        };
        let config = serving.ensemble.as_mut().expect("a config");
        for server in config.servers.values_mut() {
            let server_address = server.address.clone();
            server.client.as_mut().expect("a port").bind = Some(server_address);
        }
        config.version.0 += 1;
    });
    assert_eq!(bound.plan().actions.len(), 1);
    let violations = safety::violations(&bound.snapshot, &bound.policy, &bound.plan());
    assert_eq!(violations, []);
}

/// The rules that publishing these names breaks.
fn broken(given: &Given, names: Names, replaces: Option<&Names>) -> Vec<&'static str> {
    let mut plan = given.plan();
    plan.actions = vec![Action::Publish {
        names,
        replaces: replaces.map(Names::age),
    }];
    let violations = safety::violations(&given.snapshot, &given.policy, &plan);
    violations.iter().map(|violation| violation.rule).collect()
}

#[test]
fn the_checker_refuses_what_would_mislead_clients() {
    let leader = member(Mode::Leader, None);
    let good = names(1, &THREE, 0);
    assert_eq!(broken(&leader, good.clone(), None), [""; 0]);
    // A member that serves may, whatever the planner thinks of followers.
    assert_eq!(
        broken(&member(Mode::Follower, None), good.clone(), None),
        [""; 0]
    );

    let committed = "names are those of members of the committed config";
    let quorum = "clients are told of a quorum of the committed config at least";
    let mut one = good.clone();
    one.servers.retain(|server, _| *server == id(1));
    assert_eq!(broken(&leader, one, None), [quorum]);
    let stranger = names(1, &[(1, 'a'), (2, 'b'), (3, 'd')], 0);
    assert_eq!(broken(&leader, stranger, None), [committed]);
    assert_eq!(broken(&leader, names(1, &THREE, -1), None), [committed]);
    assert_eq!(broken(&leader, names(2, &THREE, 0), None), [committed]);

    let newer = "names replace what was seen, and nothing newer";
    assert_eq!(
        broken(&leader, good.clone(), Some(&names(1, &THREE, -1))),
        [newer]
    );
    let later = names(1, &THREE, 1);
    let overtaken = member(Mode::Leader, Some(later.clone()));
    assert_eq!(broken(&overtaken, good.clone(), Some(&later)), [newer]);
    assert_eq!(broken(&overtaken, good.clone(), None), [newer]);

    let down = leader.with(|snapshot, _| snapshot.server = Probe::NotServing);
    let serves = "names are published by a serving member alone";
    assert!(broken(&down, good, None).contains(&serves));
}
