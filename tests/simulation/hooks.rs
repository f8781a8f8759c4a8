//! The group's lifecycle hooks: who comes or leaves is held until its agent says that it may go on, or
//! is silent. A launch that is given up is terminated and replaced, as by default.

use std::collections::BTreeSet;
use std::time::Duration;

use zk_bootstrap::agent::Outcome;
use zk_bootstrap::model::fleet::{Hook, Lifecycle, Notice, Transition};
use zk_bootstrap::model::id::InstanceId;

use super::fleet::Change;
use super::mutations::Mutation;
use super::region::{MINUTE, Ms, Region, SECOND};
use super::world::{Applied, Simulated};

/// How long the group waits for a heartbeat.
const TIMEOUT: Ms = 2 * MINUTE;

/// How long after it was seen to serve a server may still be said to: as long as a look takes.
const SEEN: Ms = 5 * SECOND;

const fn name(transition: Transition) -> &'static str {
    match transition {
        Transition::Launching => "come",
        Transition::Terminating => "go",
    }
}

impl Region {
    /// The group takes an instance that runs into service, by its hook if it has one.
    pub fn welcome(&mut self, m: usize) {
        if self.machines[m].lifecycle.now() != Lifecycle::Pending || self.machines[m].held.now() {
            return;
        }
        if self.group.hooks.contains(&Transition::Launching) {
            return self.hold(m);
        }
        self.later(0..10 * SECOND, Change::InService(m));
    }

    /// The group takes an instance out, by its hook if it has one.
    pub fn retire(&mut self, m: usize) {
        if !self.group.hooks.contains(&Transition::Terminating) {
            return self.terminate(m);
        }
        if self.machines[m].is_gone() || self.machines[m].retired_at.is_some() {
            return;
        }
        let now = self.now;
        self.note(|| format!("the group retires {m}"));
        let machine = &mut self.machines[m];
        machine.retired_at = Some(now);
        machine.lifecycle.set(now, Lifecycle::Terminating);
        self.hold(m);
        self.later(0..10_000, Change::Scale);
    }

    fn hold(&mut self, m: usize) {
        let machine = &mut self.machines[m];
        machine.held.set(self.now, true);
        machine.beaten_at = self.now;
        self.later(TIMEOUT..TIMEOUT + 1, Change::Overdue(m));
    }

    /// Looks whether a heartbeat came: who was silent for too long is given up.
    pub fn overdue(&mut self, m: usize) {
        let Some(transition) = self.waits_for(m) else {
            return;
        };
        let until = self.machines[m].beaten_at + TIMEOUT;
        if until > self.now {
            return self.later(until - self.now..until - self.now + 1, Change::Overdue(m));
        }
        if transition == Transition::Launching {
            self.coverage.happened("a launch is abandoned");
        }
        self.terminate(m);
    }

    /// What the group holds an instance for.
    fn waits_for(&self, m: usize) -> Option<Transition> {
        let machine = &self.machines[m];
        match machine.lifecycle.now() {
            _ if !machine.held.now() || machine.is_gone() => None,
            Lifecycle::Pending => Some(Transition::Launching),
            _ => Some(Transition::Terminating),
        }
    }

    /// False when the group does not wait for this hook.
    fn heartbeat(&mut self, m: usize, hook: &str) -> bool {
        let waits = self.waits_for(m).map(name) == Some(hook);
        if waits {
            self.machines[m].beaten_at = self.now;
        }
        waits
    }

    /// An agent lets the group go on with its instance, after a look that began at `looked`. False
    /// when the group does not wait for this hook.
    fn complete(&mut self, m: usize, hook: &str, looked: Ms) -> bool {
        let Some(transition) = self.waits_for(m).filter(|waits| name(*waits) == hook) else {
            return false;
        };
        match transition {
            Transition::Launching => {
                self.judge_coming(m, looked);
                self.machines[m].held.set(self.now, false);
                self.later(0..10 * SECOND, Change::InService(m));
            }
            Transition::Terminating => {
                self.judge_going(m);
                self.terminate(m);
            }
        }
        true
    }

    /// An agent is about to let the group take its machine into service: its server was a member that
    /// has synced and serves, when it looked.
    fn judge_coming(&mut self, m: usize, looked: Ms) {
        let served = self.machines[m].served;
        if served.is_none_or(|at| at + SEEN < looked) {
            self.broke(format!(
                "{m} comes into service, and its server does not serve"
            ));
        }
    }

    /// Remembers who of those that are coming is a voter or an observer, has synced, and serves.
    pub fn note_coming(&mut self) {
        let Some(config) = self.truth.config.clone() else {
            return;
        };
        for m in 0..self.machines.len() {
            let machine = &self.machines[m];
            let coming = machine.lifecycle.now() == Lifecycle::Pending && machine.held.now();
            if !coming || !self.serves(m) {
                continue;
            }
            if config.lists(self.id_of(m), machine.address) {
                self.machines[m].served = Some(self.now);
            }
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
        let hook = |transition: &Transition| Hook {
            name: name(*transition).to_owned(),
            transition: *transition,
            timeout: Duration::from_millis(TIMEOUT),
            beaten: None,
        };
        self.group.hooks.iter().map(hook).collect()
    }
}

impl Simulated {
    pub async fn complete_hook(&mut self, hook: &str) -> Applied {
        let (m, looked) = (self.m, self.looked);
        let complete = |region: &mut Region| region.complete(m, hook, looked);
        Ok(match self.tell(complete).await? {
            true => {
                self.heard.note_completed(hook);
                Outcome::Done
            }
            false => self.comes_too_late(),
        })
    }

    pub async fn heartbeat(&mut self, hook: &str) -> Applied {
        let hasty = [
            (Mutation::ComesAtOnce, name(Transition::Launching)),
            (Mutation::GoesUnheard, name(Transition::Terminating)),
        ];
        let mut hasty = hasty.into_iter();
        if hasty.any(|(mutation, of)| self.mutates(mutation) && hook == of) {
            return self.complete_hook(hook).await;
        }
        let m = self.m;
        let beat = |region: &mut Region| region.heartbeat(m, hook);
        Ok(match self.tell(beat).await? {
            true => {
                let at = self.region.borrow().time();
                self.heard.note_heartbeat(hook, at);
                Outcome::Done
            }
            false => self.comes_too_late(),
        })
    }

    /// The group has gone on by itself.
    fn comes_too_late(&mut self) -> Outcome {
        self.heard.fleet_is_outdated();
        let by = "the group does not wait for it".to_owned();
        Outcome::Overtaken { by }
    }
}
