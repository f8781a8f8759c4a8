//! What must hold when a quorum is lost for good, and a survivor begins anew with its data.
//!
//! 1. Nobody is withdrawn while a quorum of the newest committed config could live, each with its
//!    data, and anybody alive knows of that config. (What a dead leader alone knew to be committed, no survivor can
//!    act on: its servers need the quorum of the config that they have.)
//! 2. A generation begins with data only when every copy on a machine that is not terminated is
//!    withdrawn and down.
//! 3. It begins without an acknowledged write only if no copy of it is left in use on any machine
//!    that is not terminated.
//! 4. A withdrawn server does not start; who testifies that it stopped is down.
//! 5. Servers of two lineages never serve at once.
//! 6. Where recovery is manual, an operator gave leave to recover the generation before.
//! 7. Who joins a later generation with its data has a part of what that one has (see `sync`).
//! 8. Who claims a generation begins it: nobody claims one after another.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::rc::Rc;

use zk_bootstrap::model::claim::{ClaimName, Milestone, Slot};
use zk_bootstrap::model::fleet::InstanceState;
use zk_bootstrap::model::history::Testimony;
use zk_bootstrap::model::id::ServerId;
use zk_bootstrap::model::policy::Recovery;

use super::disk::{Config, Store};
use super::fleet::Machine;
use super::region::Region;
use super::streams::Event;

/// Generations claimed in a row by one instance that began none of them: a disk may be lost, and a reply.
const TOO_MANY: usize = 3;

/// Whether anybody could ever hear of what is on its disk again.
fn is_left(machine: &Machine) -> bool {
    machine.state.now() != InstanceState::Terminated
}

fn serials(store: &Store) -> BTreeSet<u64> {
    store.txns.iter().map(|txn| txn.serial).collect()
}

impl Region {
    /// Machines that are not terminated.
    pub fn left(&self) -> impl Iterator<Item = usize> {
        let all = 0..self.machines.len();
        all.filter(|m| is_left(&self.machines[*m]))
    }

    /// Whether fewer voters than a quorum are on machines that are not terminated, with their data.
    pub fn is_lost_for_good(&self, config: &Config) -> bool {
        let might_live = |voter: (ServerId, IpAddr)| {
            let here = |m: &usize| self.machines[*m].address == voter.1;
            let has_data = |m: usize| self.machines[m].disk.store.lineage.is_some();
            let mut found = self.left().filter(here);
            found.any(|m| self.is_of(m, voter.0) && has_data(m))
        };
        config.voters().filter(|v| might_live(*v)).count() < config.quorum()
    }

    /// An agent has made a marker.
    pub fn judge_marker(&mut self, marker: ClaimName) {
        if marker.slot != Slot::Ensemble {
            return;
        }
        let streams = &self.streams.streams;
        let by = streams[&marker].by;
        let markers = streams
            .iter()
            .rev()
            .filter(|(name, _)| name.slot == Slot::Ensemble);
        let unbegun = markers.take_while(|(_, stream)| stream.by == by && !stream.has_started());
        let row = unbegun.count();
        if row > TOO_MANY {
            self.broke(format!("{marker} is claimed by who began none of {row}"));
        }
    }

    /// An agent is about to mark its server as withdrawn.
    pub fn judge_withdrawing(&mut self, m: usize) {
        let Some(config) = &self.truth.config else {
            return;
        };
        let knows = |m: usize| {
            let known = self.machines[m].disk.dynamic.as_ref();
            known.is_some_and(|c| c.version == config.version)
        };
        if self.left().any(knows) && !self.is_lost_for_good(config) {
            self.broke(format!("{m} is withdrawn while a quorum could live"));
        }
    }

    pub fn judge_testimony(&mut self, m: usize, testimony: &Testimony) {
        if testimony.withdrawn && self.machines[m].server.is_some() {
            self.broke(format!("{m} says that its server is down, and it runs"));
        }
    }

    /// An agent is about to start its server.
    pub fn judge_starting(&mut self, m: usize) {
        let disk = &self.machines[m].disk;
        let withdrawn = disk.identity.as_ref().is_some_and(|i| i.withdrawn);
        if withdrawn && disk.store.lineage.is_some() {
            self.broke(format!("{m} starts while it is withdrawn"));
        }
    }

    /// Whether the instance of a machine is about to be terminated, and its server has left before. It
    /// had nothing then that those who stayed had not, and the group does not wait for it any more.
    fn has_gone_in_good_order(&self, m: usize) -> bool {
        let machine = &self.machines[m];
        let (Some(_), Some(id)) = (machine.retired_at, machine.disk.myid) else {
            return false;
        };
        let streams = self.streams.streams.iter();
        let claims = streams.filter(|(name, _)| name.slot == Slot::Server(id));
        let mut own =
            claims.filter(|(_, s)| s.owner().is_some_and(|owner| owner.instance == machine.id));
        let is_left = |(_, event): &(_, Event)| matches!(event, Event::Note(Milestone::Left));
        own.any(|(_, stream)| stream.events.iter().any(is_left))
    }

    /// The writes that were acknowledged and that `m` does not have, each with one who has it and
    /// has not left in good order: those who stayed had it, too, and are lost.
    fn lacks(&self, m: usize) -> Vec<(u64, usize)> {
        let mine = serials(&self.machines[m].disk.store);
        let acknowledged = self.truth.acknowledged.iter();
        let missing: BTreeSet<u64> = acknowledged
            .copied()
            .filter(|s| !mine.contains(s))
            .collect();
        let others = self
            .left()
            .filter(|o| *o != m && !self.has_gone_in_good_order(*o));
        let held = others.flat_map(|o| {
            let theirs = serials(&self.machines[o].disk.store);
            let found: Vec<_> = missing.intersection(&theirs).map(|s| (*s, o)).collect();
            found
        });
        held.collect()
    }

    /// The acknowledged writes of which `m` holds the only copy in use.
    pub fn last_copies(&self, m: usize) -> Vec<u64> {
        let mine = serials(&self.machines[m].disk.store);
        let others = self.left().filter(|o| *o != m);
        let theirs: BTreeSet<u64> = others
            .flat_map(|o| serials(&self.machines[o].disk.store))
            .collect();
        let acknowledged = self.truth.acknowledged.iter().copied();
        acknowledged
            .filter(|s| mine.contains(s) && !theirs.contains(s))
            .collect()
    }

    /// Whether the newest generation that somebody began before this one may be recovered.
    fn is_allowed(&self, generation: u32) -> bool {
        let streams = self.streams.streams.iter();
        let markers = streams.filter(|(name, _)| name.slot == Slot::Ensemble);
        let begun = markers.filter(|(name, s)| name.term < generation && s.has_started());
        let last = begun.map(|(name, _)| name.term).max();
        let manual = self.policy.recovery == Recovery::Manual;
        !manual || last.is_some_and(|last| self.truth.allowed.contains(&last))
    }

    /// A server boots as the only voter of a later generation, with its data.
    pub fn begins_with_data(&mut self, m: usize, config: &Rc<Config>, generation: u32) {
        let holds = |o: &usize| self.machines[*o].disk.store.lineage.is_some();
        let is_withdrawn = |o: &usize| {
            let machine = &self.machines[*o];
            let marked = machine.disk.identity.as_ref().is_some_and(|i| i.withdrawn);
            machine.server.is_none() && (marked || self.has_gone_in_good_order(*o))
        };
        let others: Vec<usize> = self.left().filter(|o| *o != m).filter(holds).collect();
        if let Some(other) = others.iter().find(|o| !is_withdrawn(o)) {
            self.broke(format!(
                "{m} begins generation {generation} while {other} is not withdrawn"
            ));
        }
        if let Some((write, other)) = self.lacks(m).first() {
            self.broke(format!(
                "{m} begins generation {generation} without write {write}, which {other} has"
            ));
        }
        if !self.is_allowed(generation) {
            self.broke(format!(
                "{m} begins generation {generation} without an operator's leave"
            ));
        }
        let lineage = self.truth.lineages + 1;
        self.note(|| format!("{m} begins generation {generation} with its data"));
        self.truth.lineages = lineage;
        self.truth.recoveries += 1;
        self.truth.config = Some(Rc::clone(config));
        let store = &mut self.machines[m].disk.store;
        (store.lineage, store.generation) = (Some(lineage), generation);
        let kept = serials(store);
        self.truth.acknowledged.retain(|s| kept.contains(s));
    }

    pub fn one_lineage_serves(&mut self) {
        let serving: Vec<usize> = self.up().filter(|m| self.serves(*m)).collect();
        let lineage = |m: usize| self.machines[m].disk.store.lineage;
        let Some((m, others)) = serving.split_first() else {
            return;
        };
        if let Some(other) = others.iter().find(|o| lineage(**o) != lineage(*m)) {
            self.broke(format!("{m} and {other} serve two lineages"));
        }
    }
}
