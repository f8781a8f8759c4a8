//! When a voter that lives, and that stays, may lose its vote.

use crate::decide::fate;
use crate::decide::view::View;
use crate::model::ensemble::Ensemble;
use crate::model::id::ServerId;
use crate::model::probe::Mode;
use crate::model::server::{Role, Server};

/// Whether this instance's own server may take itself out of the config while it stays: as an
/// observer always, as a voter where more voters serve than are wanted. The leader does not.
pub fn may_step_out(view: View, seen: &Ensemble) -> bool {
    let own = seen.at(view.address());
    let leaving = fate::leaving_members(view, seen);
    let staying = seen.voters().filter(|s| !leaving.contains(&s.id)).count();
    let wanted = view.fleet().map(|f| view.policy.wanted_voters(f.desired));
    let too_many = wanted.is_ok_and(|wanted| staying > wanted);
    own.is_some_and(|own| {
        let spared = too_many && all_serve(view, seen) && !leads(view, own);
        own.role == Role::Observer || spared
    })
}

/// Whether a living voter may be swapped for this instance's server: all voters serve, its zone holds
/// a majority of them, and the newcomer's zone will not. The leader is not.
pub fn may_give_way(view: View, seen: &Ensemble, voter: ServerId, newcomer: &Server) -> bool {
    let Some(voter) = seen.voters().find(|s| s.id == voter) else {
        return false;
    };
    let Some(crowded) = zone(view, voter) else {
        return false;
    };
    let count = |at: &str| seen.voters().filter(|s| zone(view, s) == Some(at)).count();
    let majority = seen.voter_count() / 2 + 1;
    newcomer.role == Role::Participant
        && view.peers_are_fresh()
        && all_serve(view, seen)
        && !leads(view, voter)
        && count(crowded) >= majority
        && count(&view.me.zone) + 1 < majority
}

/// The zone of a member, as EC2 has it.
fn zone<'a>(view: View<'a>, member: &Server) -> Option<&'a str> {
    let mut instances = view.fleet().ok()?.instances.values();
    let found = instances.find(|i| i.is_staying() && i.address.is_some_and(|at| member.is_at(at)));
    found.map(|instance| instance.zone.as_str())
}

fn all_serve(view: View, seen: &Ensemble) -> bool {
    seen.voters().all(|s| view.serves(s))
}

fn leads(view: View, member: &Server) -> bool {
    let serving = view.serving(member);
    serving.is_some_and(|serving| serving.mode == Mode::Leader)
}
