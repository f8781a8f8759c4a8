//! A disruption budget for the group: it may not choose a voter while none can be spared.
//!
//! The agent beside the leader owns the group's protection from scale-in: it sets it while a further
//! loss would cost the quorum, and takes it off, whoever set it, when all is well again. An instance
//! refresh waits for protected instances by itself. An observer is always free to go.

use std::collections::BTreeSet;

use super::view::View;
use crate::model::ensemble::Ensemble;
use crate::model::fleet::{Fleet, Lifecycle};
use crate::model::id::InstanceId;
use crate::model::plan::Action;
use crate::model::server::Role;

/// What is to be changed about the members' protection, if anything.
pub fn protect(view: View, fleet: &Fleet, committed: &Ensemble) -> Option<Action> {
    let voters = committed.voter_count();
    // Membership by tags has no group; an ensemble that is still growing has nothing to keep yet.
    if !view.policy.protect_voters || fleet.desired.is_none() || voters < view.policy.floor {
        return None;
    }
    let serving = committed.voters().filter(|s| view.serves(s)).count();
    let wanted = view.policy.wanted_voters(fleet.desired);
    // Where all is well, one too many can leave whatever remains.
    let spared = serving == voters && voters > wanted.max(view.policy.floor);
    let scarce = serving <= committed.quorum() && !spared;
    let wrong = |protected: bool| -> BTreeSet<InstanceId> {
        let wrong = fleet.instances.iter().filter(|(_, instance)| {
            let role = instance.address.and_then(|at| Some(committed.at(at)?.role));
            let wanted = role.map(|role| scarce && role == Role::Participant);
            // The group takes the change for instances in service only.
            let takes = instance.lifecycle == Lifecycle::InService;
            takes && wanted == Some(protected) && instance.protected != protected
        });
        wrong.map(|(id, _)| id.clone()).collect()
    };
    let due = [true, false].map(|protected| (protected, wrong(protected)));
    let due = due.into_iter().find(|(_, wrong)| !wrong.is_empty());
    due.map(|(protected, instances)| Action::Protect {
        instances,
        protected,
    })
}
