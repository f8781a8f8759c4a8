//! A group whose instances are all refreshed, and a leader that leaves: by its agent, which the group's
//! hook holds, and by hand.

use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use zk_bootstrap::clock;

use crate::PATIENCE;
use crate::agents::alert;
use crate::by_hand::{self, Member};
use crate::recovery::longest_gap;
use crate::table::{Row, median};
use crate::world::World;
use crate::world::client::{self, Client, mode};
use crate::world::group::{Outcome, Transition};
use crate::world::instance::{Image, SECRET};
use crate::world::wait::wait_for;
use crate::world::writer::{Servers, Writer};

/// No hook times out within a round: whoever goes on was completed.
const HEARTBEAT: Duration = Duration::from_secs(600);

/// One of each.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    /// The longest time between two acknowledged writes, from before the leader leaves until it is
    /// stopped and two are left.
    gap_by_hand: Duration,
    /// The same until it is terminated.
    gap_by_agents: Duration,
    /// From the start of an instance refresh until the group calls it successful, an instance.
    refresh: Duration,
}

/// Measures both sides once, in worlds of their own; which comes first, alternates.
pub fn round(number: usize, net: impl Fn(usize) -> String, image: &Image) -> Round {
    let by_hand = || by_hand(&net(0), image);
    let by_agents = || by_agents(&net(1), image);
    let (gap_by_hand, (refresh, gap_by_agents)) = match number % 2 {
        0 => (by_hand(), by_agents()),
        _ => {
            let first = by_agents();
            (by_hand(), first)
        }
    };
    let round = Round {
        gap_by_hand,
        gap_by_agents,
        refresh,
    };
    println!("{round}");
    round
}

/// The rows of the table; `join` is what a plain join takes, in seconds.
pub fn rows(rounds: &[Round], join: f64) -> Vec<Row> {
    let seconds =
        |of: fn(&Round) -> Duration| median(rounds.iter().map(|round| of(round).as_secs_f64()));
    let (agents, hand) = (seconds(|r| r.gap_by_agents), seconds(|r| r.gap_by_hand));
    let each = seconds(|r| r.refresh);
    vec![
        Row::ratio("write gap, the leader leaves", agents, hand, Some(1.2)),
        Row::against("refreshing three, each, to a join", each, join),
    ]
}

/// Takes the leader out by a follower, waits for the next one, and stops it.
fn by_hand(net: &str, image: &Image) -> Duration {
    let world = World::empty(net, image.clone());
    let mut members = by_hand::trio(&world, net);
    let servers = Servers::new(Mutex::new(by_hand::addresses(&members)));
    let leads = |member: &Member| mode(member.1).as_deref() == Some("leader");
    let leader = *members.iter().find(|m| leads(m)).expect("a leader");
    members.retain(|member| *member != leader);
    longest_gap(Writer::start(servers.clone()), || {
        let client = Client::connect(&[members[0].1]).expect("it serves");
        let version = client.config().expect("a config").version;
        // Between two leaders the answer may be lost: the config tells what became of it.
        let _ = client.reconfig(SECRET, &[], &[leader.0.to_string()], version);
        wait_for("the next leader", PATIENCE, || {
            client::agreed(&by_hand::addresses(&members), members.len()).map(drop)
        });
        by_hand::stop(&world, leader.0);
        *servers.lock().expect("nobody panics with it") = by_hand::addresses(&members);
    })
}

fn by_agents(net: &str, image: &Image) -> (Duration, Duration) {
    let mut world = World::start(net, 3, alert(image));
    world.await_ensemble(PATIENCE);
    for (name, transition, outcome) in [
        ("launch", Transition::Launching, Outcome::Abandon),
        ("leave", Transition::Terminating, Outcome::Continue),
    ] {
        world.cloud.put_hook(name, transition, HEARTBEAT, outcome);
    }
    let old = world.ids();
    let begun = clock::instant();
    world.cloud.refresh(json!({}));
    world.await_refresh("Successful", PATIENCE);
    let refresh = begun.elapsed() / 3;

    // The last of the old ones is still leaving.
    world.await_that("the old instances to be gone", PATIENCE, |world| {
        let gone = world.ids().iter().all(|id| !old.contains(id));
        gone.then_some(())
    });
    world.await_ensemble(PATIENCE);
    let leader = world.leader();
    let gap = longest_gap(world.writer(), || {
        world.dismiss(&leader);
        world.await_lifecycle(&leader, None, PATIENCE);
        world.await_ensemble(PATIENCE);
    });
    (refresh, gap)
}

impl std::fmt::Display for Round {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [hand, agents, refresh] = [self.gap_by_hand, self.gap_by_agents, self.refresh];
        let [hand, agents, refresh] = [hand, agents, refresh].map(|t| t.as_secs_f64());
        write!(
            f,
            "write gap of a leader that leaves: by hand {hand:.2} s, by agents {agents:.2} s; \
             refresh, each: {refresh:.2} s"
        )
    }
}
