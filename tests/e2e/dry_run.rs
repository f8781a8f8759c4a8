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
    assert!(text.to_lowercase().contains("claim"), "{text}");
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
    let live = unchanged(&mut world, &id, &["plan"], SOMETHING_TO_DO);
    let snapshot = unchanged(&mut world, &id, &["observe"], NOTHING_TO_DO);
    let file = world.root.join("snapshot.json");
    std::fs::write(&file, snapshot).expect("written");
    let file = file.display().to_string();
    let replayed = unchanged(&mut world, &id, &["plan", "--from", &file], SOMETHING_TO_DO);
    assert_eq!(replayed, live);
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
