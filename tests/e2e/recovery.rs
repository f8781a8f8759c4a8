//! A quorum that is lost for good, and what only looks like it.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};

use crate::stage::{
    GROUP, LATE, SOON, image, image_of_3_9_5, image_with, impatient, let_graces_pass, looks,
    waits_for, world, world_of,
};
use crate::world::World;
use crate::world::client::{Client, Config};
use crate::world::instance::Image;
use crate::world::wait::{wait_for, within};
use crate::world::writer::{PARENT, Writer, Written};

/// Terminates these at the same time; their replacements have not booted yet.
fn lose(world: &mut World, ids: &[&String]) -> Vec<String> {
    for id in ids {
        world.at(id).power_off();
    }
    let replaced = ids.iter().map(|id| world.terminate_without_boot(id));
    replaced.collect()
}

fn boot(world: &mut World, ids: &[String]) {
    for id in ids {
        world.at(id).start_agent();
    }
}

/// Leaves one follower of three, which has every acknowledged write: the other one goes first, so
/// that it alone acknowledges to the leader. Returns it, and the replacements.
fn lose_two_of_three(world: &mut World, writer: &Writer) -> (String, Vec<String>) {
    let [other, survivor] = <[String; 2]>::try_from(world.followers()).expect("two followers");
    let leader = world.leader();
    writer.await_more(20, SOON);
    let mut replacements = lose(world, &[&other]);
    writer.await_more(20, SOON);
    writer.new_act();
    replacements.extend(lose(world, &[&leader]));
    (survivor, replacements)
}

/// Finishes, and asserts that nothing is lost and that no server has what another has not.
fn assert_all_is_well(world: &World, writer: Writer) -> Written {
    writer.await_more(20, SOON);
    let written = writer.finish();
    world.assert_nothing_lost(&written);
    let trees: BTreeSet<Vec<BTreeSet<String>>> = world.addresses().into_iter().map(tree).collect();
    let sizes: Vec<Vec<usize>> = trees
        .iter()
        .map(|t| t.iter().map(BTreeSet::len).collect())
        .collect();
    assert_eq!(trees.len(), 1, "servers differ: {sizes:?} znodes");
    written
}

fn tree(server: std::net::Ipv4Addr) -> Vec<BTreeSet<String>> {
    let client = Client::connect(&[server]).expect("it serves");
    let paths = ["/", PARENT].into_iter();
    paths
        .map(|path| client.children(path).expect("readable"))
        .collect()
}

fn said(world: &mut World, event: &str) -> usize {
    let streams = world.cloud.tell("streams", json!({}))[GROUP].take();
    let streams = streams.as_object().expect("streams").values();
    let events = streams.flat_map(|s| s["events"].as_array().expect("events").clone());
    let of_kind = |e: &Value| {
        let line: Value = serde_json::from_str(e["message"].as_str()?).ok()?;
        (line["event"] == event).then_some(())
    };
    events.filter_map(|e| of_kind(&e)).count()
}

#[test]
fn the_last_one_of_three_begins_anew_with_everything_that_was_acknowledged() {
    one_of_three("127.44.11", image());
}

#[test]
fn the_last_one_of_three_begins_anew_with_zookeeper_3_9_5_too() {
    one_of_three("127.44.12", image_of_3_9_5());
}

/// An even number of voters, of which two are no quorum.
fn of_four_voters(image: Image) -> Image {
    let settings = image.settings.clone() + "[policy]\nfloor = 4\n";
    Image { settings, ..image }
}

fn one_of_three(net: &str, image: Image) {
    let mut world = world_of(net, 3, image);
    let writer = world.writer();
    let before = world.await_ensemble(SOON);
    let (survivor, replacements) = lose_two_of_three(&mut world, &writer);
    boot(&mut world, &replacements);
    writer.await_more(1, SOON);
    let gap = writer.so_far().longest_gap.as_secs_f64();
    println!("one of three: acknowledged writes again after {gap:.1} s");
    let after = world.await_ensemble(SOON);
    assert_eq!(after.voters.len(), 3);
    let address = world.at(&survivor).address;
    let id = |config: &Config| config.voters.iter().find(|v| *v.1 == address).map(|v| *v.0);
    assert_eq!(id(&after), id(&before), "the survivor keeps its id");
    assert_all_is_well(&world, writer);
}

/// One survivor was down while the others went on, through an election: its history ends in an
/// older epoch.
#[test]
fn of_two_survivors_of_five_the_more_advanced_leads_and_all_servers_agree() {
    let mut world = world("127.44.13", 5);
    let writer = world.writer();
    world.await_ensemble(SOON);
    writer.await_more(20, SOON);
    let first_leader = world.leader();
    let lagging = world.followers().remove(0);
    world.at(&lagging).power_off();
    writer.await_more(50, SOON);
    let mut replacements = lose(&mut world, &[&first_leader]);
    // Three are left of five: each write that is acknowledged from here on is on all of them.
    writer.await_more(50, SOON);
    let second_leader = world.leader();
    let [gone, advanced] = <[String; 2]>::try_from(world.followers()).expect("two followers");
    writer.new_act();
    replacements.extend(lose(&mut world, &[&gone, &second_leader]));
    boot(&mut world, &replacements);
    waits_for(&mut world, &advanced, &["every survivor", &lagging]);
    assert_eq!(said(&mut world, "testified"), 1, "the other one is down");
    world.at(&lagging).start_agent();
    writer.await_more(1, SOON);
    assert_eq!(world.leader(), advanced);
    assert_eq!(world.await_ensemble(SOON).voters.len(), 5);
    assert_all_is_well(&world, writer);
}

#[test]
fn a_survivor_without_its_agent_is_waited_for_by_name() {
    let mut world = world_of("127.44.14", 4, of_four_voters(image()));
    let writer = world.writer();
    world.await_ensemble(SOON);
    let leader = world.leader();
    let [gone, silent, other] =
        <[String; 3]>::try_from(world.followers()).expect("three followers");
    writer.await_more(20, SOON);
    world.at(&silent).kill_agent();
    let mut replacements = lose(&mut world, &[&gone]);
    writer.await_more(20, SOON);
    replacements.extend(lose(&mut world, &[&leader]));
    boot(&mut world, &replacements);
    waits_for(&mut world, &other, &["every survivor", &silent]);
    let server = world.at(&other).server_pid();
    assert!(server.is_some());
    looks(&mut world, &other, 5);
    assert_eq!(world.at(&other).server_pid(), server, "it is not stopped");
    assert_eq!(said(&mut world, "testified"), 1);
    world.at(&silent).start_agent();
    assert_eq!(world.await_ensemble(SOON).voters.len(), 4);
    assert_all_is_well(&world, writer);
}

#[test]
fn members_that_are_stopped_or_frozen_are_waited_for_and_nobody_recovers() {
    let mut world = world("127.44.15", 3);
    let writer = world.writer();
    let before = world.await_ensemble(SOON);
    let leader = world.leader();
    let [one, other] = <[String; 2]>::try_from(world.followers()).expect("two followers");
    for id in [&leader, &one] {
        world.at(id).power_off();
        world.cloud.tell("stop_instance", json!({ "instance": id }));
    }
    waits_for(&mut world, &other, &["a quorum", &leader, &one]);
    let server = world.at(&other).server_pid();
    looks(&mut world, &other, 5);
    assert_eq!(world.at(&other).server_pid(), server);
    for id in [&leader, &one] {
        world
            .cloud
            .tell("start_instance", json!({ "instance": id }));
        world.at(id).start_agent();
    }
    assert_eq!(world.await_ensemble(SOON), before);
    writer.await_more(20, SOON);

    let leader = world.leader();
    let [one, other] = <[String; 2]>::try_from(world.followers()).expect("two followers");
    for id in [&leader, &one] {
        world.at(id).freeze();
    }
    waits_for(&mut world, &other, &["a quorum", &leader, &one]);
    looks(&mut world, &other, 5);
    for id in [&leader, &one] {
        world.at(id).thaw();
    }
    assert_eq!(world.await_ensemble(SOON), before);
    assert_eq!(said(&mut world, "testified"), 0);
    assert_all_is_well(&world, writer);
}

/// Agents are killed at any moment of a recovery, which takes a few seconds.
const RECOVERY: Duration = Duration::from_secs(4);
const KILLS: u32 = 3;

#[test]
fn survivors_that_are_killed_or_rebooted_at_random_moments_of_a_recovery_finish_it() {
    // Killed between the marker and its record: it is nobody's, for its grace.
    let mut world = world_of("127.44.16", 4, of_four_voters(impatient()));
    let writer = world.writer();
    for round in 0..3 {
        println!("round {round}");
        let mut moments = fastrand::Rng::with_seed(round);
        world.await_ensemble(SOON);
        let leader = world.leader();
        let [gone, one, other] =
            <[String; 3]>::try_from(world.followers()).expect("three followers");
        writer.await_more(20, SOON);
        let mut replacements = lose(&mut world, &[&gone]);
        writer.await_more(20, SOON);
        replacements.extend(lose(&mut world, &[&leader]));
        boot(&mut world, &replacements);
        for _ in 0..KILLS {
            std::thread::sleep(RECOVERY.mul_f64(moments.f64()) / KILLS);
            for id in [&one, &other] {
                if moments.bool() {
                    world.at(id).kill_agent();
                    world.at(id).start_agent();
                } else if moments.bool() {
                    world.reboot(id);
                }
            }
        }
        within(LATE, || {
            let_graces_pass(&mut world);
            world.ensemble()
        });
        assert_eq!(world.await_ensemble(SOON).voters.len(), 4);
    }
    assert_all_is_well(&world, writer);
}

/// No writer while it begins: what it alone acknowledges goes with it.
#[test]
fn a_survivor_that_is_terminated_while_it_begins_anew_is_succeeded_by_the_other() {
    let mut world = world_of("127.44.19", 4, of_four_voters(image()));
    let writer = world.writer();
    world.await_ensemble(SOON);
    let leader = world.leader();
    let gone = world.followers().remove(0);
    writer.await_more(20, SOON);
    let mut replacements = lose(&mut world, &[&gone]);
    writer.await_more(20, SOON);
    let written = writer.finish();
    replacements.extend(lose(&mut world, &[&leader]));
    let chosen = wait_for("the next generation's marker", SOON, || {
        let streams = world.cloud.tell("streams", json!({}))[GROUP].take();
        let record = streams["ensemble.2"]["events"][0]["message"].as_str()?;
        let record: Value = serde_json::from_str(record).expect("JSON");
        Some(record["instance"].as_str()?.to_owned())
    });
    replacements.extend(lose(&mut world, &[&chosen]));
    boot(&mut world, &replacements);
    assert_eq!(world.await_ensemble(SOON).voters.len(), 4);
    world.assert_nothing_lost(&written);
    assert_all_is_well(&world, world.writer());
}

#[test]
fn with_manual_recovery_nothing_begins_before_an_operator_allows_it() {
    let image = image_with("[policy]\nrecovery = \"manual\"\n");
    let mut world = world_of("127.44.17", 3, image);
    let writer = world.writer();
    world.await_ensemble(SOON);
    let three = world.ids();
    let (survivor, replacements) = lose_two_of_three(&mut world, &writer);
    boot(&mut world, &replacements);
    waits_for(&mut world, &survivor, &["manual", &survivor]);
    // The operator has slept for an hour: EC2 lists the lost no more, and the agent is another process.
    for lost in three.iter().filter(|id| **id != survivor) {
        world.cloud.tell("forget", json!({ "instance": lost }));
    }
    world.at(&survivor).kill_agent();
    world.at(&survivor).start_agent();
    waits_for(
        &mut world,
        &survivor,
        &["lists", "no proof of its end before"],
    );
    for stream in world.cloud.tell("streams", json!({}))[GROUP]
        .as_object()
        .expect("streams")
        .keys()
    {
        let older = json!({ "group": GROUP, "stream": stream, "seconds": 4 * 3600 });
        world.cloud.tell("age_stream", older);
    }
    waits_for(&mut world, &survivor, &["manual", &survivor]);
    looks(&mut world, &survivor, 5);
    let modes = world
        .addresses()
        .into_iter()
        .map(crate::world::client::mode);
    assert_eq!(modes.flatten().next(), None);
    let shown = world.at(&survivor).run(&["recover"]);
    let text = String::from_utf8_lossy(&shown.stdout);
    assert_eq!(
        shown.status.code(),
        Some(3),
        "nobody is asked without a terminal: {text}"
    );
    assert!(text.contains("would begin generation 2 with it"), "{text}");
    let given = world.at(&survivor).run(&["recover", "--yes"]);
    assert_eq!(given.status.code(), Some(0), "{given:?}");
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    assert_all_is_well(&world, writer);
}

#[test]
fn when_all_is_lost_newcomers_wait_or_found_anew_as_they_are_told() {
    let wait = image_with("[policy]\nwhen_all_is_lost = \"wait\"\n");
    let mut world = world_of("127.44.18", 3, wait);
    let writer = world.writer();
    world.await_ensemble(SOON);
    writer.await_more(20, SOON);
    let lost = world.ids();
    let newcomers = lose(&mut world, &lost.iter().collect::<Vec<_>>());
    assert!(!writer.finish().acknowledged.is_empty());
    boot(&mut world, &newcomers);
    for id in &newcomers {
        waits_for(&mut world, id, &["terminated", "refound"]);
    }
    looks(&mut world, &newcomers[0], 5);
    assert!(
        newcomers
            .iter()
            .all(|id| world.at(id).server_pid().is_none())
    );
    for each in world.instances() {
        each.stop_agent();
        each.set(
            "when_all_is_lost = \"wait\"",
            "when_all_is_lost = \"refound\"",
        );
        each.start_agent();
    }
    let writer = world.writer();
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    let streams = world.cloud.tell("streams", json!({}))[GROUP].take();
    assert!(streams["ensemble.2"].is_object(), "{streams}");
    assert!(streams["ensemble.3"].is_null(), "{streams}");
    assert_all_is_well(&world, writer);
}
