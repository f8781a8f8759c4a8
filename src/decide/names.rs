//! Names for clients: who publishes them, and when.

use super::view::View;
use crate::model::names::Names;
use crate::model::plan::{Action, Plan, Situation};
use crate::model::probe::Mode;

/// Adds to a plan what clients are to be told. It comes last, so that whatever keeps it from taking
/// place keeps nothing else.
pub fn attend(view: View, mut plan: Plan) -> Plan {
    let serving = view.snapshot.server.serving();
    let leads = serving.is_some_and(|serving| serving.mode == Mode::Leader);
    if plan.situation != Situation::Member || !leads || !view.policy.publish_names {
        return plan;
    }
    let unseen = view.snapshot.names.refusal();
    let warning = unseen.map(|why| format!("what clients are told cannot be seen: {why}"));
    plan.warnings.extend(warning);
    plan.actions.extend(publish(view));
    plan
}

/// The agent beside the leader publishes the members of the committed config, unless those are
/// published, or newer ones. What is published and cannot be read is left alone.
fn publish(view: View) -> Option<Action> {
    let published = view.snapshot.names.known()?;
    let names = Names::of(view.generation(), view.committed_here()?);
    let replaces = match published {
        Some(there) if *there == names || there.age() > names.age() => return None,
        there => there.as_ref().map(Names::age),
    };
    Some(Action::Publish { names, replaces })
}
