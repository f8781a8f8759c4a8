//! Leaders that the group is about to terminate, held by its hook.

use std::time::Duration;

use serde_json::Value;

use crate::recorder::{deserted, record, records, run_until};
use crate::stage::Stage;
use crate::world::group::{Outcome, Transition};

/// The hook does not time out within a test.
const HEARTBEAT: Duration = Duration::from_secs(600);

fn held_at_the_end(net: &str) -> Stage {
    let mut world = deserted(net, 3, "");
    let leave = Transition::Terminating;
    world
        .cloud
        .put_hook("leave", leave, HEARTBEAT, Outcome::Continue);
    world
}

#[test]
#[ignore = "records anew"]
fn record_a_leader_that_is_refreshed() {
    let mut world = held_at_the_end("127.47.6");
    let (leader, old) = (world.leader(), world.ids());
    world.retire(&leader);
    let mut ids = world.ids().into_iter();
    let newcomer = ids.find(|id| !old.contains(id)).expect("a newcomer");
    run_until(&mut world, &newcomer, "a server", |world| {
        world.at(&newcomer).server_pid()
    });
    let named = ["leaving the ensemble", "to take this server's place"];
    let scenario = "a-leader-waits-for-its-successor";
    record(&mut world, &leader, scenario, &named);

    run_until(&mut world, &leader, "its note", |world| {
        let notes = |(_, record): &(String, Value)| record["event"] == "leaving";
        records(world).iter().any(notes).then_some(())
    });
    let named = ["synced, not yet a member", ": add ", ", remove server "];
    let scenario = "a-newcomer-takes-the-place-of-a-leaving-leader";
    record(&mut world, &newcomer, scenario, &named);
}

#[test]
#[ignore = "records anew"]
fn record_a_leader_that_is_not_replaced() {
    let mut world = held_at_the_end("127.47.7");
    let leader = world.leader();
    world.dismiss(&leader);
    let named = ["leaving the ensemble", "reconfig", ": remove server "];
    let scenario = "a-leader-leaves-without-a-successor";
    record(&mut world, &leader, scenario, &named);
}
