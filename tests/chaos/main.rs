//! Chaos: real agents and real servers in trouble, and clients that keep count. Prints a table,
//! and fails when an acknowledged write is lost, when clients saw what must not be, or when an
//! ensemble did not come back by itself.
//!
//! `ROUNDS=n`: rounds of each scenario (1). `SEED=s`: the first round's seed (any), the next has
//! s + 1; by a seed the same instance is chosen and the same time waited, but who leads and how far
//! all have come by then is up to the processes. `SCENARIO=words`: only those with these words in
//! their names, like a first argument.

#[path = "../world/mod.rs"]
#[allow(dead_code, reason = "the other tests use other parts of it")]
mod world;

mod clients;
mod history;
mod network;
mod scenarios;
mod trial;
mod violations;

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::scenarios::{SCENARIOS, Scenario};
use self::trial::{Report, Trial};
use self::violations::Violation;
use self::world::World;

/// Worlds side by side: three servers and agents each keep two cores busy, and a busy machine
/// makes ZooKeeper's own deadlines pass.
const WORLDS: usize = 2;

/// A round of a scenario, and what came of it: none when it did not come to an end.
type Round = (&'static str, u64, Option<Report>);

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if arguments.iter().any(|argument| argument == "--list") {
        SCENARIOS
            .iter()
            .for_each(|each| println!("{}: test", each.name));
        return ExitCode::SUCCESS;
    }
    let named = env::var("SCENARIO").ok().filter(|words| !words.is_empty());
    let filter = arguments
        .into_iter()
        .find(|argument| !argument.starts_with('-'));
    let mut chosen: Vec<Scenario> = SCENARIOS.to_vec();
    let words = named.clone().or(filter).unwrap_or_default();
    chosen.retain(|scenario| scenario.name.contains(&words));
    if chosen.is_empty() {
        // A filter of `cargo test` is often meant for other tests.
        println!("no scenario has {words:?} in its name");
        return ExitCode::from(u8::from(named.is_some()));
    }
    if let Err(reason) = network::enter() {
        let skipped = chosen.iter().filter(|scenario| scenario.network);
        skipped.for_each(|each| println!("skipped: {} ({reason})", each.name));
        chosen.retain(|scenario| !scenario.network);
    }
    let rounds: u64 = number("ROUNDS").unwrap_or(1);
    let seed: u64 = number("SEED").unwrap_or_else(|| fastrand::u64(1..1_000_000));
    println!("seed {seed}, rounds {rounds}");
    let seeds = seed..seed + rounds;
    let rounds = seeds.flat_map(|seed| chosen.iter().map(move |scenario| (*scenario, seed)));
    let rounds = go_through(&rounds.collect::<Vec<_>>());
    println!();
    for scenario in chosen {
        print(scenario.name, &rounds);
    }
    let well = |report: &Option<Report>| report.as_ref().is_some_and(|r| r.violations.is_empty());
    match rounds.iter().all(|(_, _, report)| well(report)) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// A number in the environment.
///
/// # Panics
/// When it is something else.
fn number(name: &str) -> Option<u64> {
    let text = env::var(name).ok().filter(|text| !text.is_empty())?;
    let number = text.parse().ok();
    Some(number.unwrap_or_else(|| panic!("{name} is {text}, and no number")))
}

fn go_through(rounds: &[(Scenario, u64)]) -> Vec<Round> {
    let next = AtomicUsize::new(0);
    let done = Mutex::new(BTreeMap::new());
    std::thread::scope(|scope| {
        for _ in 0..WORLDS.min(rounds.len()) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((scenario, seed)) = rounds.get(index) else {
                        break;
                    };
                    let report = round(scenario, *seed, &format!("127.46.{}", index % 250));
                    let mut done = done.lock().expect("no panic meanwhile");
                    done.insert(index, (scenario.name, *seed, report));
                }
            });
        }
    });
    let done = done.into_inner().expect("no panic meanwhile");
    done.into_values().collect()
}

/// One round; a broken expectation unwinds, and takes its world down on its way.
fn round(scenario: &Scenario, seed: u64, net: &str) -> Option<Report> {
    let name = scenario.name;
    let report = catch_unwind(AssertUnwindSafe(|| Trial::run(scenario, net, seed))).ok();
    let violations = report.iter().flat_map(|report| &report.violations);
    for violation in violations.take(20) {
        println!("{name}: {violation}");
    }
    match &report {
        Some(report) if report.violations.is_empty() => println!("{name}, seed {seed}: well"),
        _ => {
            let logs = World::root(net).display().to_string();
            println!("{name}, seed {seed}: FAILED; logs: {logs}/*/logs");
            println!("again: make chaos SCENARIO='{name}' SEED={seed}");
        }
    }
    report
}

/// A scenario's line of the table.
fn print(name: &str, rounds: &[Round]) {
    static HEAD: std::sync::Once = std::sync::Once::new();
    HEAD.call_once(|| {
        println!(
            "{:<30}{:>7}{:>13}{:>14}{:>6}{:>7}  seeds",
            "scenario", "rounds", "longest gap", "acknowledged", "lost", "wrong"
        );
    });
    let rounds = || rounds.iter().filter(|round| round.0 == name);
    let reports: Vec<&Report> = rounds().filter_map(|round| round.2.as_ref()).collect();
    let gap = reports.iter().map(|r| r.gap).max().unwrap_or_default();
    let gap = format!("{:.2} s", gap.as_secs_f64());
    let acknowledged: usize = reports.iter().map(|r| r.acknowledged).sum();
    let lost: usize = reports.iter().map(|r| lost(&r.violations)).sum();
    let violations: usize = reports.iter().map(|r| r.violations.len()).sum();
    let unfinished = rounds().count() - reports.len();
    let wrong = violations + unfinished;
    let seeds: Vec<String> = rounds().map(|round| round.1.to_string()).collect();
    let seeds = match &seeds[..] {
        [first, .., last] => format!("{first}–{last}"),
        seeds => seeds.concat(),
    };
    let count = rounds().count();
    println!("{name:<30}{count:>7}{gap:>13}{acknowledged:>14}{lost:>6}{wrong:>7}  {seeds}");
}

/// Writes that a server lacks, or more than one.
fn lost(violations: &[Violation]) -> usize {
    let lost = violations.iter().filter_map(|violation| match violation {
        Violation::Lost { client, number, .. } => Some((*client, *number)),
        _ => None,
    });
    lost.collect::<BTreeSet<_>>().len()
}
