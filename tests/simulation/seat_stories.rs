//! Short tales of voters, observers and zones.

use super::history::History;
use super::region::{MINUTE, SECOND};
use super::stories::{SEEDS, begins};
use super::trouble::Strike;

/// A settled ensemble of `desired` in so many zones.
fn settled(seed: u64, desired: u32, zones: usize) -> History {
    let mut history = begins(seed, desired);
    history.region.borrow_mut().group.zones = zones;
    history.settles();
    history
}

impl History {
    /// The machines of the voters that are not terminated.
    fn living_voters(&self) -> Vec<usize> {
        let region = self.region.borrow();
        let config = region.truth.config.as_ref().expect("an ensemble");
        let living = config.voters().filter_map(|voter| region.living(voter));
        living.collect()
    }

    /// The greatest number of voters that share a zone.
    fn most_in_a_zone(&self) -> usize {
        let voters = self.living_voters();
        let region = self.region.borrow();
        let zone = |m: &usize| region.machines[*m].zone;
        let together = |m: &usize| voters.iter().filter(|v| zone(v) == zone(m)).count();
        voters.iter().map(together).max().unwrap_or_default()
    }
}

#[test]
fn an_observer_takes_the_place_of_a_terminated_voter_while_its_replacement_is_slow_to_come() {
    for seed in 0..SEEDS {
        let mut history = settled(seed, 4, 3);
        let voters = history.living_voters();
        assert_eq!(voters.len(), 3, "seed {seed}");
        // No replacement comes: the group takes what it has for enough.
        history.region.borrow_mut().group.desired = 3;
        history.strike(Strike::Terminate, voters[0]);
        history.reaches("three living voters", |history| {
            assert_eq!(history.voters(), 3, "seed {seed}");
            history.living_voters().len() == 3
        });
        assert_eq!(history.region.borrow().machines.len(), 4, "seed {seed}");
        history.settles();
    }
}

#[test]
fn voters_that_share_a_zone_give_way_to_newcomers_of_others() {
    for seed in 0..SEEDS {
        let mut history = settled(seed, 3, 1);
        assert_eq!(history.most_in_a_zone(), 3, "seed {seed}");
        history.set_policy(|policy| policy.voters = 3);
        let agents = history.region.borrow().machines.len();
        (0..agents).for_each(|m| history.kill_agent(m, SECOND));
        history.region.borrow_mut().group.zones = 3;
        history.scale(7);
        history.settles();
        assert_eq!(
            (history.voters(), history.most_in_a_zone()),
            (3, 1),
            "seed {seed}"
        );
        let lineages = history.region.borrow().truth.lineages;
        assert_eq!(lineages, 1, "seed {seed}");
    }
}

#[test]
fn nothing_is_exchanged_between_two_zones() {
    for seed in 0..SEEDS {
        let mut history = settled(seed, 5, 2);
        let before = history.region.borrow().truth.config.clone();
        history.run_for(30 * MINUTE);
        let after = history.region.borrow().truth.config.clone();
        assert_eq!(before, after, "seed {seed}");
    }
}

/// Every capacity from one to seven, and back.
#[test]
fn a_group_has_as_many_voters_as_its_capacity_allows() {
    for seed in 0..SEEDS {
        let mut history = begins(seed, 1);
        history.set_policy(|policy| policy.floor = 1);
        history.settles();
        let capacities = (2..=7).chain((2..7).rev());
        for desired in capacities {
            history.scale(desired);
            history.settles();
            let voters = [1, 1, 1, 3, 3, 5, 5, 5][desired as usize];
            assert_eq!(history.voters(), voters, "seed {seed}, desired {desired}");
        }
    }
}

/// An observer has what was committed, and is a survivor like any other.
#[test]
fn an_observer_begins_the_next_generation_when_all_voters_are_lost() {
    for seed in 0..SEEDS {
        let mut history = settled(seed, 4, 3);
        for m in history.living_voters() {
            history.strike(Strike::Terminate, m);
        }
        history.settles();
        let region = history.region.borrow();
        assert_eq!(region.truth.recoveries, 1, "seed {seed}");
        assert_eq!(region.truth.lineages, 2, "seed {seed}");
    }
}
