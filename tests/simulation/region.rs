//! The region: one clock, one source of chance, and everything that exists.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use zk_bootstrap::config::Settings;
use zk_bootstrap::model::claim::ClaimName;
use zk_bootstrap::model::names::Names;
use zk_bootstrap::model::policy::{Policy, WhenAllIsLost};

use super::coverage::Coverage;
use super::fleet::{Change, Group, Machine};
use super::invariants::Truth;
use super::streams::{Stream, Streams};

/// Simulated milliseconds since the beginning of the history.
pub type Ms = u64;
pub const SECOND: Ms = 1_000;
pub const MINUTE: Ms = 60 * SECOND;

pub type Shared = Rc<RefCell<Region>>;

/// How unkind the services are: chances between 0 and 1.
#[derive(Debug, Clone, Default)]
pub struct Weather {
    /// A call is refused before it takes effect (throttled, 5xx, lost on its way).
    pub refused: f64,
    /// A call takes effect, and its answer is lost.
    pub unanswered: f64,
    /// An answer is complete, and empty.
    pub empty: f64,
    /// A read is older than the last writes.
    pub stale: f64,
    /// By how much at most.
    pub lag: Ms,
    /// A server's answer to a four-letter word does not arrive, or does not tell all.
    pub deaf: f64,
}

impl Weather {
    pub fn some(rng: &mut Rng) -> Self {
        let mut chance = |most: f64| if rng.bool() { rng.f64() * most } else { 0.0 };
        Weather {
            refused: chance(0.2),
            unanswered: chance(0.1),
            empty: chance(0.02),
            stale: chance(0.5),
            lag: 8 * SECOND,
            deaf: chance(0.1),
        }
    }
}

pub struct Region {
    pub now: Ms,
    pub rng: Rng,
    pub policy: Policy,
    pub weather: Weather,
    pub streams: Streams,
    /// What is published for clients.
    pub published: Option<Names>,
    /// What an operator's mistake took, and puts back.
    pub deleted_marker: Option<(ClaimName, Stream)>,
    pub group: Group,
    pub machines: Vec<Machine>,
    /// What will happen by itself, by time and order.
    pub agenda: BTreeMap<(Ms, u64), Change>,
    /// When the agent that has just yielded goes on.
    pub wake: Ms,
    pub truth: Truth,
    /// Broken invariants; the first ends the history.
    pub broken: Vec<String>,
    pub coverage: Coverage,
    /// How many actions agents have carried out.
    pub acts: u64,
    /// Lines of what happened, when somebody wants to read them.
    pub trace: Option<Vec<String>>,
}

impl Region {
    pub fn new(seed: u64) -> Self {
        Region {
            now: 0,
            rng: Rng::with_seed(seed),
            policy: policy(),
            weather: Weather::default(),
            streams: Streams::default(),
            published: None,
            deleted_marker: None,
            group: Group::default(),
            machines: Vec::new(),
            agenda: BTreeMap::new(),
            wake: 0,
            truth: Truth::default(),
            broken: Vec::new(),
            coverage: Coverage::default(),
            acts: 0,
            trace: None,
        }
    }

    pub fn chance(&mut self, chance: f64) -> bool {
        chance > 0.0 && self.rng.f64() < chance
    }

    pub fn broke(&mut self, what: String) {
        self.note(|| format!("BROKEN: {what}"));
        self.broken.push(what);
    }

    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            let seconds = self.now as f64 / 1e3;
            let line = line();
            trace.push(format!("{seconds:9.3} {line}"));
        }
    }

    /// What its clocks say.
    pub fn time(&self) -> Timestamp {
        self.at(self.now)
    }

    pub fn at(&self, ms: Ms) -> Timestamp {
        timestamp(ms)
    }

    /// Whether two machines can talk to each other.
    pub fn reach(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.machines[a], &self.machines[b]);
        a.is_on() && b.is_on() && a.island == b.island
    }

    pub fn machine_at(&self, address: IpAddr) -> Option<usize> {
        let here = |m: &Machine| m.address == address && !m.is_gone();
        self.machines.iter().position(here)
    }
}

/// A time of the simulated world as the services print it.
pub fn timestamp(ms: Ms) -> Timestamp {
    const BEGINNING: i64 = 1_772_366_400_000; // 2026-03-01T12:00:00Z
    let ms = i64::try_from(ms).expect("a history of reasonable length");
    Timestamp::from_millisecond(BEGINNING + ms).expect("a time of this century")
}

/// The default settings, but for three: a history goes on when all is lost, absence proves a
/// termination earlier, in proportion to how soon the simulated EC2 forgets, and clients are told.
pub fn policy() -> Policy {
    Policy {
        when_all_is_lost: WhenAllIsLost::Refound,
        absence_proof: Duration::from_secs(20 * 60),
        publish_names: true,
        ..Settings::default().policy()
    }
}

/// The name by which peers are counted.
pub const GROUP: &str = "asg:zk";
