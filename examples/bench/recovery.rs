//! A quorum that is lost for good, recovered by the agents and by hand; and what a client notices
//! of a follower's replacement.

use std::fs;
use std::net::Ipv4Addr;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::json;
use zk_bootstrap::clock;

use crate::agents::alert;
use crate::by_hand::{self, Member};
use crate::table::{Row, median};
use crate::world::World;
use crate::world::bare::BareServer;
use crate::world::client::mode;
use crate::world::instance::Image;
use crate::world::wait::wait_for;
use crate::world::writer::{Servers, Writer};
use crate::{PATIENCE, until_each_acknowledges};

/// Acknowledged writes before and after what is measured.
const WRITES: usize = 100;

/// What one side took in one round.
#[derive(Debug, Clone, Copy)]
struct Side {
    /// From the death of two of three until the last one acknowledges a write.
    recovery: Duration,
    /// The longest time between two acknowledged writes, from before a follower's death until its
    /// replacement votes.
    gap: Duration,
}

/// Both sides' round.
#[derive(Debug, Clone, Copy)]
pub struct Round {
    by_hand: Side,
    by_agents: Side,
}

/// Measures both sides once, in worlds of their own.
pub fn round(net: impl Fn(usize) -> String, image: &Image) -> Round {
    let round = Round {
        by_hand: by_hand(&net(0), image),
        by_agents: by_agents(&net(1), image),
    };
    println!(
        "recovery / replacement: by hand {}, by agents {}",
        round.by_hand, round.by_agents
    );
    round
}

/// The rows of the table.
pub fn rows(rounds: &[Round]) -> Vec<Row> {
    let sides = |of: fn(&Side) -> Duration| {
        let seconds = |side: fn(&Round) -> &Side| {
            median(rounds.iter().map(|round| of(side(round)).as_secs_f64()))
        };
        (seconds(|r| &r.by_agents), seconds(|r| &r.by_hand))
    };
    let (agents, hand) = sides(|side| side.recovery);
    let recovery = Row::ratio("recovering a lost quorum", agents, hand, Some(1.5));
    let (agents, hand) = sides(|side| side.gap);
    let gap = Row::seconds("write gap, swapping a follower", agents, hand, 0.3);
    vec![recovery, gap]
}

fn by_hand(net: &str, image: &Image) -> Side {
    let world = World::empty(net, image.clone());
    let mut members = by_hand::trio(&world, net);
    let servers = Servers::new(Mutex::new(by_hand::addresses(&members)));
    let writer = Writer::start(servers.clone());
    let gap = longest_gap(writer, || {
        let gone = by_hand::follower(&members);
        by_hand::kill(&world, gone.0);
        let newcomer = by_hand::member(net, 4);
        let listed = members.clone();
        members.retain(|member| *member != gone);
        members.push(newcomer);
        *servers.lock().expect("nobody panics with it") = by_hand::addresses(&members);
        by_hand::add(&world, &listed, newcomer, Some(gone.0));
    });

    let survivor = by_hand::follower(&members);
    let lost = members.iter().filter(|member| **member != survivor);
    lost.for_each(|member| by_hand::kill(&world, member.0));
    let begun = clock::instant();
    begin_alone(&world, survivor);
    until_it_leads(survivor.1);
    let recovery = begun.elapsed();
    Side { recovery, gap }
}

/// Stops a server, tells it that it is alone, and starts it.
fn begin_alone(world: &World, survivor: Member) {
    by_hand::stop(world, survivor.0);
    // As zkServer.sh's own stop does: it starts nothing while it knows of a process.
    let note = format!("bare-{}/data/zookeeper_server.pid", survivor.0);
    fs::remove_file(world.root.join(note)).expect("the script has noted its server");
    BareServer::new(&world.root, &world.image, survivor.0, &[survivor], false).start();
}

/// EC2 says at once who is terminated: how long it takes for that is its own affair. The
/// replacements do not boot, since nothing depends on them.
fn by_agents(net: &str, image: &Image) -> Side {
    let mut world = World::start(net, 3, alert(image));
    world.await_ensemble(PATIENCE);

    let writer = world.writer();
    let gap = longest_gap(writer, || {
        let gone = world.followers().remove(0);
        world.terminate(&gone);
        world.await_ensemble(PATIENCE);
    });

    let survivor = world.followers().remove(0);
    let address = world.at(&survivor).address;
    let lost: Vec<String> = world.ids().into_iter().filter(|i| *i != survivor).collect();
    for id in &lost {
        let instance = json!({ "instance": id });
        world.cloud.tell("terminate", instance);
    }
    lost.iter().for_each(|id| world.at(id).power_off());
    let begun = clock::instant();
    until_it_leads(address);
    let recovery = begun.elapsed();
    Side { recovery, gap }
}

/// The longest time between two acknowledged writes while something is done.
pub fn longest_gap(writer: Writer, done: impl FnOnce()) -> Duration {
    writer.await_more(WRITES, PATIENCE);
    writer.new_act();
    done();
    writer.await_more(WRITES, PATIENCE);
    writer.finish().longest_gap
}

/// Waits until a server that followed leads, and acknowledges a write.
fn until_it_leads(server: Ipv4Addr) {
    let leads = || (mode(server)? == "leader").then_some(());
    wait_for("the survivor to lead", PATIENCE, leads);
    until_each_acknowledges(&[server]);
}

impl std::fmt::Display for Side {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [recovery, gap] = [self.recovery, self.gap].map(|t| t.as_secs_f64());
        write!(f, "{recovery:.2} / {gap:.2} s")
    }
}
