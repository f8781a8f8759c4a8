//! Many histories, each from one seed.

use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use zk_bootstrap::clock;
use zk_bootstrap::model::policy::Recovery;

use super::coverage::Coverage;
use super::history::History;
use super::mutations::Mutation;
use super::operator::Operator;
use super::region::{MINUTE, Ms};
use super::settling::End;
use super::trouble::haunt;

/// Twice as long as EC2's silence must last to prove a termination.
const PATIENCE: Ms = 60 * MINUTE;

/// A fleet's life from its launch, through trouble, to its rest.
pub fn live(seed: u64, mutation: Option<Mutation>, traced: bool) -> (History, End) {
    let by = |n: u64| usize::try_from(seed % n).expect("small");
    let desired = [3, 3, 3, 3, 4, 5, 5, 7][by(8)];
    // Groups down to a single instance, where the floor allows it.
    let (desired, floor) = match by(5) {
        0 => ([1, 2, 3, 4, 5, 6, 7][by(7)], 1),
        _ => (desired, 3),
    };
    let mut history = History::new(seed, desired);
    history.region.borrow_mut().group.zones = [3, 3, 2, 1][by(32) / 8];
    history.set_policy(|policy| {
        policy.floor = floor;
        policy.voters = [5, 5, 3, 7][by(11) / 3];
    });
    if by(7) < 2 {
        history.set_policy(|policy| policy.recovery = Recovery::Manual);
        history.operator = Some(Operator::from(0));
    }
    history.mutation = mutation;
    // What clients are told has nothing to do with any defect but its own.
    let tells = mutation.is_none_or(|mutation| mutation == Mutation::PublishesRegardless);
    history.set_policy(|policy| policy.publish_names = tells);
    history.region.borrow_mut().trace = traced.then(Vec::new);
    haunt(&mut history);
    // A fleet with a defect may found anew for ever; one without it is settled by then.
    let patience = mutation.map_or(PATIENCE, |_| PATIENCE / 2);
    let end = history.settle(patience);
    (history, end)
}

#[derive(Default)]
struct Tally {
    coverage: Coverage,
    settled: u64,
    slowest: Ms,
    excused: Vec<(u64, &'static str)>,
    failed: Vec<(u64, End)>,
}

impl Tally {
    fn count(&mut self, seed: u64) {
        let (history, end) = live(seed, None, false);
        let coverage = std::mem::take(&mut history.region.borrow_mut().coverage);
        self.coverage.add(coverage);
        match end {
            End::Settled { after } => {
                self.settled += 1;
                self.slowest = self.slowest.max(after);
            }
            End::Excused(why) => self.excused.push((seed, why)),
            failed @ (End::Restless(_) | End::Broken(_)) => {
                println!("seed {seed}: {failed:?}");
                self.failed.push((seed, failed));
            }
        }
    }

    fn add(&mut self, other: Tally) {
        self.coverage.add(other.coverage);
        self.settled += other.settled;
        self.slowest = self.slowest.max(other.slowest);
        self.excused.extend(other.excused);
        self.failed.extend(other.failed);
    }
}

fn number<T: FromStr>(variable: &str) -> Option<T> {
    let text = std::env::var(variable).ok()?;
    let number = text.parse().ok();
    Some(number.unwrap_or_else(|| panic!("{variable} is a number, not {text:?}")))
}

#[test]
fn no_history_loses_anything_and_every_one_comes_to_rest() {
    if let Some(seed) = number("ZKB_SEED") {
        return replay(seed);
    }
    let histories: u64 = number("ZKB_HISTORIES").unwrap_or(300);
    let threads = thread::available_parallelism().map_or(1, usize::from);
    println!("seeds 0 to {histories} on {threads} threads; ZKB_SEED=n replays one");
    let began = clock::instant();
    let mut tally = Tally::default();
    let next = AtomicU64::new(0);
    thread::scope(|scope| {
        let part = || {
            let mut tally = Tally::default();
            let seeds = std::iter::repeat_with(|| next.fetch_add(1, Ordering::Relaxed));
            seeds
                .take_while(|seed| *seed < histories)
                .for_each(|seed| tally.count(seed));
            tally
        };
        let parts: Vec<_> = (0..threads).map(|_| scope.spawn(part)).collect();
        for part in parts {
            tally.add(part.join().expect("no history panics"));
        }
    });
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{histories} histories in {seconds:.1} s: {:.0} a second; {} settled, the slowest after {} s; {} excused",
        histories as f64 / seconds,
        tally.settled,
        tally.slowest / 1000,
        tally.excused.len()
    );
    println!("{}", tally.coverage);
    println!("excused: {:?}", tally.excused);
    tally.failed.sort_by_key(|(seed, _)| *seed);
    assert!(
        tally.failed.is_empty(),
        "{} failed: {:#?}",
        tally.failed.len(),
        &tally.failed[..tally.failed.len().min(12)]
    );
    assert!(
        tally.excused.len() as u64 * 3 <= histories,
        "too many are excused: {:?}",
        tally.excused
    );
    if histories >= 300 {
        assert_eq!(tally.coverage.missing(), Vec::<String>::new());
    }
}

fn replay(seed: u64) {
    println!("seed {seed}");
    let (history, end) = live(seed, None, true);
    let region = history.region.borrow();
    for line in region.trace.iter().flatten() {
        println!("{line}");
    }
    println!("seed {seed}: {end:?}");
    assert!(
        matches!(end, End::Settled { .. } | End::Excused(_)),
        "seed {seed}: {end:?}"
    );
}
