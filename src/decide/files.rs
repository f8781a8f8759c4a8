//! Which files to write: only those that differ, only while the server is down.

use super::view::View;
use crate::model::claim::Lineage;
use crate::model::disk::{Identity, ZooCfg};
use crate::model::ensemble::Ensemble;
use crate::model::id::ServerId;
use crate::model::plan::Action;
use crate::model::server::Server;

/// The files of server `id` of an ensemble, for a start with this membership.
pub fn prepare(
    view: View,
    id: ServerId,
    lineage: &Lineage,
    membership: &Ensemble,
    before: &[Action],
) -> Vec<Action> {
    let disk = view.disk;
    // Data that gives way takes these files along.
    let mut before = before.iter();
    let moved = before.any(|action| matches!(action, Action::MoveDataAside { .. }));
    let mut actions = Vec::new();
    if disk.myid != Some(id) || moved {
        actions.push(Action::WriteMyId { server: id });
    }
    let written = disk
        .dynamic
        .as_ref()
        .is_some_and(|d| d.servers == membership.servers);
    if !written || disk.zoo_cfg != ZooCfg::Current {
        actions.push(Action::WriteMembership {
            ensemble: membership.clone(),
        });
    }
    let identity = Identity {
        lineage: lineage.clone(),
        server: id,
        instance: view.me.instance.clone(),
        withdrawn: false,
    };
    if disk.identity.as_ref() != Some(&identity) || moved {
        actions.push(Action::WriteIdentity { identity });
    }
    actions
}

/// Whether the dynamic file lists no other member of the ensemble that serves: a founder that was
/// replaced, a config that has moved on. A server that starts from it looks for its peers in vain.
pub fn is_stale(view: View) -> bool {
    let (Some(base), Some(file)) = (view.committed_by_peers(), &view.disk.dynamic) else {
        return false;
    };
    let known = |s: &Server| base.get(s.id).is_some_and(|same| same.address == s.address);
    let others = file.servers.values().filter(|s| !s.is_at(view.address()));
    !others.into_iter().any(known)
}

/// zoo.cfg, where the settings have changed since it was written.
pub fn refresh_zoo_cfg(view: View) -> Vec<Action> {
    match view.disk.zoo_cfg {
        ZooCfg::Current => Vec::new(),
        ZooCfg::Missing | ZooCfg::Stale => vec![Action::WriteZooCfg],
    }
}
