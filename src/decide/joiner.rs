//! From a claimed id to a member.

use super::formation::Founded;
use super::view::View;
use super::{acts, duties, files, health, identity, recovery, seats, survivors, waits};
use crate::model::claim::{ClaimName, Lineage, Milestone};
use crate::model::ensemble::Ensemble;
use crate::model::id::ServerId;
use crate::model::plan::{Action, Next, Plan, Situation, Waiting};
use crate::model::snapshot::Service;

/// A server with an id, not yet a member: it starts beside the ensemble, syncs, and is added.
pub fn plan(view: View, founded: &Founded, claim: ClaimName, id: ServerId) -> Plan {
    match view.service {
        Service::Running => running_joiner(view, founded, id),
        Service::Stopped if lacks_its_id_alone(view, founded, id) => {
            let mut actions = vec![Action::WriteMyId { server: id }];
            actions.extend(files::refresh_zoo_cfg(view));
            actions.push(Action::StartServer);
            acts(Situation::Stopped, actions, Next::Here)
        }
        Service::Stopped if has_withdrawn_from(view, &founded.lineage) => {
            let why = "without the generation that is served, which began after the one that this \
                       server was withdrawn from";
            unheard(Situation::Recovering, "CloudWatch Logs", why)
        }
        Service::Stopped => match base(view, founded) {
            Some(base) => start_joiner(view, founded, claim, id, &base),
            None => recovery::tell_of_emptied_disk(view).unwrap_or_else(|| without_base(view, id)),
        },
    }
}

/// What is known of these is too old to act upon: they are asked once more.
fn unheard(situation: Situation, whom: &'static str, why: &str) -> Plan {
    let why = why.to_owned();
    waits(situation, Waiting::Answer { whom, why })
}

/// Whether this server was withdrawn, with its data, from the generation that the list of claims has
/// as the newest. Nobody serves that one any more: who serves, serves one that the list lacks.
fn has_withdrawn_from(view: View, lineage: &Lineage) -> bool {
    let identity = view.disk.identity.as_ref().filter(|i| i.withdrawn);
    let newest = identity.is_some_and(|i| i.lineage.generation >= lineage.generation);
    newest && view.disk.data && view.anybody_serves()
}

/// Whether this is a member with all that it needs to start, but for `myid`. Nobody needs to serve
/// for its start: it may be the one that the quorum lacks.
fn lacks_its_id_alone(view: View, founded: &Founded, id: ServerId) -> bool {
    let disk = view.disk;
    let file = disk.dynamic.as_ref();
    let votes = file.is_some_and(|file| {
        file.voters().any(|s| s.id == id && s.is_at(view.address())) && !files::is_stale(view)
    });
    let own = disk.data && is_of(view, &founded.lineage, id);
    disk.myid != Some(id) && own && votes && !disk.is_withdrawn()
}

/// Nobody serves. A survivor that has withdrawn waits for its quorum; whoever has it to give is named.
fn without_base(view: View, id: ServerId) -> Plan {
    let config = view.disk.dynamic.as_ref();
    let config = config.filter(|_| view.disk.data && view.disk.is_withdrawn());
    let missing = config.map_or(Vec::new(), |config| duties::missing(view, config, id));
    if !missing.is_empty() {
        return waits(Situation::Recovering, Waiting::Quorum { missing });
    }
    waits(Situation::Joining, unseen_base(view))
}

fn unseen_base(view: View) -> Waiting {
    let peers = view.snapshot.peers.iter();
    Waiting::ServingMember {
        asked: peers.map(|(id, probe)| format!("{id} {probe}")).collect(),
    }
}

/// The config to join from: the newest that a serving peer tells; while the ensemble is young,
/// the founder's own, so that founder and joiners boot side by side.
fn base(view: View, founded: &Founded) -> Option<Ensemble> {
    let seed = || {
        let usable = founded.young && !founded.founder_is_gone && founded.server != own_id(view)?;
        (usable && !view.disk.data).then(|| founded.seed.clone())
    };
    view.committed_by_peers().cloned().or_else(seed)
}

fn own_id(view: View) -> Option<ServerId> {
    identity::held(view).map(|(_, id)| id)
}

fn start_joiner(
    view: View,
    founded: &Founded,
    claim: ClaimName,
    id: ServerId,
    base: &Ensemble,
) -> Plan {
    let is_listed = base.has(id, view.address());
    let membership = if is_listed {
        Ensemble::unversioned(base.servers.values().cloned())
    } else {
        base.with_joiner(view.policy.server(id, view.address()))
    };
    let own_data = match is_listed {
        true => is_of(view, &founded.lineage, id),
        false => survivors::keeps_data(view, &founded.lineage),
    };
    let mut actions = Vec::new();
    if view.disk.initialize || (view.disk.data && !own_data) {
        // Who served a moment ago may be lost since, and this the last copy.
        if view.disk.data && !view.peers_are_fresh() {
            let why = "not asked since the data here was looked at";
            return unheard(Situation::Joining, "the peers", why);
        }
        if view.disk.data && view.may_have_been_added() {
            let why = "what they tell may be older than the addition of this server";
            return unheard(Situation::Joining, "the peers", why);
        }
        let why = why_aside(view, &founded.lineage);
        actions.push(Action::MoveDataAside { why });
    }
    let files = files::prepare(view, id, &founded.lineage, &membership, &actions);
    actions.extend(files);
    let register = view.register().ok();
    let claimed = register.and_then(|r| r.claims.get(&claim));
    if claimed.is_none_or(|claimed| !claimed.has_noted(Milestone::Started)) {
        actions.push(Action::Journal {
            claim,
            milestone: Milestone::Started,
        });
    }
    let said = survivors::take_back(view, claim, founded.lineage.generation);
    actions.extend(said.or_else(|| survivors::take_back_unseen(view, claim)));
    actions.push(Action::StartServer);
    acts(Situation::Joining, actions, Next::Here)
}

fn why_aside(view: View, lineage: &Lineage) -> String {
    let generation = lineage.generation;
    if view.disk.initialize {
        return "a leave to serve an empty database is there, of a founding that never took place"
            .to_owned();
    }
    let Some(identity) = &view.disk.identity else {
        return "nothing beside it says whose it is".to_owned();
    };
    if identity.instance != view.me.instance {
        return format!("it is of {identity}, and this is another instance");
    }
    if identity.withdrawn {
        return format!("it is not a part of what generation {generation} began with");
    }
    if identity.lineage != *lineage {
        return format!(
            "it is of {}, and the ensemble of {lineage}",
            identity.lineage
        );
    }
    "the ensemble's config does not list this server, so its data may run ahead".to_owned()
}

fn is_of(view: View, lineage: &Lineage, server: ServerId) -> bool {
    let identity = view.disk.identity.as_ref();
    identity.is_some_and(|i| {
        i.lineage == *lineage && i.server == server && i.instance == view.me.instance
    })
}

/// Whether a generation may have begun since the claims were read: an ensemble has a history that somebody
/// has joined before, or somebody testified to the loss of the one that this server started to join. A
/// voter that names an older one is no part of the new one when it comes back.
fn may_be_of_a_later_generation(view: View, founded: &Founded) -> bool {
    let generation = founded.lineage.generation;
    let testimonies = view.register().into_iter().flat_map(|r| r.claims.values());
    let mut testimonies = testimonies.filter_map(|claim| claim.testimony.as_ref());
    let was_lost = testimonies.any(|said| said.generation >= generation);
    !view.register_is_fresh() && (was_lost || !founded.young)
}

fn running_joiner(view: View, founded: &Founded, id: ServerId) -> Plan {
    let peers = view.committed_by_peers();
    let is_listed = peers.is_some_and(|base| base.has(id, view.address()));
    // It was started to join an ensemble that was founded anew since: it begins again, too, unless it
    // has been added meanwhile, of which its own server may know last.
    let identity = view.disk.identity.as_ref();
    let is_older = identity.is_some_and(|i| i.lineage.generation < founded.lineage.generation);
    if is_older && !is_listed {
        return match peers.is_some() && view.peers_are_fresh() {
            true => acts(Situation::Joining, vec![Action::StopServer], Next::Here),
            false => waits(Situation::Joining, unseen_base(view)),
        };
    }
    let server = &view.snapshot.server;
    let told = server.serving().zip(view.committed_here());
    if let (Some((serving, committed)), Ok(fleet)) = (told, view.fleet()) {
        if serving.synced == Some(true) {
            if may_be_of_a_later_generation(view, founded) {
                let why = "not read since this server synced";
                return unheard(Situation::Synced, "CloudWatch Logs", why);
            }
            let Some(add) = seats::add(view, fleet, id, committed) else {
                let why = "not asked since this server synced";
                return unheard(Situation::Synced, "the voters", why);
            };
            // What the peers told before is outdated by this very change.
            return acts(Situation::Synced, vec![add], Next::Everywhere);
        }
        let mut plan = waits(Situation::Joining, Waiting::Sync);
        plan.next = Next::Here;
        return plan;
    }
    if files::is_stale(view) && !is_listed {
        return acts(Situation::Joining, vec![Action::StopServer], Next::Here);
    }
    let now = server.to_string();
    let mut plan = waits(Situation::Joining, Waiting::OwnServer { now });
    plan.next = Next::Here;
    health::mend(view, plan)
}
