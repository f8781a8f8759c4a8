//! The loop: look, plan, check, apply, pace.

use std::mem::Discriminant;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::decide;
use crate::model::ensemble::Ensemble;
use crate::model::plan::{Action, Next, Plan, Situation, Waiting};
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

/// What the log said last of where this instance stands.
#[derive(Debug)]
struct Told {
    situation: Situation,
    /// The kinds of what is waited for; their texts count down and flicker.
    waiting: Vec<Discriminant<Waiting>>,
    /// Since when it has been so.
    since: Timestamp,
    at: Timestamp,
}

/// How long the log is silent while the same is waited for.
const REMINDER: SignedDuration = SignedDuration::from_secs(60);

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
    told: Option<Told>,
    warned: Vec<String>,
    members: Option<Ensemble>,
    rounds: u32,
    /// For how long this instance's server has been waited for.
    waited: Duration,
    /// After this time of it, everything is looked at again.
    patience: Duration,
}

/// A server boots in about this time, and until then nobody else is asked what keeps it.
const BOOT: Duration = Duration::from_secs(2);
/// Waiting for a server is made longer than it is by at most this part of it.
const COARSENESS: u32 = 16;

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
            told: None,
            warned: Vec::new(),
            members: None,
            rounds: 0,
            waited: Duration::ZERO,
            patience: BOOT,
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
    /// One's own server shows here; whatever keeps it shows elsewhere, and is looked for now and
    /// then.
    fn next_look(&mut self, plan: &Plan, applied: Applied, progress: bool) -> Look {
        let first = self.last.is_none() && plan.actions.is_empty();
        let wholly = applied == Applied::Wholly;
        let here = plan.next == Next::Here && wholly && !first;
        if here && self.waited < self.patience {
            return Look::Here;
        }
        if here {
            self.patience = self.waited + self.waited.min(self.pace.aws);
        }
        let settled = wholly && plan.next == Next::AtLeisure;
        let no_older_than = match progress || settled || applied == Applied::Overtaken {
            true => self.pace.aws,
            false => Duration::ZERO,
        };
        Look::Everywhere { no_older_than }
    }

    /// None after progress; otherwise a growing pause with jitter.
    fn pause(&mut self, plan: &Plan, applied: Applied, progress: bool) -> Duration {
        if progress {
            self.begin_to_wait();
            return Duration::ZERO;
        }
        if applied == Applied::Wholly && plan.actions.is_empty() {
            match plan.next {
                Next::Here => {
                    let grown = self.pace.here.max(self.waited / COARSENESS);
                    let pause = self.spread(grown.min(self.pace.longest));
                    self.waited += pause;
                    return pause;
                }
                Next::AtLeisure => {
                    self.begin_to_wait();
                    return self.spread(self.pace.at_leisure);
                }
                Next::Everywhere => {}
            }
        }
        let grown = self.pace.first.saturating_mul(1 << self.rounds.min(16));
        self.rounds += 1;
        self.spread(grown.min(self.pace.longest))
    }

    fn begin_to_wait(&mut self) {
        self.rounds = 0;
        self.waited = Duration::ZERO;
        self.patience = BOOT;
    }

    /// Between half and the whole of `pause`.
    fn spread(&mut self, pause: Duration) -> Duration {
        pause.mul_f64(0.5 + self.jitter.f64() / 2.0)
    }

    /// What an operator reads in the journal: each change of situation or of what is waited for,
    /// each new warning, each member that came or went.
    fn tell(&mut self, snapshot: &Snapshot, plan: &Plan) {
        self.tell_situation(snapshot.at, plan);
        // Who was not asked gives no reason to warn.
        if self.look != Look::Here {
            for warning in &plan.warnings {
                if !self.warned.contains(warning) {
                    tracing::warn!("{warning}");
                }
            }
            self.warned.clone_from(&plan.warnings);
        }
        self.tell_members(snapshot);
    }

    /// The same wait is told again each minute, since what is known of its reasons changes.
    fn tell_situation(&mut self, at: Timestamp, plan: &Plan) {
        let kinds: Vec<_> = plan.waiting.iter().map(std::mem::discriminant).collect();
        // What is waited for elsewhere is told when those elsewhere have been asked.
        let is_early = self.look == Look::Here && plan.next == Next::Everywhere;
        if is_early && plan.actions.is_empty() {
            return;
        }
        let same = self.told.as_ref();
        let same = same.filter(|told| told.situation == plan.situation);
        // One's own server takes seconds to come up, as a rule.
        let same = same.filter(|told| told.waiting == kinds || plan.next == Next::Here);
        let line = match same {
            None => waits(plan.situation.to_string(), plan),
            Some(told) => {
                if kinds.is_empty() || at.duration_since(told.at) < REMINDER {
                    return;
                }
                let seconds = at.duration_since(told.since).as_secs();
                waits(format!("{}, for {seconds} s now", plan.situation), plan)
            }
        };
        let since = same.map_or(at, |told| told.since);
        match plan.waiting.iter().any(Waiting::is_for_operator) {
            true => tracing::warn!("{line}"),
            false => tracing::info!("{line}"),
        }
        self.told = Some(Told {
            situation: plan.situation,
            waiting: kinds,
            since,
            at,
        });
    }

    fn tell_members(&mut self, snapshot: &Snapshot) {
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
    waits(story, plan)
}

/// `text`, and all that is waited for.
fn waits(mut text: String, plan: &Plan) -> String {
    for (n, waiting) in plan.waiting.iter().enumerate() {
        text.push_str(if n == 0 {
            "; waiting for "
        } else {
            "; and for "
        });
        text.push_str(&waiting.to_string());
    }
    text
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
    use crate::model::plan::Situation;

    struct Nothing;

    impl World for Nothing {
        async fn observe(&mut self, _: Look) -> Snapshot {
            unreachable!("nobody looks")
        }

        async fn apply(&mut self, _: &Action) -> Result<Outcome, ApplyError> {
            unreachable!("nobody acts")
        }

        fn report(&mut self, _: &Snapshot, _: &Plan) {}
    }

    #[test]
    fn a_server_that_does_not_come_up_is_watched_less_and_less_and_the_rest_now_and_then() {
        let policy = serde_json::from_str(
            r#"{"ports":{"client":2181,"quorum":2888,"election":3888},"client_bind":"all",
                "floor":3,"when_all_is_lost":"wait","claim_grace":{"secs":300,"nanos":0},
                "absence_proof":{"secs":7200,"nanos":0}}"#,
        );
        let pace = Pace {
            at_leisure: Duration::from_secs(10),
            aws: Duration::from_secs(60),
            here: Duration::from_millis(50),
            first: Duration::from_millis(100),
            longest: Duration::from_secs(30),
        };
        let plan = Plan {
            situation: Situation::Joining,
            actions: Vec::new(),
            waiting: Vec::new(),
            warnings: Vec::new(),
            next: Next::Here,
        };
        let mut agent = Agent::new(Nothing, policy.expect("a policy"), pace, 1);
        agent.last = Some(plan.clone());
        let (mut time, mut looks, mut last) = (Duration::ZERO, 0, Duration::ZERO);
        while time < Duration::from_secs(600) {
            let pause = agent.pause(&plan, Applied::Wholly, false);
            assert!(
                pause <= pace.here.max(time / COARSENESS),
                "{pause:?} at {time:?}"
            );
            time += pause;
            looks += 1;
            if agent.next_look(&plan, Applied::Wholly, false) != Look::Here {
                assert!(time >= BOOT, "not before it may have booted");
                let limit = pace.aws + pace.longest;
                assert!(
                    time - last <= limit.min(last + BOOT + time / 8),
                    "{last:?} {time:?}"
                );
                last = time;
            }
        }
        assert!(looks < 200, "{looks} looks in ten minutes");
        assert!(time - last <= pace.aws + pace.longest);
    }
}
