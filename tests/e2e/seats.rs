//! Voters, observers and zones.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::time::Duration;

use crate::stage::{SOON, image, image_of_3_9_5, world_of};
use crate::world::World;
use crate::world::client::{Client, Config};
use crate::world::instance::Image;

/// A follower is lost, and voters change places: nobody waits for an election.
const LONGEST_GAP: Duration = Duration::from_secs(8);

#[test]
fn an_observer_takes_the_place_of_a_lost_voter_and_gives_it_back_to_the_lost_ones_zone() {
    voters_in_three_zones("127.49.1", image());
}

#[test]
fn with_zookeeper_3_9_5_it_does_too() {
    voters_in_three_zones("127.49.2", image_of_3_9_5());
}

/// Four instances, two of them in one zone; the voter of another zone is terminated, and its
/// replacement is slow to boot.
fn voters_in_three_zones(net: &str, image: Image) {
    let mut world = world_of(net, 4, image);
    let writer = world.writer();
    let before = await_a_voter_in_each_zone(&mut world);
    writer.await_more(20, SOON);
    writer.new_act();
    let (_, observer) = before.observers.first_key_value().expect("an observer");
    let shared = zone_of(&mut world, *observer);
    let mut followers = world.followers().into_iter();
    let alone = followers.find(|id| world.member(id).zone != shared);
    let gone = alone.expect("of two, one is in another zone");
    let replacement = world.terminate_without_boot(&gone);
    let address = world.at(&replacement).address;
    let living: BTreeSet<Ipv4Addr> = world
        .addresses()
        .into_iter()
        .filter(|a| *a != address)
        .collect();
    let promoted = world.await_that("the observer to vote", SOON, |world| {
        let config = config(world)?;
        (config.addresses() == living).then_some(config)
    });
    assert!(promoted.addresses().contains(observer), "{promoted:?}");
    assert_eq!(promoted.members(), living, "{promoted:?}");
    writer.await_more(20, SOON);
    world.at(&replacement).start_agent();
    let after = await_a_voter_in_each_zone(&mut world);
    assert!(after.addresses().contains(&address), "{after:?}");
    writer.await_more(20, SOON);
    let written = writer.finish();
    assert!(written.longest_gap < LONGEST_GAP, "{written:?}");
    world.assert_nothing_lost(&written);
}

/// Waits until three of the four vote, no two of them in one zone.
fn await_a_voter_in_each_zone(world: &mut World) -> Config {
    world.await_that("a voter in each zone", SOON, |world| {
        let config = world.ensemble()?;
        let voters = config.addresses().into_iter();
        let zones: BTreeSet<String> = voters.map(|address| zone_of(world, address)).collect();
        assert_eq!(config.observers.len(), 1, "{config:?}");
        (zones.len() == 3).then_some(config)
    })
}

fn config(world: &World) -> Option<Config> {
    Client::connect(&world.addresses()).ok()?.config().ok()
}

fn zone_of(world: &mut World, address: Ipv4Addr) -> String {
    let mut listed = world.cloud.listed().into_iter();
    let lives = listed.find(|each| each.address == address && each.lifecycle.is_some());
    lives.expect("an instance of the group").zone
}
