//! What must hold in the world at every moment, whatever the agents believe.
//!
//! 1. No acknowledged write is lost: whoever comes to lead has all of them. There is no excuse
//!    within one lineage; a majority of intact voters elects, so even disks that trouble destroyed
//!    cost availability, never a write.
//! 2. One lineage: an ensemble is founded by one server alone, and a second one only when no copy
//!    of the first is left on any machine that is not terminated.
//! 3. No id is run by two servers at once.
//! 4. A change of the config never removes a member that is neither terminated nor leaving, unless that
//!    member itself asks for it, or its zone holds a majority and the newcomer's will not; it adds
//!    only what has synced, never goes below the floor, and never takes a quorum from those that live.
//! 5. Files are written and data is moved only while the server is down; nothing is deleted; a
//!    voter's data is not moved aside.
//! 6. No plan breaks a rule of the safety checker.
//! 7. The group takes an instance into service only when its server is a member that has synced and
//!    serves (see `hooks`), and terminates none that the quorum needs before it was asked for long.
//! 8. Where an operator's leave is asked for, no generation begins with data before it was given.
//! 9. What clients are told never goes back to an older config; a settled fleet's is the newest.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use zk_bootstrap::model::claim::Slot;
use zk_bootstrap::model::id::ServerId;
use zk_bootstrap::model::server::Role;

use super::disk::{Config, Disk, Store, Txn};
use super::leader::Reconfig;
use super::region::Region;
use super::zookeeper::Phase;

/// What really happened.
#[derive(Debug, Default)]
pub struct Truth {
    /// How many ensembles were founded, or begun anew with a survivor's data.
    pub lineages: u32,
    /// How many of them were begun with data.
    pub recoveries: u32,
    /// The serials of the writes that the newest of them acknowledged, ascending.
    pub acknowledged: Vec<u64>,
    /// How many transactions there ever were.
    pub serials: u64,
    /// The generations for whose recovery an operator has given leave.
    pub allowed: BTreeSet<u32>,
    /// Its newest committed config; absent before it first led.
    pub config: Option<Rc<Config>>,
}

impl Region {
    /// A server has used its leave to serve an empty database.
    pub fn founded(&mut self, m: usize, alone: bool) {
        if !alone {
            self.broke(format!("{m} serves an empty database beside others"));
        }
        let holds = |o: &usize| {
            let machine = &self.machines[*o];
            !machine.is_gone() && machine.disk.store.lineage.is_some()
        };
        if let Some(other) = (0..self.machines.len()).find(holds) {
            self.broke(format!(
                "{m} founds a second ensemble while {other} has data"
            ));
        }
        self.truth = Truth {
            lineages: self.truth.lineages + 1,
            recoveries: self.truth.recoveries,
            serials: self.truth.serials,
            ..Truth::default()
        };
        let identity = self.machines[m].disk.identity.as_ref();
        self.machines[m].disk.store = Store {
            lineage: Some(self.truth.lineages),
            generation: identity.map_or(0, |i| i.lineage.generation),
            ..Store::default()
        };
    }

    pub fn established(&mut self, l: usize) {
        let store = &self.machines[l].disk.store;
        if store.lineage != Some(self.truth.lineages) {
            self.broke(format!("{l} leads data of an older lineage"));
            return;
        }
        let mut history = store.txns.iter().map(|txn| txn.serial);
        let lost = |write: &&u64| !history.any(|serial| serial == **write);
        if let Some(write) = self.truth.acknowledged.iter().find(lost) {
            self.broke(format!(
                "{l} leads without the acknowledged write {write:x}"
            ));
        }
        self.committed(l);
    }

    pub fn committed(&mut self, l: usize) {
        if let Some(server) = &self.machines[l].server {
            self.truth.config = Some(Rc::clone(&server.config));
        }
    }

    pub fn acknowledged(&mut self, l: usize, txn: &Txn) {
        if self.machines[l].disk.store.lineage != Some(self.truth.lineages) {
            self.broke(format!("{l} acknowledges a write to an older lineage"));
        }
        self.truth.acknowledged.push(txn.serial);
    }

    /// The machine of a member, unless it is terminated.
    pub fn living(&self, (id, address): (ServerId, std::net::IpAddr)) -> Option<usize> {
        let m = self.machine_at(address)?;
        self.is_of(m, id).then_some(m)
    }

    /// Whether a machine is server `id`'s, by its disk or, where that is empty, by its claim.
    pub fn is_of(&self, m: usize, id: ServerId) -> bool {
        let myid = self.machines[m].disk.myid;
        myid == Some(id) || (myid.is_none() && self.owns(m, id))
    }

    fn owns(&self, m: usize, id: ServerId) -> bool {
        let newest = self.streams.newest(Slot::Server(id));
        let owner = newest.and_then(|(_, stream)| stream.owner());
        owner.is_some_and(|owner| owner.instance == self.machines[m].id)
    }

    /// Judges a change that a leader has just taken up.
    pub fn judge_change(&mut self, l: usize, old: &Config, new: &Config, change: &Reconfig) {
        let living = |config: &Config| {
            config
                .voters()
                .filter(|v| self.living(*v).is_some())
                .count()
        };
        let (n_old, n_new) = (old.voters().count(), new.voters().count());
        let (before, after) = (living(old), living(new));
        let mut wrong = Vec::new();
        if before * 2 > n_old && after * 2 <= n_new {
            wrong.push(format!(
                "leaves {after} living of {n_new} voters, after {before} of {n_old}"
            ));
        }
        let goes = |(id, at): (ServerId, std::net::IpAddr)| {
            let m = self.living((id, at));
            change.remove.contains(&id) && m.is_some_and(|m| self.machines[m].retired_at.is_some())
        };
        // A voter that is about to go is lost to the ensemble either way.
        let by_itself = change.remove.len() == 1 && old.voters().any(goes);
        if n_new < n_old && n_new < self.policy.floor && !by_itself {
            wrong.push(format!("leaves {n_new} voters, below the floor"));
        }
        for id in &change.remove {
            let member = old.members.get(id).map(|(at, _)| (*id, *at));
            let living = member.and_then(|member| self.living(member));
            let stays = |m: &usize| self.machines[*m].retired_at.is_none();
            let by_itself = |m: usize| m == change.by && change.add.is_none();
            if let Some(m) = living.filter(stays)
                && !by_itself(m)
                && !self.gives_way(old, m, change)
            {
                wrong.push(format!(
                    "removes {m}, which is neither terminated nor leaving"
                ));
            }
        }
        if let Some((id, address, _)) = change.add {
            let m = self.machine_at(address);
            if !m.is_some_and(|m| m == l || self.is_synced_with(m, l)) {
                wrong.push(format!("adds server {id}, which has not synced"));
            }
            let elsewhere = old.members.get(&id).is_some_and(|(at, _)| *at != address);
            if elsewhere && !change.remove.contains(&id) {
                wrong.push(format!("moves server {id} to another machine"));
            }
        }
        for what in wrong {
            self.broke(format!("a change of the config {what}: {change:?}"));
        }
    }

    /// The living voters in the zone of `m`.
    fn voters_beside(&self, config: &Config, m: usize) -> usize {
        let zone = self.machines[m].zone;
        let living = config.voters().filter_map(|voter| self.living(voter));
        living.filter(|v| self.machines[*v].zone == zone).count()
    }

    /// Whether a voter's zone holds a majority, and that of the voter that is added instead will not.
    fn gives_way(&self, old: &Config, m: usize, change: &Reconfig) -> bool {
        let added = change.add.filter(|(.., role)| *role == Role::Participant);
        let newcomer = added.and_then(|(_, address, _)| self.machine_at(address));
        newcomer.is_some_and(|newcomer| {
            let quorum = old.quorum();
            self.voters_beside(old, m) >= quorum && self.voters_beside(old, newcomer) + 1 < quorum
        })
    }

    /// A zone that holds a majority of the voters, although these members allow a choice of as many
    /// voters in which none does.
    pub fn is_crowded(&self, config: &Config) -> Option<String> {
        let living = config.members.iter();
        let living = living.filter_map(|(id, (at, _))| self.living((*id, *at)));
        let mut members = BTreeMap::new();
        for m in living {
            *members.entry(self.machines[m].zone).or_insert(0) += 1;
        }
        let quorum = config.quorum();
        let spread: usize = members.values().map(|n: &usize| (*n).min(quorum - 1)).sum();
        let mut voters = config.voters().filter_map(|voter| self.living(voter));
        let crowded = voters.find(|m| self.voters_beside(config, *m) >= quorum);
        let crowded = crowded.filter(|_| spread >= config.voters().count())?;
        let zone = self.machines[crowded].zone;
        Some(format!("zone {zone} holds a majority, with {members:?}"))
    }

    /// An agent is about to write files of its server.
    pub fn judge_writing(&mut self, m: usize) {
        if self.machines[m].server.is_some() {
            self.broke(format!("files of {m} are written while its server runs"));
        }
    }

    /// An agent is about to let the group terminate its machine.
    pub fn judge_going(&mut self, m: usize) {
        let Some(config) = self.truth.config.clone() else {
            return;
        };
        let machine = &self.machines[m];
        let patience = self.policy.leave_patience.as_millis();
        let waited = machine.retired_at.map_or(0, |at| self.now - at);
        let here = |(id, at): (ServerId, _)| at == machine.address && self.is_of(m, id);
        let votes = config.voters().any(here) && machine.disk.store.lineage.is_some();
        let living = self.intact_voters(&config).len();
        let needed = votes && living <= config.quorum();
        if needed && u128::from(waited) < patience / 2 {
            self.broke(format!("{m} goes, and the quorum with it"));
        }
    }

    /// An agent is about to say whose data its running server has. ZooKeeper does not read that file.
    pub fn judge_naming(&mut self, m: usize, generation: u32) {
        let real = self.machines[m].disk.store.generation;
        if generation != real {
            self.broke(format!(
                "the data of {m}, of generation {real}, is said to be of {generation}"
            ));
        }
    }

    /// An agent is about to stop its server.
    pub fn judge_stopping(&mut self, m: usize) {
        let Some(server) = &self.machines[m].server else {
            return;
        };
        let config = self.truth.config.as_ref();
        let votes = config.is_some_and(|c| c.is_voter(server.id, self.machines[m].address));
        if votes && self.serves(m) {
            self.broke(format!("voter {m}, which serves, is stopped"));
        }
    }

    /// A server boots with what its files say. With data it is a member, or it begins a later
    /// generation alone, or it joins one whose beginning its data is a part of.
    pub fn judge_boot(&mut self, m: usize, config: &Rc<Config>, id: ServerId) {
        let machine = &self.machines[m];
        let Disk {
            identity, store, ..
        } = &machine.disk;
        if store.lineage.is_none() {
            return;
        }
        let votes = config.is_voter(id, machine.address);
        let truth = self.truth.config.as_ref();
        let listed = truth.is_some_and(|c| c.lists(id, machine.address));
        let generation = identity.as_ref().map_or(0, |i| i.lineage.generation);
        let is_later = generation > store.generation;
        if is_later && votes && config.members.len() == 1 {
            self.begins_with_data(m, config, generation);
        } else if !is_later && !votes && !listed {
            self.broke(format!("{m} joins with data that may run ahead"));
        }
    }

    /// An agent is about to move data aside.
    pub fn judge_moving(&mut self, m: usize) {
        self.judge_writing(m);
        let machine = &self.machines[m];
        let newest = machine.disk.store.lineage == Some(self.truth.lineages);
        let id = machine.disk.myid;
        let config = self.truth.config.as_ref();
        let votes = config
            .zip(id)
            .is_some_and(|(c, id)| c.is_voter(id, machine.address));
        if newest && votes {
            self.broke(format!("the data of voter {m} is moved aside"));
        }
        if let Some(write) = self.last_copies(m).first() {
            self.broke(format!(
                "the last copy of write {write} is moved aside at {m}"
            ));
        }
    }

    /// What is checked after every step.
    pub fn check(&mut self) {
        self.one_lineage_serves();
        let mut ids = [None; 256];
        for m in 0..self.machines.len() {
            let Some(server) = &self.machines[m].server else {
                continue;
            };
            if matches!(server.phase, Phase::Booting { .. }) {
                continue;
            }
            let id = server.id;
            if let Some(other) = ids[usize::from(id.get())].replace(m) {
                self.broke(format!("{m} and {other} both run server {id}"));
                return;
            }
        }
    }
}
