//! Figures for CloudWatch, from the agent beside the leader: while a quorum serves, somebody
//! publishes them; that nobody does is what an alarm waits for.

use jiff::SignedDuration;

use super::view::View;
use crate::model::claim::{ClaimName, Milestone, Slot};
use crate::model::ensemble::Ensemble;
use crate::model::figures::Figures;
use crate::model::plan::{Action, Plan};
use crate::model::probe::Mode;

/// Alarms look at minutes, and each shall have its figures: the next look may be ten seconds away.
const PAUSE: SignedDuration = SignedDuration::from_secs(50);
/// For how long a recovery is news: whoever is paged finds it, and a day later it is no alarm.
const NEWS: SignedDuration = SignedDuration::from_hours(1);

/// Adds the figures to the plan of a leader's agent, behind all that matters more.
pub fn attend(view: View, mut plan: Plan) -> Plan {
    let leads = view.snapshot.server.serving();
    let leads = leads.is_some_and(|serving| serving.mode == Mode::Leader);
    if let Some(committed) = view.committed_here().filter(|_| leads && is_due(view)) {
        let figures = figures(view, committed);
        plan.actions.push(Action::PublishFigures { figures });
    }
    plan
}

fn is_due(view: View) -> bool {
    let age = |at| view.snapshot.at.duration_since(at);
    let published = view.snapshot.published;
    view.policy.figures && published.is_some_and(|at| age(at) >= PAUSE)
}

fn figures(view: View, committed: &Ensemble) -> Figures {
    let fleet = view.fleet().ok();
    let desired = fleet.and_then(|fleet| fleet.desired);
    let serving = || committed.voters().filter(|s| view.serves(s)).count();
    Figures {
        voters: committed.voter_count(),
        wanted_voters: desired.map(|desired| view.policy.wanted_voters(Some(desired))),
        serving_voters: fleet.map(|_| serving()),
        generation: view.generation(),
        recovered: u8::from(is_recovered(view)),
    }
}

/// Whether the generation is not the first, and its founder was started within the last hour.
fn is_recovered(view: View) -> bool {
    let term = view.generation();
    let slot = Slot::Ensemble;
    let register = view.register().ok();
    let marker = register.and_then(|r| r.claims.get(&ClaimName { slot, term }));
    let started = marker.and_then(|marker| marker.journal.get(&Milestone::Started));
    term > 1 && started.is_some_and(|at| view.snapshot.at.duration_since(*at) < NEWS)
}
