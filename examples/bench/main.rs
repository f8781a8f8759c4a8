//! What the agents cost, against an operator who does the same by hand, knows everything and
//! never hesitates: a table of ratios, measured in one run on one machine.
//!
//! Both sides have the same servers, flags and addresses. A side's figure is the median of
//! `ROUNDS` rounds (5), in which the two take turns. The agents are the released binary with its
//! default pace; the cloud that they ask is the emulated one, so its calls are cheap but not free.

#[path = "../../tests/world/mod.rs"]
#[allow(dead_code, reason = "the tests use other parts of it")]
mod world;

mod agents;
mod by_hand;
mod claims;
mod leaving;
mod recovery;
mod resources;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use zookeeper_client::Error;

use self::agents::{Calls, Counts, total};
use self::table::{Row, median};
use self::world::client::{Client, mode};
use self::world::instance::Image;
use self::world::wait::wait_for;
use self::world::{packaged, released};

/// A healthy world needs seconds for a change; a busy machine more.
const PATIENCE: Duration = Duration::from_secs(120);
const ROUNDS: usize = 5;
/// How the figures were come by, below the table.
const HOW: &str = "\
founding   from the start of three agents, or of three static servers, until each of the three
           serves as a voter and then acknowledges a client's write
swapping   from the start of a terminated follower's replacement until it does; by hand: a server
           with the committed config and itself as observer, polled every 20 ms until it serves,
           then one reconfig that removes the other
joining    the same with a fourth, which is added as an observer
           (not timed on either side: the death itself, and the group's launch)
recovering from the death of two of three until the follower that is left leads and acknowledges a
           write; by hand: it is stopped, told that it is alone, and started. Without what the agents
           let pass before they look (pace.tick, here 100 ms, otherwise 10 s; backoff_max until EC2
           says who is terminated, here at once)
write gap  the longest time between two acknowledged writes of a client that writes every 10 ms; swapping:
           from before a follower's death until its replacement votes; leaving: from before the group
           terminates the leader's instance, held by its hook, until it is gone; by hand: one reconfig
           by a follower that removes the leader, which is stopped when the next one leads
refreshing from the start of an instance refresh, with hooks for launching and terminating, until it is
           successful, a third of it; pace.tick is 100 ms, as above
memory     VmRSS of an agent after the changes and a minute of rest, the largest of four
CPU        utime and stime in /proc/PID/stat over that minute, the busiest of four
calls      counted by the emulated AWS from boot until the instance is tagged as finished, retries
           included; when idle, over that minute, the most of four
claims     calls of CreateLogStream, the ensemble's marker included; 9: agents and servers, whole;
           254: the daemon's loop and log group for each, all at once, EC2's answer made up
Seconds are medians of all rounds. A busy machine makes both sides slow, and the ratio coarse.";

/// One side's round.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// From the start of three until each acknowledges a write as a voter.
    found: Duration,
    /// From the start of a terminated follower's replacement until it does.
    swap: Duration,
    /// From the start of a fourth until it does, as an observer.
    join: Duration,
}

fn main() {
    let rounds = std::env::var("ROUNDS").ok().and_then(|n| n.parse().ok());
    let rounds: usize = rounds.unwrap_or(ROUNDS).max(1);
    let image = Image {
        agent: released(),
        zookeeper: packaged(),
        pace: agents::PACE,
        settings: String::new(),
    };
    let (mut hand, mut agents, mut calls) = (Vec::new(), Vec::new(), Vec::new());
    let mut idle = None;
    for round in 1..=rounds {
        let by_hand = || by_hand::round(&format!("127.60.{}", 2 * round), &image);
        let by_agents = || agents::round(&format!("127.60.{}", 2 * round + 1), &image);
        let (by_hand, (by_agents, counted, world)) = match round % 2 {
            1 => (by_hand(), by_agents()),
            _ => {
                let first = by_agents();
                (by_hand(), first)
            }
        };
        println!("round {round}: by hand {by_hand}, by agents {by_agents}");
        hand.push(by_hand);
        agents.push(by_agents);
        calls.push(counted);
        if round == rounds {
            idle = Some(resources::idle(world));
        }
    }
    let idle = idle.expect("at least one round");
    let recoveries: Vec<recovery::Round> = (0..rounds)
        .map(|round| recovery::round(|side| format!("127.61.{}", 2 * round + side), &image))
        .collect();
    let leaves: Vec<leaving::Round> = (0..rounds)
        .map(|round| leaving::round(round, |side| format!("127.62.{}", 2 * round + side), &image))
        .collect();
    let mut rows = ratios(&hand, &agents);
    rows.extend(recovery::rows(&recoveries));
    let join = median(agents.iter().map(|times| times.join.as_secs_f64()));
    rows.extend(leaving::rows(&leaves, join));
    rows.extend(resources::rows(&image, &idle));
    rows.extend(call_rows(&calls, &idle));
    rows.extend(claims::rows(&image));
    table::print(&rows);
    print_calls(&calls);
    println!("\n{HOW}");
}

fn ratios(hand: &[Times], agents: &[Times]) -> Vec<Row> {
    let row = |what, of: fn(&Times) -> Duration, target| {
        let side = |times: &[Times]| median(times.iter().map(|t| of(t).as_secs_f64()));
        let (agents, hand) = (side(agents), side(hand));
        Row::ratio(what, agents, hand, target)
    };
    vec![
        row("founding three", |t| t.found, Some(1.3)),
        row("swapping a terminated follower", |t| t.swap, None),
        row("joining a fourth, an observer", |t| t.join, Some(1.3)),
    ]
}

fn call_rows(calls: &[Calls], idle: &resources::Idle) -> Vec<Row> {
    let row = |what, of: fn(&Calls) -> &Counts, target| {
        let count = median(calls.iter().map(|calls| total(of(calls))));
        Row::figure(what, count, "calls", target)
    };
    vec![
        row("AWS calls an instance, founding", |c| &c.found, Some(12.0)),
        row("AWS calls of the newcomer, joining", |c| &c.join, None),
        row("AWS calls of the newcomer, swapping", |c| &c.swap, None),
        Row::figure(
            "AWS calls a minute when idle",
            idle.calls,
            "calls",
            Some(6.0),
        ),
    ]
}

/// What the calls of an instance are.
fn print_calls(calls: &[Calls]) {
    let changes: [fn(&Calls) -> &Counts; 3] = [|c| &c.found, |c| &c.join, |c| &c.swap];
    let all = calls.iter().flat_map(|calls| changes.map(|of| of(calls)));
    let actions: BTreeSet<&String> = all.flat_map(BTreeMap::keys).collect();
    println!(
        "\n{:<42}{:>14}{:>10}{:>9}",
        "AWS calls", "founding", "joining", "swapping"
    );
    for action in actions {
        let count = |of: fn(&Calls) -> &Counts| {
            let counts = calls.iter().map(of);
            median(counts.map(|counts| counts.get(action).copied().unwrap_or_default()))
        };
        let [found, join, swap] = changes.map(count);
        println!("{action:<42}{found:>14.2}{join:>10.2}{swap:>9.2}");
    }
}

/// Waits until each of these servers serves as a voter, and then acknowledges a write.
fn until_each_acknowledges(servers: &[Ipv4Addr]) {
    until_each_acknowledges_as(&["leader", "follower"], servers);
}

/// The same for servers that serve in one of these modes.
fn until_each_acknowledges_as(modes: &[&str], servers: &[Ipv4Addr]) {
    let serves = |address: &Ipv4Addr| mode(*address).is_some_and(|mode| modes.contains(&&*mode));
    wait_for("every server to serve", PATIENCE, || {
        servers.iter().all(serves).then_some(())
    });
    for address in servers {
        wait_for("a write to be acknowledged", PATIENCE, || {
            let path = format!("/acknowledged-by-{address}");
            match Client::connect(&[*address]).and_then(|client| client.create(&path)) {
                Ok(()) | Err(Error::NodeExists) => Some(()),
                Err(_) => None,
            }
        });
    }
}

impl std::fmt::Display for Times {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let seconds = [self.found, self.swap, self.join].map(|t| t.as_secs_f64());
        let [found, swap, join] = seconds;
        write!(f, "{found:.2} / {swap:.2} / {join:.2} s")
    }
}
