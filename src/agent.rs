//! The loop: look, plan, check, apply, pace.

mod heard;
mod pace;
mod telling;

use std::time::Duration;

pub use heard::Heard;
pub use pace::Pace;
pub use telling::story;

use self::pace::Rhythm;
use self::telling::Telling;
use crate::decide;
use crate::model::plan::{Action, Plan};
use crate::model::policy::Policy;
use crate::model::snapshot::Snapshot;

/// How much of the world a look takes in. The local part (disk, process, the own server) is
/// always fresh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// This instance alone; AWS and the peers are not asked, and what was heard before is kept.
    Here,
    /// Peers afresh; AWS's answers may be this old, unless an own action made them outdated.
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
    /// It holds, by somebody else's act since the look: who was first here is ahead in every race,
    /// and the right to found is left to them until the next look.
    Preceded {
        /// What was found.
        by: String,
    },
    /// Somebody else was first (the stream exists, the config has another version): look again.
    Overtaken {
        /// What was found.
        by: String,
    },
    /// The server went away with the change, as it does when its own role changes: the next look
    /// tells whether it took place.
    Unanswered,
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

/// How far a plan was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applied {
    /// Every action took place.
    Wholly,
    /// Somebody else was first, or may have been this instance: the world is not what it was.
    Overtaken,
    /// An action failed, or the plan was not allowed.
    Failed,
}

/// The daemon's loop, without its sleep: the simulation drives the same ticks.
///
/// What is remembered serves the pace and the log alone; no decision depends on it.
#[derive(Debug)]
pub struct Agent<W> {
    /// What it acts on.
    pub world: W,
    policy: Policy,
    rhythm: Rhythm,
    look: Look,
    last: Option<Plan>,
    telling: Telling,
}

impl<W: World> Agent<W> {
    /// An agent that has not looked yet. `seed` spreads its pauses.
    pub fn new(world: W, policy: Policy, pace: Pace, seed: u64) -> Self {
        Agent {
            world,
            policy,
            rhythm: Rhythm::new(pace, seed),
            // A member with its data at hand starts its server before anybody is asked.
            look: Look::Here,
            last: None,
            telling: Telling::default(),
        }
    }

    /// Looks, plans, checks and applies once.
    pub async fn tick(&mut self) -> Tick {
        let snapshot = self.world.observe(self.look).await;
        let plan = decide::plan(&snapshot, &self.policy);
        let violations = decide::safety::violations(&snapshot, &self.policy, &plan);
        self.telling.tell(self.look, &snapshot, &plan);
        self.world.report(&snapshot, &plan);
        for violation in &violations {
            tracing::error!(%violation, "the plan is not executed");
        }
        let applied = match violations.is_empty() {
            true => carry_out(&mut self.world, &plan).await,
            false => Applied::Failed,
        };
        let (pause, look) = self.rhythm.after(self.last.as_ref(), &plan, applied);
        self.look = look;
        self.last = Some(plan.clone());
        Tick {
            plan,
            applied: applied == Applied::Wholly,
            pause,
        }
    }
}

/// In order, as far as it goes.
async fn carry_out(world: &mut impl World, plan: &Plan) -> Applied {
    let mut preceded = false;
    for action in &plan.actions {
        if preceded && action.founds() {
            tracing::info!("left to who is ahead: {action}");
            return Applied::Overtaken;
        }
        match world.apply(action).await {
            Ok(Outcome::Done) => tracing::info!("done: {action}"),
            Ok(Outcome::Preceded { by }) => {
                tracing::info!("done already ({by}): {action}");
                preceded = true;
            }
            Ok(Outcome::Overtaken { by }) => {
                tracing::info!("overtaken ({by}): {action}");
                return Applied::Overtaken;
            }
            Ok(Outcome::Unanswered) => {
                tracing::info!("the connection ended before the answer; looking again: {action}");
                return Applied::Overtaken;
            }
            Err(error) => {
                tracing::warn!("failed: {}", chain(&error));
                return Applied::Failed;
            }
        }
    }
    Applied::Wholly
}

/// An error and its sources on one line.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::claim::{ClaimName, Slot};
    use crate::model::id::ServerId;
    use crate::model::plan::{Next, Situation};

    /// A world in which somebody else has made the log group.
    #[derive(Default)]
    struct Late {
        asked: Vec<Action>,
    }

    impl World for Late {
        async fn observe(&mut self, _: Look) -> Snapshot {
            unreachable!("nobody looks")
        }

        async fn apply(&mut self, action: &Action) -> Result<Outcome, ApplyError> {
            self.asked.push(action.clone());
            Ok(match action {
                Action::CreateLogGroup => Outcome::Preceded { by: String::new() },
                _ => Outcome::Done,
            })
        }

        fn report(&mut self, _: &Snapshot, _: &Plan) {}
    }

    #[tokio::test]
    async fn who_comes_second_to_the_log_group_claims_an_id_and_not_the_marker() {
        let claim = |slot| Action::Claim {
            claim: ClaimName::first(slot),
            server: ServerId::MIN,
        };
        let id = claim(Slot::Server(ServerId::MIN));
        let plan = Plan {
            situation: Situation::Unclaimed,
            actions: vec![Action::CreateLogGroup, id.clone(), claim(Slot::Ensemble)],
            waiting: Vec::new(),
            warnings: Vec::new(),
            next: Next::Everywhere,
        };
        let mut world = Late::default();
        assert_eq!(carry_out(&mut world, &plan).await, Applied::Overtaken);
        assert_eq!(world.asked, [Action::CreateLogGroup, id]);
    }
}
