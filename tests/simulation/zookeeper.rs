//! ZooKeeper's processes: boot, election, synchronisation. What a leader does is in `leader`.
//!
//! A model of what matters to the agent (`reference` numbers are ZooKeeper's own behaviours):
//! a quorum of one's own config elects the most advanced history; an empty database does not
//! count; a looking server adopts any newer config that it hears of; whoever follows takes over
//! the leader's history. Left out: sessions, reads, groups and weights, and the `.next` file of a
//! reconfig in flight (a reconfig in the log counts instead).

use std::rc::Rc;

use zk_bootstrap::model::disk::ZooCfg;
use zk_bootstrap::model::id::ServerId;

use super::disk::Config;
use super::region::{Ms, Region, SECOND};

/// A process.
#[derive(Debug)]
pub struct Server {
    pub id: ServerId,
    pub phase: Phase,
    /// The config that it knows.
    pub config: Rc<Config>,
}

#[derive(Debug, Clone)]
pub enum Phase {
    Booting {
        until: Ms,
    },
    Looking {
        since: Ms,
    },
    Following {
        leader: usize,
        syncs: Ms,
        synced: bool,
    },
    Leading(Leading),
}

#[derive(Debug, Clone)]
pub struct Leading {
    pub epoch: u32,
    /// A quorum has synced with it.
    pub established: bool,
    /// How many transactions of its history are committed.
    pub committed: usize,
    /// When it was last followed by a quorum.
    pub followed: Ms,
}

const JVM: std::ops::Range<Ms> = 600..2_500;
const SYNC: std::ops::Range<Ms> = 30..900;
const ELECTION: Ms = 250;
pub const PATIENCE: Ms = 2 * SECOND;

impl Region {
    pub fn start_server(&mut self, m: usize) {
        if self.machines[m].server.is_some() {
            return;
        }
        let until = self.now + self.rng.u64(JVM);
        let nobody = Config {
            version: 0,
            members: std::collections::BTreeMap::new(),
        };
        self.machines[m].server = Some(Server {
            id: ServerId::MIN,
            phase: Phase::Booting { until },
            config: Rc::new(nobody),
        });
    }

    /// One moment in the life of all servers.
    pub fn servers_step(&mut self) {
        let up: Vec<usize> = self.up().collect();
        for m in &up {
            self.server_step(*m);
        }
        for m in up {
            if self.looking(m).is_some() {
                self.hear_of_configs(m);
                self.find_leader(m);
            }
        }
    }

    fn server_step(&mut self, m: usize) {
        let Some(server) = &self.machines[m].server else {
            return;
        };
        match server.phase.clone() {
            Phase::Booting { until } if until <= self.now => self.boot(m),
            Phase::Following { leader, .. } if !self.leads(leader) || !self.reach(m, leader) => {
                self.look(m);
            }
            Phase::Following {
                leader,
                syncs,
                synced: false,
            } if syncs <= self.now => self.sync(m, leader),
            Phase::Following {
                leader,
                synced: true,
                ..
            } => self.catch_up(m, leader),
            Phase::Leading(leading) => self.lead(m, leading),
            _ => {}
        }
    }

    /// Machines with a process.
    pub fn up(&self) -> impl Iterator<Item = usize> {
        let all = 0..self.machines.len();
        all.filter(|m| self.machines[*m].server.is_some())
    }

    pub fn leading(&self, m: usize) -> Option<&Leading> {
        match &self.machines[m].server.as_ref()?.phase {
            Phase::Leading(leading) => Some(leading),
            _ => None,
        }
    }

    fn leads(&self, m: usize) -> bool {
        self.leading(m).is_some()
    }

    fn looking(&self, m: usize) -> Option<Ms> {
        match self.machines[m].server.as_ref()?.phase {
            Phase::Looking { since } => Some(since),
            _ => None,
        }
    }

    pub fn set_phase(&mut self, m: usize, phase: Phase) {
        if let Some(server) = &mut self.machines[m].server {
            server.phase = phase;
        }
    }

    pub fn look(&mut self, m: usize) {
        let since = self.now;
        self.set_phase(m, Phase::Looking { since });
    }

    pub fn adopt(&mut self, m: usize, config: &Rc<Config>) {
        let machine = &mut self.machines[m];
        machine.disk.dynamic = Some(Rc::clone(config));
        if let Some(server) = &mut machine.server {
            server.config = Rc::clone(config);
        }
    }

    fn boot(&mut self, m: usize) {
        let since = self.now;
        let machine = &mut self.machines[m];
        let (disk, address) = (&mut machine.disk, machine.address);
        let listed = match (disk.myid, &disk.dynamic) {
            (Some(id), Some(config)) if config.lists(id, address) => Some((id, config.clone())),
            _ => None,
        };
        let Some((id, config)) = listed.filter(|_| disk.zoo_cfg != ZooCfg::Missing) else {
            machine.server = None;
            self.note(|| format!("the server of {m} exits: not in its own peer list"));
            return;
        };
        let known = Rc::clone(&config);
        let founds = disk.initialize && disk.store.lineage.is_none();
        disk.initialize = false;
        let alone = config.members.len() == 1;
        machine.server = Some(Server {
            id,
            phase: Phase::Looking { since },
            config,
        });
        self.judge_boot(m, &known, id);
        if founds {
            self.founded(m, alone);
        }
        self.note(|| format!("the server of {m} boots as {id}"));
    }

    /// The machine on which server `id` runs at `address`, past its boot.
    fn peer(&self, id: ServerId, address: std::net::IpAddr) -> Option<usize> {
        self.up().find(|m| {
            let machine = &self.machines[*m];
            let here = |s: &Server| s.id == id && !matches!(s.phase, Phase::Booting { .. });
            machine.address == address && machine.server.as_ref().is_some_and(here)
        })
    }

    /// The voters of `config` that run within reach of `m`.
    pub fn voters_near(&self, m: usize, config: &Config) -> Vec<usize> {
        let peers = config.voters().filter_map(|(id, at)| self.peer(id, at));
        peers.filter(|p| *p == m || self.reach(m, *p)).collect()
    }

    fn server(&self, m: usize) -> &Server {
        let server = self.machines[m].server.as_ref();
        server.expect("only running servers are asked")
    }

    pub fn knows(&self, m: usize, other: usize) -> bool {
        let id = self.server(other).id;
        self.server(m)
            .config
            .lists(id, self.machines[other].address)
    }

    /// A looking server adopts a newer config that it hears of (6).
    fn hear_of_configs(&mut self, m: usize) {
        let others: Vec<usize> = self.up().filter(|o| *o != m).collect();
        for other in others {
            let booting = matches!(self.server(other).phase, Phase::Booting { .. });
            if booting || !self.reach(m, other) || !(self.knows(m, other) || self.knows(other, m)) {
                continue;
            }
            let config = Rc::clone(&self.server(other).config);
            if config.version > self.server(m).config.version {
                self.note(|| format!("{m} adopts config {:x} of {other}", config.version));
                self.adopt(m, &config);
            }
        }
    }

    /// Follows a leader that a quorum of the known voters follows, or takes part in an election.
    fn find_leader(&mut self, m: usize) {
        let Some(since) = self.looking(m) else {
            return;
        };
        let config = Rc::clone(&self.server(m).config);
        let near = self.voters_near(m, &config);
        let leader = near.iter().copied().find(|l| {
            let follows = |v: &&usize| **v == *l || self.follows(**v, *l);
            self.leads(*l) && near.iter().filter(follows).count() >= config.quorum()
        });
        if let Some(leader) = leader {
            self.follow(m, leader);
        } else if since + ELECTION <= self.now {
            self.elect(m, &config, &near);
        }
    }

    pub fn follows(&self, m: usize, leader: usize) -> bool {
        let phase = self.machines[m].server.as_ref().map(|s| &s.phase);
        matches!(phase, Some(Phase::Following { leader: l, .. }) if *l == leader)
    }

    fn follow(&mut self, m: usize, leader: usize) {
        let syncs = self.now + self.rng.u64(SYNC);
        let phase = Phase::Following {
            leader,
            syncs,
            synced: false,
        };
        self.set_phase(m, phase);
    }

    /// A quorum of looking voters of one config elects the most advanced among them.
    fn elect(&mut self, m: usize, config: &Rc<Config>, near: &[usize]) {
        let votes = |v: &usize| {
            let same = self.server(*v).config == *config;
            // An empty database does not vote (12).
            let store = &self.machines[*v].disk.store;
            self.looking(*v).is_some() && same && store.lineage.is_some()
        };
        let electors: Vec<usize> = near.iter().copied().filter(votes).collect();
        let rank = |v: &usize| {
            let store = &self.machines[*v].disk.store;
            (store.epoch, store.last(), self.server(*v).id)
        };
        let Some(best) = electors.iter().copied().max_by_key(rank) else {
            return;
        };
        // A reconfig in flight needs quorums of both configs (4).
        let in_flight = self.machines[best].disk.store.config().cloned();
        let quorum_of = |config: &Config| {
            let count = electors
                .iter()
                .filter(|v| self.votes_in(**v, config))
                .count();
            count >= config.quorum()
        };
        let newer = in_flight.filter(|c| c.version > config.version);
        if !electors.contains(&m) || !quorum_of(config) || !newer.is_none_or(|c| quorum_of(&c)) {
            return;
        }
        let epochs = electors.iter().map(|v| self.machines[*v].disk.store.epoch);
        let epoch = epochs.max().unwrap_or_default() + 1;
        self.machines[best].disk.store.epoch = epoch;
        let leading = Leading {
            epoch,
            established: false,
            committed: 0,
            followed: self.now,
        };
        self.note(|| format!("{best} is elected in epoch {epoch} by {electors:?}"));
        self.set_phase(best, Phase::Leading(leading));
        for elector in electors.into_iter().filter(|v| *v != best) {
            self.follow(elector, best);
        }
    }

    pub fn votes_in(&self, m: usize, config: &Config) -> bool {
        config.is_voter(self.server(m).id, self.machines[m].address)
    }

    /// Takes over the leader's history.
    fn sync(&mut self, m: usize, leader: usize) {
        let theirs = self.machines[leader].disk.store.clone();
        let mine = &self.machines[m].disk.store;
        if mine.lineage.is_some() && mine.lineage != theirs.lineage {
            self.broke(format!("{m} joins {leader} with data of another lineage"));
            return;
        }
        self.machines[m].disk.store = theirs;
        self.set_phase(
            m,
            Phase::Following {
                leader,
                syncs: self.now,
                synced: true,
            },
        );
        self.learn_config(m, leader);
    }

    fn learn_config(&mut self, m: usize, leader: usize) {
        let established = self.leading(leader).is_some_and(|l| l.established);
        let config = Rc::clone(&self.server(leader).config);
        if established && config.version > self.server(m).config.version {
            self.adopt(m, &config);
        }
    }

    fn catch_up(&mut self, m: usize, leader: usize) {
        if self.rng.u8(..10) == 0 {
            return;
        }
        let have = self.machines[m].disk.store.txns.len();
        let news = self.machines[leader].disk.store.txns[have..].to_vec();
        self.machines[m].disk.store.txns.extend(news);
        self.learn_config(m, leader);
    }

    /// Whether the server answers clients.
    pub fn serves(&self, m: usize) -> bool {
        let Some(server) = &self.machines[m].server else {
            return false;
        };
        match &server.phase {
            Phase::Leading(leading) => leading.established,
            Phase::Following { leader, synced, .. } => {
                *synced && self.leading(*leader).is_some_and(|l| l.established)
            }
            Phase::Booting { .. } | Phase::Looking { .. } => false,
        }
    }

    /// The leader that a server answers for: itself, or the one that it follows.
    pub fn leader_of(&self, m: usize) -> Option<usize> {
        match self.machines[m].server.as_ref()?.phase {
            Phase::Leading(_) => Some(m),
            Phase::Following { leader, .. } => Some(leader),
            _ => None,
        }
    }
}
