//! What happens to an ensemble of three while clients use it. Before and after each scenario every
//! instance is a voter and serves; that it comes back to this by itself is a part of each.

mod group;
mod partitions;

use std::time::Duration;

use serde_json::{Value, json};

use crate::trial::{PATIENCE, Trial};
use crate::world::process;
use crate::world::wait::wait_for;

/// One of them.
#[derive(Debug, Clone, Copy)]
pub struct Scenario {
    /// Its name, for `SCENARIO`.
    pub name: &'static str,
    /// More lines for the agents' configuration.
    pub settings: &'static str,
    /// Whether it needs packet filters.
    pub network: bool,
    /// What happens.
    pub run: fn(&mut Trial),
}

/// All scenarios.
pub const SCENARIOS: &[Scenario] = &[
    plain("follower terminated", follower_terminated),
    plain("leader terminated", leader_terminated),
    plain("server killed", server_killed),
    plain("all agents killed in a join", agents_killed),
    plain("agent frozen in its join", agent_frozen),
    plain("follower's server frozen", follower_frozen),
    plain("leader's server frozen", leader_frozen),
    plain("rebooted with its disk", rebooted),
    plain("disk wiped", disk_wiped),
    plain("two disks wiped", two_disks_wiped),
    plain("quorum lost", quorum_lost),
    Scenario {
        settings: "[policy]\nwhen_all_is_lost = \"refound\"\n",
        ..plain("all terminated", all_terminated)
    },
    plain("three, five, three", three_five_three),
    plain("killed in its leave", group::killed_in_its_leave),
    plain("two leave at once", group::two_leave_at_once),
    plain("refreshed", group::refreshed),
    plain("AWS lossy in a replacement", lossy_aws),
    plain("AWS empty at a loss", empty_aws),
    partition("leader cut off", partitions::leader_cut_off),
    partition("follower cut off", partitions::follower_cut_off),
    partition("leader not heard", partitions::leader_not_heard),
    partition("follower not heard", partitions::follower_not_heard),
    partition("lossy network", partitions::lossy_network),
];

const fn plain(name: &'static str, run: fn(&mut Trial)) -> Scenario {
    Scenario {
        name,
        settings: "",
        network: false,
        run,
    }
}

const fn partition(name: &'static str, run: fn(&mut Trial)) -> Scenario {
    Scenario {
        name,
        settings: "",
        network: true,
        run,
    }
}

/// When something begins.
const SOON: Duration = Duration::from_secs(2);
/// A newcomer is a voter after about as long.
const JOIN: Duration = Duration::from_secs(5);
/// A server that says nothing for 10 s, syncLimit, is out; it may come back before or after.
const SILENCE: Duration = Duration::from_secs(15);

fn follower_terminated(trial: &mut Trial) {
    let gone = trial.follower();
    trial.moment(SOON);
    trial.world.terminate(&gone);
}

fn leader_terminated(trial: &mut Trial) {
    let gone = trial.world.leader();
    trial.moment(SOON);
    trial.world.terminate(&gone);
}

fn server_killed(trial: &mut Trial) {
    let killed = trial.any();
    trial.moment(SOON);
    let before = trial.world.at(&killed).server_pid();
    trial.world.at(&killed).kill_server();
    wait_for("another process", PATIENCE, || {
        let now = trial.world.at(&killed).server_pid();
        (now.is_some() && now != before).then_some(())
    });
}

fn agents_killed(trial: &mut Trial) {
    trial.world.launch(1);
    trial.moment(JOIN);
    trial.world.instances().for_each(|each| each.kill_agent());
    trial.moment(SOON);
    trial.world.instances().for_each(|each| each.start_agent());
}

fn agent_frozen(trial: &mut Trial) {
    let newcomer = trial.world.launch(1).remove(0);
    trial.moment(JOIN);
    let agent = [trial.world.at(&newcomer).agent_pid().expect("it runs")];
    process::signal("STOP", &agent);
    trial.moment(SILENCE);
    process::signal("CONT", &agent);
}

fn follower_frozen(trial: &mut Trial) {
    let frozen = trial.follower();
    server_frozen(trial, &frozen);
}

fn leader_frozen(trial: &mut Trial) {
    let frozen = trial.world.leader();
    server_frozen(trial, &frozen);
}

fn server_frozen(trial: &mut Trial, id: &str) {
    trial.moment(SOON);
    let server = [trial.world.at(id).server_pid().expect("it runs")];
    process::signal("STOP", &server);
    trial.moment(SILENCE);
    process::signal("CONT", &server);
}

fn rebooted(trial: &mut Trial) {
    let rebooted = trial.any();
    trial.moment(SOON);
    trial.world.at(&rebooted).power_off();
    trial.moment(SOON);
    trial.world.at(&rebooted).start_agent();
}

fn disk_wiped(trial: &mut Trial) {
    let before = trial.world.ensemble();
    let wiped = trial.any();
    trial.moment(SOON);
    trial.world.at(&wiped).power_off();
    trial.world.at(&wiped).wipe();
    trial.world.at(&wiped).start_agent();
    assert_eq!(Some(trial.settle()), before, "it is the voter that it was");
}

/// Who is left recovers the ensemble with its data: an emptied disk counts as gone.
fn two_disks_wiped(trial: &mut Trial) {
    let wiped = trial.two();
    trial.power_off(&wiped);
    for id in &wiped {
        trial.world.at(id).wipe();
    }
    for id in &wiped {
        trial.moment(SOON);
        trial.world.at(id).start_agent();
    }
    trial.settle();
    assert_generation(trial, 2);
}

fn quorum_lost(trial: &mut Trial) {
    let gone = trial.two();
    trial.power_off(&gone);
    for id in &gone {
        trial.moment(SOON);
        trial.world.terminate(id);
    }
    trial.settle();
    assert_generation(trial, 2);
}

/// The only scenario in which acknowledged writes may be lost: the settings say so.
fn all_terminated(trial: &mut Trial) {
    trial.moment(SOON);
    let gone = trial.world.ids();
    trial.world.instances().for_each(|each| each.power_off());
    trial.declare_lost();
    for id in &gone {
        trial.world.terminate(id);
    }
    trial.world.await_ensemble(PATIENCE);
    assert_generation(trial, 2);
    trial.start_clients();
}

fn three_five_three(trial: &mut Trial) {
    trial.world.launch(2);
    trial.settle();
    trial.moment(SOON);
    trial.world.scale(3);
    assert_eq!(trial.settle().voters.len(), 3);
}

fn lossy_aws(trial: &mut Trial) {
    for (kind, probability) in [
        ("throttle", 0.2),
        ("lost_reply", 0.1),
        ("http500", 0.1),
        ("reset", 0.1),
    ] {
        trial.fault(json!({ "probability": probability }), kind);
    }
    let gone = trial.any();
    trial.moment(SOON);
    trial.world.terminate(&gone);
    trial.settle();
    trial.no_faults();
}

/// While EC2 and the group say that there is nobody, nobody is removed.
fn empty_aws(trial: &mut Trial) {
    let before = trial.world.ensemble().expect("an ensemble");
    for service in ["ec2", "autoscaling"] {
        trial.fault(json!({ "service": service }), "empty");
    }
    let gone = trial.any();
    let other = trial.world.ids().into_iter().find(|id| *id != gone);
    trial.moment(SOON);
    trial.world.terminate(&gone);
    trial.moment(SILENCE);
    trial.await_writes();
    let other = trial.world.at(&other.expect("two are left")).address;
    let now = wait_for("the config", PATIENCE, || {
        crate::world::client::Client::connect(&[other])
            .ok()?
            .config()
            .ok()
    });
    assert_eq!(now, before);
    trial.no_faults();
}

/// Whose data this is: each generation has a marker in the register.
fn assert_generation(trial: &mut Trial, generation: u32) {
    let streams = trial.world.cloud.tell("streams", json!({}))["/zookeeper/zk"].take();
    let begun = |generation: u32| streams[format!("ensemble.{generation}")] != Value::Null;
    assert!(begun(generation) && !begun(generation + 1), "{streams}");
}
