//! What may be done to the disk and the process.

use super::{Rules, claims};
use crate::decide::fate::{self, Fate};
use crate::decide::succession;
use crate::decide::view::View;
use crate::model::claim::Slot;
use crate::model::ensemble::Ensemble;
use crate::model::plan::Action;
use crate::model::snapshot::Service;

pub const DOWN: &str = "files are written and data is moved only while the server is down";
const EMPTY: &str =
    "an empty database is allowed only to the founder, alone, before it ever served";
const COPY: &str = "data is moved aside only while others are seen to serve without this server";
const SERVING: &str = "a serving member is not stopped";
const SPOKEN: &str = "a server is withdrawn only when every survivor says that the quorum is lost";
const ALONE: &str = "data is served alone only by who begins a generation";
const LINEAGE: &str = "data of another lineage is not joined with";

pub fn rules(view: View, before: &[Action], action: &Action) -> Rules {
    let down = is_down(view, before);
    match action {
        Action::StopServer => vec![(!is_serving_member(view), SERVING)],
        Action::WriteMyId { server } => vec![
            (down, DOWN),
            (claims::holds_id(view, *server), claims::HELD),
        ],
        Action::WriteIdentity { identity } => {
            let spoken = identity.withdrawn && succession::all_have_spoken(view, before);
            let newest = view.register().ok().and_then(succession::newest(view));
            let relabels = is_serving_member(view) && newest == Some(identity.lineage.generation);
            vec![
                (down || identity.withdrawn || relabels, DOWN),
                (!identity.withdrawn || spoken, SPOKEN),
                (claims::holds_id(view, identity.server), claims::HELD),
            ]
        }
        Action::WriteMembership { ensemble } => {
            let alone = is_alone(view, ensemble, before);
            vec![(down, DOWN), (!alone || succession::begins(view), ALONE)]
        }
        Action::WriteZooCfg => vec![(down, DOWN)],
        Action::MoveDataAside { .. } => {
            let served = view.peers_are_fresh() && view.committed_by_peers().is_some();
            let proven = served && !view.may_have_been_added();
            vec![(down, DOWN), (!view.disk.data || proven, COPY)]
        }
        Action::AllowEmptyDatabase => vec![
            (is_unborn_founder(view, before), EMPTY),
            (claims::nothing_lives(view, before), claims::SECOND),
        ],
        Action::StartServer => {
            let founds = is_unborn_founder(view, before);
            vec![
                (is_own_data(view, before), LINEAGE),
                (!has_leave(view, before) || founds, EMPTY),
            ]
        }
        _ => Vec::new(),
    }
}

fn is_serving_member(view: View) -> bool {
    let here = view
        .committed_here()
        .and_then(|config| fate::own_member(view, config));
    here.is_some()
}

/// Whether this would make a server with data the only voter.
fn is_alone(view: View, ensemble: &Ensemble, before: &[Action]) -> bool {
    let data = view.disk.data && !has_moved(before);
    data && ensemble.voters().all(|s| s.is_at(view.address()))
}

fn has_moved(before: &[Action]) -> bool {
    let mut before = before.iter();
    before.any(|action| matches!(action, Action::MoveDataAside { .. }))
}

pub fn is_down(view: View, before: &[Action]) -> bool {
    view.service == Service::Stopped || before.contains(&Action::StopServer)
}

/// Whether a server that starts would serve an empty database.
fn has_leave(view: View, before: &[Action]) -> bool {
    let left = view.disk.initialize && !has_moved(before);
    !view.disk.data && (left || before.contains(&Action::AllowEmptyDatabase))
}

/// The founder by its marker, with no data, that was either never started or never used its leave.
fn is_unborn_founder(view: View, before: &[Action]) -> bool {
    let Ok(register) = view.register() else {
        return false;
    };
    let Some((name, marker)) = register.newest(Slot::Ensemble) else {
        return false;
    };
    let unborn = marker.journal.is_empty() || view.disk.initialize;
    let written = before.iter().rev().find_map(|action| match action {
        Action::WriteMembership { ensemble } => Some(ensemble),
        _ => None,
    });
    let alone = written.or(view.disk.dynamic.as_ref()).is_some_and(|e| {
        e.servers.len() == 1 && e.servers.values().all(|s| s.is_at(view.address()))
    });
    claims::holds(view, name) && unborn && alone && !view.disk.data && is_down(view, before)
}

/// Data that is used is this instance's own, of the newest lineage as far as it can be seen.
fn is_own_data(view: View, before: &[Action]) -> bool {
    if !view.disk.data || has_moved(before) {
        return true;
    }
    let Some(identity) = &view.disk.identity else {
        return false;
    };
    let relabelled = before.iter().rev().find_map(|action| match action {
        Action::WriteIdentity { identity } => Some(identity),
        _ => None,
    });
    let newest = view.register().ok().and_then(succession::newest(view));
    let same = match (newest, relabelled) {
        (Some(newest), Some(new)) if new.lineage.generation != identity.lineage.generation => {
            new.lineage.generation == newest
                && (succession::begins(view) || succession::is_part(view))
        }
        // A list that is old may still lack the newest marker.
        (Some(newest), _) => newest <= identity.lineage.generation,
        (None, _) => true,
    };
    let same = same && (!identity.withdrawn || relabelled.is_some());
    let gone = matches!(
        fate::of_instance(view, &identity.instance, view.snapshot.at),
        Fate::Terminated(_)
    );
    identity.instance == view.me.instance && same && !gone
}
