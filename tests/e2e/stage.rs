//! What the tests have in common.

use std::ops::{Deref, DerefMut};
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use zk_bootstrap::clock;

use crate::world::instance::{HURRY, Image};
use crate::world::wait::{wait_for, within};
use crate::world::{World, distribution, packaged};

/// For a change that takes a healthy world seconds; generous, for busy machines.
pub const SOON: Duration = Duration::from_secs(60);
/// For a world in which much goes wrong or much goes on.
pub const LATE: Duration = Duration::from_secs(150);

/// The exit code of a dry run that has nothing to do before something happens elsewhere.
const WAITING: i32 = 3;

/// The log group with the claims.
pub const GROUP: &str = "/zookeeper/zk";

/// Worlds side by side: three servers and agents each keep two cores busy, and a busy machine
/// makes ZooKeeper's own deadlines pass.
const WORLDS: usize = 2;

static FREE: Mutex<usize> = Mutex::new(WORLDS);
static FREED: Condvar = Condvar::new();

/// A world that waited for its turn, and lets the next one have it when it is gone.
pub struct Stage {
    // Dropped in this order.
    world: World,
    _turn: Turn,
}

struct Turn;

impl Turn {
    fn take() -> Self {
        let free = FREE.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = FREED.wait_while(free, |free| *free == 0);
        *wait.unwrap_or_else(PoisonError::into_inner) -= 1;
        Turn
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *FREE.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        FREED.notify_one();
    }
}

/// The agents never need a right that `iam-policy` does not grant.
impl Drop for Stage {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let denied = self.world.cloud.tell("denied", json!({}));
            assert_eq!(denied, json!({}), "denied for want of a right");
        }
    }
}

impl Deref for Stage {
    type Target = World;
    fn deref(&self) -> &World {
        &self.world
    }
}

impl DerefMut for Stage {
    fn deref_mut(&mut self) -> &mut World {
        &mut self.world
    }
}

/// Instances with this build's agent and the packaged ZooKeeper.
pub fn image() -> Image {
    Image {
        agent: PathBuf::from(env!("CARGO_BIN_EXE_zk-bootstrap")),
        zookeeper: packaged(),
        pace: HURRY,
        settings: String::new(),
    }
}

/// [`image`] with ZooKeeper 3.9.5 in the place of the packaged one.
pub fn image_of_3_9_5() -> Image {
    let zookeeper = distribution("3.9.5").expect("its jars are set up: run dev/setup.sh --all");
    Image {
        zookeeper,
        ..image()
    }
}

/// [`image`] with more lines in its configuration file.
pub fn image_with(settings: &str) -> Image {
    Image {
        settings: settings.to_owned(),
        ..image()
    }
}

/// [`image`] with the shortest grace for claims without an owner that the settings allow.
pub fn impatient() -> Image {
    image_with("[register]\nclaim_grace = \"90s\"\n")
}

/// A world of so many instances of [`image`], all booting at once.
pub fn world(net: &str, size: usize) -> Stage {
    world_of(net, size, image())
}

/// A world of so many instances, all booting at once.
pub fn world_of(net: &str, size: usize, image: Image) -> Stage {
    let turn = Turn::take();
    Stage {
        world: World::start(net, size, image),
        _turn: turn,
    }
}

/// A world of the shipped template's stack with these parameters, all instances booting at once.
pub fn stack(net: &str, image: Image, parameters: Value) -> Stage {
    let turn = Turn::take();
    let mut world = World::of_stack(net, image, parameters);
    for instance in world.instances() {
        instance.start_agent();
    }
    Stage { world, _turn: turn }
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

/// Makes each claim that stayed without an owner so old that its grace is over.
pub fn let_graces_pass(world: &mut World) {
    let now = clock::now().as_millisecond();
    let streams = world.cloud.tell("streams", json!({}))[GROUP].take();
    for (name, stream) in streams.as_object().into_iter().flatten() {
        let age = now - stream["created"].as_i64().expect("a time");
        // A younger one may get its record yet.
        if stream["events"] == json!([]) && (5_000..90_000).contains(&age) {
            let older = json!({ "group": GROUP, "stream": name, "seconds": 90 });
            world.cloud.tell("age_stream", older);
        }
    }
}

/// Waits until a dry run on an instance does nothing but wait, and names all of this.
pub fn waits_for(world: &mut World, id: &str, named: &[&str]) {
    let mut last = String::new();
    let waits = within(SOON, || {
        let output = world.at(id).run(&["--dry-run"]);
        last = String::from_utf8_lossy(&output.stdout).into_owned();
        let names = |part: &&str| last.contains(*part);
        (output.status.code() == Some(WAITING) && named.iter().all(names)).then_some(())
    });
    assert!(
        waits.is_some(),
        "no plan names {named:?}; the last is {last}"
    );
}
