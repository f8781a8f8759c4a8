//! From a fresh instance to a founder, or to a joiner.

use super::formation::{self, Formation, Founded};
use super::view::View;
use super::{acts, files, health, identity, joiner, survivors, waits};
use crate::model::claim::{Milestone, Register, Slot};
use crate::model::fleet::Fleet;
use crate::model::id::ServerId;
use crate::model::plan::{Action, Next, Plan, Situation, Waiting};
use crate::model::snapshot::Service;

/// Everything that an instance which is no member goes through.
pub fn plan(view: View) -> Result<Plan, Waiting> {
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
        return Ok(claim_id(view, fleet, register, &formation));
    };
    Ok(match formation {
        Formation::Halted(waiting) => waits(Situation::Halted, waiting),
        Formation::Pending(waiting) => waits(Situation::Unfounded, waiting),
        Formation::Open(marker) => formation::begin(marker, id, Situation::Unfounded),
        Formation::AllLost(marker) => formation::all_is_lost(view, register, marker, id),
        Formation::Founded(founded) if may_found(view, &founded, id) => found(view, &founded, id),
        Formation::Founded(founded) => joiner::plan(view, &founded, claim, id),
    })
}

/// Claims an id, and with it the marker where nobody came before: both are read back together
/// before anything rests on them. Who finds claims already would come too late for the marker;
/// should it still be free when the id is read back, it is claimed then.
fn claim_id(view: View, fleet: &Fleet, register: &Register, formation: &Formation) -> Plan {
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
    if !register.exists {
        actions.push(Action::CreateLogGroup);
    }
    actions.push(Action::Claim { claim, server });
    if let (Formation::Open(marker), true) = (formation, register.claims.is_empty()) {
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
    let unused = !founded.started || view.disk.initialize;
    let register = view.register();
    mine && unused && register.is_ok_and(|register| formation::nobody_has_data(view, register))
}

fn found(view: View, founded: &Founded, id: ServerId) -> Plan {
    let alone = &founded.seed;
    match (view.service, founded.started, founded.next) {
        (Service::Running, true, _) => {
            let now = view.snapshot.server.to_string();
            let mut plan = waits(Situation::Founding, Waiting::OwnServer { now });
            plan.next = Next::Here;
            health::mend(view, plan)
        }
        // A server that was started to join an earlier founder who never came.
        (Service::Running, false, _) => {
            acts(Situation::Founding, vec![Action::StopServer], Next::Here)
        }
        // Whoever made the next one believed this one to be nobody's.
        (Service::Stopped, false, Some(next)) => formation::begin(next, id, Situation::Founding),
        (Service::Stopped, started, _) => {
            let mut actions = files::prepare(view, id, &founded.lineage, alone, &[]);
            // Before the leave is given anew: where it is still there, nothing was said since.
            let claim = identity::held(view).map(|(claim, _)| claim);
            let said = claim.filter(|_| !view.disk.initialize);
            actions.extend(said.and_then(|claim| survivors::take_back_unseen(view, claim)));
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
