//! ZooKeeper's processes: boot, election, synchronisation. What a leader does is in `leader`.
//!
//! A model of what matters to the agent (`reference` numbers are ZooKeeper's own behaviours):
//! a quorum of one's own config elects the most advanced history; an empty database does not
//! count; a looking server adopts any newer config that it hears of; whoever follows takes over
//! the leader's history; a change of the config that was taken up needs quorums of both configs until
//! the second start after it; an observer gets what is committed, and has no vote. Left out: sessions,
//! reads, groups and weights.

use std::rc::Rc;

use zk_bootstrap::model::disk::ZooCfg;
use zk_bootstrap::model::id::ServerId;
use zk_bootstrap::model::server::Role;

use super::disk::Config;
use super::region::{Ms, Region, SECOND};

/// A process.
#[derive(Debug)]
pub struct Server {
    pub id: ServerId,
    pub phase: Phase,
    /// The config that it knows.
    pub config: Rc<Config>,
    /// The change that it has taken up, and does not know to be committed.
    pub in_flight: Option<Rc<Config>>,
    /// When the process was started.
    pub started: Ms,
}

#[derive(Debug, Clone)]
pub enum Phase {
    Booting {
        /// When it takes the leave to serve an empty database away.
        loads: Ms,
        /// Whether it had one, once it has.
        founds: Option<bool>,
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
/// From there until its first snapshot is written.
const SNAPSHOT: std::ops::Range<Ms> = 0..500;
pub const PATIENCE: Ms = 2 * SECOND;

impl Region {
    pub fn start_server(&mut self, m: usize) {
        if self.machines[m].server.is_some() {
            return;
        }
        let loads = self.now + self.rng.u64(JVM);
        let until = loads + self.rng.u64(SNAPSHOT);
        let nobody = Config {
            version: 0,
            members: std::collections::BTreeMap::new(),
        };
        self.machines[m].server = Some(Server {
            id: ServerId::MIN,
            phase: Phase::Booting {
                loads,
                founds: None,
                until,
            },
            config: Rc::new(nobody),
            in_flight: None,
            started: self.now,
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
        self.note_coming();
    }

    fn server_step(&mut self, m: usize) {
        let Some(server) = &self.machines[m].server else {
            return;
        };
        match server.phase.clone() {
            Phase::Booting {
                loads,
                founds: None,
                until,
            } if loads <= self.now => {
                let disk = &mut self.machines[m].disk;
                let leave = std::mem::take(&mut disk.initialize);
                let founds = Some(leave && disk.store.lineage.is_none());
                let phase = Phase::Booting {
                    loads,
                    founds,
                    until,
                };
                self.machines[m].server.as_mut().expect("it boots").phase = phase;
            }
            Phase::Booting {
                founds: Some(founds),
                until,
                ..
            } if until <= self.now => self.boot(m, founds),
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

    pub fn leads(&self, m: usize) -> bool {
        self.leading(m).is_some()
    }

    pub fn looking(&self, m: usize) -> Option<Ms> {
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

    /// Looks for a leader; whoever followed it loses the connection at once.
    pub fn look(&mut self, m: usize) {
        let since = self.now;
        let followers: Vec<usize> = self.up().filter(|f| self.follows(*f, m)).collect();
        for looking in followers.into_iter().chain([m]) {
            self.set_phase(looking, Phase::Looking { since });
        }
    }

    pub fn adopt(&mut self, m: usize, config: &Rc<Config>) {
        let machine = &mut self.machines[m];
        let settles = |c: &mut Rc<Config>| c.version <= config.version;
        machine.disk.dynamic = Some(Rc::clone(config));
        machine.disk.next.take_if(settles);
        if let Some(server) = &mut machine.server {
            server.config = Rc::clone(config);
            server.in_flight.take_if(settles);
        }
    }

    /// Takes up a change that is not committed yet.
    pub fn take_up(&mut self, m: usize, config: &Rc<Config>) {
        let machine = &mut self.machines[m];
        let Some(server) = &mut machine.server else {
            return;
        };
        if config.version > server.config.version {
            machine.disk.next = Some(Rc::clone(config));
            server.in_flight = Some(Rc::clone(config));
        }
    }

    fn boot(&mut self, m: usize, founds: bool) {
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
        let alone = config.members.len() == 1;
        // It is read and deleted: the start after this one does not know of it (4).
        let in_flight = disk.next.take().filter(|c| c.version > config.version);
        let started = machine.server.as_ref().map_or(since, |s| s.started);
        machine.server = Some(Server {
            id,
            phase: Phase::Looking { since },
            config,
            in_flight,
            started,
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

    pub fn server(&self, m: usize) -> &Server {
        let server = self.machines[m].server.as_ref();
        server.expect("only running servers are asked")
    }

    pub fn knows(&self, m: usize, other: usize) -> bool {
        let id = self.server(other).id;
        self.server(m)
            .config
            .lists(id, self.machines[other].address)
    }

    /// Takes over the leader's history.
    fn sync(&mut self, m: usize, leader: usize) {
        let theirs = self.machines[leader].disk.store.clone();
        let mine = &self.machines[m].disk.store;
        let foreign = mine.lineage.is_some() && mine.lineage != theirs.lineage;
        if foreign && !mine.is_prefix_of(&theirs) {
            self.broke(format!("{m} joins {leader} with data of another lineage"));
            return;
        }
        if mine.accepted > theirs.epoch {
            self.look(m);
            return;
        }
        let mut theirs = theirs;
        theirs.txns.truncate(self.told_to(m, leader));
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

    /// How much of a leader's history it tells a server: an observer, only what is committed.
    fn told_to(&self, m: usize, leader: usize) -> usize {
        let all = self.machines[leader].disk.store.txns.len();
        let established = self.leading(leader).filter(|l| l.established);
        match established {
            Some(leading) if self.observes(m) => leading.committed,
            _ => all,
        }
    }

    /// Whether a server is an observer by the config that it knows.
    pub fn observes(&self, m: usize) -> bool {
        let server = self.server(m);
        let member = server.config.members.get(&server.id);
        member == Some(&(self.machines[m].address, Role::Observer))
    }

    fn learn_config(&mut self, m: usize, leader: usize) {
        let established = self.leading(leader).is_some_and(|l| l.established);
        let config = Rc::clone(&self.server(leader).config);
        if established && config.version > self.server(m).config.version {
            // A joiner's own file calls it an observer, which nobody has committed.
            let known = self.server(m).config.version > 0;
            let observed = self.observes(m);
            self.adopt(m, &config);
            if known && self.observes(m) != observed {
                self.look(m);
                return;
            }
        }
        if let Some(change) = self.server(leader).in_flight.clone() {
            self.take_up(m, &change);
        }
    }

    fn catch_up(&mut self, m: usize, leader: usize) {
        if self.rng.u8(..10) == 0 {
            return;
        }
        let have = self.machines[m].disk.store.txns.len();
        let told = self.told_to(m, leader).max(have);
        let news = self.machines[leader].disk.store.txns[have..told].to_vec();
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
