//! The checker is fed plans that no planner of ours makes.

use std::collections::BTreeSet;

use jiff::ToSpan;
use zk_bootstrap::model::disk::Stuck;
use zk_bootstrap::model::fleet::InstanceState;
use zk_bootstrap::model::id::ConfigVersion;
use zk_bootstrap::model::plan::Action;
use zk_bootstrap::model::probe::{Mode, Probe};

use crate::given::{Given, THREE, address, config, given, id, noon, policy, refused, serving};

const VERSION: ConfigVersion = ConfigVersion(0x1_0000_0003);

fn leader() -> Given {
    given('a', "abc")
        .three_joined()
        .files_of(1, &THREE)
        .runs(serving(Mode::Leader, config(&THREE)))
}

fn remove(n: u8, expected: ConfigVersion) -> Vec<Action> {
    vec![Action::RemoveServers {
        servers: BTreeSet::from([id(n)]),
        expected,
    }]
}

#[test]
fn removing_a_member_that_may_live_is_refused() {
    for state in [
        InstanceState::Running,
        InstanceState::Stopped,
        InstanceState::ShuttingDown,
    ] {
        refused(
            &leader().state('b', state),
            remove(2, VERSION),
            "termination is proven",
        );
    }
}

#[test]
fn going_below_the_floor_is_refused() {
    refused(
        &leader().state('b', InstanceState::Terminated),
        remove(2, VERSION),
        "floor",
    );
}

#[test]
fn a_change_from_another_version_is_refused() {
    refused(&leader(), remove(2, ConfigVersion(1)), "version");
}

#[test]
fn giving_up_the_quorum_is_refused() {
    let lost = leader()
        .state('b', InstanceState::Terminated)
        .state('c', InstanceState::Terminated);
    refused(&lost.with(|_, p| p.floor = 1), remove(2, VERSION), "quorum");
}

#[test]
fn adding_a_server_that_has_not_synced_is_refused() {
    let joiner = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .runs(zk_bootstrap::model::probe::Probe::NotServing);
    let add = Action::AddServer {
        server: policy().server(id(4), address('d')),
        remove: None,
        expected: VERSION,
    };
    refused(&joiner, vec![add], "synced");
}

#[test]
fn an_empty_database_is_refused_to_anybody_but_the_unborn_founder() {
    let wiped = given('a', "abc").three_joined();
    refused(&wiped, vec![Action::AllowEmptyDatabase], "empty database");
    let other = given('b', "abc")
        .claim("ensemble", 'a', &[])
        .claim("2", 'b', &[]);
    refused(&other, vec![Action::AllowEmptyDatabase], "empty database");
}

#[test]
fn claiming_an_id_that_another_may_hold_is_refused() {
    let given = given('a', "abc")
        .claim("2", 'b', &[])
        .state('b', InstanceState::Stopped);
    refused(
        &given,
        vec![Action::Claim {
            claim: "2.2".parse().expect("a claim"),
            server: id(2),
        }],
        "vacant",
    );
}

#[test]
fn claiming_an_id_at_the_address_of_an_earlier_owner_is_refused() {
    let given = given('d', "bcd")
        .claim("2", 'd', &[])
        .claim_at("2.2", None, 301, &[]);
    refused(
        &given,
        vec![Action::Claim {
            claim: "2.3".parse().expect("a claim"),
            server: id(2),
        }],
        "same address",
    );
}

#[test]
fn founding_beside_a_serving_peer_is_refused() {
    let given = given('d', "abcd").peer('a', serving(Mode::Leader, config(&THREE)));
    refused(
        &given,
        vec![Action::Claim {
            claim: "ensemble".parse().expect("a claim"),
            server: id(4),
        }],
        "founded",
    );
}

#[test]
fn writing_files_under_a_running_server_is_refused() {
    refused(
        &leader(),
        vec![Action::WriteMyId { server: id(1) }],
        "server is down",
    );
}

#[test]
fn starting_with_the_data_of_an_older_generation_is_refused() {
    let given = given('a', "abc")
        .claim("1", 'a', &[])
        .claim("ensemble", 'a', &[])
        .claim("ensemble.2", 'b', &[])
        .files_of(1, &[(1, 'a')]);
    refused(&given, vec![Action::StartServer], "lineage");
}

#[test]
fn using_an_id_that_is_not_held_is_refused() {
    refused(
        &given('a', "abc").claim("1", 'b', &[]),
        vec![Action::WriteMyId { server: id(1) }],
        "holds it",
    );
}

#[test]
fn restarting_a_server_before_its_time_or_while_it_serves_is_refused() {
    let restart = || {
        let since = noon() - 10.minutes();
        let stuck = Some(Stuck { since, restarts: 1 });
        vec![Action::NoteStuck { stuck }, Action::StopServer]
    };
    refused(&leader().since(60).stuck(60, 0), restart(), "not stuck");
    let others = |given: Given| {
        given
            .peer('b', serving(Mode::Leader, config(&THREE)))
            .peer('c', serving(Mode::Follower, config(&THREE)))
    };
    let silent = || leader().runs(Probe::NotServing);
    for young in [silent().since(1).stuck(60, 0), silent().since(60)] {
        refused(&others(young), restart(), "had its time");
    }
    let old = silent().since(60).stuck(60, 0);
    let needed = others(old.clone()).peer('c', Probe::NotServing);
    refused(&needed, restart(), "could not without it");
    refused(&old, restart(), "elect beside");
}
