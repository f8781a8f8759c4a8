//! Short tales of members, each about one thing.

use zk_bootstrap::model::claim::{ClaimName, Slot};

use super::fleet::Change;
use super::history::History;
use super::mutations::Mutation;
use super::region::{MINUTE, Ms, SECOND};
use super::settling::End;
use super::trouble::Strike;

pub const SEEDS: u64 = 8;

/// A history of `desired` instances, from their launch on.
pub fn begins(seed: u64, desired: u32) -> History {
    let history = History::new(seed, desired);
    history.region.borrow_mut().trace = Some(Vec::new());
    history
}

impl History {
    /// Comes to rest; how long that took.
    #[track_caller]
    pub fn settles(&mut self) -> Ms {
        let end = self.settle(60 * MINUTE);
        let region = self.region.borrow();
        let trace = region.trace.iter().flatten();
        let last: Vec<&str> = trace.rev().take(60).map(String::as_str).collect();
        match end {
            End::Settled { after } => after,
            end => panic!("{end:?}; the last lines first:\n{}", last.join("\n")),
        }
    }

    #[track_caller]
    pub fn reaches(&mut self, what: &str, done: impl FnMut(&mut History) -> bool) {
        assert!(self.run_until(10 * MINUTE, done), "{what} does not happen");
    }

    pub fn voters(&self) -> usize {
        let config = &self.region.borrow().truth.config;
        config.as_ref().map_or(0, |config| config.voters().count())
    }

    /// Sets the desired capacity.
    pub fn scale(&mut self, desired: u32) {
        self.region.borrow_mut().group.desired = desired;
        self.region.borrow_mut().later(0..1, Change::Scale);
        self.run_for(SECOND);
    }

    /// The owner of the newest claim on a slot.
    pub fn holder(&self, slot: Slot) -> Option<(ClaimName, usize)> {
        let region = self.region.borrow();
        let (name, stream) = region.streams.newest(slot)?;
        let owner = stream.owner()?;
        let m = region
            .machines
            .iter()
            .position(|m| m.id == owner.instance)?;
        Some((name, m))
    }
}

/// One voter is behind, another's disk is wiped, and only then the first comes back: together
/// they would be a quorum that has lost what was written meanwhile.
fn a_wiped_voter_meets_one_that_is_behind(seed: u64, mutation: Option<Mutation>) -> End {
    let mut history = begins(seed, 3);
    history.settles();
    history.mutation = mutation;
    history.strike(Strike::Stop, 0);
    history.run_for(30 * SECOND);
    history.strike(Strike::Stop, 1);
    history.strike(Strike::Wipe, 2);
    history.run_for(90 * SECOND);
    history.region.borrow_mut().later(0..1, Change::Start(0));
    history.run_for(MINUTE);
    history.settle(60 * MINUTE)
}

#[test]
fn a_wiped_voter_does_not_vote_with_one_that_is_behind() {
    for seed in 0..SEEDS {
        let end = a_wiped_voter_meets_one_that_is_behind(seed, None);
        assert!(matches!(end, End::Settled { .. }), "seed {seed}: {end:?}");
    }
    let broken = a_wiped_voter_meets_one_that_is_behind(0, Some(Mutation::EmptyDisksVote));
    assert!(matches!(broken, End::Broken(_)), "{broken:?}");
}

/// A joiner's server dies when it has the ensemble's data, and no vote yet.
fn a_joiner_dies_before_its_add(seed: u64, mutation: Option<Mutation>) -> End {
    let mut history = begins(seed, 3);
    history.settles();
    history.mutation = mutation;
    history.region.borrow_mut().group.desired = 4;
    history.region.borrow_mut().later(0..1, Change::Scale);
    history.reaches("a joiner with data", |history| {
        let machines = &history.region.borrow().machines;
        let joiner = machines.get(3);
        joiner.is_some_and(|joiner| joiner.disk.store.lineage.is_some())
    });
    history.strike(Strike::ServerKilled, 3);
    history.settle(60 * MINUTE)
}

#[test]
fn a_joiner_that_dies_before_its_add_does_not_come_back_with_its_data() {
    for seed in 0..SEEDS {
        let end = a_joiner_dies_before_its_add(seed, None);
        assert!(matches!(end, End::Settled { .. }), "seed {seed}: {end:?}");
        let broken = a_joiner_dies_before_its_add(seed, Some(Mutation::KeepsForeignData));
        assert!(matches!(broken, End::Broken(_)), "seed {seed}: {broken:?}");
    }
}

#[test]
fn the_terminated_are_replaced_again_and_again() {
    for seed in 0..SEEDS {
        let mut history = begins(seed, 3);
        history.settles();
        for _ in 0..6 {
            let victim = history.region.borrow().counted()[0];
            history.strike(Strike::Terminate, victim);
            // A newcomer that is quicker than EC2's proof is an observer first.
            let swapped = |history: &mut History| {
                assert_eq!(history.voters(), 3, "seed {seed}");
                history.unsettled().is_none()
            };
            history.reaches("a replacement", |history| history.unsettled().is_some());
            history.reaches("a member in its place", swapped);
        }
        history.settles();
        assert_eq!(history.voters(), 3, "seed {seed}");
    }
}

#[test]
fn a_power_cut_is_survived_by_all() {
    for seed in 0..SEEDS {
        let mut history = begins(seed, 5);
        history.settles();
        (0..5).for_each(|m| history.strike(Strike::Reboot, m));
        // The ensemble comes back although AWS answers nothing.
        history.region.borrow_mut().weather.refused = 1.0;
        history.reaches("an ensemble that serves", |history| {
            let region = history.region.borrow();
            (0..5).all(|m| region.serves(m))
        });
        history.settles();
    }
}

#[test]
fn servers_and_agents_are_restarted_one_after_the_other() {
    for seed in 0..SEEDS {
        let mut history = begins(seed, 3);
        history.settles();
        for m in 0..3 {
            history.kill_agent(m, 10 * SECOND);
            history.strike(Strike::ServerKilled, m);
            history.settles();
            assert_eq!(history.region.borrow().truth.lineages, 1, "seed {seed}");
        }
    }
}

#[test]
fn a_fleet_grows_and_shrinks() {
    for seed in 0..SEEDS {
        let mut history = begins(seed, 3);
        history.settles();
        for (desired, voters) in [(5, 5), (4, 3), (6, 5), (3, 3)] {
            history.scale(desired);
            history.settles();
            assert_eq!(history.voters(), voters, "seed {seed}");
        }
    }
}

/// Its change needs the joiner's vote, and the joiner never comes back.
#[test]
fn a_founder_that_took_up_a_change_with_a_joiner_that_dies_drops_it_at_the_second_start() {
    for seed in 0..SEEDS {
        let mut history = begins(seed, 3);
        let mut founder = None;
        history.reaches("a change", |history| {
            let region = history.region.borrow();
            let changes = |m: &usize| region.server(*m).in_flight.is_some();
            founder = region.up().find(changes);
            founder.is_some()
        });
        let founder = founder.expect("it was reached");
        assert_eq!(history.voters(), 1);
        let others: Vec<usize> = history.region.borrow().counted();
        for other in others.into_iter().filter(|m| *m != founder) {
            history.strike(Strike::Terminate, other);
        }
        history.strike(Strike::ServerKilled, founder);
        let restarted = history.settles();
        assert!(restarted > 10 * MINUTE, "after {restarted} ms");
        let noted = history.region.borrow().machines[founder].disk.stuck;
        assert_eq!(noted, None);
        assert_eq!(history.voters(), 3);
    }
}
