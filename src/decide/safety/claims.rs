//! Who may claim what, and say what.

use super::{Rules, disk};
use crate::decide::fate::{self, Fate};
use crate::decide::identity::{Standing, standing};
use crate::decide::succession;
use crate::decide::view::View;
use crate::model::claim::{Claim, ClaimName, Milestone, Slot};
use crate::model::ensemble::Ensemble;
use crate::model::id::ServerId;
use crate::model::plan::Action;

pub const HELD: &str = "an id is used only while this instance holds it";
pub const SECOND: &str = "no ensemble is founded while a peer serves or data is at hand";
const CLAIM: &str = "a claim is made only where the slot is vacant";
const PAIR: &str = "an id is never held by two instances at the same address";
const TURN: &str = "a generation is claimed only when nobody is about to begin the one before";
const SWORN: &str = "who has withdrawn with data stands by its testimony";
const LEFT: &str = "an id is released only when its server is down and out of the config";

pub fn rules(view: View, before: &[Action], action: &Action) -> Rules {
    match action {
        Action::Claim { claim, .. } => {
            let server = claim.slot != Slot::Ensemble;
            let begins = nothing_lives(view, before) || succession::is_lawful(view, before);
            vec![
                (is_vacant(view, claim.slot, claim.term), CLAIM),
                (is_new_at_this_address(view, claim.slot), PAIR),
                (server || begins, SECOND),
                (server || succession::nobody_is_about_to_begin(view), TURN),
            ]
        }
        Action::Journal { claim, milestone } => {
            let joined = has_joined(view, *claim);
            let out = disk::is_down(view, before) && is_out(view, joined);
            vec![
                (holds(view, *claim), HELD),
                (*milestone != Milestone::Left || out, LEFT),
            ]
        }
        Action::Testify { claim, testimony } => vec![
            (holds(view, *claim), HELD),
            (
                !testimony.withdrawn || disk::is_down(view, before),
                disk::DOWN,
            ),
        ],
        Action::TakeBack { claim } => vec![(holds(view, *claim), HELD), (!has_sworn(view), SWORN)],
        _ => Vec::new(),
    }
}

/// Whether nobody can count on this instance's server: the newest config that anybody tells does not
/// list it, or it never had anything to do with one.
fn is_out(view: View, joined: bool) -> bool {
    let listed = |config: &Ensemble| fate::own_member(view, config).is_some();
    let file = view.disk.dynamic.as_ref();
    match view.committed() {
        Some(config) => !listed(config),
        None => !joined && !view.disk.data && !file.is_some_and(listed),
    }
}

/// Whether the server of a claim ever became a member.
fn has_joined(view: View, claim: ClaimName) -> bool {
    let claim = view.register().ok().and_then(|r| r.claims.get(&claim));
    claim.is_some_and(|claim| claim.has_noted(Milestone::Joined))
}

fn is_vacant(view: View, slot: Slot, term: u32) -> bool {
    let Ok(register) = view.register() else {
        return false;
    };
    match register.newest(slot) {
        None => term == 1,
        Some((name, _)) if name.next().term != term => false,
        // Who may succeed the marker is the founding rules' business; a server id must be free.
        Some((_, claim)) => slot == Slot::Ensemble || standing(view, claim) == Standing::Vacant,
    }
}

/// The proof that a member is gone rests on it: its id and address lead to one owner alone.
fn is_new_at_this_address(view: View, slot: Slot) -> bool {
    let claims = view.register().into_iter().flat_map(|r| r.of(slot));
    let mut owners = claims.filter_map(|(_, claim)| claim.owner.as_ref());
    slot == Slot::Ensemble || owners.all(|owner| owner.address != view.address())
}

/// Whether no copy of anything is known: nobody serves, and of those who ever joined or founded
/// all are terminated, or have testified that their disk is empty.
pub fn nothing_lives(view: View, before: &[Action]) -> bool {
    let Ok(register) = view.register() else {
        return false;
    };
    let mut members = register.claims.iter().filter(|(name, c)| {
        let mine = c.owner.as_ref().map(|o| &o.instance) == Some(&view.me.instance);
        let unused = mine && view.disk.initialize;
        let founded = name.slot == Slot::Ensemble && !c.journal.is_empty() && !unused;
        founded || c.has_noted(Milestone::Joined)
    });
    let says_empty = |owner: &Claim| {
        let instance = owner.owner.as_ref().map(|o| &o.instance);
        let mut same = register.claims.values().filter_map(|c| {
            let same = c.owner.as_ref().map(|o| &o.instance) == instance;
            succession::testimony(view, before, c).filter(|_| same)
        });
        same.any(|t| t.withdrawn && t.history.is_none() && succession::is_recent(view, t))
    };
    let gone = members.all(|(_, claim)| {
        let empty = says_empty(claim);
        let owner = claim.owner.as_ref().map(|o| &o.instance);
        // Its oldest claim proves most, when EC2 has forgotten it.
        let mut same = register.claims.values();
        let terminated = same.any(|c| {
            let gone = matches!(fate::of_owner(view, c), Fate::Terminated(_));
            gone && c.owner.as_ref().map(|o| &o.instance) == owner
        });
        empty || terminated
    });
    gone && !view.anybody_serves() && !view.disk.data && view.fleet().is_ok()
}

fn has_sworn(view: View) -> bool {
    view.disk.data && view.disk.is_withdrawn()
}

pub fn holds(view: View, claim: ClaimName) -> bool {
    let Ok(register) = view.register() else {
        return false;
    };
    register.newest(claim.slot).is_some_and(|(name, newest)| {
        let standing = standing(view, newest);
        let mine = matches!(standing, Standing::Held(owner) if owner.instance == view.me.instance);
        name == claim && mine
    })
}

pub fn holds_id(view: View, id: ServerId) -> bool {
    let Ok(register) = view.register() else {
        return false;
    };
    register
        .newest(Slot::Server(id))
        .is_some_and(|(name, _)| holds(view, name))
}
