//! A disruption budget for the group: it may not choose a voter while none can be spared.
//!
//! The agent beside the leader owns the group's protection from scale-in: it sets it while a further
//! loss would cost the quorum, and takes it off, whoever set it, when all is well again. An instance
//! refresh waits for protected instances by itself.

use std::collections::BTreeSet;

use super::view::View;
use crate::model::ensemble::Ensemble;
use crate::model::fleet::{Fleet, Lifecycle};
use crate::model::id::InstanceId;
use crate::model::plan::Action;

/// What is to be changed about the voters' protection, if anything.
pub fn protect(view: View, fleet: &Fleet, committed: &Ensemble) -> Option<Action> {
    let voters = committed.voter_count();
    // Membership by tags has no group; an ensemble that is still growing has nothing to keep yet.
    if !view.policy.protect_voters || fleet.desired.is_none() || voters < view.policy.floor {
        return None;
    }
    let serving = committed.voters().filter(|s| view.serves(s)).count();
    let protected = serving <= committed.quorum();
    let wrong = fleet.instances.iter().filter(|(_, instance)| {
        let votes = |address| committed.voters().any(|s| s.is_at(address));
        let is_voter = instance.address.is_some_and(votes);
        // The group takes the change for instances in service only.
        instance.lifecycle == Lifecycle::InService && is_voter && instance.protected != protected
    });
    let instances: BTreeSet<InstanceId> = wrong.map(|(id, _)| id.clone()).collect();
    (!instances.is_empty()).then_some(Action::Protect {
        instances,
        protected,
    })
}
