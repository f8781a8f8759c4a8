//! An operator who looks in now and then where recovery is manual: runs `zk-bootstrap recover` on some
//! instance, thinks over what it shows, and gives leave.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use zk_bootstrap::agent::{Look, World as _};
use zk_bootstrap::decide::evidence::evidence;
use zk_bootstrap::model::policy::Policy;

use super::history::History;
use super::region::{MINUTE, Ms, Region, SECOND};
use super::streams::Event;
use super::world::{Simulated, pause};

type Visit = (usize, Pin<Box<dyn Future<Output = ()>>>);

/// Somebody with a shell on every instance.
pub struct Operator {
    pub due: Ms,
    /// On which machine the operator is, and what is done there.
    visit: Option<Visit>,
}

impl Operator {
    /// One that looks in from this time on.
    pub fn from(due: Ms) -> Self {
        Operator { due, visit: None }
    }
}

/// What `zk-bootstrap recover` does.
async fn recover(mut world: Simulated, policy: Policy) {
    let no_older_than = Duration::ZERO;
    let snapshot = world.observe(Look::Everywhere { no_older_than }).await;
    let Ok(Some(evidence)) = evidence(&snapshot, &policy) else {
        return;
    };
    let asks = evidence.needs_leave && evidence.leader.is_some();
    let Some(claim) = evidence.own_claim.filter(|_| asks) else {
        return;
    };
    pause(&world.region, SECOND..5 * MINUTE).await;
    let generation = evidence.generation;
    let allow = |region: &mut Region| {
        region.note(|| format!("leave is given to recover generation {generation}"));
        region.coverage.happened("leave is given");
        region.truth.allowed.insert(generation);
        let event = Event::Allowed(generation);
        region.streams.put(claim, event, region.now)
    };
    // Who hears of a failure looks in again.
    let _ = world.tell(allow).await;
}

impl History {
    /// The operator goes on, until the machine is off.
    pub fn look_in(&mut self, mut operator: Operator) -> Operator {
        let is_on = |m: &usize| self.region.borrow().machines[*m].is_on();
        let visit = operator.visit.take().filter(|(m, _)| is_on(m));
        if let Some((m, mut work)) = visit.or_else(|| self.visit()) {
            let context = &mut Context::from_waker(Waker::noop());
            if work.as_mut().poll(context) == Poll::Pending {
                operator.due = self.region.borrow().wake;
                operator.visit = Some((m, work));
                return operator;
            }
        }
        let region = &mut *self.region.borrow_mut();
        operator.due = region.now + region.rng.u64(MINUTE / 2..6 * MINUTE);
        operator
    }

    fn visit(&self) -> Option<Visit> {
        let m = {
            let region = &mut *self.region.borrow_mut();
            let all = 0..region.machines.len();
            let on: Vec<usize> = all.filter(|m| region.machines[*m].is_on()).collect();
            (!on.is_empty()).then(|| on[region.rng.usize(..on.len())])?
        };
        let world = Simulated::new(&self.region, m, self.policy.clone(), None);
        Some((m, Box::pin(recover(world, self.policy.clone()))))
    }
}
