//! One history: agents, servers, a client and trouble, in the order of their times. Nothing
//! depends on anything but the seed.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use zk_bootstrap::agent::{Agent, Pace, Tick};
use zk_bootstrap::model::fleet::Transition;
use zk_bootstrap::model::plan::Plan;
use zk_bootstrap::model::policy::Policy;

use super::mutations::Mutation;
use super::operator::Operator;
use super::region::{MINUTE, Ms, Region, SECOND, Shared};
use super::world::Simulated;

type Running = Pin<Box<dyn Future<Output = (Box<Agent<Simulated>>, Tick)>>>;

enum Body {
    Idle(Box<Agent<Simulated>>),
    Running(Running),
}

/// An agent on its machine.
struct Seat {
    /// When it goes on.
    due: Ms,
    body: Body,
    last: Option<Plan>,
}

/// Servers move this often, clients write that often.
const SERVERS: Ms = 100;
const CLIENT: Ms = 700;

pub struct History {
    pub region: Shared,
    pub policy: Policy,
    pub mutation: Option<Mutation>,
    /// Who gives leave where it is asked for, if anybody is there.
    pub operator: Option<Operator>,
    seats: BTreeMap<usize, Seat>,
    servers_due: Ms,
    client_due: Ms,
}

impl History {
    /// A group of `desired` instances, none launched yet.
    pub fn new(seed: u64, desired: u32) -> Self {
        let mut region = Region::new(seed);
        region.group.desired = desired;
        region.group.hooks = hooks(seed);
        region.group.zones = 3;
        region.later(0..1, super::fleet::Change::Scale);
        History {
            policy: region.policy.clone(),
            region: Rc::new(RefCell::new(region)),
            mutation: None,
            operator: None,
            seats: BTreeMap::new(),
            servers_due: 0,
            client_due: 0,
        }
    }

    pub fn set_policy(&mut self, change: impl FnOnce(&mut Policy)) {
        change(&mut self.policy);
        self.region.borrow_mut().policy = self.policy.clone();
    }

    /// Lets time pass; stops early when an invariant is broken.
    pub fn run_for(&mut self, span: Ms) {
        let end = self.region.borrow().now + span;
        while self.region.borrow().broken.is_empty() && self.step(end) {}
    }

    pub fn run_until(&mut self, most: Ms, mut done: impl FnMut(&mut History) -> bool) -> bool {
        let end = self.region.borrow().now + most;
        while self.region.borrow().broken.is_empty() {
            if done(self) {
                return true;
            }
            if !self.step(end) {
                return false;
            }
        }
        false
    }

    /// The next event before `end`; false when there is none.
    fn step(&mut self, end: Ms) -> bool {
        self.reconcile();
        let agenda = self.region.borrow().agenda.keys().next().copied();
        let seat = self.seats.iter().map(|(m, s)| (s.due, *m)).min();
        let due = [
            agenda.map(|(at, _)| at),
            seat.map(|(at, _)| at),
            Some(self.servers_due),
            Some(self.client_due),
            self.operator.as_ref().map(|operator| operator.due),
        ];
        let next = due.into_iter().flatten().min().unwrap_or(end);
        if next > end {
            self.region.borrow_mut().now = end;
            return false;
        }
        self.region.borrow_mut().now = next;
        if let Some(key) = agenda.filter(|(at, _)| *at == next) {
            let region = &mut *self.region.borrow_mut();
            let change = region.agenda.remove(&key).expect("it was there");
            region.change(change);
        } else if self.servers_due == next {
            self.servers_due = next + SERVERS;
            self.region.borrow_mut().servers_step();
        } else if self.client_due == next {
            self.client_due = next + CLIENT;
            self.region.borrow_mut().client_writes();
        } else if let Some(operator) = self.operator.take_if(|operator| operator.due == next) {
            self.operator = Some(self.look_in(operator));
        } else if let Some((_, m)) = seat {
            self.go_on(m);
        }
        self.region.borrow_mut().check();
        true
    }

    /// Agents run where machines are on.
    fn reconcile(&mut self) {
        let region = self.region.borrow();
        self.seats.retain(|m, _| region.machines[*m].is_on());
        let on = region.machines.iter().enumerate();
        let new: Vec<(usize, Ms)> = on
            .filter(|(m, machine)| machine.is_on() && !self.seats.contains_key(m))
            .map(|(m, machine)| (m, machine.agent_from.max(region.now)))
            .collect();
        drop(region);
        for (m, due) in new {
            let policy = Mutation::misread(self.mutation, self.policy.clone());
            let world = Simulated::new(&self.region, m, policy.clone(), self.mutation);
            let seed = self.region.borrow_mut().rng.u64(..);
            let agent = Agent::new(world, policy, pace(), seed);
            let body = Body::Idle(Box::new(agent));
            let last = None;
            self.seats.insert(m, Seat { due, body, last });
        }
    }

    /// Lets one agent go on to its next yield.
    fn go_on(&mut self, m: usize) {
        let seat = self.seats.remove(&m).expect("the seat that is due");
        let mut running = match seat.body {
            Body::Running(running) => running,
            Body::Idle(mut agent) => Box::pin(async move {
                let tick = agent.tick().await;
                (agent, tick)
            }),
        };
        let polled = running
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
        let region = self.region.borrow();
        let seat = match polled {
            Poll::Pending => Seat {
                due: region.wake,
                body: Body::Running(running),
                last: seat.last,
            },
            Poll::Ready((agent, tick)) => {
                let pause = Ms::try_from(tick.pause.as_millis()).unwrap_or(Ms::MAX);
                Seat {
                    due: region.now + pause.max(1),
                    body: Body::Idle(agent),
                    last: Some(tick.plan),
                }
            }
        };
        drop(region);
        self.seats.insert(m, seat);
    }

    /// Agents that hang go on within a minute.
    pub fn thaw(&mut self) {
        let latest = self.region.borrow().now + MINUTE;
        for seat in self.seats.values_mut() {
            seat.due = seat.due.min(latest);
        }
    }

    /// Kills an agent at whatever point it is; it comes back after a while.
    pub fn kill_agent(&mut self, m: usize, away: Ms) {
        self.seats.remove(&m);
        let region = &mut *self.region.borrow_mut();
        region.machines[m].agent_from = region.now + away;
        region.note(|| format!("agent {m} is killed"));
    }

    /// An agent hangs at whatever point it is.
    pub fn freeze_agent(&mut self, m: usize, span: Ms) {
        let region = &mut *self.region.borrow_mut();
        region.note(|| format!("agent {m} freezes for {} s", span / SECOND));
        if let Some(seat) = self.seats.get_mut(&m) {
            seat.due = seat.due.max(region.now) + span;
        }
    }

    pub fn last_plan(&self, m: usize) -> Option<&Plan> {
        self.seats.get(&m)?.last.as_ref()
    }
}

/// Two of three groups have a hook for whom they take out, and three of four one for whom they take in.
fn hooks(seed: u64) -> BTreeSet<Transition> {
    let by = [(Transition::Terminating, 3), (Transition::Launching, 4)];
    let has = |(_, n): &(_, u64)| !seed.is_multiple_of(*n);
    let hooks = by.into_iter().filter(has);
    hooks.map(|(transition, _)| transition).collect()
}

/// The pace of the daemon.
fn pace() -> Pace {
    Pace {
        at_leisure: Duration::from_secs(10),
        aws: Duration::from_secs(60),
        here: Duration::from_millis(250),
        first: Duration::from_millis(500),
        longest: Duration::from_secs(30),
    }
}
