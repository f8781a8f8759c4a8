//! What the agent takes of its machine.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::json;
use zk_bootstrap::clock;

use crate::agents::{counts, total};
use crate::table::{Row, median};
use crate::world::World;
use crate::world::instance::Image;

/// How long the agents are watched while they have nothing to do.
const MINUTE: Duration = Duration::from_secs(60);
/// The last change is over by then.
const SETTLED: Duration = Duration::from_secs(5);
/// `_SC_CLK_TCK`: 100 on every Linux that Rust runs on.
const CLOCK_TICKS: f64 = 100.0;
const MEBIBYTE: f64 = 1024.0 * 1024.0;
const STARTS: usize = 20;

/// Settled agents for a minute; of all of them, the worst.
#[derive(Debug, Clone, Copy)]
pub struct Idle {
    /// Of a core, in percent.
    pub cpu: f64,
    /// Resident memory, in MiB.
    pub resident: f64,
    /// Calls to AWS.
    pub calls: f64,
}

/// Watches a world's agents, and ends it.
pub fn idle(mut world: World) -> Idle {
    println!("four idle agents are watched for {} s", MINUTE.as_secs());
    std::thread::sleep(SETTLED);
    let pids: Vec<u32> = world.instances().filter_map(|i| i.agent_pid()).collect();
    world.cloud.tell("reset_calls", json!({}));
    let before: Vec<f64> = pids.iter().map(|pid| cpu_seconds(*pid)).collect();
    let begun = clock::instant();
    std::thread::sleep(MINUTE);
    let seconds = begun.elapsed().as_secs_f64();
    let used = pids
        .iter()
        .zip(before)
        .map(|(pid, b)| cpu_seconds(*pid) - b);
    let worst = |figures: &mut dyn Iterator<Item = f64>| figures.fold(0.0, f64::max);
    let calls = world.cloud.calls();
    let ids = world.ids();
    Idle {
        cpu: worst(&mut used.map(|used| used / seconds * 100.0)),
        resident: worst(&mut pids.iter().map(|pid| resident(*pid))),
        calls: worst(
            &mut ids
                .iter()
                .map(|id| total(&counts(&calls[id])) * 60.0 / seconds),
        ),
    }
}

/// The agent by itself, and when idle.
pub fn rows(image: &Image, idle: &Idle) -> Vec<Row> {
    let size = fs::metadata(&image.agent).expect("it is there").len();
    vec![
        Row::figure("resident memory", idle.resident, "MiB", Some(25.0)),
        Row::figure("CPU when idle, of a core", idle.cpu, "%", Some(0.3)),
        Row::figure("binary", size as f64 / MEBIBYTE, "MiB", None),
        Row::figure("start to end of --version", start(&image.agent), "ms", None),
    ]
}

/// User and system time (proc(5), `/proc/pid/stat`, fields 14 and 15).
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the agent lives");
    let (_, fields) = stat.rsplit_once(')').expect("a name in parentheses");
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |n: usize| -> f64 { fields[n - 3].parse().expect("a number") };
    (ticks(14) + ticks(15)) / CLOCK_TICKS
}

/// In MiB.
fn resident(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the agent lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|l| l.trim().strip_suffix(" kB"));
    let kibibytes: f64 = kibibytes.and_then(|n| n.parse().ok()).expect("a number");
    kibibytes / 1024.0
}

/// In milliseconds, the median.
fn start(agent: &Path) -> f64 {
    let run = || {
        let begun = clock::instant();
        let mut command = Command::new(agent);
        let status = command.arg("--version").stdout(Stdio::null()).status();
        assert!(status.expect("it runs").success());
        begun.elapsed().as_secs_f64() * 1000.0
    };
    median((0..STARTS).map(|_| run()))
}
