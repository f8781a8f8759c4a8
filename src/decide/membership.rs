//! Pruning: members that are gone for good, and whom nobody will replace.

use std::collections::BTreeSet;

use super::fate;
use super::view::View;
use crate::model::ensemble::Ensemble;
use crate::model::fleet::Fleet;
use crate::model::id::{InstanceId, ServerId};
use crate::model::plan::Action;

/// The terminated voters, with their instances, and which of the terminated members may be removed
/// now: every observer; of the voters only those that the group will not replace, never below the
/// floor, at most (voters − 1) / 2 at once; and all that only while the living make a quorum.
pub fn prune(
    view: View,
    fleet: &Fleet,
    committed: &Ensemble,
) -> (Vec<(ServerId, InstanceId)>, Option<Action>) {
    let is_voter = |id: ServerId| committed.voters().any(|s| s.id == id);
    let gone = fate::terminated_members(view, committed).into_iter();
    let (gone, observers): (Vec<_>, Vec<_>) = gone.partition(|(id, _)| is_voter(*id));
    let voters = committed.voter_count();
    if voters - gone.len() < committed.quorum() {
        return (gone, None);
    }
    let wanted = view.policy.wanted_voters(fleet.desired);
    let least = wanted.max(view.policy.floor);
    let spare = voters.saturating_sub(least).min((voters - 1) / 2);
    let removed = gone.iter().take(spare).chain(&observers);
    let servers: BTreeSet<ServerId> = removed.map(|(id, _)| *id).collect();
    let action = (!servers.is_empty()).then_some(Action::RemoveServers {
        servers,
        expected: committed.version,
    });
    (gone, action)
}
