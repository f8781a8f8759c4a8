//! Disks that take nothing any more, below one of three servers: its agent says so, the others go on,
//! nothing is deleted; it serves again when that is over, or its instance is replaced when it lasts.

use std::io::Write as _;

use crate::stage::{LATE, SOON, Stage, image_with, world_of};
use crate::volume::Volume;
use crate::world::World;

/// Two instances, and a third that follows with its data on a volume; nothing, and that said aloud,
/// where there can be no volume.
fn world_with_a_volume(net: &str, settings: &str) -> Option<(Stage, String, Volume)> {
    if let Err(reason) = Volume::may_be_made() {
        // What is printed is shown of failed tests alone.
        let told = writeln!(std::io::stderr(), "SKIPPED, on {net}: {reason}");
        told.expect("standard error");
        return None;
    }
    let mut world = world_of(net, 2, image_with(settings));
    world.await_ensemble(SOON);
    let agent = Volume::agent(&world.root);
    let agent = std::mem::replace(&mut world.image.agent, agent);
    let id = world.launch_without_boot(1).remove(0);
    let root = world.root.clone();
    let volume = Volume::below(world.at(&id), &root, &agent);
    world.image.agent = agent;
    world.at(&id).start_agent();
    world.await_ensemble(SOON);
    Some((world, id, volume))
}

/// Waits until a dry run on an instance says this.
fn await_word(world: &mut World, id: &str, word: &str) {
    world.await_that(word, LATE, |world| {
        let output = world.at(id).run(&["--dry-run"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        said.contains(word).then_some(())
    });
}

/// A member whose disk takes nothing for a while says so, and is the same member afterwards.
fn outlasts(net: &str, word: &str, begin: fn(&mut World, &str, &Volume), end: fn(&Volume)) {
    let Some((mut world, id, volume)) = world_with_a_volume(net, "") else {
        return;
    };
    let writer = world.writer();
    let before = world.await_ensemble(SOON);
    let files = volume.files();
    writer.await_more(20, SOON);
    begin(&mut world, &id, &volume);
    let directory = world.at(&id).home.join("data");
    let directory = directory.display();
    let sentence = format!("waiting for an operator: the file system of {directory} is {word}");
    await_word(&mut world, &id, &sentence);
    writer.await_more(100, SOON);
    let left = volume.files();
    assert!(
        left.is_superset(&files),
        "of {files:?} only {left:?} are left"
    );
    end(&volume);
    assert_eq!(world.await_ensemble(LATE), before);
    writer.await_more(20, SOON);
    world.assert_nothing_lost(&writer.finish());
}

/// An instance whose disk takes nothing for longer than its settings allow is replaced.
fn is_replaced(net: &str, begin: fn(&Volume)) {
    let settings = "[policy]\nrestart_after = \"10s\"\n";
    let Some((mut world, id, volume)) = world_with_a_volume(net, settings) else {
        return;
    };
    let writer = world.writer();
    writer.await_more(20, SOON);
    begin(&volume);
    world.await_that("another instance in its place", LATE, |world| {
        (!world.ids().contains(&id)).then_some(())
    });
    let health = &world.cloud.calls()[&id]["autoscaling:SetInstanceHealth"];
    assert_eq!(health.as_u64(), Some(1));
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    writer.await_more(20, SOON);
    world.assert_nothing_lost(&writer.finish());
}

#[test]
fn a_member_whose_disk_fills_up_says_so_and_serves_again_when_there_is_space() {
    let sentence = "full: free space, or make it larger";
    outlasts("127.54.1", sentence, |_, _, disk| disk.fill(), Volume::free);
}

#[test]
fn a_member_that_boots_with_a_read_only_disk_says_so_and_serves_when_it_can_be_written_to() {
    let read_only = |world: &mut World, id: &str, disk: &Volume| {
        world.at(id).power_off();
        disk.remount("ro");
        world.at(id).start_agent();
    };
    let sentence = "read-only: look at the kernel's log";
    outlasts("127.54.2", sentence, read_only, |disk| disk.remount("rw"));
}

#[test]
fn an_instance_whose_disk_stays_full_is_replaced() {
    is_replaced("127.54.3", Volume::fill);
}

#[test]
fn an_instance_whose_disk_fails_under_its_server_is_replaced() {
    is_replaced("127.54.4", Volume::fail);
}
