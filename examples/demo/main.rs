//! The main job before one's eyes: three instances become an ensemble, the leader's is lost and
//! replaced, a fourth joins, and a client that writes all the while loses nothing.
//!
//! The cloud is emulated; the agents, the ZooKeeper servers and the client are real. What is told
//! is what AWS and ZooKeeper say, not what the agents log. With `KEEP=1` in the environment the
//! world stays up, to look around in it.

#[path = "../../tests/world/mod.rs"]
#[allow(dead_code, reason = "the tests use other parts of it")]
mod world;

mod guide;
mod paper;
mod watch;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::time::Duration;

use self::paper::{Paper, pause};
use self::watch::{Watch, list};
use self::world::client::Client;
use self::world::instance::{HURRY, Image};
use self::world::writer::{PARENT, Writer, Written};
use self::world::{World, built, packaged, process};

/// The addresses of its instances.
const NET: &str = "127.30.1";
/// A healthy world needs seconds for a change; a busy machine more.
const PATIENCE: Duration = Duration::from_secs(90);
/// Writes that show a client at work.
const SOME: usize = 100;

fn main() -> ExitCode {
    let paper = Paper::new();
    let root = World::root(NET);
    if !process::marked(&format!("ZK_WORLD={}", root.display())).is_empty() {
        paper.failure("A demo is still up on this machine: end that one first (Ctrl-C there).");
        return ExitCode::FAILURE;
    }
    // A broken expectation unwinds, and takes the world down on its way.
    let told = catch_unwind(AssertUnwindSafe(|| tell(&paper)));
    if told.is_err() {
        let place = guide::short(&root);
        paper.failure(&format!("The demo failed. Its logs: {place}/*/logs"));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

fn tell(paper: &Paper) {
    paper.title("An Auto Scaling group becomes a ZooKeeper ensemble");
    paper.aside("Agents, servers and the client are real; EC2, Auto Scaling and CloudWatch Logs");
    paper.aside("are emulated. Everything has an address of its own on this machine's loopback.");
    let image = Image {
        agent: built(),
        zookeeper: packaged(),
        pace: HURRY,
        settings: String::new(),
    };
    let mut world = World::empty(NET, image);
    let mut watch = Watch::default();
    found(paper, &mut world, &mut watch);
    let writer = write(paper, &world);
    replace(paper, &mut world, &mut watch, &writer);
    grow(paper, &mut world, &mut watch);
    read_back(paper, &world, &writer.finish());
    if std::env::var("KEEP").is_ok_and(|keep| !keep.is_empty() && keep != "0") {
        guide::stay(paper, &mut world);
    }
}

fn found(paper: &Paper, world: &mut World, watch: &mut Watch) {
    let act = paper.act("The group launches three instances that know nothing of each other");
    for id in world.launch(3) {
        act.line(&format!("{id} starts at {}", world.at(&id).address));
    }
    let took = watch.until_all_serve(world, &act, PATIENCE);
    act.result(&format!("an ensemble of three, {took} after their start"));
    paper.table(&watch::servers(world));
}

fn write(paper: &Paper, world: &World) -> Writer {
    let act = paper.act("A client creates one znode after the other, and does not stop");
    let writer = world.writer();
    writer.await_more(SOME, PATIENCE);
    let took = pause(act.elapsed());
    act.result(&format!("the first {SOME} are acknowledged after {took}"));
    writer
}

fn replace(paper: &Paper, world: &mut World, watch: &mut Watch, writer: &Writer) {
    let act = paper.act("The leader's instance is terminated without a warning");
    let leader = world.leader();
    writer.new_act();
    let replacement = world.terminate(&leader);
    act.line(&format!("{leader} is gone, with its server and its disk"));
    let address = world.at(&replacement).address;
    act.line(&format!("{replacement} starts in its place at {address}"));
    let took = watch.until_all_serve(world, &act, PATIENCE);
    writer.await_more(SOME, PATIENCE);
    act.result(&format!("three voters again after {took}"));
    let gap = pause(writer.so_far().longest_gap);
    act.result(&format!(
        "the client waited {gap} for a new leader, at most"
    ));
    paper.table(&watch::servers(world));
}

fn grow(paper: &Paper, world: &mut World, watch: &mut Watch) {
    let act = paper.act("The group grows by a fourth instance");
    for id in world.launch(1) {
        act.line(&format!("{id} starts at {}", world.at(&id).address));
    }
    let took = watch.until_all_serve(world, &act, PATIENCE);
    act.result(&format!("three voters and an observer after {took}"));
}

/// Asks every server by itself for everything that was acknowledged.
fn read_back(paper: &Paper, world: &World, written: &Written) {
    let act = paper.act("Every server is asked for every write that was acknowledged");
    let all = written.acknowledged.len();
    let mut lost = 0;
    for (id, address) in watch::addresses(world) {
        let there = Client::connect(&[address]).and_then(|client| client.children(PARENT));
        let there = there.expect("a serving member tells its znodes");
        let missing: Vec<&str> = written
            .acknowledged
            .difference(&there)
            .map(String::as_str)
            .collect();
        lost += missing.len();
        if !missing.is_empty() {
            act.line(&format!("server {id} lacks {}", list(&missing)));
        }
    }
    assert_eq!(lost, 0, "acknowledged writes are lost");
    act.result(&format!("{all} acknowledged, none lost"));
}
