//! The group's lifecycle hooks: completed when this instance is ready for what comes, and kept
//! alive until then.

use jiff::SignedDuration;

use super::fate;
use super::view::View;
use crate::model::fleet::{Hook, Lifecycle, Transition};
use crate::model::plan::{Action, Plan, Situation};

/// A heartbeat is sent when this part of the time-out has passed: two may be lost.
const PART: i32 = 3;

/// Adds what the hooks ask for to a plan: a serving member goes into service, whoever else is held
/// says that it takes longer. What leaves completes its hooks itself (see [`complete`]).
pub fn attend(view: View, mut plan: Plan) -> Plan {
    let completes = plan
        .actions
        .iter()
        .any(|action| matches!(action, Action::CompleteHook { .. }));
    let actions = match plan.situation {
        Situation::Member if held(view) == Some(Transition::Launching) && is_known(view) => {
            complete(view, Transition::Launching)
        }
        _ if completes => Vec::new(),
        // It comes no more: the group is to give it up.
        Situation::Left if held(view) == Some(Transition::Launching) => Vec::new(),
        _ => heartbeats(view),
    };
    plan.actions.extend(actions);
    plan
}

/// Lets the group go on with this instance, if it waits at this transition: what it is known to wait for
/// may be older than the notice that it takes the instance out.
pub fn complete(view: View, transition: Transition) -> Vec<Action> {
    let complete = |hook: &Hook| Action::CompleteHook {
        hook: hook.name.clone(),
        transition,
    };
    let here = |hook: &&Hook| hook.transition == transition;
    pending(view).filter(here).map(complete).collect()
}

/// Whether the claims can be read, and say that this server is the member that it is taken for.
fn is_known(view: View) -> bool {
    let config = view.committed_here();
    config.is_some_and(|config| fate::own_member(view, config).is_some())
}

/// What the group holds this instance for.
fn held(view: View) -> Option<Transition> {
    let instance = view.instance().filter(|instance| instance.held)?;
    match instance.lifecycle {
        Lifecycle::Pending => Some(Transition::Launching),
        Lifecycle::Terminating => Some(Transition::Terminating),
        _ => None,
    }
}

fn pending(view: View<'_>) -> impl Iterator<Item = &Hook> {
    let held = held(view);
    let hooks = view.fleet().map(|fleet| fleet.hooks.as_slice());
    let hooks = hooks.unwrap_or_default().iter();
    hooks.filter(move |hook| Some(hook.transition) == held)
}

fn heartbeats(view: View) -> Vec<Action> {
    let due = |hook: &&Hook| {
        let timeout = SignedDuration::try_from(hook.timeout).unwrap_or(SignedDuration::MAX);
        let age = |at| view.snapshot.at.duration_since(at);
        hook.beaten.is_none_or(|at| age(at) > timeout / PART)
    };
    let beat = |hook: &Hook| Action::Heartbeat {
        hook: hook.name.clone(),
    };
    pending(view).filter(due).map(beat).collect()
}
