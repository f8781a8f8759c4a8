//! What the tests have in common.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};

use crate::world::instance::Image;
use crate::world::wait::wait_for;
use crate::world::{World, packaged};

/// For a change that takes a healthy world seconds; generous, for busy machines.
pub const SOON: Duration = Duration::from_secs(60);
/// For a world in which much goes wrong or much goes on.
pub const LATE: Duration = Duration::from_secs(150);

/// Instances with this build's agent and the packaged ZooKeeper.
pub fn image() -> Image {
    Image {
        agent: PathBuf::from(env!("CARGO_BIN_EXE_zk-bootstrap")),
        zookeeper: packaged(),
        settings: String::new(),
    }
}

/// A world of so many instances, all booting at once.
pub fn world(net: &str, size: usize) -> World {
    World::start(net, size, image())
}

/// Waits until an instance's agent has looked at AWS so many times more.
pub fn looks(world: &mut World, id: &str, times: u64) {
    world.cloud.tell("reset_calls", json!({}));
    wait_for("looks at AWS", SOON, || {
        let calls = world.cloud.calls();
        let count = calls[id]["ec2:DescribeInstances"].as_u64();
        (count >= Some(times)).then_some(Value::Null)
    });
}
