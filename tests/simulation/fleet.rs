//! EC2 and the Auto Scaling group: machines come and go, and answers about them lag.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use zk_bootstrap::model::fleet::{Fleet, Instance, InstanceState, Lifecycle, Transition};
use zk_bootstrap::model::id::InstanceId;

use super::disk::Disk;
use super::refresh::Refresh;
use super::region::{GROUP, MINUTE, Ms, Region, SECOND};
use super::zookeeper::Server;

/// How long EC2 tells of a terminated instance.
const FORGOTTEN_AFTER: Ms = 8 * MINUTE;

/// What was true from when on.
#[derive(Debug)]
pub struct Timeline<T>(Vec<(Ms, T)>);

impl<T: Copy> Timeline<T> {
    pub fn at(&self, time: Ms) -> Option<T> {
        let before = self.0.iter().rev().find(|(from, _)| *from <= time);
        before.map(|(_, value)| *value)
    }

    pub fn now(&self) -> T {
        self.0.last().expect("a timeline begins with a value").1
    }

    fn since(&self) -> Ms {
        self.0.last().expect("a timeline begins with a value").0
    }

    pub fn set(&mut self, now: Ms, value: T) {
        self.0.push((now, value));
    }
}

/// An instance, with all that is on it.
#[derive(Debug)]
pub struct Machine {
    pub id: InstanceId,
    pub address: IpAddr,
    pub zone: &'static str,
    pub launched: Ms,
    pub state: Timeline<InstanceState>,
    pub lifecycle: Timeline<Lifecycle>,
    /// Whether the group waits for a hook before it goes on with it.
    pub held: Timeline<bool>,
    pub tags: BTreeMap<String, String>,
    pub disk: Disk,
    /// ZooKeeper's process.
    pub server: Option<Server>,
    /// Only machines of one island reach each other.
    pub island: u8,
    on: bool,
    /// From when on the agent runs, while the machine is on.
    pub agent_from: Ms,
    /// When the group began to take it out.
    pub retired_at: Option<Ms>,
    pub beaten_at: Ms,
    /// While it is held on its way in: when its server was last a member that serves.
    pub served: Option<Ms>,
    /// From scale-in.
    pub protected: bool,
}

impl Machine {
    pub fn is_on(&self) -> bool {
        self.on
    }

    /// Terminated, or about to be: its disk is lost.
    pub fn is_gone(&self) -> bool {
        let state = self.state.now();
        matches!(
            state,
            InstanceState::ShuttingDown | InstanceState::Terminated
        )
    }

    /// Whether the group counts it as one of its own.
    fn counts(&self) -> bool {
        matches!(
            self.lifecycle.now(),
            Lifecycle::Pending | Lifecycle::InService
        )
    }

    /// Whether the group may take it out when it has too many.
    fn may_be_chosen(&self) -> bool {
        self.lifecycle.now() == Lifecycle::InService && !self.protected
    }

    pub fn power_off(&mut self) {
        self.on = false;
        self.server = None;
    }
}

/// What happens to a machine by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Running(usize),
    InService(usize),
    Terminated(usize),
    Stopped(usize),
    Start(usize),
    Noticed(usize),
    /// Looks whether a heartbeat came.
    Overdue(usize),
    /// The group compares what it has with what it wants.
    Scale,
    /// An instance refresh looks whether the next one has its turn.
    Refresh,
}

const ZONES: [&str; 3] = ["eu-west-1a", "eu-west-1b", "eu-west-1c"];

#[derive(Debug, Default)]
pub struct Group {
    pub desired: u32,
    /// In how many zones it launches.
    pub zones: usize,
    /// What it has a lifecycle hook for.
    pub hooks: BTreeSet<Transition>,
    pub refresh: Option<Refresh>,
    launched: u32,
}

impl Region {
    pub fn later(&mut self, wait: std::ops::Range<Ms>, change: Change) {
        let wait = self.rng.u64(wait);
        let order = self.rng.u64(..);
        self.agenda.insert((self.now + wait, order), change);
    }

    pub fn launch(&mut self) -> usize {
        let id = format!("i-{:08x}", self.rng.u32(..));
        let address = self.free_address();
        let zone = self.free_zone();
        let now = self.now;
        let machine = Machine {
            id: id.parse().expect("an instance id"),
            address,
            zone,
            launched: now,
            state: Timeline(vec![(now, InstanceState::Pending)]),
            lifecycle: Timeline(vec![(now, Lifecycle::Pending)]),
            held: Timeline(vec![(now, false)]),
            tags: BTreeMap::new(),
            disk: Disk::default(),
            server: None,
            island: 0,
            on: false,
            agent_from: now,
            retired_at: None,
            beaten_at: now,
            served: None,
            protected: false,
        };
        self.machines.push(machine);
        let m = self.machines.len() - 1;
        self.note(|| format!("{id} is launched at {address}"));
        self.later(5 * SECOND..25 * SECOND, Change::Running(m));
        m
    }

    /// The zone with the fewest instances; now and then it has no capacity.
    fn free_zone(&mut self) -> &'static str {
        let zones = &ZONES[..self.group.zones];
        if self.rng.u8(..8) == 0 {
            return zones[self.rng.usize(..zones.len())];
        }
        let counted = self.counted();
        let count = |zone: &&&str| {
            let there = counted.iter().filter(|m| self.machines[**m].zone == **zone);
            there.count()
        };
        zones.iter().min_by_key(count).expect("a group has a zone")
    }

    /// Addresses are used again, as in a small subnet.
    fn free_address(&mut self) -> IpAddr {
        let freed: Vec<IpAddr> = self
            .machines
            .iter()
            .filter(|m| m.state.now() == InstanceState::Terminated)
            .map(|m| m.address)
            .filter(|a| self.machine_at(*a).is_none())
            .collect();
        if !freed.is_empty() && self.rng.bool() {
            return freed[self.rng.usize(..freed.len())];
        }
        self.group.launched += 1;
        let [_, _, high, low] = self.group.launched.to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(10, 0, high, low))
    }

    pub fn terminate(&mut self, m: usize) {
        if self.machines[m].is_gone() {
            return;
        }
        let now = self.now;
        self.note(|| format!("terminate {}", m));
        let machine = &mut self.machines[m];
        machine.power_off();
        machine.state.set(now, InstanceState::ShuttingDown);
        machine.held.set(now, false);
        if machine.counts() {
            machine.lifecycle.set(now, Lifecycle::Terminating);
        }
        self.later(SECOND..40 * SECOND, Change::Terminated(m));
        self.later(SECOND..30 * SECOND, Change::Scale);
    }

    /// Powers a machine off; its disk stays.
    pub fn stop(&mut self, m: usize) {
        let now = self.now;
        let machine = &mut self.machines[m];
        machine.power_off();
        machine.state.set(now, InstanceState::Stopping);
        self.later(SECOND..20 * SECOND, Change::Stopped(m));
    }

    pub fn change(&mut self, change: Change) {
        let now = self.now;
        self.note(|| format!("{change:?}"));
        match change {
            Change::Running(m) if !self.machines[m].is_gone() => {
                let machine = &mut self.machines[m];
                machine.state.set(now, InstanceState::Running);
                machine.on = true;
                machine.agent_from = now;
                self.welcome(m);
            }
            Change::InService(m) if self.machines[m].lifecycle.now() == Lifecycle::Pending => {
                self.machines[m].lifecycle.set(now, Lifecycle::InService);
            }
            Change::Terminated(m) => {
                let machine = &mut self.machines[m];
                machine.state.set(now, InstanceState::Terminated);
                machine.disk = Disk::default();
                self.later(0..10 * SECOND, Change::Noticed(m));
            }
            Change::Noticed(m) => self.machines[m].lifecycle.set(now, Lifecycle::Unlisted),
            Change::Stopped(m) if !self.machines[m].is_gone() => {
                self.machines[m].state.set(now, InstanceState::Stopped);
            }
            Change::Start(m) if self.machines[m].state.now() == InstanceState::Stopping => {
                self.later(SECOND..2 * SECOND, Change::Start(m));
            }
            Change::Start(m) if self.machines[m].state.now() == InstanceState::Stopped => {
                self.machines[m].state.set(now, InstanceState::Pending);
                self.later(5 * SECOND..20 * SECOND, Change::Running(m));
            }
            Change::Overdue(m) => self.overdue(m),
            Change::Scale => self.scale(),
            Change::Refresh => self.go_on_refreshing(),
            _ => {}
        }
    }

    fn scale(&mut self) {
        let (mut count, target) = (self.counted().len(), self.group.target());
        while count < target {
            self.launch();
            count += 1;
        }
        while count > target {
            let mut victims = self.counted();
            victims.retain(|m| self.machines[*m].may_be_chosen());
            if victims.is_empty() {
                // AWS, too, waits for the protection to end, or for hooks.
                self.later(20 * SECOND..MINUTE, Change::Scale);
                return;
            }
            let victim = victims[self.rng.usize(..victims.len())];
            self.retire(victim);
            count -= 1;
        }
    }

    /// The machines that the group counts.
    pub fn counted(&self) -> Vec<usize> {
        let all = 0..self.machines.len();
        all.filter(|m| self.machines[*m].counts() && !self.machines[*m].is_gone())
            .collect()
    }

    /// What EC2 and the group answer when they are asked for the group, and for these ids.
    pub fn describe(&self, owners: &BTreeSet<InstanceId>, ec2_age: Ms, group_age: Ms) -> Fleet {
        let known = self.machines.iter().filter_map(|machine| {
            let instance = self.instance(machine, ec2_age, group_age)?;
            Some((machine.id.clone(), instance))
        });
        let instances: BTreeMap<_, _> = known.collect();
        let strangers = owners.iter().filter(|id| !instances.contains_key(*id));
        Fleet {
            group: GROUP.to_owned(),
            desired: Some(self.group.desired),
            asked: strangers.cloned().collect(),
            hooks: self.hooks(),
            instances,
        }
    }

    fn instance(&self, machine: &Machine, ec2_age: Ms, group_age: Ms) -> Option<Instance> {
        let state = machine.state.at(self.now.saturating_sub(ec2_age))?;
        let told = self.now.saturating_sub(group_age);
        let terminated = state == InstanceState::Terminated;
        if terminated && machine.state.since() + FORGOTTEN_AFTER < self.now {
            return None;
        }
        Some(Instance {
            address: (!terminated).then_some(machine.address),
            zone: machine.zone.to_owned(),
            state,
            lifecycle: machine.lifecycle.at(told).unwrap_or(Lifecycle::Unlisted),
            held: machine.held.at(told).unwrap_or(false),
            protected: machine.protected,
            unhealthy: false,
            launched: self.at(machine.launched),
            tags: machine.tags.clone(),
        })
    }
}
