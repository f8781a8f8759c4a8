//! When a quorum is lost for good: every survivor says so, every survivor stops, and the one
//! with the most advanced data begins the next generation with it. The others join it.
//!
//! Lost for good is what the living cannot undo: by the config that a survivor has, fewer voters
//! than a quorum are not proven terminated. Its config may be older than another's, so nobody
//! stops its server before *every* survivor has said the same of its own.

mod case;

use self::case::{Case, is_own, is_withdrawn};
use super::survivors::{self, Survivor};
use super::view::View;
use super::{acts, formation, quorum, waits};
use crate::model::claim::{Lineage, Milestone};
use crate::model::disk::Identity;
use crate::model::ensemble::Ensemble;
use crate::model::id::ServerId;
use crate::model::plan::{Action, Next, Plan, Situation, Waiting};
use crate::model::policy::Recovery;
use crate::model::snapshot::Service;

/// What an instance does whose server was started once and does not serve, if the quorum is lost
/// for good; `None` while it is not, or cannot be said to be.
pub fn plan(view: View) -> Option<Plan> {
    let case = Case::of(view)?;
    if is_newer(view, case.marker.term) {
        if case.is_mine() && case.is_the_last_marker() && may_begin(view, case.id) {
            return Some(begin_with_data(&case));
        }
        if case.is_for_the_founder() {
            let instance = case.founder.instance.clone();
            let waiting = Waiting::NextGeneration { instance };
            return (view.disk.data).then(|| waits(Situation::Recovering, waiting));
        }
    }
    let me = case.survivors.iter().find(|s| s.claim == case.claim)?;
    let config = survivors::newest_config(view, &case.survivors);
    let lost = match config {
        Some(config) => quorum::is_lost(view, config, &case.survivors),
        None => !view.disk.data && case.is_for_others_to_say(),
    };
    if !lost {
        let config = config.filter(|_| runs_emptied(view))?;
        let needed = quorum::is_lost_without(view, config, &case.survivors, case.id);
        let stop = || acts(Situation::Joining, vec![Action::StopServer], Next::Here);
        // It waits for a leader that its own empty disk keeps from being elected: it must say so.
        return needed.then(stop);
    }
    let mut plan = speak(&case, me);
    if plan.situation == Situation::QuorumLost {
        let loss = config.and_then(|c| quorum::loss(view, c, &case.survivors));
        plan.warnings.extend(loss);
    }
    Some(plan)
}

/// Whether this server runs, and has no data: it has written its first snapshot before it answers
/// anybody, and it was asked before its disk was looked at.
fn runs_emptied(view: View) -> bool {
    view.service == Service::Running && view.snapshot.server.answered() && !view.disk.data
}

/// Tells of an emptied disk, where it keeps this server from starting: nobody but this instance can
/// know that one copy, and one vote, less is left.
pub fn tell_of_emptied_disk(view: View) -> Option<Plan> {
    let emptied = !view.disk.data && view.service == Service::Stopped;
    let case = Case::of(view).filter(|case| emptied && case.awaits_nobody())?;
    let me = case.survivors.iter().find(|s| s.claim == case.claim)?;
    let (claim, testimony) = (case.claim, case.to_say(me)?);
    let testify = Action::Testify { claim, testimony };
    Some(acts(Situation::Joining, vec![testify], Next::Everywhere))
}

/// Begins the newest generation: a membership of itself alone, which no older config beats once
/// it leads, since its version will be a zxid of a new epoch.
fn begin_with_data(case: &Case) -> Plan {
    let view = case.view;
    if view.service == Service::Running {
        return acts(Situation::Recovering, vec![Action::StopServer], Next::Here);
    }
    let alone = Ensemble::unversioned([view.policy.server(case.id, view.address())]);
    let identity = Identity {
        lineage: Lineage {
            generation: case.marker.term,
            founder: case.founder.instance.clone(),
        },
        server: case.id,
        instance: view.me.instance.clone(),
        withdrawn: false,
    };
    let actions = vec![
        Action::Journal {
            claim: case.marker,
            milestone: Milestone::Started,
        },
        Action::WriteMembership { ensemble: alone },
        Action::WriteIdentity { identity },
        Action::StartServer,
    ];
    acts(Situation::Recovering, actions, Next::Here)
}

/// A survivor says what it has to say; who is the last to say so goes on at once.
fn speak(case: &Case, me: &Survivor) -> Plan {
    let Some(testimony) = case.to_say(me) else {
        return go_on(case);
    };
    let (claim, withdrawn) = (case.claim, testimony.withdrawn);
    // Its server is still up: who has taken a testimony back since may have joined it.
    let goes_on = withdrawn || case.view.register_is_fresh();
    let rest = goes_on.then(|| go_on(&case.having_said(&testimony)));
    let mut plan =
        rest.unwrap_or_else(|| acts(Situation::QuorumLost, Vec::new(), Next::Everywhere));
    plan.actions.insert(0, Action::Testify { claim, testimony });
    plan
}

/// What a survivor does that has spoken: it stops when all say that the quorum is lost, and begins
/// anew, or waits for who does, when all have stopped.
fn go_on(case: &Case) -> Plan {
    let view = case.view;
    if let Some(waiting) = survivors::unaccounted(view, case.register, &case.survivors) {
        return waits(Situation::QuorumLost, waiting);
    }
    if !is_withdrawn(view) {
        return withdraw(view);
    }
    lead(case)
}

/// The mark first: whoever finds it does not start the server again by itself.
fn withdraw(view: View) -> Plan {
    let mut actions = Vec::new();
    let unmarked = view.disk.identity.iter().filter(|i| !i.withdrawn);
    actions.extend(unmarked.map(|identity| Action::WriteIdentity {
        identity: Identity {
            withdrawn: true,
            ..identity.clone()
        },
    }));
    if view.service == Service::Running {
        actions.push(Action::StopServer);
    }
    acts(Situation::QuorumLost, actions, Next::Everywhere)
}

/// All have spoken. The leader claims the next generation, with an operator's leave where that is
/// asked for; the others wait until it serves.
fn lead(case: &Case) -> Plan {
    let (view, register) = (case.view, case.register);
    let markers = formation::markers(view, register);
    if let Some(waiting) = markers.pending {
        return waits(Situation::Recovering, waiting);
    }
    let not_yet: Vec<String> = case
        .survivors
        .iter()
        .filter(|s| s.testimony.is_none_or(|t| !t.withdrawn))
        .map(|s| {
            format!(
                "server {} on {} (still to stop)",
                s.owner.server, s.owner.instance
            )
        })
        .collect();
    if !not_yet.is_empty() {
        let waiting = Waiting::Testimony { missing: not_yet };
        return waits(Situation::Recovering, waiting);
    }
    if !case.has_begun() && case.is_for_the_founder() {
        let instance = case.founder.instance.clone();
        return waits(Situation::Recovering, Waiting::NextGeneration { instance });
    }
    let Some(leader) = survivors::leader(&case.survivors) else {
        if case.never_served() {
            return formation::begin(markers.next, case.id, Situation::Recovering);
        }
        return formation::all_is_lost(view, register, markers.next, case.id);
    };
    let allowed = markers
        .newest
        .is_some_and(|marker| register.allows(marker.term));
    if view.policy.recovery == Recovery::Manual && !allowed {
        return waits(Situation::Recovering, ask(&leader));
    }
    if leader.claim != case.claim {
        let instance = leader.owner.instance.clone();
        return waits(Situation::Recovering, Waiting::NextGeneration { instance });
    }
    formation::begin(markers.next, case.id, Situation::Recovering)
}

fn ask(leader: &Survivor) -> Waiting {
    let history = leader.testimony.and_then(|t| t.history);
    let history = history.map_or("no data".to_owned(), |h| h.to_string());
    Waiting::Operator {
        remedy: format!(
            "policy.recovery is \"manual\": `zk-bootstrap recover` shows what the survivors have, \
             the most advanced being server {} on {} with {history}, and asks for leave",
            leader.owner.server, leader.owner.instance
        ),
    }
}

/// Whether a generation has begun after the one that this instance's data is of.
fn is_newer(view: View, generation: u32) -> bool {
    let identity = view.disk.identity.as_ref();
    identity.is_some_and(|i| i.lineage.generation < generation)
}

/// Whether this instance has data to begin a generation with: its own, of a server that was withdrawn
/// from an older one.
fn may_begin(view: View, id: ServerId) -> bool {
    view.disk.is_withdrawn() && is_own(view, id) && view.disk.data
}
