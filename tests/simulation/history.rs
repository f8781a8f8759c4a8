//! One history: agents, servers, a client and trouble, in the order of their times. Nothing
//! depends on anything but the seed.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use zk_bootstrap::agent::{Agent, Tick};
use zk_bootstrap::model::plan::{Plan, Situation};
use zk_bootstrap::model::policy::Policy;

use super::mutations::Mutation;
use super::region::{MINUTE, Ms, Region, SECOND, Shared, Weather};
use super::world::{Simulated, pace};

type Running = Pin<Box<dyn Future<Output = (Agent<Simulated>, Tick)>>>;

enum Body {
    Idle(Agent<Simulated>),
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
/// A fleet is settled when no agent has acted for so long.
const QUIET: Ms = 70 * SECOND;

pub struct History {
    pub region: Shared,
    pub policy: Policy,
    pub mutation: Option<Mutation>,
    seats: BTreeMap<usize, Seat>,
    servers_due: Ms,
    client_due: Ms,
}

/// How a history ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Settled { after: Ms },
    Excused(&'static str),
    Restless(String),
    Broken(String),
}

impl History {
    /// A group of `desired` instances, none launched yet.
    pub fn new(seed: u64, desired: u32) -> Self {
        let mut region = Region::new(seed);
        region.group.desired = desired;
        region.later(0..1, super::fleet::Change::Scale);
        History {
            policy: region.policy.clone(),
            region: Rc::new(RefCell::new(region)),
            mutation: None,
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
        let agenda = self.region.borrow().agenda.keys().next().copied();
        let seat = self.seats.iter().map(|(m, s)| (s.due, *m)).min();
        let due = [
            agenda.map(|(at, _)| at),
            seat.map(|(at, _)| at),
            Some(self.servers_due),
            Some(self.client_due),
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
        } else if let Some((_, m)) = seat {
            self.go_on(m);
        }
        self.reconcile();
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
            let world = Simulated::new(&self.region, m, self.policy.clone(), self.mutation);
            let seed = self.region.borrow_mut().rng.u64(..);
            let agent = Agent::new(world, self.policy.clone(), pace(), seed);
            let body = Body::Idle(agent);
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

    /// Ends all trouble and waits for the fleet to settle.
    pub fn settle(&mut self, most: Ms) -> End {
        let start = {
            let region = &mut *self.region.borrow_mut();
            region.weather = Weather::default();
            region.heal();
            region.now
        };
        for (m, seat) in &mut self.seats {
            let _ = m;
            seat.due = seat.due.min(start + MINUTE);
        }
        let (mut acts, mut since) = (0, start);
        let settled = self.run_until(most, |history| {
            let (now, done) = {
                let region = history.region.borrow();
                (region.now, region.acts)
            };
            if done != acts {
                (acts, since) = (done, now);
            }
            now > since + QUIET && history.unsettled().is_none()
        });
        let region = self.region.borrow();
        if let Some(broken) = region.broken.first() {
            return End::Broken(broken.clone());
        }
        if settled {
            return End::Settled {
                after: since - start,
            };
        }
        match region.unrecoverable() {
            Some(why) => End::Excused(why),
            None => End::Restless(self.unsettled().unwrap_or("it never rests".to_owned())),
        }
    }

    /// What keeps the fleet from being settled: every instance of the group a serving member that
    /// plans nothing, and nobody else in the config.
    pub fn unsettled(&self) -> Option<String> {
        let region = self.region.borrow();
        let counted = region.counted();
        let desired = region.group.desired as usize;
        if counted.len() != desired {
            return Some(format!("{} instances of {desired}", counted.len()));
        }
        for m in &counted {
            let Some(plan) = self.last_plan(*m) else {
                return Some(format!("{m} has no plan yet"));
            };
            let rests = plan.situation == Situation::Member
                && plan.actions.is_empty()
                && plan.waiting.is_empty();
            if !rests {
                return Some(format!("{m} plans: {plan}"));
            }
        }
        let config = region.truth.config.as_ref();
        let Some(config) = config else {
            return Some("no ensemble".to_owned());
        };
        let voters = config.voters().count();
        let member = |m: &usize| {
            let machine = &region.machines[*m];
            let id = machine.disk.myid;
            id.is_some_and(|id| config.is_voter(id, machine.address)) && region.serves(*m)
        };
        if voters != counted.len() || !counted.iter().all(member) {
            return Some(format!("{voters} voters for {counted:?}"));
        }
        None
    }
}
