//! Instances come and go.

use std::time::Duration;

use crate::stage::{SOON, image, image_of_3_9_5, world, world_of};
use crate::world::instance::Image;

/// Writes may pause this long while a leader is lost: an election, on a busy machine.
const ELECTION: Duration = Duration::from_secs(8);

#[test]
fn a_terminated_follower_and_then_the_leader_are_replaced_and_nothing_is_lost() {
    replacement("127.42.1", image());
}

#[test]
fn with_zookeeper_3_9_5_they_are_replaced_too() {
    replacement("127.42.2", image_of_3_9_5());
}

fn replacement(net: &str, image: Image) {
    let mut world = world_of(net, 3, image);
    let writer = world.writer();
    world.await_ensemble(SOON);
    writer.await_more(20, SOON);
    writer.new_act();
    let follower = world.followers().remove(0);
    world.terminate(&follower);
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    let leader = world.leader();
    world.terminate(&leader);
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    writer.await_more(20, SOON);
    let written = writer.finish();
    assert!(written.longest_gap < ELECTION, "{:?}", written.longest_gap);
    world.assert_nothing_lost(&written);
}

#[test]
fn a_terminated_voter_that_nobody_replaces_is_pruned_above_the_floor() {
    let mut world = world("127.42.3", 5);
    let writer = world.writer();
    world.await_ensemble(SOON);
    let follower = world.followers().remove(0);
    world.shrink(&follower);
    // Of the four that are left, one too many votes, and steps down.
    let config = world.await_ensemble(SOON);
    assert_eq!((config.voters.len(), config.observers.len()), (3, 1));
    writer.await_more(20, SOON);
    world.assert_nothing_lost(&writer.finish());
}
