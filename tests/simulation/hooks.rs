//! The group's terminating hook: who leaves is held until it says that it may go, or is silent.

use std::collections::BTreeSet;
use std::time::Duration;

use zk_bootstrap::model::fleet::{Hook, Lifecycle, Notice, Transition};
use zk_bootstrap::model::id::InstanceId;

use super::fleet::Change;
use super::region::{MINUTE, Ms, Region};

/// How long the group waits for a heartbeat.
const TIMEOUT: Ms = 2 * MINUTE;

impl Region {
    /// The group takes an instance out, by its hook if it has one.
    pub fn retire(&mut self, m: usize) {
        if !self.group.hooked {
            return self.terminate(m);
        }
        if self.machines[m].is_gone() || self.machines[m].retired_at.is_some() {
            return;
        }
        let now = self.now;
        self.note(|| format!("the group retires {m}"));
        let machine = &mut self.machines[m];
        machine.retired_at = Some(now);
        machine.beaten_at = now;
        machine.lifecycle.set(now, Lifecycle::Terminating);
        self.later(TIMEOUT..TIMEOUT + 1, Change::Overdue(m));
        self.later(0..10_000, Change::Scale);
    }

    /// No heartbeat came for too long.
    pub fn overdue(&mut self, m: usize) {
        let machine = &self.machines[m];
        match machine.beaten_at + TIMEOUT {
            _ if machine.is_gone() => {}
            until if until <= self.now => self.terminate(m),
            until => self.later(until - self.now..until - self.now + 1, Change::Overdue(m)),
        }
    }

    pub fn heartbeat(&mut self, m: usize) {
        self.machines[m].beaten_at = self.now;
    }

    /// An agent lets the group go on with its instance.
    pub fn complete(&mut self, m: usize) {
        self.judge_going(m);
        if self.machines[m].retired_at.is_some() {
            self.terminate(m);
        }
    }

    pub fn protect(&mut self, instances: &BTreeSet<InstanceId>, protected: bool) {
        let machines = self.machines.iter_mut();
        for machine in machines.filter(|machine| instances.contains(&machine.id)) {
            machine.protected = protected;
        }
    }

    /// What the metadata service of a machine tells.
    pub fn notice(&self, m: usize) -> Option<Notice> {
        self.machines[m].retired_at.map(|_| Notice::Group)
    }

    pub fn hooks(&self) -> Vec<Hook> {
        let hook = || Hook {
            name: "leave".to_owned(),
            transition: Transition::Terminating,
            timeout: Duration::from_millis(TIMEOUT),
            beaten: None,
        };
        self.group.hooked.then(hook).into_iter().collect()
    }
}
