//! A voter whose instance is terminated, and its replacement.

use crate::recorder::{record, run_until, settle};
use crate::stage::{SOON, world};

#[test]
#[ignore = "records anew"]
fn record_a_swap() {
    let mut world = world("127.47.2", 3);
    world.await_ensemble(SOON);
    settle(&mut world);
    let [gone, follower] = <[String; 2]>::try_from(world.followers()).expect("two followers");
    let newcomer = world.terminate_without_boot(&gone);
    let named = ["a newcomer in place of", &gone];
    record(
        &mut world,
        &follower,
        "a-follower-while-a-voter-is-down",
        &named,
    );
    run_until(&mut world, &newcomer, "a server", |world| {
        world.at(&newcomer).server_pid()
    });
    let named = ["reconfig", ": add ", ", remove server "];
    let scenario = "a-newcomer-swaps-with-a-terminated-voter";
    record(&mut world, &newcomer, scenario, &named);
}
