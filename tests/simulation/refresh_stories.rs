//! Short tales of groups that replace all their instances, paced by the launching hook.

use std::collections::BTreeSet;

use zk_bootstrap::model::fleet::{Lifecycle, Transition};

use super::history::History;
use super::region::{MINUTE, Ms, SECOND};
use super::stories::{SEEDS, begins};

/// A settled ensemble of `desired`, whose group has both hooks.
fn settled(seed: u64, desired: u32) -> History {
    let mut history = begins(seed, desired);
    let hooks = [Transition::Launching, Transition::Terminating];
    history.region.borrow_mut().group.hooks = BTreeSet::from(hooks);
    history.settles();
    history
}

impl History {
    /// By how many the voters that run, each with its data, are more than a quorum.
    fn spare(&self) -> Option<usize> {
        let region = self.region.borrow();
        let config = region.truth.config.as_ref()?;
        let mut intact = region.intact_voters(config);
        intact.retain(|m| region.machines[*m].server.is_some());
        intact.len().checked_sub(config.quorum())
    }

    fn in_service(&self) -> usize {
        let machines = &self.region.borrow().machines;
        let serves = machines
            .iter()
            .filter(|m| m.lifecycle.now() == Lifecycle::InService);
        serves.count()
    }
}

/// Refreshes all instances; the longest time without an acknowledged write.
fn refreshed(seed: u64, desired: u32, ahead: bool) -> Ms {
    let mut history = settled(seed, desired);
    let first = history.region.borrow().counted();
    history.region.borrow_mut().refresh(ahead);
    let begins = history.region.borrow().now;
    let (mut written, mut since, mut gap) = (0, begins, 0);
    let ends = history.run_until(60 * MINUTE, |history| {
        assert!(
            history.spare().is_some(),
            "seed {seed}: no quorum of {desired}"
        );
        let least = desired as usize - usize::from(!ahead);
        assert!(
            history.in_service() >= least,
            "seed {seed}: {least} of {desired}"
        );
        let region = history.region.borrow();
        let acknowledged = region.truth.acknowledged.len();
        gap = gap.max(region.now - since);
        if acknowledged != written {
            (written, since) = (acknowledged, region.now);
        }
        region.group.refresh.is_none()
    });
    let broken = history.region.borrow().broken.clone();
    assert!(ends, "seed {seed}: {broken:?}");
    history.settles();
    let region = history.region.borrow();
    let left = region.counted().into_iter().filter(|m| first.contains(m));
    assert_eq!(left.collect::<Vec<_>>(), Vec::<usize>::new(), "seed {seed}");
    assert_eq!(region.truth.lineages, 1, "seed {seed}");
    gap
}

#[test]
fn a_refresh_replaces_every_instance_and_costs_no_quorum_and_no_write() {
    for desired in [3, 5] {
        for ahead in [false, true] {
            let gaps = (0..SEEDS).map(|seed| refreshed(seed, desired, ahead));
            let longest = gaps.max().unwrap_or_default();
            println!("refresh of {desired}, ahead {ahead}: {longest} ms without a write at most");
            assert!(longest < 10 * SECOND, "{longest} ms without a write");
        }
    }
}
