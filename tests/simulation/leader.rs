//! What a leader does: it commits what a quorum holds, and changes the config on demand.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;

use zk_bootstrap::model::id::ServerId;
use zk_bootstrap::model::plan::Action;
use zk_bootstrap::model::server::Role;

use super::disk::{Config, Txn};
use super::region::Region;
use super::zookeeper::{Leading, PATIENCE, Phase};

/// A change of the config that an agent asks for.
#[derive(Debug, Clone)]
pub struct Reconfig {
    /// The agent's machine.
    pub by: usize,
    pub add: Option<(ServerId, IpAddr, Role)>,
    pub remove: BTreeSet<ServerId>,
    pub expected: u64,
}

impl Reconfig {
    /// What an action on a machine asks for; absent for an action of another kind.
    pub fn asked(by: usize, action: &Action) -> Option<Self> {
        match action {
            Action::AddServer {
                server,
                remove,
                expected,
            } => {
                let address = server
                    .address
                    .parse()
                    .expect("servers are added by address");
                Some(Reconfig {
                    by,
                    add: Some((server.id, address, server.role)),
                    remove: remove.iter().copied().collect(),
                    expected: expected.0,
                })
            }
            Action::RemoveServers { servers, expected } => Some(Reconfig {
                by,
                add: None,
                remove: servers.clone(),
                expected: expected.0,
            }),
            _ => None,
        }
    }
}

/// Why a reconfig changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    BadVersion,
    InProgress,
    NoQuorum,
    BadArguments,
}

impl Region {
    /// The voters of `config` that hold at least `len` transactions of the leader's history.
    fn holders(&self, l: usize, config: &Config, len: usize) -> usize {
        let near = self.voters_near(l, config).into_iter();
        near.filter(|v| *v == l || self.is_synced_with(*v, l))
            .filter(|v| self.machines[*v].disk.store.txns.len() >= len)
            .count()
    }

    pub fn is_synced_with(&self, m: usize, l: usize) -> bool {
        let phase = self.machines[m].server.as_ref().map(|s| &s.phase);
        matches!(phase, Some(Phase::Following { leader, synced: true, .. }) if *leader == l)
    }

    pub fn lead(&mut self, l: usize, mut leading: Leading) {
        let config = self.config_of(l);
        let len = self.machines[l].disk.store.txns.len();
        // A change under way needs quorums of both configs, or the lead is given up, too.
        let proposed = self.machines[l].disk.store.txns[leading.committed.min(len)..].iter();
        let proposed = proposed
            .filter(|_| leading.established)
            .filter_map(|t| t.config.clone());
        let followed = |c: &Rc<Config>| self.holders(l, c, 0) >= c.quorum();
        if followed(&config) && proposed.into_iter().all(|c| followed(&c)) {
            leading.followed = self.now;
        } else if leading.followed + PATIENCE < self.now {
            self.note(|| format!("{l} gives up the lead"));
            self.look(l);
            return;
        }
        if !leading.established {
            let in_flight = self.server(l).in_flight.clone();
            let both = [Some(config), in_flight];
            let held = |c: &Rc<Config>| self.holders(l, c, len) >= c.quorum();
            if !both.iter().flatten().all(held) {
                self.set_phase(l, Phase::Leading(leading));
                return;
            }
            leading.established = true;
            leading.committed = len;
            self.set_phase(l, Phase::Leading(leading));
            self.establish(l);
            return;
        }
        self.set_phase(l, Phase::Leading(leading));
        self.commit(l);
    }

    fn config_of(&self, l: usize) -> Rc<Config> {
        let server = self.machines[l].server.as_ref();
        Rc::clone(&server.expect("a leader runs").config)
    }

    /// Its whole history is committed now; a config of version 0 gets its first version (5).
    fn establish(&mut self, l: usize) {
        let epoch = self.leading(l).map_or(0, |leading| leading.epoch);
        let config = self.config_of(l);
        if config.version == 0 {
            let version = u64::from(epoch) << 32;
            self.adopt(
                l,
                &Rc::new(Config {
                    version,
                    members: config.members.clone(),
                }),
            );
        }
        if let Some(newer) = self.server(l).in_flight.clone() {
            self.adopt(l, &newer);
        }
        self.note(|| format!("{l} leads in epoch {epoch}"));
        self.established(l);
    }

    fn commit(&mut self, l: usize) {
        while let Some(leading) = self.leading(l) {
            let next = leading.committed;
            let Some(txn) = self.machines[l].disk.store.txns.get(next).cloned() else {
                return;
            };
            let mut configs = vec![self.config_of(l)];
            configs.extend(txn.config.clone());
            let held = |c: &Rc<Config>| self.holders(l, c, next + 1) >= c.quorum();
            if !configs.iter().all(held) {
                return;
            }
            let mut leading = leading.clone();
            leading.committed += 1;
            self.set_phase(l, Phase::Leading(leading));
            self.acknowledged(l, &txn);
            if let Some(config) = txn.config {
                self.adopt(l, &config);
                self.committed(l);
                let (id, at) = (self.id_of(l), self.machines[l].address);
                if !config.is_voter(id, at) {
                    self.look(l);
                }
            }
        }
    }

    pub fn id_of(&self, m: usize) -> ServerId {
        let server = self.machines[m].server.as_ref();
        server.expect("a running server has an id").id
    }

    pub fn append(&mut self, l: usize, config: Option<Config>) -> u64 {
        let epoch = self.leading(l).map_or(0, |leading| leading.epoch);
        self.truth.serials += 1;
        let serial = self.truth.serials;
        let store = &mut self.machines[l].disk.store;
        let zxid = (store.last() + 1).max((u64::from(epoch) << 32) + 1);
        let config = config.map(|c| Rc::new(Config { version: zxid, ..c }));
        store.txns.push(Txn {
            zxid,
            serial,
            config: config.clone(),
        });
        if let Some(change) = config {
            self.take_up(l, &change);
        }
        zxid
    }

    /// A client writes through some leader that serves.
    pub fn client_writes(&mut self) {
        let leaders: Vec<usize> = self
            .up()
            .filter(|m| self.leading(*m).is_some_and(|l| l.established))
            .collect();
        if !leaders.is_empty() {
            let leader = leaders[self.rng.usize(..leaders.len())];
            self.append(leader, None);
        }
    }

    /// Takes up a reconfig, or refuses it. Its zxid tells later whether it was committed.
    pub fn reconfig(&mut self, l: usize, change: &Reconfig) -> Result<u64, Refusal> {
        let old = self.config_of(l);
        let store = &self.machines[l].disk.store;
        let committed = self.leading(l).map_or(0, |leading| leading.committed);
        if store.txns[committed..].iter().any(|t| t.config.is_some()) {
            return Err(Refusal::InProgress);
        }
        if change.expected != old.version {
            return Err(Refusal::BadVersion);
        }
        let mut members = old.members.clone();
        members.retain(|id, _| !change.remove.contains(id));
        if let Some((id, address, role)) = change.add {
            if members
                .iter()
                .any(|(n, (at, _))| *n != id && *at == address)
            {
                return Err(Refusal::BadArguments);
            }
            members.insert(id, (address, role));
        }
        let new = Config {
            version: 0,
            members,
        };
        if self.holders(l, &new, 0) < new.quorum() {
            return Err(Refusal::NoQuorum);
        }
        self.judge_change(l, &old, &new, change);
        Ok(self.append(l, Some(new)))
    }

    /// The leader that takes a change from the agent of `m`: that of its own server, which must
    /// serve, or `anybody` who leads.
    pub fn leader_for(&self, m: usize, anybody: bool) -> Option<usize> {
        if anybody {
            let leads = |l: &usize| self.leading(*l).is_some_and(|x| x.established);
            return self.up().find(leads);
        }
        self.leader_of(m).filter(|_| self.serves(m))
    }

    /// Whether transaction `zxid` is committed by `l`; an error when it no longer leads.
    pub fn is_committed(&self, l: usize, zxid: u64) -> Result<bool, ()> {
        let leading = self.leading(l).ok_or(())?;
        let txns = &self.machines[l].disk.store.txns[..leading.committed];
        Ok(txns.iter().rev().any(|t| t.zxid == zxid))
    }
}
