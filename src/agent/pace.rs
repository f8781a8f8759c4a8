//! How soon to look again, and at what.

use std::time::Duration;

use super::{Applied, Look};
use crate::model::plan::{Next, Plan};

/// How long the agent lets things be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pace {
    /// Between looks at this instance and its peers when all is well.
    pub at_leisure: Duration,
    /// How old AWS's answers may be then.
    pub aws: Duration,
    /// Between looks at this instance while its server is on its way, and the first pause after
    /// somebody else was first.
    pub here: Duration,
    /// The first pause while something elsewhere is waited for, or after a failure; it doubles.
    pub first: Duration,
    /// The longest such pause.
    pub longest: Duration,
}

/// A server boots in about this time, and until then nobody else is asked what keeps it.
const BOOT: Duration = Duration::from_secs(2);
/// While it does, AWS's answers may be this old: what they could tell of it is rare and slow.
const YOUNG: Duration = Duration::from_secs(8);
/// Waiting for a server is made longer than it is by at most this part of it.
const COARSENESS: u32 = 64;

/// The pace, and where in a wait the agent is.
#[derive(Debug)]
pub(super) struct Rhythm {
    pace: Pace,
    jitter: fastrand::Rng,
    rounds: u32,
    /// For how long this instance's server has been waited for.
    waited: Duration,
    /// After this time of it, everything is looked at again.
    patience: Duration,
}

impl Rhythm {
    /// `seed` spreads the pauses.
    pub(super) fn new(pace: Pace, seed: u64) -> Self {
        Rhythm {
            pace,
            jitter: fastrand::Rng::with_seed(seed),
            rounds: 0,
            waited: Duration::ZERO,
            patience: BOOT,
        }
    }

    /// The pause after this plan, which followed upon `last`, and what to look at then.
    pub(super) fn after(
        &mut self,
        last: Option<&Plan>,
        plan: &Plan,
        applied: Applied,
    ) -> (Duration, Look) {
        let progress = is_progress(last, plan, applied);
        let first = last.is_none() && plan.actions.is_empty();
        let pause = self.pause(plan, applied, progress);
        (pause, self.look(plan, applied, (first, progress)))
    }

    /// What to look at next. After one's own progress, and after somebody else's, only what one's
    /// own actions made outdated is asked of AWS again; what is waited for is asked each time.
    /// One's own server shows here; whatever keeps it shows elsewhere, and is looked for now and
    /// then, at the peers first.
    fn look(&mut self, plan: &Plan, applied: Applied, (first, progress): (bool, bool)) -> Look {
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
            false if here => YOUNG.min(self.pace.aws),
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
        // Who was overtaken knows that there is something new to see.
        let first = match applied {
            Applied::Overtaken => self.pace.here,
            Applied::Wholly | Applied::Failed => self.pace.first,
        };
        let grown = first.saturating_mul(1 << self.rounds.min(16));
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
}

/// Whether this tick changed something. The same actions planned again are a failure,
/// whatever their outcome said; the first look, at this instance alone, is followed by one
/// at everything.
fn is_progress(last: Option<&Plan>, plan: &Plan, applied: Applied) -> bool {
    let wholly = applied == Applied::Wholly;
    match last {
        None => plan.actions.is_empty() || wholly,
        Some(last) => wholly && !plan.actions.is_empty() && last.actions != plan.actions,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::plan::Situation;

    #[test]
    fn a_server_that_does_not_come_up_is_watched_less_and_less_and_the_rest_now_and_then() {
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
        let mut rhythm = Rhythm::new(pace, 1);
        let (mut time, mut looks, mut last) = (Duration::ZERO, 0, Duration::ZERO);
        while time < Duration::from_secs(600) {
            let (pause, look) = rhythm.after(Some(&plan), &plan, Applied::Wholly);
            assert!(
                pause <= pace.here.max(time / COARSENESS),
                "{pause:?} at {time:?}"
            );
            time += pause;
            looks += 1;
            if look != Look::Here {
                assert!(time >= BOOT, "not before it may have booted");
                let limit = pace.aws + pace.longest;
                assert!(
                    time - last <= limit.min(last + BOOT + time / 8),
                    "{last:?} {time:?}"
                );
                last = time;
            }
        }
        assert!(looks < 600, "{looks} looks in ten minutes");
        assert!(time - last <= pace.aws + pace.longest);
    }
}
