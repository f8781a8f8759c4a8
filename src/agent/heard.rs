//! What was heard of the others: AWS's answers and the peers', kept between looks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::claim::{ClaimName, Milestone, Register};
use crate::model::ensemble::Ensemble;
use crate::model::fleet::{Fleet, InstanceState};
use crate::model::id::{ConfigVersion, InstanceId};
use crate::model::names::Names;
use crate::model::probe::Probe;
use crate::model::server::Server;
use crate::model::snapshot::Answer;

/// EC2 and the group are not asked more often, however urgent: what they tell of a change lags by
/// more, and they are throttled first.
const FLEET_PAUSE: Duration = Duration::from_secs(1);

/// The cache of a world. It asks nobody itself, and knows the time only as it is told: since some
/// moment that stays the same, by a clock that never goes back.
#[derive(Debug)]
pub struct Heard {
    /// What EC2 and the group answered last.
    pub fleet: Answer<Fleet>,
    /// What the register's log group holds, with what this instance has written into it since.
    pub register: Answer<Register>,
    /// What is published for clients, with what this instance has published since.
    pub names: Answer<Option<Names>>,
    /// What the other instances' servers answered last.
    pub peers: BTreeMap<InstanceId, Probe>,
    /// When they were asked.
    pub peers_asked: Option<Timestamp>,
    /// When this process last asked for its own server to be added.
    pub add_asked: Option<Timestamp>,
    fleet_asked: Option<Duration>,
    fleet_outdated: bool,
    config_heard: Option<ConfigVersion>,
    register_asked: Option<Duration>,
    names_asked: Option<Duration>,
    addresses: BTreeMap<InstanceId, IpAddr>,
    /// When heartbeats were sent, by the hook's name.
    beaten: BTreeMap<String, Timestamp>,
    /// The hooks that were completed while the group still calls this instance held.
    completed: BTreeSet<String>,
}

impl Default for Heard {
    fn default() -> Self {
        Heard {
            fleet: Answer::not_asked(),
            register: Answer::not_asked(),
            names: Answer::not_asked(),
            peers: BTreeMap::new(),
            peers_asked: None,
            add_asked: None,
            fleet_asked: None,
            fleet_outdated: false,
            config_heard: None,
            register_asked: None,
            names_asked: None,
            addresses: BTreeMap::new(),
            beaten: BTreeMap::new(),
            completed: BTreeSet::new(),
        }
    }
}

impl Heard {
    /// Whether EC2 and the group are to be asked `now`, when their answer may be `no_older_than`.
    pub fn wants_fleet(&self, now: Duration, no_older_than: Duration) -> bool {
        let limit = match self.fleet_outdated {
            true => FLEET_PAUSE,
            false => no_older_than.max(FLEET_PAUSE),
        };
        is_older(self.fleet_asked, now, limit)
    }

    /// Whether the register is to be read `now`, when what is known of it may be `no_older_than`.
    pub fn wants_register(&self, now: Duration, no_older_than: Duration) -> bool {
        is_older(self.register_asked, now, no_older_than)
    }

    /// Whether what is published is to be read `now`, when what is known of it may be `no_older_than`.
    pub fn wants_names(&self, now: Duration, no_older_than: Duration) -> bool {
        is_older(self.names_asked, now, no_older_than)
    }

    /// What is published was read, or could not be.
    pub fn hear_names(&mut self, now: Duration, names: Answer<Option<Names>>) {
        self.names = names;
        self.names_asked = Some(now);
    }

    /// Nobody asks for what is published: who follows does not answer for it.
    pub fn forget_names(&mut self) {
        self.names = Answer::not_asked();
        self.names_asked = None;
    }

    /// What this instance has just published need not be asked for before its time.
    pub fn note_names(&mut self, names: Names, at: Timestamp) {
        let value = Some(names);
        self.names = Answer::Known { at, value };
    }

    /// What is published is not what it was.
    pub fn names_are_outdated(&mut self) {
        self.names_asked = None;
    }

    /// EC2 and the group have answered instance `me`, or have failed to.
    pub fn hear_fleet(&mut self, now: Duration, me: &InstanceId, fleet: Answer<Fleet>) {
        self.fleet = fleet;
        self.fleet_asked = Some(now);
        self.fleet_outdated = false;
        let Answer::Known { value: fleet, .. } = &mut self.fleet else {
            return;
        };
        if !fleet.instances.get(me).is_some_and(|me| me.held) {
            self.beaten.clear();
            self.completed.clear();
        }
        let completed = &self.completed;
        fleet.hooks.retain(|hook| !completed.contains(&hook.name));
        for hook in &mut fleet.hooks {
            hook.beaten = self.beaten.get(&hook.name).copied();
        }
        let others = fleet.instances.iter().filter(|(id, i)| {
            let may_run = !matches!(i.state, InstanceState::Terminated | InstanceState::Stopped);
            may_run && *id != me
        });
        let addresses = others.filter_map(|(id, i)| Some((id.clone(), i.address?)));
        self.addresses = addresses.collect();
    }

    /// This instance's server tells a config. One that lists a server where the fleet has no instance is
    /// newer than the fleet, which is asked again then: once for each version, since the instance may
    /// also be gone.
    pub fn hear_config(&mut self, config: &Ensemble) {
        let is_news = self.config_heard < Some(config.version);
        self.config_heard = Some(config.version);
        let Some(fleet) = self.fleet.known().filter(|_| is_news) else {
            return;
        };
        let addresses = fleet.instances.values().filter_map(|i| i.address);
        let known: BTreeSet<IpAddr> = addresses.collect();
        let is_known = |server: &Server| known.iter().any(|address| server.is_at(*address));
        self.fleet_outdated |= !config.servers.values().all(is_known);
    }

    /// The register was read, or could not be.
    pub fn hear_register(&mut self, now: Duration, register: Answer<Register>) {
        self.register = register;
        self.register_asked = Some(now);
    }

    /// Where the other servers live, by the last fleet that was seen: they are asked even when AWS
    /// is not.
    pub fn addresses(&self) -> &BTreeMap<InstanceId, IpAddr> {
        &self.addresses
    }

    /// Those who hold claims may have left the group: they are asked for by their ids.
    pub fn owners(&self) -> BTreeSet<InstanceId> {
        let claims = self.register.known().map(|r| r.claims.values());
        let owners = claims
            .into_iter()
            .flatten()
            .filter_map(|c| c.owner.as_ref());
        owners.map(|owner| owner.instance.clone()).collect()
    }

    /// Whether the fleet was asked before an owner of a claim was known that it does not list: what
    /// became of that one, the answer cannot tell.
    pub fn lacks_owners(&self) -> bool {
        let Some(fleet) = self.fleet.known() else {
            return false;
        };
        let mut owners = self.owners().into_iter();
        owners.any(|id| !fleet.instances.contains_key(&id) && !fleet.asked.contains(&id))
    }

    /// The register is not what it was.
    pub fn register_is_outdated(&mut self) {
        self.register_asked = None;
    }

    /// What this instance has just written need not be asked for.
    pub fn note_milestone(&mut self, name: ClaimName, milestone: Milestone, at: Timestamp) {
        if let Answer::Known { value, .. } = &mut self.register
            && let Some(claim) = value.claims.get_mut(&name)
        {
            claim.journal.entry(milestone).or_insert(at);
        }
    }

    /// What this instance has just tagged itself with need not be asked for.
    pub fn note_tags(&mut self, me: &InstanceId, tags: BTreeMap<String, String>) {
        if let Answer::Known { value, .. } = &mut self.fleet
            && let Some(instance) = value.instances.get_mut(me)
        {
            instance.tags.extend(tags);
        }
    }

    /// When this process last sent a heartbeat for a hook, nobody else knows.
    pub fn note_heartbeat(&mut self, hook: &str, at: Timestamp) {
        self.beaten.insert(hook.to_owned(), at);
        if let Answer::Known { value, .. } = &mut self.fleet {
            let mut hooks = value.hooks.iter_mut();
            if let Some(hook) = hooks.find(|each| each.name == hook) {
                hook.beaten = Some(at);
            }
        }
    }

    /// A hook that this process has completed is not completed again, however long the group takes
    /// to say so, or waits for another one.
    pub fn note_completed(&mut self, hook: &str) {
        self.completed.insert(hook.to_owned());
        if let Answer::Known { value, .. } = &mut self.fleet {
            value.hooks.retain(|each| each.name != hook);
        }
        self.fleet_is_outdated();
    }

    /// What this instance has just protected, or no longer protects, need not be asked for.
    pub fn note_protection(&mut self, instances: &BTreeSet<InstanceId>, protected: bool) {
        if let Answer::Known { value, .. } = &mut self.fleet {
            for id in instances {
                if let Some(instance) = value.instances.get_mut(id) {
                    instance.protected = protected;
                }
            }
        }
    }

    /// The group has taken it that an instance is unhealthy; whether it acts upon that is seen when it is
    /// asked again.
    pub fn note_unhealthy(&mut self, id: &InstanceId) {
        if let Answer::Known { value, .. } = &mut self.fleet
            && let Some(instance) = value.instances.get_mut(id)
        {
            instance.unhealthy = true;
        }
        self.fleet_is_outdated();
    }

    /// The group is not what it was.
    pub fn fleet_is_outdated(&mut self) {
        self.fleet_outdated = true;
    }
}

fn is_older(asked: Option<Duration>, now: Duration, limit: Duration) -> bool {
    asked.is_none_or(|at| now.saturating_sub(at) >= limit)
}
