//! The decisions: pure functions of a snapshot. No clock, no IO, nothing remembered.
//!
//! [`plan`] recognises where this instance stands and says what follows from it; the sub-modules
//! answer one question each. [`safety`] judges the result, and was written apart from it.

mod budget;
mod duties;
pub mod evidence;
pub mod fate;
mod figures;
mod files;
mod formation;
mod health;
mod hooks;
pub mod identity;
mod joiner;
mod leave;
mod membership;
mod newcomer;
pub mod overview;
mod quorum;
pub mod recovery;
pub mod safety;
mod seats;
mod succession;
pub mod survivors;
pub mod view;

use crate::model::id::ServerId;
use crate::model::plan::{Action, Next, Plan, Situation, Waiting};
use crate::model::policy::Policy;
use crate::model::server::Role;
use crate::model::snapshot::{Service, Snapshot};

use self::view::View;

/// What this instance should do now.
pub fn plan(snapshot: &Snapshot, policy: &Policy) -> Plan {
    match View::new(snapshot, policy) {
        Ok(view) => {
            let plan = health::judge_disk(view, recognise(view));
            figures::attend(view, hooks::attend(view, plan))
        }
        Err(waiting) => waits(Situation::Blind, waiting),
    }
}

fn recognise(view: View) -> Plan {
    // What is on the disk comes first: a member needs nobody's leave to start or to serve.
    let member = own_member_id(view);
    if member.is_some() && view.service == Service::Stopped {
        return start_member(view);
    }
    if let Some(contradiction) = strangers(view) {
        return waits(Situation::Halted, contradiction);
    }
    if let Some(plan) = leave::plan(view) {
        return plan;
    }
    let serves = view.snapshot.server.serving().zip(view.committed_here());
    if let (Some(id), Some((serving, committed))) = (member, serves) {
        return duties::serving(view, id, serving, committed);
    }
    if let Some(plan) = recovery::plan(view) {
        return plan;
    }
    if let Some(id) = member {
        return duties::not_serving(view, id);
    }
    newcomer::plan(view).unwrap_or_else(|waiting| waits(Situation::Blind, waiting))
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
/// data is its own, and the config that counts (the serving server's, or else the file's) lists it: the
/// file as a voter, since a joiner's own lists it as an observer before anybody has added it.
fn own_member_id(view: View) -> Option<ServerId> {
    let identity = view.disk.identity.as_ref()?;
    let (config, serves) = match (view.service, view.committed_here()) {
        (Service::Running, Some(committed)) => (committed, true),
        _ => (view.disk.dynamic.as_ref()?, false),
    };
    // A server reads its id once, at its start: whatever the file says since is for the next one.
    let same_id = serves || view.disk.myid == Some(identity.server);
    let own = identity.instance == view.me.instance && same_id;
    let listed = config.has(identity.server, view.address());
    let role = config.get(identity.server).map(|s| s.role);
    let counts = serves || role == Some(Role::Participant);
    let outlived = || formation::outlives(view, identity).is_some() || files::is_stale(view);
    let outlived = view.service == Service::Stopped && outlived();
    let gone = outlived || identity::has_left(view, identity.server);
    let stays = counts && view.disk.data && !identity.withdrawn && !gone;
    (own && listed && stays).then_some(identity.server)
}

fn start_member(view: View) -> Plan {
    let mut actions = files::refresh_zoo_cfg(view);
    actions.push(Action::StartServer);
    acts(Situation::Stopped, actions, Next::Here)
}
