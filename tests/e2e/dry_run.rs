//! What looks, changes nothing.

use serde_json::Value;

use crate::stage::{SOON, world};
use crate::world::World;

const NOTHING_TO_DO: i32 = 0;
const SOMETHING_TO_DO: i32 = 2;

#[test]
fn a_dry_run_prints_what_would_be_done_and_changes_nothing() {
    let mut world = world("127.44.1", 0);
    let founders = world.launch_without_boot(3);
    let text = unchanged(&mut world, &founders[0], &["--dry-run"], SOMETHING_TO_DO);
    let first =
        "situation: without a server id\n  1. create the log group\n  2. create log stream ";
    assert!(text.starts_with(first), "{text}");
    let json = ["--dry-run", "--output", "json"];
    let text = unchanged(&mut world, &founders[1], &json, SOMETHING_TO_DO);
    let plan: Value = serde_json::from_str(&text).expect("JSON");
    assert!(
        !plan["actions"].as_array().expect("actions").is_empty(),
        "{plan}"
    );

    world.instances().for_each(|each| each.start_agent());
    world.await_ensemble(SOON);
    settle(&mut world);
    for id in world.ids() {
        unchanged(&mut world, &id, &["plan"], NOTHING_TO_DO);
        unchanged(&mut world, &id, &["status"], NOTHING_TO_DO);
    }

    let joiner = world.launch_without_boot(1).remove(0);
    unchanged(&mut world, &joiner, &["--dry-run"], SOMETHING_TO_DO);
}

#[test]
fn a_recorded_snapshot_gives_the_plan_that_the_live_world_gives() {
    let mut world = world("127.44.2", 0);
    let id = world.launch_without_boot(1).remove(0);
    replayed(&mut world, &id, SOMETHING_TO_DO);

    world.instances().for_each(|each| each.start_agent());
    world.launch(3);
    world.await_ensemble(SOON);
    settle(&mut world);
    for id in world.ids() {
        replayed(&mut world, &id, NOTHING_TO_DO);
    }

    world
        .instances()
        .for_each(|each| assert_eq!(each.stop_agent(), Some(0)));
    let follower = world.followers().remove(0);
    world.shrink(&follower);
    let leader = world.leader();
    let plan = replayed(&mut world, &leader, SOMETHING_TO_DO);
    // The observer's agent, which would take the seat, does not run.
    assert!(plan.contains("in place of server "), "{plan}");
    let status = unchanged(&mut world, &leader, &["status"], NOTHING_TO_DO);
    for id in world.ids() {
        assert!(status.contains(&id), "{status}");
    }
}

/// Plans from what is seen and from what was recorded, which must be the same; returns it.
fn replayed(world: &mut World, id: &str, code: i32) -> String {
    let live = unchanged(world, id, &["plan"], code);
    let snapshot = unchanged(world, id, &["observe"], NOTHING_TO_DO);
    let file = world.root.join("snapshot.json");
    std::fs::write(&file, snapshot).expect("written");
    let file = file.display().to_string();
    assert_eq!(unchanged(world, id, &["plan", "--from", &file], code), live);
    live
}

/// Members have written their tags and milestones when they plan nothing any more.
fn settle(world: &mut World) {
    for id in world.ids() {
        crate::world::wait::wait_for("nothing to do", SOON, || {
            let output = world.at(&id).run(&["plan"]);
            (output.status.code() == Some(NOTHING_TO_DO)).then_some(())
        });
    }
}

/// Runs a command, which must end so and leave the world as it is; returns what it printed.
fn unchanged(world: &mut World, id: &str, arguments: &[&str], code: i32) -> String {
    let before = world.dump();
    let output = world.at(id).run(arguments);
    let after = world.dump();
    assert!(before == after, "{arguments:?} changed something");
    let text = String::from_utf8(output.stdout).expect("text");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?}: {text}{errors}"
    );
    text
}
