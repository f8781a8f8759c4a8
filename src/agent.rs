//! The loop: look, plan, check, apply, pace.

use std::time::Duration;

use crate::decide;
use crate::model::ensemble::Ensemble;
use crate::model::plan::{Action, Next, Plan};
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

/// How far a plan was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Applied {
    /// Every action took place.
    Wholly,
    /// Somebody else was first.
    Overtaken,
    /// An action failed, or the plan was not allowed.
    Failed,
}

/// How long the agent lets things be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between looks at this instance and its peers when all is well.
    pub at_leisure: Duration,
    /// How old AWS's answers may be then.
    pub aws: Duration,
    /// Between looks at this instance while its server is on its way.
    pub here: Duration,
    /// The first pause while something elsewhere is waited for, or after a failure; it doubles.
    pub first: Duration,
    /// The longest such pause.
    pub longest: Duration,
}

/// The daemon's loop, without its sleep: the simulation drives the same ticks.
///
/// What is remembered serves the pace and the log alone; no decision depends on it.
#[derive(Debug)]
pub struct Agent<W> {
    /// What it acts on.
    pub world: W,
    policy: Policy,
    pace: Pace,
    jitter: fastrand::Rng,
    look: Look,
    last: Option<Plan>,
    members: Option<Ensemble>,
    rounds: u32,
    looks_here: u32,
}

/// So many looks at this instance alone are followed by one at everything: a server takes a few
/// seconds to come up, and one that does not may be waiting for somebody who is gone.
const LOOKS_HERE: u32 = 40;

impl<W: World> Agent<W> {
    /// An agent that has not looked yet. `seed` spreads its pauses.
    pub fn new(world: W, policy: Policy, pace: Pace, seed: u64) -> Self {
        Agent {
            world,
            policy,
            pace,
            jitter: fastrand::Rng::with_seed(seed),
            // A member with its data at hand starts its server before anybody is asked.
            look: Look::Here,
            last: None,
            members: None,
            rounds: 0,
            looks_here: 0,
        }
    }

    /// Looks, plans, checks and applies once.
    pub async fn tick(&mut self) -> Tick {
        let snapshot = self.world.observe(self.look).await;
        let plan = decide::plan(&snapshot, &self.policy);
        let violations = decide::safety::violations(&snapshot, &self.policy, &plan);
        self.tell(&snapshot, &plan);
        self.world.report(&snapshot, &plan);
        for violation in &violations {
            tracing::error!(%violation, "the plan is not executed");
        }
        let applied = match violations.is_empty() {
            true => self.apply(&plan).await,
            false => Applied::Failed,
        };
        let progress = self.is_progress(&plan, applied);
        let pause = self.pause(&plan, applied, progress);
        self.look = self.next_look(&plan, applied, progress);
        self.last = Some(plan.clone());
        Tick {
            plan,
            applied: applied == Applied::Wholly,
            pause,
        }
    }

    async fn apply(&mut self, plan: &Plan) -> Applied {
        for action in &plan.actions {
            match self.world.apply(action).await {
                Ok(Outcome::Done) => tracing::info!("done: {action}"),
                Ok(Outcome::Overtaken { by }) => {
                    tracing::info!("overtaken ({by}): {action}");
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

    /// Whether this tick changed something. The same actions planned again are a failure,
    /// whatever their outcome said; the first look, at this instance alone, is followed by one
    /// at everything.
    fn is_progress(&self, plan: &Plan, applied: Applied) -> bool {
        let wholly = applied == Applied::Wholly;
        match &self.last {
            None => plan.actions.is_empty() || wholly,
            Some(last) => wholly && !plan.actions.is_empty() && last.actions != plan.actions,
        }
    }

    /// What to look at next. After one's own progress, and after somebody else's, only what one's
    /// own actions made outdated is asked of AWS again; what is waited for is asked each time.
    fn next_look(&mut self, plan: &Plan, applied: Applied, progress: bool) -> Look {
        let first = self.last.is_none() && plan.actions.is_empty();
        let wholly = applied == Applied::Wholly;
        if plan.next == Next::Here && wholly && !first && self.looks_here < LOOKS_HERE {
            self.looks_here += 1;
            return Look::Here;
        }
        self.looks_here = 0;
        let patient = wholly && plan.next != Next::Everywhere;
        let no_older_than = match progress || patient || applied == Applied::Overtaken {
            true => self.pace.aws,
            false => Duration::ZERO,
        };
        Look::Everywhere { no_older_than }
    }

    /// None after progress; otherwise a growing pause with jitter.
    fn pause(&mut self, plan: &Plan, applied: Applied, progress: bool) -> Duration {
        if progress {
            self.rounds = 0;
            return Duration::ZERO;
        }
        if applied == Applied::Wholly && plan.actions.is_empty() {
            match plan.next {
                Next::Here => return self.spread(self.pace.here),
                Next::AtLeisure => {
                    self.rounds = 0;
                    return self.spread(self.pace.at_leisure);
                }
                Next::Everywhere => {}
            }
        }
        let grown = self.pace.first.saturating_mul(1 << self.rounds.min(16));
        self.rounds += 1;
        self.spread(grown.min(self.pace.longest))
    }

    /// Between half and the whole of `pause`.
    fn spread(&mut self, pause: Duration) -> Duration {
        pause.mul_f64(0.5 + self.jitter.f64() / 2.0)
    }

    /// One line for each change of situation, and for each member that came or went.
    fn tell(&mut self, snapshot: &Snapshot, plan: &Plan) {
        let last = self.last.as_ref();
        let waiting = || match plan.waiting.first() {
            None => String::new(),
            Some(first) => format!("; waiting for {first}"),
        };
        if last.map(|p| p.situation) != Some(plan.situation) {
            tracing::info!("{}{}", plan.situation, waiting());
        } else if last.is_some_and(|p| p.waiting != plan.waiting) {
            tracing::debug!("{}{}", plan.situation, waiting());
        }
        for warning in &plan.warnings {
            if last.is_none_or(|p| !p.warnings.contains(warning)) {
                tracing::warn!("{warning}");
            }
        }
        let Some(seen) = snapshot.server.ensemble() else {
            return;
        };
        if let Some(before) = &self.members {
            for (ensemble, other, what) in [
                (seen, before, "member joined"),
                (before, seen, "member left"),
            ] {
                for server in ensemble
                    .beyond(other)
                    .iter()
                    .filter_map(|id| ensemble.get(*id))
                {
                    let (server_id, address, version) = (server.id, &server.address, seen.version);
                    tracing::info!(%server_id, %address, %version, "{what}");
                }
            }
        }
        self.members = Some(seen.clone());
    }
}

/// Where this instance stands, on one line: what `systemctl status` shows.
pub fn story(snapshot: &Snapshot, plan: &Plan) -> String {
    let mut story = plan.situation.to_string();
    if let (Some(serving), Some(ensemble)) = (snapshot.server.serving(), snapshot.server.ensemble())
    {
        let (mode, voters, version) = (serving.mode, ensemble.voter_count(), ensemble.version);
        story.push_str(&format!(
            ": {mode}, {voters} voters, config version {version}"
        ));
    }
    if let Some(waiting) = plan.waiting.first() {
        story.push_str(&format!("; waiting for {waiting}"));
    }
    story
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
