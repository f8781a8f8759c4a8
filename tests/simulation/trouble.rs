//! What goes wrong, by chance.

use fastrand::Rng;
use zk_bootstrap::model::claim::Slot;
use zk_bootstrap::model::disk::ZooCfg;
use zk_bootstrap::model::fleet::Lifecycle;

use super::disk::Disk;
use super::fleet::Change;
use super::history::History;
use super::region::{MINUTE, Ms, Region, SECOND, Weather};

/// Something that goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    /// The weather changes.
    Weather,
    AgentKilled,
    /// For up to eight minutes, which is longer than the grace of a claim.
    AgentFrozen,
    ServerKilled,
    /// The machine is off for a moment: nothing runs, the disk stays.
    Reboot,
    /// The machine is off for minutes.
    Stop,
    Terminate,
    /// The disk is replaced by an empty one.
    Wipe,
    /// A machine is cut off from the others, but not from AWS.
    Island,
    /// What was cut off is connected again.
    Bridge,
    /// The settings have changed since zoo.cfg was written.
    Settings,
    /// An operator sets an instance aside, or puts it back.
    Standby,
    /// The desired capacity changes by one.
    Scale,
    /// The group takes one out and replaces it, as in an instance refresh.
    Retire,
    /// The group replaces all its instances, one after the other.
    Refresh,
    /// An operator deletes the marker. A story's only: it takes an operator to undo it, and before
    /// the first server has joined nothing else would tell of the ensemble.
    MarkerDeleted,
    /// The whole fleet is terminated.
    Flood,
}

/// Each kind that comes by chance, and how often it is among those of a history.
const STRIKES: [(Strike, f64); 16] = [
    (Strike::Weather, 0.7),
    (Strike::AgentKilled, 0.5),
    (Strike::AgentFrozen, 0.4),
    (Strike::ServerKilled, 0.5),
    (Strike::Reboot, 0.5),
    (Strike::Stop, 0.3),
    (Strike::Terminate, 0.6),
    (Strike::Wipe, 0.2),
    (Strike::Island, 0.3),
    (Strike::Bridge, 0.5),
    (Strike::Settings, 0.2),
    (Strike::Standby, 0.2),
    (Strike::Scale, 0.3),
    (Strike::Retire, 0.3),
    (Strike::Refresh, 0.1),
    (Strike::Flood, 0.05),
];

/// A history of trouble: which sorts there are, how often it strikes, and for how long.
pub fn haunt(history: &mut History) {
    let (kinds, every, span, ruthless) = {
        let rng = &mut history.region.borrow_mut().rng;
        let chosen = STRIKES.iter().filter(|(_, often)| rng.f64() < *often);
        let kinds: Vec<Strike> = chosen.map(|(kind, _)| *kind).collect();
        let every = [5, 20, 60, 150][rng.usize(..4)] * SECOND;
        let span = rng.u64(2..=25) * MINUTE;
        (kinds, every, span, rng.u8(..10) == 0)
    };
    if history.region.borrow_mut().rng.u8(..16) == 0 {
        lose_the_founder(history);
    }
    let end = history.region.borrow().now + span;
    let mut loss = {
        let region = &mut *history.region.borrow_mut();
        let after = region.rng.u64(MINUTE..span.max(2 * MINUTE));
        (region.rng.u8(..3) == 0).then_some(region.now + after)
    };
    while history.region.borrow().now < end && history.region.borrow().broken.is_empty() {
        let wait = history.region.borrow_mut().rng.u64(..2 * every);
        history.run_for(wait);
        if loss.is_some_and(|at| at <= history.region.borrow().now) {
            loss = None;
            lose_the_quorum(history);
        }
        let machines = history.region.borrow().counted();
        let strike = {
            let rng = &mut history.region.borrow_mut().rng;
            let victim = pick(rng, &machines);
            pick(rng, &kinds).zip(victim)
        };
        if let Some((kind, m)) = strike {
            let spared = !ruthless && history.region.borrow().is_vital(kind, m);
            if !spared {
                history.strike(kind, m);
            }
        }
    }
}

/// Terminates the founder as soon as it has made the marker, or a moment later.
fn lose_the_founder(history: &mut History) {
    let founder = |history: &History| {
        let region = history.region.borrow();
        let mut streams = region.streams.streams.iter();
        let marker = streams.find(|(name, _)| name.slot == Slot::Ensemble);
        marker.map(|(_, stream)| stream.by)
    };
    history.run_until(MINUTE, |history| founder(history).is_some());
    let wait = history.region.borrow_mut().rng.u64(..SECOND / 2);
    history.run_for(wait);
    if let Some(m) = founder(history) {
        history.strike(Strike::Terminate, m);
    }
}

/// Terminates so many voters, at once or one soon after the other, that a quorum is lost for good,
/// and then disturbs the survivors at whatever step they are.
fn lose_the_quorum(history: &mut History) {
    let slowly = history.region.borrow_mut().rng.u8(..3) == 0;
    let voter = |history: &History| {
        let region = &mut *history.region.borrow_mut();
        let config = region.truth.config.clone()?;
        if region.is_lost_for_good(&config) && region.rng.u8(..4) > 0 {
            return None;
        }
        let voters: Vec<usize> = config.voters().filter_map(|v| region.living(v)).collect();
        pick(&mut region.rng, &voters)
    };
    while let Some(m) = voter(history) {
        history.strike(Strike::Terminate, m);
        let wait = if slowly { 20 * SECOND } else { 1 };
        let wait = history.region.borrow_mut().rng.u64(..=wait);
        history.run_for(wait);
    }
    let blows = history.region.borrow_mut().rng.u8(..8);
    for _ in 0..blows {
        let wait = history.region.borrow_mut().rng.u64(..40 * SECOND);
        history.run_for(wait);
        let blow = {
            let region = &mut *history.region.borrow_mut();
            let survivors: Vec<usize> = region
                .counted()
                .into_iter()
                .filter(|m| region.machines[*m].disk.store.lineage.is_some())
                .collect();
            let victim = pick(&mut region.rng, &survivors);
            pick(&mut region.rng, &BLOWS).zip(region.chosen().or(victim))
        };
        if let Some((kind, m)) = blow {
            history.strike(kind, m);
        }
    }
}

/// What disturbs a recovery.
const BLOWS: [Strike; 9] = [
    Strike::AgentKilled,
    Strike::AgentFrozen,
    Strike::ServerKilled,
    Strike::Reboot,
    Strike::Stop,
    Strike::Terminate,
    Strike::Wipe,
    Strike::Island,
    Strike::Weather,
];

fn pick<T: Copy>(rng: &mut Rng, among: &[T]) -> Option<T> {
    (!among.is_empty()).then(|| among[rng.usize(..among.len())])
}

impl History {
    pub fn strike(&mut self, kind: Strike, m: usize) {
        let span = {
            let region = &mut *self.region.borrow_mut();
            region.note(|| format!("TROUBLE: {kind:?} {m}"));
            region.rng.u64(..8 * MINUTE)
        };
        match kind {
            Strike::AgentKilled => self.kill_agent(m, span / 16),
            Strike::AgentFrozen => self.freeze_agent(m, span),
            elsewhere => self.region.borrow_mut().strike(elsewhere, m),
        }
    }
}

impl Region {
    /// Whether a strike would take the last disk that a quorum needs.
    fn is_vital(&self, kind: Strike, m: usize) -> bool {
        let destroys = matches!(kind, Strike::Terminate | Strike::Wipe);
        let (Some(config), Some(id)) = (&self.truth.config, self.machines[m].disk.myid) else {
            return destroys;
        };
        let votes = config.is_voter(id, self.machines[m].address);
        // What is lost for good already is recovered from whatever is left.
        let lost = self.is_lost_for_good(config);
        destroys && votes && !lost && self.intact_voters(config).len() <= config.quorum()
    }

    /// The machine that holds the newest marker, half of the time.
    fn chosen(&mut self) -> Option<usize> {
        let owner = self.streams.newest(Slot::Ensemble)?.1.owner()?;
        let found = self.machines.iter().position(|m| m.id == owner.instance)?;
        let stands = self.machines[found].is_on();
        (stands && self.rng.bool()).then_some(found)
    }

    fn strike(&mut self, kind: Strike, m: usize) {
        match kind {
            Strike::Weather => self.weather = Weather::some(&mut self.rng),
            Strike::ServerKilled => self.machines[m].server = None,
            Strike::Reboot => self.power_cycle(m, 5 * SECOND..30 * SECOND),
            Strike::Stop => self.power_cycle(m, MINUTE..10 * MINUTE),
            Strike::Terminate => self.terminate(m),
            Strike::Wipe => {
                self.power_cycle(m, 5 * SECOND..30 * SECOND);
                self.machines[m].disk = Disk::default();
            }
            Strike::Island => self.machines[m].island = self.rng.u8(1..3),
            Strike::Bridge => self.machines.iter_mut().for_each(|m| m.island = 0),
            Strike::Settings => {
                let zoo_cfg = &mut self.machines[m].disk.zoo_cfg;
                if *zoo_cfg == ZooCfg::Current {
                    *zoo_cfg = ZooCfg::Stale;
                }
            }
            Strike::Standby => self.set_aside(m),
            Strike::Scale => {
                let more = self.rng.bool();
                let desired = self.group.desired;
                let desired = if more { desired + 1 } else { desired - 1 };
                let least = u32::try_from(self.policy.floor).expect("small");
                self.group.desired = desired.clamp(least, 7);
                self.later(SECOND..20 * SECOND, Change::Scale);
            }
            Strike::Retire => self.retire(m),
            Strike::Refresh => {
                let ahead = self.rng.bool();
                self.refresh(ahead);
            }
            Strike::MarkerDeleted => self.delete_marker(),
            Strike::Flood => (0..self.machines.len()).for_each(|m| self.terminate(m)),
            Strike::AgentKilled | Strike::AgentFrozen => unreachable!("agents are not here"),
        }
    }

    fn power_cycle(&mut self, m: usize, off: std::ops::Range<Ms>) {
        if self.machines[m].is_on() {
            self.stop(m);
            self.later(off, Change::Start(m));
        }
    }

    fn set_aside(&mut self, m: usize) {
        let now = self.now;
        let lifecycle = &mut self.machines[m].lifecycle;
        if lifecycle.now() == Lifecycle::InService {
            lifecycle.set(now, Lifecycle::Standby);
            self.later(SECOND..20 * SECOND, Change::Scale);
        }
    }

    fn delete_marker(&mut self) {
        let newest = self.streams.newest(Slot::Ensemble);
        // Of a later generation the earlier marker would be left: another story.
        let name = newest.map(|(name, _)| name).filter(|name| name.term == 1);
        let stream = name.and_then(|name| self.streams.streams.remove(&name));
        if let Some(deleted) = name.zip(stream) {
            self.deleted_marker = Some(deleted);
        }
    }

    /// Everything that can be mended is mended.
    pub fn heal(&mut self) {
        let now = self.now;
        for m in 0..self.machines.len() {
            self.machines[m].island = 0;
            if self.machines[m].lifecycle.now() == Lifecycle::Standby {
                self.machines[m].lifecycle.set(now, Lifecycle::InService);
            }
            if !self.machines[m].is_on() && !self.machines[m].is_gone() {
                self.later(0..10 * SECOND, Change::Start(m));
            }
        }
        self.group.refresh = None;
        if let Some((name, stream)) = self.deleted_marker.take() {
            self.streams.streams.entry(name).or_insert(stream);
        }
        self.later(0..10 * SECOND, Change::Scale);
    }
}
