//! The decisions: pure functions of a snapshot. No clock, no IO, nothing remembered.
//!
//! [`plan`] recognises where this instance stands and says what follows from it; the sub-modules
//! answer one question each. [`safety`] judges the result, and was written apart from it.

mod duties;
pub mod fate;
mod files;
mod formation;
pub mod identity;
mod membership;
pub mod overview;
pub mod safety;
pub mod view;

use crate::model::claim::{Lineage, Milestone, Slot};
use crate::model::disk::Identity;
use crate::model::ensemble::Ensemble;
use crate::model::id::ServerId;
use crate::model::plan::{Action, Next, Plan, Situation, Waiting};
use crate::model::policy::Policy;
use crate::model::snapshot::{Service, Snapshot};

use self::formation::{Formation, Founded};
use self::view::View;

/// What this instance should do now.
pub fn plan(snapshot: &Snapshot, policy: &Policy) -> Plan {
    let view = match View::new(snapshot, policy) {
        Ok(view) => view,
        Err(waiting) => return waits(Situation::Blind, waiting),
    };
    if let Some(contradiction) = strangers(view) {
        return waits(Situation::Halted, contradiction);
    }
    // What is on the disk comes first: a member needs nobody's leave to start or to serve.
    if let Some(id) = own_member_id(view) {
        return match view.service {
            Service::Stopped => start_member(view),
            Service::Running => running_member(view, id),
        };
    }
    newcomer(view).unwrap_or_else(|waiting| waits(Situation::Blind, waiting))
}

fn waits(situation: Situation, waiting: Waiting) -> Plan {
    Plan {
        situation,
        actions: Vec::new(),
        waiting: vec![waiting],
        warnings: Vec::new(),
        next: Next::Everywhere,
    }
}

fn acts(situation: Situation, actions: Vec<Action>, next: Next) -> Plan {
    Plan {
        situation,
        actions,
        waiting: Vec::new(),
        warnings: Vec::new(),
        next,
    }
}

/// Another group's instances in this group's register.
fn strangers(view: View) -> Option<Waiting> {
    let register = view.register().ok()?;
    let mine = &view.fleet().ok()?.group;
    let owners = register
        .claims
        .iter()
        .filter_map(|(n, c)| Some((n, c.owner.as_ref()?)));
    let (name, owner) = owners.into_iter().find(|(_, owner)| owner.group != *mine)?;
    Some(Waiting::Operator {
        remedy: format!(
            "log stream {name} belongs to {} of {}, this instance is of {mine}; give each ensemble \
             a log group of its own (register.log_group)",
            owner.instance, owner.group
        ),
    })
}

/// The id under which this instance is a member as far as its own disk and server can tell: its
/// data is its own, and the config that counts (the serving server's, or else the file's) lists it.
fn own_member_id(view: View) -> Option<ServerId> {
    let identity = view.disk.identity.as_ref()?;
    let own = identity.instance == view.me.instance && view.disk.myid == Some(identity.server);
    let config = match (view.service, view.snapshot.server.ensemble()) {
        (Service::Running, Some(committed)) => committed,
        _ => view.disk.dynamic.as_ref()?,
    };
    let listed = config.has(identity.server, view.address());
    let voter = config.voters().any(|s| s.id == identity.server);
    (own && listed && voter && view.disk.data).then_some(identity.server)
}

fn start_member(view: View) -> Plan {
    let mut actions = files::refresh_zoo_cfg(view);
    actions.push(Action::StartServer);
    acts(Situation::Stopped, actions, Next::Here)
}

fn running_member(view: View, id: ServerId) -> Plan {
    match (
        view.snapshot.server.serving(),
        view.snapshot.server.ensemble(),
    ) {
        (Some(serving), Some(committed)) => duties::serving(view, id, serving, committed),
        _ => duties::not_serving(view, id),
    }
}

/// Everything that an instance which is no member goes through.
fn newcomer(view: View) -> Result<Plan, Waiting> {
    let fleet = view.fleet()?;
    let register = view.register()?;
    let instance = view
        .instance()
        .expect("a fleet is trusted only when it lists the asker");
    if !instance.is_staying() {
        let now = format!("{} and {}", instance.lifecycle, instance.state);
        return Ok(waits(Situation::NotPeer, Waiting::Service { now }));
    }
    let held = identity::held(view);
    let formation = formation::recognise(view, register, held.map(|(_, id)| id));
    if let Formation::Halted(waiting) = formation {
        return Ok(waits(Situation::Halted, waiting));
    }
    let Some((claim, id)) = held else {
        if let Some(claim) = identity::claiming(view) {
            return Ok(waits(Situation::Claiming, Waiting::OwnerRecord { claim }));
        }
        return Ok(self::claim(view, fleet, &formation));
    };
    Ok(match formation {
        Formation::Halted(waiting) => waits(Situation::Halted, waiting),
        Formation::Pending(waiting) => waits(Situation::Unfounded, waiting),
        Formation::Open(marker) => acts(
            Situation::Unfounded,
            vec![Action::Claim {
                claim: marker,
                server: id,
            }],
            Next::Everywhere,
        ),
        Formation::AllLost(marker) => match formation::all_is_lost(view) {
            Some(waiting) => waits(Situation::AllLost, waiting),
            None => acts(
                Situation::AllLost,
                vec![Action::Claim {
                    claim: marker,
                    server: id,
                }],
                Next::Everywhere,
            ),
        },
        Formation::Founded(founded) if may_found(view, &founded, id) => found(view, &founded, id),
        Formation::Founded(founded) => join(view, &founded, claim, id),
    })
}

/// Claims an id, and with it the marker where nothing was ever founded: both are read back
/// together before anything rests on them.
fn claim(view: View, fleet: &crate::model::fleet::Fleet, formation: &Formation) -> Plan {
    let Some(claim) = identity::choose(view, fleet) else {
        let waiting = match identity::pending(view) {
            Some((claim, left)) => Waiting::Grace { claim, left },
            None => Waiting::FreeId,
        };
        return waits(Situation::Unclaimed, waiting);
    };
    let Slot::Server(server) = claim.slot else {
        unreachable!("only server ids are chosen")
    };
    let mut actions = Vec::new();
    if view.register().is_ok_and(|register| !register.exists) {
        actions.push(Action::CreateLogGroup);
    }
    actions.push(Action::Claim { claim, server });
    if let Formation::Open(marker) = formation {
        actions.push(Action::Claim {
            claim: *marker,
            server,
        });
    }
    acts(Situation::Unclaimed, actions, Next::Everywhere)
}

/// Whether this instance is the founder, and has not served yet: either nothing was started, or
/// the leave to serve an empty database is still unused.
fn may_found(view: View, founded: &Founded, id: ServerId) -> bool {
    let mine = founded.lineage.founder == view.me.instance && founded.server == id;
    mine && !view.disk.data && (!founded.started || view.disk.initialize)
}

fn found(view: View, founded: &Founded, id: ServerId) -> Plan {
    let alone = &founded.seed;
    match (view.service, founded.started) {
        (Service::Running, true) => {
            let now = view.snapshot.server.to_string();
            let mut plan = waits(Situation::Founding, Waiting::OwnServer { now });
            plan.next = Next::Here;
            plan
        }
        // A server that was started to join an earlier founder who never came.
        (Service::Running, false) => {
            acts(Situation::Founding, vec![Action::StopServer], Next::Here)
        }
        (Service::Stopped, started) => {
            let mut actions = files::prepare(view, id, &founded.lineage, alone);
            actions.push(Action::AllowEmptyDatabase);
            if !started {
                actions.push(Action::Journal {
                    claim: founded.marker,
                    milestone: Milestone::Started,
                });
            }
            actions.push(Action::StartServer);
            acts(Situation::Founding, actions, Next::Here)
        }
    }
}

fn join(
    view: View,
    founded: &Founded,
    claim: crate::model::claim::ClaimName,
    id: ServerId,
) -> Plan {
    match view.service {
        Service::Running => running_joiner(view, founded, id),
        Service::Stopped => match base(view, founded) {
            Some(base) => start_joiner(view, founded, claim, id, &base),
            None => waits(Situation::Joining, unseen_base(founded)),
        },
    }
}

fn unseen_base(founded: &Founded) -> Waiting {
    if founded.young && founded.founder_is_gone {
        return Waiting::Operator {
            remedy: format!(
                "founder {} is terminated, and nobody has told of having joined it; if no disk of it is \
                 left, create the log stream {} to begin anew",
                founded.lineage.founder,
                founded.marker.next()
            ),
        };
    }
    Waiting::ServingMember
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
    claim: crate::model::claim::ClaimName,
    id: ServerId,
    base: &Ensemble,
) -> Plan {
    let is_listed = base.has(id, view.address());
    let membership = if is_listed {
        Ensemble::unversioned(base.servers.values().cloned())
    } else {
        base.with_joiner(view.policy.server(id, view.address()))
    };
    let own_data = is_listed && is_of(view, &founded.lineage, id);
    let mut actions = Vec::new();
    if view.disk.data && !own_data {
        let why =
            "the ensemble's config does not list this server, so its data may run ahead".to_owned();
        actions.push(Action::MoveDataAside { why });
    }
    actions.extend(files::prepare(view, id, &founded.lineage, &membership));
    let register = view.register().ok();
    let journal = register
        .and_then(|r| r.claims.get(&claim))
        .map(|c| &c.journal);
    if journal.is_none_or(|j| !j.contains(&Milestone::Started)) {
        actions.push(Action::Journal {
            claim,
            milestone: Milestone::Started,
        });
    }
    actions.push(Action::StartServer);
    acts(Situation::Joining, actions, Next::Here)
}

fn is_of(view: View, lineage: &Lineage, server: ServerId) -> bool {
    let identity = Identity {
        lineage: lineage.clone(),
        server,
        instance: view.me.instance.clone(),
    };
    view.disk.identity.as_ref() == Some(&identity)
}

fn running_joiner(view: View, founded: &Founded, id: ServerId) -> Plan {
    // It was started to join an ensemble that was founded anew since: it begins again, too.
    let identity = view.disk.identity.as_ref();
    if identity.is_some_and(|i| i.lineage.generation < founded.lineage.generation) {
        return acts(Situation::Joining, vec![Action::StopServer], Next::Here);
    }
    let server = &view.snapshot.server;
    if let (Some(serving), Some(committed)) = (server.serving(), server.ensemble()) {
        if serving.synced == Some(true) {
            let add = membership::add(view, id, committed);
            // What the peers told before is outdated by this very change.
            return acts(Situation::Synced, vec![add], Next::Everywhere);
        }
        let mut plan = waits(Situation::Joining, Waiting::Sync);
        plan.next = Next::Here;
        return plan;
    }
    // Its file lists nobody who lives: a founder that was replaced, a config that has moved on.
    if let (Some(base), Some(file)) = (view.committed_by_peers(), &view.disk.dynamic) {
        let known = |s: &crate::model::server::Server| {
            base.get(s.id).is_some_and(|same| same.host == s.host)
        };
        let others = file.servers.values().filter(|s| !s.is_at(view.address()));
        if !others.into_iter().any(known) && !base.has(id, view.address()) {
            return acts(Situation::Joining, vec![Action::StopServer], Next::Here);
        }
    }
    let now = server.to_string();
    let mut plan = waits(Situation::Joining, Waiting::OwnServer { now });
    // A server that is on its way shows here first; one that waits for others shows elsewhere.
    let boots_beside_the_founder = founded.young && !founded.founder_is_gone;
    plan.next = if boots_beside_the_founder || !server.answered() {
        Next::Here
    } else {
        Next::Everywhere
    };
    plan
}
