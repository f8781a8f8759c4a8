//! What a member does: little, when all is well.

use std::collections::BTreeMap;

use super::view::View;
use super::{budget, fate, formation, health, membership, seats, survivors};
use crate::model::claim::{Milestone, Slot};
use crate::model::disk::{Identity, ZooCfg};
use crate::model::ensemble::Ensemble;
use crate::model::id::ServerId;
use crate::model::plan::{Action, Next, Plan, Situation, Waiting};
use crate::model::probe::{Mode, Serving};
use crate::model::rights::{FINISHED_TAG, ID_TAG};

/// The duties of a serving member: its tags, its journal, and beside the leader the removal of
/// those whom nobody replaces.
pub fn serving(view: View, id: ServerId, serving: &Serving, committed: &Ensemble) -> Plan {
    let mut plan = Plan {
        situation: Situation::Member,
        actions: Vec::new(),
        waiting: Vec::new(),
        warnings: warnings(view),
        next: Next::AtLeisure,
    };
    plan.actions.extend(relabel(view));
    plan.actions.extend(take_back(view, id));
    plan.actions.extend(journal(view, id));
    plan.actions.extend(tags(view, id, committed));
    plan.actions.extend(health::forget(view));
    let Ok(fleet) = view.fleet() else {
        return plan;
    };
    if let Some(step_out) = seats::step_out(view, fleet, id, committed) {
        // Whatever else is due is due as much when it is back.
        plan.actions = vec![step_out];
        plan.next = Next::Everywhere;
        return plan;
    }
    let preferred = seats::preferred(view, fleet, id, committed);
    let candidate = preferred.map(|instance| Waiting::Candidate { instance });
    plan.waiting.extend(candidate);
    let (gone, removal) = membership::prune(view, fleet, committed);
    if serving.mode == Mode::Leader {
        // A removal may be all that is missing.
        let protection = || budget::protect(view, fleet, committed);
        plan.actions.extend(removal.clone().or_else(protection));
    }
    if removal.is_none() {
        let replacement = |(server, instance)| Waiting::Replacement { server, instance };
        plan.waiting.extend(gone.into_iter().map(replacement));
    }
    if !plan.waiting.is_empty() || !plan.actions.is_empty() {
        plan.next = Next::Everywhere;
    }
    plan
}

/// A member that runs and does not serve: its quorum is elsewhere, or not at all.
pub fn not_serving(view: View, id: ServerId) -> Plan {
    let mut plan = Plan {
        situation: Situation::NotServing,
        actions: Vec::new(),
        waiting: vec![Waiting::OwnServer {
            now: view.snapshot.server.to_string(),
        }],
        warnings: warnings(view),
        next: Next::Here,
    };
    let Some(config) = &view.disk.dynamic else {
        return health::mend(view, plan);
    };
    let missing = missing(view, config, id);
    if view.snapshot.server.answered() && !missing.is_empty() {
        plan.waiting = vec![Waiting::Quorum { missing }];
        plan.next = Next::Everywhere;
    }
    health::mend(view, plan)
}

/// The other voters that do not serve, each with what is known of it.
pub fn missing(view: View, config: &Ensemble, id: ServerId) -> Vec<String> {
    let gone: Vec<_> = fate::terminated_members(view, config)
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let fleet = view.fleet().ok();
    let others = config.voters().filter(|s| s.id != id);
    let lines = others.filter_map(|server| {
        let instance = view.instance_of(server);
        let found = fleet.zip(instance);
        let found = found.and_then(|(fleet, id)| fleet.instances.get_key_value(id));
        let probe = view.heard(server);
        if probe.is_some_and(|p| p.serving().is_some()) {
            return None;
        }
        let what = match (gone.contains(&server.id), found, probe) {
            (true, ..) => "its instance is terminated".to_owned(),
            (false, Some((instance, i)), Some(probe)) => {
                format!("{instance} is {}, {probe}", i.state)
            }
            (false, Some((instance, i)), None) => format!("{instance} is {}", i.state),
            (false, None, _) if fleet.is_none() => "EC2 has not told of its instance".to_owned(),
            (false, None, _) => match fate::unlisted(view, server) {
                Some((instance, until)) => format!(
                    "EC2 lists {instance} no more, which is no proof of its end before {until:.0}"
                ),
                None => "its instance is not known".to_owned(),
            },
        };
        Some(format!(
            "server {} at {} ({what})",
            server.id, server.address
        ))
    });
    lines.collect()
}

/// An old list of claims can make a joiner name the generation before the one that it joins.
fn relabel(view: View) -> Option<Action> {
    let identity = view.disk.identity.as_ref()?;
    let lineage = formation::outlives(view, identity)?;
    let identity = Identity {
        lineage,
        ..identity.clone()
    };
    Some(Action::WriteIdentity { identity })
}

/// Who serves has not lost its quorum, whatever it said before. (An old list of claims may have
/// another's as the newest.)
fn take_back(view: View, id: ServerId) -> Option<Action> {
    let (claim, newest) = view.register().ok()?.newest(Slot::Server(id))?;
    let mine = newest.valid_owner()?.instance == view.me.instance;
    let claim = mine.then_some(claim)?;
    let generation = view.disk.identity.as_ref()?.lineage.generation;
    survivors::take_back(view, claim, generation)
}

fn journal(view: View, id: ServerId) -> Option<Action> {
    let (claim, newest) = view.register().ok()?.newest(Slot::Server(id))?;
    let milestone = Milestone::Joined;
    let due = newest.is_of(&view.me.instance) && !newest.has_noted(milestone);
    due.then_some(Action::Journal { claim, milestone })
}

fn tags(view: View, id: ServerId, committed: &Ensemble) -> Option<Action> {
    let votes = committed.voters().any(|s| s.id == id);
    let present = &view.instance()?.tags;
    let mut tags = BTreeMap::new();
    if present.get(ID_TAG) != Some(&id.to_string()) {
        tags.insert(ID_TAG.to_owned(), Some(id.to_string()));
    }
    if votes && !present.contains_key(FINISHED_TAG) {
        tags.insert(FINISHED_TAG.to_owned(), None);
    }
    (!tags.is_empty()).then_some(Action::Tag { tags })
}

fn warnings(view: View) -> Vec<String> {
    let unseen = [view.fleet().err(), view.register().err()];
    let unseen = unseen.into_iter().flatten();
    let mut warnings: Vec<String> = unseen
        .map(|answer| format!("without {answer}; nobody's termination can be proven meanwhile"))
        .collect();
    if view.disk.zoo_cfg == ZooCfg::Stale {
        let text = "zoo.cfg differs from the settings; it is written at the server's next start";
        warnings.push(text.to_owned());
    }
    let own = view.disk.identity.as_ref().map(|identity| identity.server);
    if let Some(id) = own.filter(|id| view.disk.myid != Some(*id)) {
        warnings.push(format!(
            "myid does not say {id}, the id of this server; it is written at the next start"
        ));
    }
    if view
        .register()
        .is_ok_and(|r| r.newest(Slot::Ensemble).is_none())
    {
        let text = "the log stream \"ensemble\" is missing: newcomers will not found a second \
                    ensemble, and will not join either. See \"The marker is missing\" in docs/recover.md";
        warnings.push(text.to_owned());
    }
    warnings
}
