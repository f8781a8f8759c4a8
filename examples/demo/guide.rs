//! How to look around in a world that stays.

use std::path::Path;

use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};

use crate::paper::Paper;
use crate::world::World;
use crate::world::client::PORT;

/// Prints commands to copy, and returns when the world shall end: at Ctrl-C, or SIGTERM.
pub fn stay(paper: &Paper, world: &mut World) {
    let leader = world.leader();
    let zookeeper = short(&world.image.zookeeper);
    let agent = short(&world.image.agent);
    let instance = world.at(&leader);
    let (home, address) = (short(&instance.home), instance.address);
    paper.plain(
        "\nThe world stays up until Ctrl-C. From another terminal, on the leader's instance:\n",
    );
    for (name, value) in instance.environment() {
        paper.plain(&format!("  export {name}={value}"));
    }
    for line in [
        format!("{agent} status --config {home}/config.toml"),
        format!("{agent} --dry-run --config {home}/config.toml"),
        format!("{zookeeper}/bin/zkCli.sh -server {address}:{PORT} get /zookeeper/config"),
        format!("tail -f {home}/logs/agent.log"),
        format!("kill -9 $(cat {home}/data/zookeeper_server.pid)   # its agent starts it again"),
    ] {
        paper.plain(&format!("  {line}"));
    }
    until_told();
    paper.plain("\nThe world ends.");
}

fn until_told() {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let mut terminate = signal(SignalKind::terminate()).expect("a handler");
        let mut interrupt = signal(SignalKind::interrupt()).expect("a handler");
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
}

/// A path, from where we are.
pub fn short(path: &Path) -> String {
    let here = std::env::current_dir().unwrap_or_default();
    path.strip_prefix(here)
        .unwrap_or(path)
        .display()
        .to_string()
}
