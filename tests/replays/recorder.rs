//! Brings an instance to a point, leaves it there without its agent, and records what it sees.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::stage::{GROUP, SOON, Stage, image_with, world_of};
use crate::world::World;
use crate::world::wait::{wait_for, within};

/// What is recorded, each as `recorded/NAME.json` and `recorded/NAME.plan`.
pub const SCENARIOS: &[&str] = &[
    "a-founder-before-the-founding",
    "a-joiner-while-the-founder-boots",
    "a-joiner-with-a-serving-ensemble",
    "a-synced-joiner-becomes-an-observer",
    "a-settled-member",
    "ec2-is-throttled",
    "two-groups-in-one-register",
    "the-marker-is-missing",
    "a-follower-while-a-voter-is-down",
    "a-newcomer-swaps-with-a-terminated-voter",
    "a-survivor-says-that-the-quorum-is-lost",
    "a-survivor-stops",
    "the-chosen-one-begins-the-next-generation",
    "a-survivor-joins-the-next-generation",
    "an-emptied-disk-is-told",
    "all-is-lost-and-newcomers-wait",
    "a-survivor-waits-for-an-operators-leave",
    "a-leader-waits-for-its-successor",
    "a-newcomer-takes-the-place-of-a-leaving-leader",
    "a-leader-leaves-without-a-successor",
    "an-observer-gives-up-its-role-to-vote",
    "a-former-observer-takes-the-open-seat",
    "a-newcomer-changes-places-with-a-voter-of-a-crowded-zone",
];

/// Where the recordings are.
pub fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/replays/recorded")
}

/// Looks from an instance until the plan names all of this; keeps what was seen, and the plan.
///
/// # Panics
/// When no plan does by the deadline, or the scenario is not listed.
pub fn record(world: &mut World, id: &str, scenario: &str, named: &[&str]) {
    assert!(SCENARIOS.contains(&scenario), "{scenario} is not listed");
    let snapshot = world.root.join("snapshot.json");
    let file = snapshot.display().to_string();
    let mut last = String::new();
    let found = within(SOON, || {
        let seen = world.at(id).run(&["observe"]);
        fs::write(&snapshot, &seen.stdout).expect("a file");
        let planned = world.at(id).run(&["plan", "--from", &file]);
        last = String::from_utf8(planned.stdout).expect("text");
        named.iter().all(|part| last.contains(part)).then_some(())
    });
    assert!(
        found.is_some(),
        "{scenario}: no plan names {named:?}; the last is {last}{}",
        world.describe()
    );
    let kept = |ending: &str| directory().join(format!("{scenario}.{ending}"));
    fs::copy(&snapshot, kept("json")).expect("copied");
    fs::write(kept("plan"), &last).expect("a file");
}

/// Lets an instance's agent run until something is so, and kills it.
pub fn run_until<T>(
    world: &mut World,
    id: &str,
    what: &str,
    mut so: impl FnMut(&mut World) -> Option<T>,
) -> T {
    world.at(id).start_agent();
    let found = wait_for(what, SOON, || so(world));
    world.at(id).kill_agent();
    found
}

/// Lets instances look at the register once and act on it, until something is so. They do not
/// hear what came of it, and go no further.
pub fn act_once<T>(
    world: &mut World,
    ids: &[&String],
    what: &str,
    mut so: impl FnMut(&mut World) -> Option<T>,
) -> T {
    for id in ids {
        let look = json!({ "action": "DescribeLogStreams", "instance": id });
        // Faults are tried in their order: the first look takes effect, those behind it fail.
        for (kind, seconds, count) in [("delay", 0.001, Some(1)), ("throttle", 0.0, None)] {
            let mut fault = look.clone();
            fault["kind"] = json!(kind);
            fault["seconds"] = json!(seconds);
            fault["count"] = json!(count);
            world.cloud.tell("fault", fault);
        }
        world.at(id).start_agent();
    }
    let found = wait_for(what, SOON, || so(world));
    for id in ids {
        world.at(id).kill_agent();
    }
    world.cloud.tell("clear_faults", json!({}));
    found
}

/// Lets an instance claim a server id, and what it claims with it, and no more.
pub fn claim(world: &mut World, id: &String) {
    act_once(world, &[id], "a signed claim", |world| {
        let records = records(world);
        let claims = |(name, record): &(String, Value)| {
            record["instance"] == **id && record["event"] == "claimed" && name != "ensemble"
        };
        let founds = records.iter().any(|(name, _)| name == "ensemble");
        (records.iter().any(claims) && founds).then_some(())
    });
}

/// Every record in the register, with its stream.
pub fn records(world: &mut World) -> Vec<(String, Value)> {
    let streams = world.cloud.tell("streams", json!({}))[GROUP].take();
    let mut records = Vec::new();
    for (name, stream) in streams.as_object().into_iter().flatten() {
        for event in stream["events"].as_array().expect("events") {
            let line = event["message"].as_str().expect("a line");
            let record = serde_json::from_str(line).expect("JSON");
            records.push((name.clone(), record));
        }
    }
    records
}

/// A settled world of so many instances with these settings, in which no agent runs any more.
pub fn deserted(net: &str, size: usize, settings: &str) -> Stage {
    let mut world = world_of(net, size, image_with(settings));
    world.await_ensemble(SOON);
    settle(&mut world);
    world.instances().for_each(|each| each.kill_agent());
    world
}

/// Waits until every instance has nothing to do.
pub fn settle(world: &mut World) {
    for id in world.ids() {
        wait_for("nothing to do", SOON, || {
            let code = world.at(&id).run(&["plan"]).status.code();
            (code == Some(0)).then_some(())
        });
    }
}
