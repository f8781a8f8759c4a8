//! Who votes: an observer that takes the seat of a lost voter, and a zone that has too many then.

use std::net::Ipv4Addr;

use crate::recorder::{deserted, record, run_until};
use crate::world::World;
use crate::world::client::{Client, Config};
use crate::world::instance::SECRET;

/// Four instances in three zones. The voter that is lost is neither the leader nor of the zone that
/// has two, one of whose servers is the observer.
#[test]
#[ignore = "records anew"]
fn record_an_observer_that_votes_and_a_zone_that_is_too_full_for_it() {
    let mut world = deserted("127.47.8", 4, "");
    let config = config(&world).expect("a config");
    let (id, address) = config.observers.first_key_value().expect("an observer");
    let observer = at(&mut world, *address);
    let crowded = world.member(&observer).zone;
    let mut followers = world.followers().into_iter();
    let lost = followers.find(|each| world.member(each).zone != crowded);
    let newcomer = world.terminate_without_boot(&lost.expect("two followers, one elsewhere"));
    let named = [
        "a serving member",
        "reconfig",
        &format!(": remove server {id}"),
    ];
    let scenario = "an-observer-gives-up-its-role-to-vote";
    record(&mut world, &observer, scenario, &named);

    let leader = world.leader();
    let client = Client::connect(&[world.at(&leader).address]);
    let removed = client.and_then(|c| c.reconfig(SECRET, &[], &[id.to_string()], config.version));
    removed.expect("nobody else changes it");
    let named = [
        "synced, not yet a member",
        ":participant;",
        ", remove server ",
    ];
    let scenario = "a-former-observer-takes-the-open-seat";
    record(&mut world, &observer, scenario, &named);

    run_until(&mut world, &observer, "its vote", |world| {
        let config = self::config(world)?;
        config.addresses().contains(address).then_some(())
    });
    run_until(&mut world, &newcomer, "a server", |world| {
        world.at(&newcomer).server_pid()
    });
    let scenario = "a-newcomer-changes-places-with-a-voter-of-a-crowded-zone";
    record(&mut world, &newcomer, scenario, &named);
}

fn config(world: &World) -> Option<Config> {
    Client::connect(&world.addresses()).ok()?.config().ok()
}

/// The instance with this address.
fn at(world: &mut World, address: Ipv4Addr) -> String {
    let mut instances = world.instances();
    let found = instances.find(|each| each.address == address);
    found.expect("an instance").id.clone()
}
