//! The loop: look, plan, check, apply, pace.

use std::time::Duration;

use crate::model::plan::{Action, Plan};
use crate::model::policy::Policy;
use crate::model::snapshot::Snapshot;

/// How much of the world a look takes in. The local part (disk, process, the own server) is
/// always fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// This instance alone; AWS and the peers are not asked, and what was heard before is kept.
    Here,
    /// Peers afresh; AWS's answers may be this old.
    Everywhere {
        /// Zero asks again.
        no_older_than: Duration,
    },
}

/// What became of an action.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It took place.
    Done,
    /// Somebody else was first (the stream exists, the config has another version): look again.
    Overtaken {
        /// What was found.
        by: String,
    },
}

/// An action failed, or nobody knows whether it took place.
#[derive(Debug, thiserror::Error)]
#[error("could not {action}")]
pub struct ApplyError {
    /// The action's line.
    pub action: String,
    /// Why.
    #[source]
    pub source: Box<dyn std::error::Error + Send + Sync>,
}

/// The one seam: the real world, or a simulated one.
pub trait World {
    /// Looks, and changes nothing. What cannot be seen is an unknown answer, never an error.
    fn observe(&mut self, look: Look) -> impl Future<Output = Snapshot>;

    /// Carries out one action. A repeated action that already holds is done.
    ///
    /// # Errors
    /// When it failed or its outcome is unknown.
    fn apply(&mut self, action: &Action) -> impl Future<Output = Result<Outcome, ApplyError>>;

    /// Tells the service manager and the operator where this instance stands.
    fn report(&mut self, snapshot: &Snapshot, plan: &Plan);
}

/// What a tick did.
#[derive(Debug)]
pub struct Tick {
    /// What was planned.
    pub plan: Plan,
    /// Whether every action took place.
    pub applied: bool,
    /// How long to wait before the next tick.
    pub pause: Duration,
}

/// The daemon's loop, without its sleep: the simulation drives the same ticks.
#[derive(Debug)]
pub struct Agent<W> {
    /// What it acts on.
    pub world: W,
    policy: Policy,
}

impl<W: World> Agent<W> {
    /// An agent that has not looked yet.
    pub fn new(world: W, policy: Policy) -> Self {
        Agent { world, policy }
    }

    /// Looks, plans, checks and applies once.
    pub async fn tick(&mut self) -> Tick {
        let _ = &self.policy;
        todo!()
    }
}
