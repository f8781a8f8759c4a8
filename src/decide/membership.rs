//! Joining, swapping and pruning: one conditional change at a time.

use std::collections::BTreeSet;

use super::fate;
use super::view::View;
use crate::model::ensemble::Ensemble;
use crate::model::fleet::Fleet;
use crate::model::id::{InstanceId, ServerId};
use crate::model::plan::Action;
use crate::model::server::Role;

/// Adds this server as a voter; in the same transaction a voter goes whose termination is proven, or
/// which is leaving, so that the ensemble's size does not change. One that still holds this server's address goes
/// first.
pub fn add(view: View, id: ServerId, committed: &Ensemble) -> Action {
    let gone = fate::terminated_members(view, committed);
    let voters: BTreeSet<ServerId> = committed.voters().map(|s| s.id).collect();
    let gone: Vec<ServerId> = gone
        .into_iter()
        .map(|(id, _)| id)
        .filter(|g| voters.contains(g) && *g != id)
        .collect();
    let at_my_address = committed.at(view.address()).map(|s| s.id);
    let same_address = gone.iter().find(|id| Some(**id) == at_my_address);
    let leaving = fate::leaving_members(view, committed);
    let leaving = leaving.intersection(&voters).next();
    Action::AddServer {
        server: view.policy.server(id, view.address()),
        remove: same_address.or(gone.first()).or(leaving).copied(),
        expected: committed.version,
    }
}

/// The terminated voters, with their instances, and what of them may be removed now: only those
/// that the group will not replace, never below the floor, at most (voters − 1) / 2 at once, and
/// only while the living make a quorum.
pub fn prune(
    view: View,
    fleet: &Fleet,
    committed: &Ensemble,
) -> (Vec<(ServerId, InstanceId)>, Option<Action>) {
    let is_voter = |id: ServerId| {
        committed
            .get(id)
            .is_some_and(|s| s.role == Role::Participant)
    };
    let gone: Vec<_> = fate::terminated_members(view, committed)
        .into_iter()
        .filter(|(id, _)| is_voter(*id))
        .collect();
    let voters = committed.voter_count();
    let living = voters - gone.len();
    let target = fleet.desired.map_or(voters, |desired| desired as usize);
    let least = target.max(view.policy.floor);
    let spare = voters.saturating_sub(least).min((voters - 1) / 2);
    if spare == 0 || living < committed.quorum() {
        return (gone, None);
    }
    let servers: BTreeSet<ServerId> = gone.iter().map(|(id, _)| *id).take(spare).collect();
    let action = (!servers.is_empty()).then_some(Action::RemoveServers {
        servers,
        expected: committed.version,
    });
    (gone, action)
}
