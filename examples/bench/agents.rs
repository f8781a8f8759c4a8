//! The agents' side, with the AWS calls that it takes.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde_json::{Value, json};
use zk_bootstrap::clock;

use crate::world::World;
use crate::world::instance::Image;
use crate::world::wait::wait_for;
use crate::{PATIENCE, Times, until_each_acknowledges, until_each_acknowledges_as};

/// What the product's users have.
pub const PACE: &str = "tick = \"10s\"\naws = \"60s\"\nbackoff_max = \"30s\"";
/// Changes are noticed almost at once: what the settings let agents wait is no part of their work.
const ALERT: &str = "tick = \"100ms\"\naws = \"60s\"\nbackoff_max = \"30s\"";

/// Calls by action: `logs:PutLogEvents`.
pub type Counts = BTreeMap<String, f64>;

/// How many calls to AWS each change took, until all was settled and tagged.
#[derive(Debug, Clone)]
pub struct Calls {
    /// Of an instance, on average.
    pub found: Counts,
    /// Of the newcomer.
    pub join: Counts,
    /// Of the newcomer.
    pub swap: Counts,
}

/// Founds, joins and swaps once, in a world of its own, which is returned as it is then.
pub fn round(net: &str, image: &Image) -> (Times, Calls, World) {
    let mut world = World::empty(net, image.clone());
    let trio = world.launch_without_boot(3);
    let addresses: Vec<Ipv4Addr> = world.addresses();
    let begun = clock::instant();
    trio.iter().for_each(|id| world.at(id).start_agent());
    until_each_acknowledges(&addresses);
    let found = begun.elapsed();
    let mut found_calls = Counts::new();
    for (action, count) in trio.iter().flat_map(|id| calls(&mut world, id)) {
        *found_calls.entry(action).or_default() += count / 3.0;
    }

    let gone = world.followers().remove(0);
    let replacement = world.terminate_without_boot(&gone);
    let (swap, swap_calls) = add(&mut world, &replacement, &["leader", "follower"]);

    let newcomer = world.launch_without_boot(1).remove(0);
    let (join, join_calls) = add(&mut world, &newcomer, &["observer"]);
    let times = Times { found, join, swap };
    let calls = Calls {
        found: found_calls,
        join: join_calls,
        swap: swap_calls,
    };
    (times, calls, world)
}

/// Instances whose agents notice changes almost at once.
pub fn alert(image: &Image) -> Image {
    Image {
        pace: ALERT,
        ..image.clone()
    }
}

/// Boots an instance; how long it takes until it serves in one of these modes, and how many calls.
fn add(world: &mut World, id: &str, modes: &[&str]) -> (std::time::Duration, Counts) {
    let address = world.at(id).address;
    let begun = clock::instant();
    world.at(id).start_agent();
    until_each_acknowledges_as(modes, &[address]);
    (begun.elapsed(), calls(world, id))
}

/// An instance's calls so far, once it has tagged itself as a member.
fn calls(world: &mut World, id: &str) -> Counts {
    wait_for("the tag of a member", PATIENCE, || {
        let answer = world.cloud.tell("instances", json!({}));
        let instances = answer["instances"].as_array()?.iter();
        let mine = instances.into_iter().find(|each| each["id"] == id)?;
        mine["tags"]["zookeeper_id"].as_str().map(drop)
    });
    counts(&world.cloud.calls()[id])
}

/// One caller's.
pub fn counts(calls: &Value) -> Counts {
    let counts = calls.as_object().into_iter().flatten();
    let counts = counts.filter_map(|(action, count)| Some((action.clone(), count.as_f64()?)));
    counts.collect()
}

/// All calls of one caller.
pub fn total(counts: &Counts) -> f64 {
    counts.values().sum()
}
