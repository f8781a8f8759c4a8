//! Short tales of claims and foundings.

use zk_bootstrap::model::claim::{ClaimName, Slot};
use zk_bootstrap::model::plan::Situation;
use zk_bootstrap::model::policy::WhenAllIsLost;

use super::history::History;
use super::region::{MINUTE, SECOND};
use super::stories::{SEEDS, begins};
use super::trouble::Strike;

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
        // Without heartbeats the group would give all of them up.
        history.region.borrow_mut().group.hooks.clear();
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
        // Nobody takes it for dead meanwhile.
        history.region.borrow_mut().group.hooks.clear();
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

#[test]
fn when_all_is_lost_an_operator_is_waited_for_or_the_next_generation_founded() {
    for (seed, when) in (0..SEEDS).zip([WhenAllIsLost::Wait, WhenAllIsLost::Refound].repeat(4)) {
        let mut history = begins(seed, 3);
        history.set_policy(|policy| policy.when_all_is_lost = when);
        history.settles();
        history.strike(Strike::Flood, 0);
        if when == WhenAllIsLost::Refound {
            history.run_for(MINUTE);
            history.settles();
        } else {
            history.run_for(40 * MINUTE);
        }
        let founded = history.region.borrow().truth.lineages;
        assert_eq!(founded == 2, when == WhenAllIsLost::Refound, "seed {seed}");
        assert!(history.region.borrow().broken.is_empty(), "seed {seed}");
    }
}
