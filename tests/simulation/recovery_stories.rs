//! Short tales of quorums that are lost for good.

use zk_bootstrap::model::claim::Slot;
use zk_bootstrap::model::policy::Recovery;

use super::history::History;
use super::mutations::Mutation;
use super::operator::Operator;
use super::region::{MINUTE, SECOND};
use super::settling::End;
use super::stories::{SEEDS, begins};
use super::trouble::Strike;

/// A settled ensemble of `desired`.
fn settled(seed: u64, desired: u32) -> History {
    let mut history = begins(seed, desired);
    history.settles();
    history
}

impl History {
    fn lose(&mut self, machines: &[usize]) {
        for m in machines {
            self.strike(Strike::Terminate, *m);
        }
    }

    /// From now on every agent has this defect.
    fn mutate(&mut self, mutation: Option<Mutation>) {
        self.mutation = mutation;
        let agents = self.region.borrow().machines.len();
        (0..agents).for_each(|m| self.kill_agent(m, 1));
        self.run_for(5 * SECOND);
    }

    fn recoveries(&self) -> u32 {
        self.region.borrow().truth.recoveries
    }

    /// An operator comes, looks in now and then, and gives leave where it is asked for.
    fn is_attended(&mut self) {
        let now = self.region.borrow().now;
        self.operator = Some(Operator::from(now));
    }

    fn withdrawn(&self) -> usize {
        let machines = &self.region.borrow().machines;
        let identities = machines.iter().filter_map(|m| m.disk.identity.as_ref());
        identities.filter(|identity| identity.withdrawn).count()
    }

    /// The machine that holds a marker of a later generation.
    fn chosen(&self) -> Option<usize> {
        let (marker, m) = self.holder(Slot::Ensemble)?;
        (marker.term > 1).then_some(m)
    }
}

#[test]
fn one_survivor_of_three_goes_on_with_its_data() {
    for seed in 0..SEEDS {
        let mut history = settled(seed, 3);
        history.lose(&[0, 2]);
        history.settles();
        assert_eq!(history.recoveries(), 1, "seed {seed}");
        assert!(history.region.borrow().machines[1].disk.aside.is_empty());
    }
}

/// Two survivors of five: the first was cut off before the others were lost, and lacks what was
/// written meanwhile. It was the leader, so that its data has an end of its own, too.
fn two_of_five(seed: u64, mutation: Option<Mutation>) -> (History, [usize; 2]) {
    let mut history = settled(seed, 5);
    history.mutate(mutation);
    let leader = {
        let region = history.region.borrow();
        region.up().find(|m| region.leads(*m))
    };
    let behind = leader.expect("a settled ensemble has a leader");
    history.strike(Strike::Island, behind);
    history.run_for(20 * SECOND);
    let mut others: Vec<usize> = (0..5).filter(|m| *m != behind).collect();
    let ahead = others.pop().expect("four others");
    history.lose(&others);
    history.run_for(SECOND);
    history.strike(Strike::Bridge, behind);
    (history, [behind, ahead])
}

#[test]
fn of_two_survivors_of_five_the_one_with_more_leads() {
    for seed in 0..SEEDS {
        let (mut history, [behind, ahead]) = two_of_five(seed, None);
        history.settles();
        assert_eq!(history.recoveries(), 1, "seed {seed}");
        assert_eq!(history.chosen(), Some(ahead), "seed {seed}");
        let machines = &history.region.borrow().machines;
        assert!(!machines[behind].disk.aside.is_empty(), "seed {seed}");
    }
}

#[track_caller]
fn is_caught(mutation: Mutation, symptom: &str) {
    for seed in 0..4 * SEEDS {
        let end = two_of_five(seed, Some(mutation)).0.settle(10 * MINUTE);
        if let End::Broken(what) = end
            && what.contains(symptom)
        {
            println!("{mutation:?} is caught by seed {seed}: {what}");
            return;
        }
    }
    panic!("{mutation:?} is not caught as {symptom:?}");
}

#[test]
fn who_leads_without_the_best_history_is_caught() {
    is_caught(Mutation::LeadsWithoutTheBestHistory, "without write");
}

#[test]
fn who_starts_while_withdrawn_is_caught() {
    is_caught(
        Mutation::StartsWhileWithdrawn,
        "starts while it is withdrawn",
    );
}

#[test]
fn who_keeps_data_that_is_no_part_is_caught() {
    is_caught(Mutation::KeepsWhatIsNoPart, "data of another lineage");
}

#[test]
fn a_survivor_whose_agent_is_dead_is_waited_for_until_it_is_terminated() {
    for seed in 0..SEEDS {
        let mut history = settled(seed, 5);
        history.kill_agent(3, 600 * MINUTE);
        history.lose(&[0, 1, 2]);
        history.run_for(10 * MINUTE);
        assert_eq!(history.withdrawn(), 0, "seed {seed}");
        let waits = history.last_plan(4).expect("a plan").to_string();
        let silent = history.region.borrow().machines[3].id.to_string();
        assert!(waits.contains(&silent), "seed {seed}: {waits}");
        history.lose(&[3]);
        history.settles();
        assert_eq!(history.recoveries(), 1, "seed {seed}");
    }
}

#[test]
fn a_chosen_one_may_die_at_every_step() {
    for seed in 0..3 * SEEDS {
        let mut history = settled(seed, 5);
        history.lose(&[0, 1, 2]);
        history.reaches("a chosen one", |history| history.chosen().is_some());
        history.run_for(seed * 150);
        let chosen = history.chosen().expect("a chosen one");
        history.lose(&[chosen]);
        history.settles();
        assert!((1..=2).contains(&history.recoveries()), "seed {seed}");
    }
}

#[test]
fn members_that_are_merely_stopped_are_waited_for() {
    for seed in 0..SEEDS {
        let mut history = settled(seed, 3);
        history.region.borrow_mut().stop(0);
        history.region.borrow_mut().stop(1);
        history.run_for(20 * MINUTE);
        assert_eq!(history.withdrawn(), 0, "seed {seed}");
        history.settles();
        assert_eq!(history.recoveries(), 0, "seed {seed}");
    }
}

/// All three voters are lost when a fourth server has synced, and has no vote yet.
#[test]
fn a_joiner_may_hold_the_last_copy() {
    for seed in 0..SEEDS {
        let mut history = settled(seed, 3);
        history.region.borrow_mut().group.desired = 4;
        let scale = super::fleet::Change::Scale;
        history.region.borrow_mut().later(0..1, scale);
        history.reaches("a joiner with data", |history| {
            let machines = &history.region.borrow().machines;
            let joiner = machines.get(3);
            joiner.is_some_and(|joiner| joiner.disk.store.lineage.is_some())
        });
        history.lose(&[0, 1, 2]);
        history.settles();
        assert_eq!(history.recoveries(), 1, "seed {seed}");
    }
}

#[test]
fn when_everything_is_lost_an_empty_ensemble_is_founded() {
    for seed in 0..SEEDS {
        let mut history = settled(seed, 3);
        history.lose(&[0, 1, 2]);
        history.settles();
        assert_eq!(history.recoveries(), 0, "seed {seed}");
        assert_eq!(history.region.borrow().truth.lineages, 2, "seed {seed}");
    }
}

/// Leave is for the one generation that it was given for. When the operator comes, EC2 has forgotten the
/// lost: who looks for the first time asks for them by their ids.
#[test]
fn with_manual_recovery_each_loss_waits_for_an_operators_leave() {
    for seed in 0..SEEDS {
        let mut history = begins(seed, 3);
        history.set_policy(|policy| policy.recovery = Recovery::Manual);
        history.settles();
        for loss in 0..2 {
            let group = history.region.borrow().counted();
            history.lose(&group[..2]);
            history.run_for(40 * MINUTE);
            assert_eq!(history.recoveries(), loss, "seed {seed}");
            assert_eq!(history.withdrawn(), 1, "seed {seed}");
            history.is_attended();
            history.settles();
            assert_eq!(history.recoveries(), loss + 1, "seed {seed}");
            history.operator = None;
        }
    }
}
