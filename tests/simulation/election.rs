//! How a looking server finds its leader.

use std::rc::Rc;

use super::disk::Config;
use super::region::{Ms, Region};
use super::zookeeper::{Leading, Phase};

/// How long a server that follows takes to sync.
const SYNC: std::ops::Range<Ms> = 30..900;
/// How long votes are waited for.
const ELECTION: Ms = 250;

impl Region {
    /// A looking server adopts a newer config that it hears of (6).
    pub fn hear_of_configs(&mut self, m: usize) {
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
    pub fn find_leader(&mut self, m: usize) {
        let Some(since) = self.looking(m) else {
            return;
        };
        let config = Rc::clone(&self.server(m).config);
        let near = self.voters_near(m, &config);
        let leader = near.iter().copied().find(|l| {
            let follows = |v: &&usize| **v == *l || self.follows(**v, *l);
            let behind = |v: &usize| *v == *l || *v == m || self.follows(*v, *l);
            let agree = || self.up().filter(|v| self.reach(m, *v)).filter(behind);
            self.leads(*l)
                && near.iter().filter(follows).count() >= config.quorum()
                && self.may_agree(m, &agree().collect::<Vec<_>>())
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
        let mut electors: Vec<usize> = near.iter().copied().filter(votes).collect();
        // Whoever finds no quorum for the change that it has taken up elects nobody, and follows
        // nobody.
        while let Some(n) = electors.iter().position(|v| !self.may_agree(*v, &electors)) {
            electors.remove(n);
        }
        let rank = |v: &usize| {
            let store = &self.machines[*v].disk.store;
            (store.epoch, store.last(), self.server(*v).id)
        };
        let Some(best) = electors.iter().copied().max_by_key(rank) else {
            return;
        };
        if !electors.contains(&m) || !self.is_quorum(config, &electors) {
            return;
        }
        let promised = |v: &usize| self.machines[*v].disk.store.accepted;
        let epoch = electors.iter().map(promised).max().unwrap_or_default() + 1;
        for elector in &electors {
            self.machines[*elector].disk.store.accepted = epoch;
        }
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

    /// Whether these are a quorum of the change that this server has taken up, if there is one: it
    /// needs quorums of both configs (4).
    fn may_agree(&self, m: usize, with: &[usize]) -> bool {
        let change = self.server(m).in_flight.as_ref();
        change.is_none_or(|change| self.is_quorum(change, with))
    }

    fn is_quorum(&self, config: &Config, servers: &[usize]) -> bool {
        let votes = servers.iter().filter(|v| self.votes_in(**v, config));
        votes.count() >= config.quorum()
    }

    pub fn votes_in(&self, m: usize, config: &Config) -> bool {
        config.is_voter(self.server(m).id, self.machines[m].address)
    }
}
