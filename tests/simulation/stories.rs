//! Short tales, each about one thing.

use zk_bootstrap::model::claim::{ClaimName, Slot};
use zk_bootstrap::model::plan::Situation;

use super::fleet::Change;
use super::history::History;
use super::mutations::Mutation;
use super::region::{MINUTE, Ms, SECOND};
use super::settling::End;
use super::trouble::Strike;

const SEEDS: u64 = 8;

/// A history of `desired` instances, from their launch on.
fn begins(seed: u64, desired: u32) -> History {
    let history = History::new(seed, desired);
    history.region.borrow_mut().trace = Some(Vec::new());
    history
}

impl History {
    /// Comes to rest; how long that took.
    #[track_caller]
    fn settles(&mut self) -> Ms {
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
    fn reaches(&mut self, what: &str, done: impl FnMut(&mut History) -> bool) {
        assert!(self.run_until(10 * MINUTE, done), "{what} does not happen");
    }

    fn voters(&self) -> usize {
        let config = &self.region.borrow().truth.config;
        config.as_ref().map_or(0, |config| config.voters().count())
    }

    /// The owner of the newest claim on a slot.
    fn holder(&self, slot: Slot) -> Option<(ClaimName, usize)> {
        let region = self.region.borrow();
        let newest = region.streams.streams.iter();
        let (name, stream) = newest.filter(|(n, _)| n.slot == slot).next_back()?;
        let owner = stream.owner()?;
        let m = region
            .machines
            .iter()
            .position(|m| m.id == owner.instance)?;
        Some((*name, m))
    }
}

#[test]
fn three_instances_found_one_ensemble() {
    for seed in 0..4 * SEEDS {
        let mut history = begins(seed, 3);
        history.settles();
        assert_eq!(history.region.borrow().truth.lineages, 1, "seed {seed}");
    }
}

#[test]
fn up_to_254_at_once_need_few_calls_for_an_id_each() {
    for claimants in [3, 30, 100, 254] {
        let mut history = History::new(u64::from(claimants), claimants);
        {
            let weather = &mut history.region.borrow_mut().weather;
            (weather.stale, weather.lag) = (0.5, 4 * SECOND);
        }
        let everybody = claimants as usize;
        history.reaches("a claim for everybody", |history| {
            let region = history.region.borrow();
            let servers = region.streams.streams.iter();
            let servers = servers.filter(|(name, _)| name.slot != Slot::Ensemble);
            servers.filter(|(_, s)| s.owner().is_some()).count() >= everybody
        });
        let creates = history.region.borrow().streams.creates as f64 / f64::from(claimants);
        println!("{claimants} claimants: {creates:.2} creates each");
        assert!(
            creates <= 3.0,
            "{claimants} claimants: {creates:.2} creates each"
        );
    }
}

#[test]
fn founding_goes_on_where_it_was_throttled() {
    for seed in 0..SEEDS {
        let mut history = begins(seed, 3);
        history.region.borrow_mut().weather.refused = 1.0;
        history.run_for(3 * MINUTE);
        assert!(history.region.borrow().streams.streams.is_empty());
        history.region.borrow_mut().weather.refused = 0.5;
        history.run_for(5 * MINUTE);
        history.settles();
        assert_eq!(history.region.borrow().truth.lineages, 1, "seed {seed}");
    }
}

#[test]
fn lost_replies_cost_time_and_nothing_else() {
    for seed in 0..SEEDS {
        let mut history = begins(seed, 5);
        history.region.borrow_mut().weather.unanswered = 0.4;
        history.run_for(15 * MINUTE);
        history.settles();
        assert_eq!(history.region.borrow().truth.lineages, 1, "seed {seed}");
        assert_eq!(history.voters(), 5, "seed {seed}");
    }
}

#[test]
fn a_claimant_that_freezes_before_its_record_finds_out_that_it_has_lost() {
    for seed in 0..SEEDS {
        let mut history = begins(seed, 3);
        let first = ClaimName::first(Slot::Server(3.try_into().expect("an id")));
        history.reaches("a stream without an owner", |history| {
            let region = history.region.borrow();
            let stream = region.streams.streams.get(&first);
            stream.is_some_and(|stream| stream.owner().is_none())
        });
        let claimant = history.region.borrow().streams.streams[&first].by;
        history.freeze_agent(claimant, 7 * MINUTE);
        history.run_for(8 * MINUTE);
        history.settles();
        let stream = history.region.borrow().streams.streams[&first].clone();
        let (written, _) = stream.events[0];
        assert!(
            written > stream.created + 5 * MINUTE,
            "seed {seed}: it came in time"
        );
        let id = history.region.borrow().machines[claimant].disk.myid;
        let (name, m) = history
            .holder(Slot::Server(id.expect("a member has an id")))
            .expect("the id of a member is claimed");
        assert_eq!(m, claimant, "seed {seed}");
        assert_ne!(name, first, "seed {seed}");
    }
}

#[test]
fn a_founder_that_is_terminated_before_its_start_is_succeeded() {
    for seed in 0..SEEDS {
        let mut history = begins(seed, 3);
        history.reaches("a marker", |history| {
            history.holder(Slot::Ensemble).is_some()
        });
        let (first, founder) = history.holder(Slot::Ensemble).expect("it was there");
        history.strike(Strike::Terminate, founder);
        history.settles();
        let (name, _) = history.holder(Slot::Ensemble).expect("another marker");
        assert_eq!(name, first.next(), "seed {seed}");
        assert_eq!(history.region.borrow().truth.lineages, 1, "seed {seed}");
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

#[test]
fn the_terminated_are_replaced_again_and_again() {
    for seed in 0..SEEDS {
        let mut history = begins(seed, 3);
        history.settles();
        for _ in 0..6 {
            let victim = history.region.borrow().counted()[0];
            history.strike(Strike::Terminate, victim);
            // A newcomer that is quicker than EC2's proof is added first, and the dead pruned then.
            let swapped = |history: &mut History| {
                assert!([3, 4].contains(&history.voters()), "seed {seed}");
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
        for desired in [5, 4, 3] {
            history.region.borrow_mut().group.desired = desired;
            history.region.borrow_mut().later(0..1, Change::Scale);
            history.run_for(SECOND);
            history.settles();
            assert_eq!(history.voters(), desired as usize, "seed {seed}");
        }
    }
}

#[test]
fn a_deleted_marker_stops_newcomers_until_it_is_back() {
    for seed in 0..SEEDS {
        let mut history = begins(seed, 3);
        history.settles();
        history.strike(Strike::MarkerDeleted, 0);
        history.run_for(2 * MINUTE);
        history.strike(Strike::Terminate, 0);
        history.reaches("a halt", |history| {
            let plans = (3..4).filter_map(|m| history.last_plan(m));
            plans.into_iter().any(|p| p.situation == Situation::Halted)
        });
        history.run_for(10 * MINUTE);
        assert_eq!(history.region.borrow().truth.lineages, 1, "seed {seed}");
        history.settles();
    }
}
