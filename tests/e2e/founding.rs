//! From nothing to an ensemble, and its growth.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::stage::{LATE, SOON, image, image_of_3_9_5, looks, world, world_of};
use crate::world::World;
use crate::world::instance::Image;
use crate::world::wait::wait_for;

#[test]
fn three_instances_started_at_once_become_one_ensemble() {
    founding("127.41.1", image());
}

#[test]
fn three_instances_with_zookeeper_3_9_5_become_one_ensemble() {
    founding("127.41.2", image_of_3_9_5());
}

fn founding(net: &str, image: Image) {
    let mut world = world_of(net, 3, image);
    let writer = world.writer();
    let first = wait_for("every server to start", SOON, || servers(&mut world));
    let config = world.await_ensemble(SOON);
    writer.await_more(20, SOON);
    world.assert_nothing_lost(&writer.finish());
    let tags = wait_for("the tags of every instance", SOON, || tags(&mut world));
    let ids: BTreeSet<u8> = config.voters.into_keys().collect();
    assert_eq!(tags, ids, "each instance is tagged with its server id");
    let last = servers(&mut world);
    assert_eq!(last, Some(first), "no server was stopped on the way");
}

/// The processes of the servers, once there is one on each instance.
fn servers(world: &mut World) -> Option<Vec<u32>> {
    let processes = world.instances().map(|instance| instance.server_pid());
    processes.collect()
}

/// The server ids in the instances' tags, once all of them are tagged as finished.
fn tags(world: &mut World) -> Option<BTreeSet<u8>> {
    let answer = world.cloud.tell("instances", json!({}));
    let instances = answer["instances"].as_array().expect("instances");
    let id = |instance: &Value| {
        let tags = &instance["tags"];
        let finished: jiff::Timestamp = tags["bootstrap_finished_time"].as_str()?.parse().ok()?;
        assert!(finished > jiff::Timestamp::UNIX_EPOCH);
        tags["zookeeper_id"].as_str()?.parse().ok()
    };
    instances.iter().map(id).collect()
}

#[test]
fn instances_that_come_one_after_the_other_become_one_ensemble() {
    let mut world = world("127.41.3", 0);
    let first = world.launch(1).remove(0);
    wait_for("the first one's server to start", SOON, || {
        world.at(&first).server_pid()
    });
    world.launch(1);
    wait_for("the first one's server to serve", SOON, || {
        world.at(&first).mode()
    });
    let writer = world.writer();
    writer.await_more(1, SOON);
    world.launch(1);
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    world.assert_nothing_lost(&writer.finish());
}

#[test]
fn an_ensemble_of_three_grows_to_four_with_an_observer_and_to_five_voters() {
    let mut world = world("127.41.4", 3);
    let writer = world.writer();
    let three = world.await_ensemble(SOON);
    world.launch(1);
    let four = world.await_ensemble(SOON);
    world.launch(1);
    let five = world.await_ensemble(SOON);
    for (before, after) in [(&three, &four), (&four, &five)] {
        assert!(after.version > before.version);
        let kept = |id: &u8| after.voters.get(id) == before.voters.get(id);
        assert!(before.voters.keys().all(kept), "{before:?} {after:?}");
    }
    let counts = [&three, &four, &five].map(|c| (c.voters.len(), c.observers.len()));
    assert_eq!(counts, [(3, 0), (3, 1), (5, 0)]);
    let (id, address) = four.observers.first_key_value().expect("an observer");
    assert_eq!(five.voters.get(id), Some(address), "it keeps its id");
    writer.await_more(20, SOON);
    world.assert_nothing_lost(&writer.finish());
}

#[test]
fn a_newcomer_that_reaches_nobody_founds_no_second_ensemble() {
    let mut world = world("127.41.6", 3);
    let writer = world.writer();
    let before = world.await_ensemble(SOON);
    writer.await_more(20, SOON);
    world.instances().for_each(|each| each.freeze());
    let newcomer = world.launch(1).remove(0);
    looks(&mut world, &newcomer, 5);
    assert_eq!(world.at(&newcomer).mode(), None, "{}", world.describe());
    world.instances().for_each(|each| each.thaw());
    let after = world.await_ensemble(SOON);
    let kept = |id: &u8| after.voters.get(id) == before.voters.get(id);
    assert!(before.voters.keys().all(kept), "{before:?} {after:?}");
    writer.await_more(20, SOON);
    world.assert_nothing_lost(&writer.finish());
}

#[test]
fn nine_instances_at_once_get_nine_ids_and_become_one_ensemble() {
    let mut world = world("127.41.7", 9);
    let writer = world.writer();
    let config = world.await_ensemble(LATE);
    assert_eq!((config.voters.len(), config.observers.len()), (5, 4));
    writer.await_more(20, SOON);
    world.assert_nothing_lost(&writer.finish());
    let calls = world.cloud.calls();
    let creates = world
        .ids()
        .into_iter()
        .map(|id| calls[&id]["logs:CreateLogStream"].as_u64());
    let creates: u64 = creates.flatten().sum();
    assert!(
        creates <= 9 * 3 + 9,
        "{creates} streams were tried for 9 claims and one marker"
    );
}
