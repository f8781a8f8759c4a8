//! One round of a scenario: a world, its clients, and the dice.

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use zk_bootstrap::clock;

use crate::clients::{Clients, told};
use crate::history::{Event, acknowledged, longest_gap};
use crate::network::Network;
use crate::scenarios::Scenario;
use crate::violations::{Violation, violations};
use crate::world::client::Config;
use crate::world::instance::{HURRY, Image};
use crate::world::wait::wait_for;
use crate::world::{World, packaged, process};

/// For everything that a scenario waits for; generous, for busy machines.
pub const PATIENCE: Duration = Duration::from_secs(150);
/// Writes that show that clients are served.
pub const SOME: usize = 30;

/// A scenario's round, while it goes on.
pub struct Trial {
    // Dropped in this order.
    clients: Option<Clients>,
    /// Its world.
    pub world: World,
    /// All that is random in it.
    pub dice: fastrand::Rng,
    /// What the clients did whose writes may be lost by declaration.
    declared: Vec<Event>,
    begin: Instant,
    network: Option<Network>,
}

/// What came of a round.
#[derive(Debug, Clone)]
pub struct Report {
    /// The longest time from one acknowledged write to the next.
    pub gap: Duration,
    /// Writes that were acknowledged.
    pub acknowledged: usize,
    /// What must not be.
    pub violations: Vec<Violation>,
}

impl Trial {
    /// Goes through a scenario in a world in this net.
    ///
    /// # Panics
    /// When what the scenario waits for does not come, or another chaos uses this net's directory.
    pub fn run(scenario: &Scenario, net: &str, seed: u64) -> Report {
        let mark = format!("ZK_WORLD={}", World::root(net).display());
        let others = process::marked(&mark);
        assert!(others.is_empty(), "another chaos is up: {others:?}");
        let image = Image {
            agent: PathBuf::from(env!("CARGO_BIN_EXE_zk-bootstrap")),
            zookeeper: packaged(),
            pace: HURRY,
            settings: scenario.settings.to_owned(),
        };
        let mut world = World::empty(net, image);
        world.group_ids = scenario.network;
        let network = scenario.network.then(|| Network::new(net));
        world.launch(3);
        let mut trial = Trial {
            clients: None,
            world,
            dice: fastrand::Rng::with_seed(seed),
            declared: Vec::new(),
            begin: clock::instant(),
            network,
        };
        trial.world.await_ensemble(PATIENCE);
        trial.start_clients();
        (scenario.run)(&mut trial);
        trial.settle();
        trial.report()
    }

    /// Waits until every instance is a voter and serves, and clients are served too.
    pub fn settle(&mut self) -> Config {
        let config = self.world.await_ensemble(PATIENCE);
        self.await_writes();
        config
    }

    /// Waits until clients get some more writes acknowledged.
    pub fn await_writes(&self) {
        let clients = self.clients.as_ref().expect("they write");
        clients.await_more(SOME, PATIENCE);
    }

    /// Ends the clients whose writes the settings allow to be lost; others follow.
    pub fn declare_lost(&mut self) {
        let clients = self.clients.take().expect("they write");
        self.declared.extend(clients.finish());
    }

    /// Starts clients that know nothing of those before.
    pub fn start_clients(&mut self) {
        self.clients = Some(Clients::start(&self.world.servers(), self.begin));
        self.await_writes();
    }

    /// Waits for a random time, at most so long: what comes next may come at any moment.
    pub fn moment(&mut self, at_most: Duration) {
        std::thread::sleep(at_most.mul_f64(self.dice.f64()));
    }

    /// Any instance.
    pub fn any(&mut self) -> String {
        let ids = self.world.ids();
        self.shuffled(ids).remove(0)
    }

    /// Any follower's instance.
    pub fn follower(&mut self) -> String {
        let ids = self.world.followers();
        self.shuffled(ids).remove(0)
    }

    /// Two of three instances, in any order, one of which may be the leader's. The third is the
    /// survivor of what is to come.
    pub fn two(&mut self) -> [String; 2] {
        let ids = self.world.ids();
        let mut ids = self.shuffled(ids);
        ids.truncate(2);
        ids.try_into().expect("three instances")
    }

    /// In an order that the seed says. Ids differ from run to run, addresses do not.
    fn shuffled(&mut self, mut ids: Vec<String>) -> Vec<String> {
        ids.sort_by_key(|id| self.world.at(id).address);
        self.dice.shuffle(&mut ids);
        ids
    }

    /// Two instances lose power, the second one so much later that the third has all writes that
    /// were acknowledged: after the first one's end it has acknowledged the newest itself.
    pub fn power_off(&mut self, [first, second]: &[String; 2]) {
        self.world.at(first).power_off();
        self.await_writes();
        self.moment(Duration::from_secs(2));
        self.world.at(second).power_off();
    }

    /// The addresses of an instance and all others, in pairs with the instance as the first.
    pub fn pairs(&mut self, id: &str) -> Vec<(Ipv4Addr, Ipv4Addr)> {
        let one = self.world.at(id).address;
        let others = self.world.addresses().into_iter();
        let others = others.filter(|other| *other != one);
        others.map(|other| (one, other)).collect()
    }

    /// The filters between the instances.
    pub fn network(&self) -> &Network {
        self.network.as_ref().expect("the scenario has one")
    }

    /// Lets AWS answer so from now on.
    pub fn fault(&mut self, mut fault: serde_json::Value, kind: &str) {
        fault["kind"] = json!(kind);
        self.world.cloud.tell("fault", fault);
    }

    /// Lets AWS answer well again; each fault must have been met.
    pub fn no_faults(&mut self) {
        let applied = self.world.cloud.tell("clear_faults", json!({}))["applied"].take();
        let applied = applied.as_object().expect("counts");
        let met = applied.values().all(|count| count.as_u64() > Some(0));
        assert!(met, "a fault was never met: {applied:?}");
    }

    fn report(mut self) -> Report {
        let events = self.clients.take().expect("they write").finish();
        let told: Vec<_> = self
            .world
            .instances()
            .map(|instance| {
                wait_for("a server to tell everything", PATIENCE, || {
                    told(&instance.id, instance.address).ok()
                })
            })
            .collect();
        let violations = violations(&events, &told).into_iter().collect();
        let all = [self.declared, events].concat();
        Report {
            gap: longest_gap(&all),
            acknowledged: acknowledged(&all),
            violations,
        }
    }
}
