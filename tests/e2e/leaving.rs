//! Instances that come and go by the group's hooks: nothing that was acknowledged is lost, and the
//! agents tell the group when to go on.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{GROUP, LATE, SOON, Stage, image, image_with, looks, world, world_of};
use crate::world::World;
use crate::world::client::{Client, Config};
use crate::world::group::{Outcome, Transition};
use crate::world::instance::Image;
use crate::world::wait::wait_for;

/// No hook times out within a test: whoever goes on was completed.
const HEARTBEAT: Duration = Duration::from_secs(600);
/// Well below the time after which followers give up a leader that falls silent (10 s).
const LONGEST_GAP: Duration = Duration::from_secs(5);

fn put_hook(world: &mut World, name: &str, transition: Transition) {
    let outcome = match transition {
        Transition::Launching => Outcome::Abandon,
        Transition::Terminating => Outcome::Continue,
    };
    world.cloud.put_hook(name, transition, HEARTBEAT, outcome);
}

/// A world whose group holds whoever is to be terminated.
fn held_at_the_end(net: &str, size: usize) -> Stage {
    let mut world = world(net, size);
    put_hook(&mut world, "leave", Transition::Terminating);
    world
}

/// The config as the servers of these instances tell it.
fn config(world: &mut World, ids: &[String]) -> Config {
    let addresses: Vec<_> = ids.iter().map(|id| world.at(id).address).collect();
    // Between two leaders nobody tells.
    let told = || Client::connect(&addresses).and_then(|client| client.config());
    wait_for("a config", SOON, || told().ok())
}

/// How often an instance's agent has made this call.
fn calls(world: &mut World, id: &str, call: &str) -> u64 {
    world.cloud.calls()[id][call].as_u64().unwrap_or_default()
}

/// Waits until the group no longer waits for an instance that is to be terminated; by then its
/// server is no member.
fn await_leave(world: &mut World, id: &str) {
    let address = world.at(id).address;
    world.await_that("the hook to be completed", SOON, |world| {
        let lifecycle = world.member(id).lifecycle;
        (lifecycle.as_deref() != Some("Terminating:Wait")).then_some(())
    });
    let ids = world.ids();
    let others: Vec<String> = ids.into_iter().filter(|each| each != id).collect();
    let voters = config(world, &others).addresses();
    assert!(!voters.contains(&address), "{voters:?}");
    assert_eq!(calls(world, id, "autoscaling:CompleteLifecycleAction"), 1);
    world.await_lifecycle(id, None, SOON);
}

/// The streams of the register in which a server's leaving is noted.
fn left(world: &mut World) -> BTreeSet<String> {
    let streams = world.cloud.tell("streams", json!({}))[GROUP].take();
    let streams = streams.as_object().expect("streams");
    let tells = |events: &Value| events.to_string().contains(r#"\"event\":\"left\""#);
    let left = streams
        .iter()
        .filter(|(_, stream)| tells(&stream["events"]));
    left.map(|(name, _)| name.clone()).collect()
}

#[test]
fn a_newcomer_goes_into_service_only_as_a_member() {
    let mut world = world("127.46.1", 3);
    let writer = world.writer();
    world.await_ensemble(SOON);
    put_hook(&mut world, "launch", Transition::Launching);
    let followers = world.followers();
    for id in &followers {
        world.at(id).freeze();
    }
    let newcomer = world.launch(1).remove(0);
    looks(&mut world, &newcomer, 8);
    let lifecycle = world.member(&newcomer).lifecycle;
    assert_eq!(lifecycle.as_deref(), Some("Pending:Wait"));
    let beats = calls(
        &mut world,
        &newcomer,
        "autoscaling:RecordLifecycleActionHeartbeat",
    );
    assert!(beats >= 1, "it says that it takes longer");
    for id in &followers {
        world.at(id).thaw();
    }
    world.await_lifecycle(&newcomer, Some("InService"), LATE);
    let address = world.at(&newcomer).address;
    let members = config(&mut world, std::slice::from_ref(&newcomer)).members();
    assert!(members.contains(&address), "{members:?}");
    let config = world.await_ensemble(SOON);
    assert_eq!((config.voters.len(), config.observers.len()), (3, 1));
    writer.await_more(20, SOON);
    world.assert_nothing_lost(&writer.finish());
}

#[test]
fn a_group_that_scales_in_spares_the_protected_and_the_other_server_leaves_first() {
    let image = image_with("[policy]\nprotect_voters = false\n");
    let mut world = world_of("127.46.2", 4, image);
    put_hook(&mut world, "leave", Transition::Terminating);
    let writer = world.writer();
    world.await_ensemble(SOON);
    let follower = world.followers().remove(0);
    let ids = world.ids().into_iter();
    let kept: Vec<String> = ids.filter(|id| *id != follower).collect();
    for id in &kept {
        world.cloud.protect(id, true);
    }
    writer.await_more(20, SOON);
    writer.new_act();
    world.scale(3);
    await_leave(&mut world, &follower);
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    assert_eq!(world.ids(), kept);
    assert_eq!(left(&mut world).len(), 1);
    writer.await_more(20, SOON);
    let written = writer.finish();
    assert!(written.longest_gap < LONGEST_GAP, "{written:?}");
    world.assert_nothing_lost(&written);
}

#[test]
fn a_leader_that_is_to_go_hands_over_first() {
    let mut world = held_at_the_end("127.46.3", 5);
    let writer = world.writer();
    world.await_ensemble(SOON);
    let leader = world.leader();
    writer.await_more(20, SOON);
    writer.new_act();
    world.dismiss(&leader);
    await_leave(&mut world, &leader);
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    writer.await_more(20, SOON);
    let written = writer.finish();
    assert!(written.longest_gap < LONGEST_GAP, "{written:?}");
    world.assert_nothing_lost(&written);
}

/// Asserts that of the voters by the config a quorum is alive now.
fn assert_quorum(world: &mut World) {
    let addresses = world.addresses();
    let told = Client::connect(&addresses).and_then(|client| client.config());
    // Between two leaders nobody tells.
    let Ok(config) = told else { return };
    let voters = config.addresses();
    let living = world.instances().filter(|each| each.server_pid().is_some());
    let living = living.filter(|each| voters.contains(&each.address)).count();
    assert!(living > voters.len() / 2, "{living} of {voters:?} live");
}

/// A group of three whose instances are all replaced by an instance refresh, while a client writes;
/// the new ones are of `next`.
pub fn refreshed(net: &str, next: Image) -> Stage {
    let mut world = held_at_the_end(net, 3);
    let writer = world.writer();
    let old = world.ids();
    world.await_ensemble(SOON);
    put_hook(&mut world, "launch", Transition::Launching);
    writer.await_more(20, SOON);
    writer.new_act();
    world.image = next;
    world.cloud.refresh(json!({}));
    world.await_that("the refresh", 2 * LATE, |world| {
        assert_quorum(world);
        (world.cloud.refresh_status() == "Successful").then_some(())
    });
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    let ids = world.ids().into_iter();
    let kept: Vec<String> = ids.filter(|id| old.contains(id)).collect();
    assert!(kept.is_empty(), "{kept:?} are still there");
    assert_eq!(left(&mut world).len(), 3);
    writer.await_more(20, SOON);
    let written = writer.finish();
    assert!(written.longest_gap < LONGEST_GAP, "{written:?}");
    world.assert_nothing_lost(&written);
    world
}

#[test]
fn a_refresh_of_all_instances_is_paced_by_the_ensemble_and_loses_nothing() {
    refreshed("127.46.4", image());
}

#[test]
fn who_cannot_be_spared_stays_and_says_so_until_it_can_be() {
    let mut world = world("127.46.5", 3);
    // The shortest that a hook can have: unheard, it would be over in half a minute.
    let leave = Transition::Terminating;
    let shortest = Duration::from_secs(30);
    world
        .cloud
        .put_hook("leave", leave, shortest, Outcome::Continue);
    let writer = world.writer();
    world.await_ensemble(SOON);
    let [silent, leaver] = <[String; 2]>::try_from(world.followers()).expect("two followers");
    world.at(&silent).freeze();
    world.dismiss(&leaver);
    let address = world.at(&silent).address.to_string();
    let named = [
        "situation: leaving the ensemble",
        "waiting for the others to be able to spare this server, for ",
        "without a quorum of server ",
        &address,
        "warning: the group terminates this instance",
    ];
    // That heartbeats are sent, only the daemon knows: a dry run would send one, too.
    world.await_that("the reason in the dry run", SOON, |world| {
        let output = world.at(&leaver).run(&["--dry-run"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        named.iter().all(|part| said.contains(part)).then_some(())
    });
    world.await_that("heartbeats", SOON, |world| {
        let beats = calls(world, &leaver, "autoscaling:RecordLifecycleActionHeartbeat");
        (beats >= 4).then_some(())
    });
    let lifecycle = world.member(&leaver).lifecycle;
    assert_eq!(lifecycle.as_deref(), Some("Terminating:Wait"));
    assert!(world.at(&leaver).mode().is_some(), "it serves on");
    world.at(&silent).thaw();
    await_leave(&mut world, &leaver);
    assert_eq!(world.await_ensemble(SOON).voters.len(), 2);
    writer.await_more(20, SOON);
    world.assert_nothing_lost(&writer.finish());
}

/// Waits until the group may choose none of these instances, or each of them.
fn await_protection(world: &mut World, ids: &[String], protected: bool) {
    world.await_that("the protection from scale-in", LATE, |world| {
        let mut members = ids.iter().map(|id| world.member(id));
        members.all(|m| m.protected == protected).then_some(())
    });
}

#[test]
fn a_group_that_would_scale_in_waits_while_no_voter_can_be_spared() {
    let mut world = held_at_the_end("127.46.7", 3);
    let writer = world.writer();
    world.await_ensemble(SOON);
    let ids = world.ids();
    let silent = world.followers().remove(0);
    await_protection(&mut world, &ids, false);
    world.at(&silent).freeze();
    await_protection(&mut world, &ids, true);
    world.scale(2);
    let leader = world.leader();
    looks(&mut world, &leader, 8);
    for id in &ids {
        let lifecycle = world.member(id).lifecycle;
        assert_eq!(lifecycle.as_deref(), Some("InService"));
    }
    world.at(&silent).thaw();
    world.await_that("the group to scale in", LATE, |world| {
        (world.ids().len() == 2).then_some(())
    });
    assert_eq!(world.await_ensemble(SOON).voters.len(), 2);
    assert_eq!(left(&mut world).len(), 1);
    writer.await_more(20, SOON);
    world.assert_nothing_lost(&writer.finish());
}

#[test]
fn a_spot_notice_makes_a_server_leave_and_a_recommendation_does_not() {
    let mut world = world("127.46.6", 3);
    let writer = world.writer();
    let before = world.await_ensemble(SOON);
    let leader = world.leader();
    world.cloud.notify_rebalance(&leader);
    looks(&mut world, &leader, 5);
    assert_eq!(world.await_ensemble(SOON), before);
    world.cloud.notify_spot(&leader);
    world.await_that("the server to leave", SOON, |world| {
        world.at(&leader).server_pid().is_none().then_some(())
    });
    let followers = world.followers();
    assert_eq!(config(&mut world, &followers).voters.len(), 2);
    world.terminate(&leader);
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    writer.await_more(20, SOON);
    world.assert_nothing_lost(&writer.finish());
}
