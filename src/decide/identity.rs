//! Which id to claim, to hold, and to leave alone.

use std::collections::BTreeSet;
use std::time::Duration;

use super::fate::{self, Fate};
use super::view::View;
use crate::model::claim::{Claim, ClaimName, Milestone, Owner, Register, Slot};
use crate::model::ensemble::Ensemble;
use crate::model::fleet::Fleet;
use crate::model::id::ServerId;

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing<'a> {
    /// Its owner holds the slot.
    Held(&'a Owner),
    /// It has no owner yet; what is left of its grace.
    Pending(Duration),
    /// A later release's agent holds it, and this one cannot read who that is.
    Foreign,
    /// Whoever creates the next term may have the slot. Once vacant, a claim stays so.
    Vacant,
}

/// How the newest claim on a slot stands.
pub fn standing<'a>(view: View, claim: &'a Claim) -> Standing<'a> {
    if claim.has_noted(Milestone::Left) {
        return Standing::Vacant;
    }
    if let Some(owner) = claim.valid_owner() {
        return match fate::of_owner(view, claim) {
            Fate::Terminated(_) => Standing::Vacant,
            Fate::Alive | Fate::Unknown => Standing::Held(owner),
        };
    }
    if claim.foreign {
        return Standing::Foreign;
    }
    let age = view.snapshot.at.duration_since(claim.created);
    let age = Duration::try_from(age).unwrap_or_default();
    match view.policy.claim_grace.checked_sub(age) {
        Some(left) if !left.is_zero() => Standing::Pending(left),
        _ => Standing::Vacant,
    }
}

/// The claim that this instance holds. Of several (a stale list can lead to that) it is the one
/// that its disk speaks of, or the lowest; never one whose id the ensemble knows elsewhere.
pub fn held(view: View) -> Option<(ClaimName, ServerId)> {
    let register = view.register().ok()?;
    let mine = register.newest_of_servers().into_iter();
    let mine = mine.filter(|(_, (_, claim))| {
        claim.is_of(&view.me.instance) && !claim.has_noted(Milestone::Left)
    });
    let usable = mine.filter(|(id, _)| !is_elsewhere(view, *id));
    let held: Vec<_> = usable.map(|(id, (name, _))| (name, id)).collect();
    let on_disk = view.disk.identity.as_ref().map(|identity| identity.server);
    let preferred = held.iter().find(|(_, id)| Some(*id) == on_disk);
    preferred.or(held.first()).copied()
}

/// Whether this instance has released this id: its server left the ensemble.
pub fn has_left(view: View, id: ServerId) -> bool {
    let register = view.register().into_iter();
    let mut mine = register.flat_map(|register| register.of_instance(&view.me.instance));
    mine.any(|(name, claim)| name.slot == Slot::Server(id) && claim.has_noted(Milestone::Left))
}

fn is_elsewhere(view: View, id: ServerId) -> bool {
    let member = view.committed().and_then(|ensemble| ensemble.get(id));
    member.is_some_and(|server| !server.is_at(view.address()))
}

/// The claim that this instance has just made and cannot read yet.
pub fn claiming(view: View) -> Option<ClaimName> {
    let register = view.register().ok()?;
    let unread = |name: &&ClaimName| {
        let claim = register.claims.get(name);
        claim.is_none_or(|claim| matches!(standing(view, claim), Standing::Pending(_)))
    };
    let made = view.snapshot.claiming.iter();
    made.filter(|name| name.slot != Slot::Ensemble)
        .find(unread)
        .copied()
}

/// The ownerless claim that will be vacant first.
pub fn pending(view: View) -> Option<(ClaimName, Duration)> {
    let register = view.register().ok()?;
    let newest = register.newest_of_servers().into_values();
    newest
        .filter_map(|(name, claim)| match standing(view, claim) {
            Standing::Pending(left) => Some((name, left)),
            Standing::Held(_) | Standing::Foreign | Standing::Vacant => None,
        })
        .min_by_key(|(_, left)| *left)
}

/// The claim to create.
///
/// Every peer starts looking at its own place in the sorted list of peers, so that many that
/// come at once, with the same list before them, each ask for another id. An id that was held
/// before is taken up again only when a serving member's config shows that it is free there, and
/// never at the address at which it was held: id and address together name one instance for ever,
/// so that an old claim and a new config are never taken for the same server's.
pub fn choose(view: View, fleet: &Fleet) -> Option<ClaimName> {
    let register = view.register().ok()?;
    let committed = view.committed();
    let founded = register.newest(Slot::Ensemble).is_some();
    let in_use = members(committed);
    let free = |id: ServerId| -> Option<ClaimName> {
        if in_use.contains(&id) {
            return None;
        }
        match register.newest(Slot::Server(id)) {
            None => Some(ClaimName::first(Slot::Server(id))),
            Some((name, claim)) => {
                let vacant = standing(view, claim) == Standing::Vacant;
                let shown_free = committed.is_some() || !founded;
                (vacant && shown_free && !was_held_here(view, register, id)).then(|| name.next())
            }
        }
    };
    let peers = fleet.instances.iter().filter(|(_, i)| i.is_staying());
    let place = peers.take_while(|(id, _)| **id != view.me.instance).count();
    let ids: Vec<ServerId> = ServerId::all().collect();
    let start = place % ids.len();
    ids[start..]
        .iter()
        .chain(&ids[..start])
        .find_map(|id| free(*id))
}

/// Whether anybody who ever owned the id had this instance's address.
fn was_held_here(view: View, register: &Register, id: ServerId) -> bool {
    let claims = register.of(Slot::Server(id));
    let mut owners = claims.filter_map(|(_, claim)| claim.owner.as_ref());
    owners.any(|owner| owner.address == view.address())
}

fn members(committed: Option<&Ensemble>) -> BTreeSet<ServerId> {
    committed
        .map(|e| e.servers.keys().copied().collect())
        .unwrap_or_default()
}
