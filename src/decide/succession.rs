//! Who may begin a generation with the data of an older one, stated independently of the planner:
//! a part of [`super::safety`].

use super::fate::{self, Fate};
use super::view::View;
use crate::model::claim::{Claim, Milestone, Register, Slot};
use crate::model::history::{History, Testimony};
use crate::model::plan::Action;

/// The newest generation that counts: begun, or still to be begun by somebody who may live.
pub fn newest(view: View) -> impl Fn(&Register) -> Option<u32> {
    move |register| {
        let markers = register.of(Slot::Ensemble).rev();
        let mut counting = markers.filter(|(_, claim)| {
            let gone = matches!(fate::of_owner(view, claim), Fate::Terminated(_));
            claim.valid_owner().is_some() && (!claim.journal.is_empty() || !gone)
        });
        counting.next().map(|(name, _)| name.term)
    }
}

/// The claims of those whose server was started and who are not proven terminated.
fn living<'a>(view: View<'a>) -> Option<Vec<&'a Claim>> {
    view.fleet().ok()?;
    let register = view.register().ok()?;
    let claims = register.claims.iter().filter(|(name, claim)| {
        let owned = claim.valid_owner().is_some();
        let gone = matches!(fate::of_owner(view, claim), Fate::Terminated(_));
        let began = register.of(Slot::Ensemble).any(|(_, marker)| {
            let founder = marker.owner.as_ref().map(|o| &o.instance);
            let owner = claim.owner.as_ref().map(|o| &o.instance);
            founder == owner && !marker.journal.is_empty()
        });
        let started = began || !claim.journal.is_empty();
        let has_left = claim.has_noted(Milestone::Left);
        owned && !has_left && name.slot != Slot::Ensemble && started && !gone
    });
    Some(claims.map(|(_, claim)| claim).collect())
}

/// What each of them has said by the time that this instance has done all that comes `before`.
fn testimonies<'a>(view: View<'a>, before: &'a [Action]) -> Option<Vec<Option<&'a Testimony>>> {
    let living = living(view)?.into_iter();
    Some(living.map(|claim| testimony(view, before, claim)).collect())
}

/// What the owner of a claim has said by then. While its server is up, what this instance is about to
/// say tells only of the present, and not of an older list of claims.
pub fn testimony<'a>(view: View, before: &'a [Action], claim: &'a Claim) -> Option<&'a Testimony> {
    let now = before.iter().rev().find_map(|action| match action {
        Action::Testify { testimony, .. } => Some(testimony),
        _ => None,
    });
    let counts = |said: &&Testimony| said.withdrawn || view.register_is_fresh();
    now.filter(|said| claim.is_of(&view.me.instance) && counts(said))
        .or(claim.testimony.as_ref())
}

/// Whether every one of them says that the quorum of the newest generation is lost.
pub fn all_have_spoken(view: View, before: &[Action]) -> bool {
    let generation = view.register().ok().and_then(newest(view));
    let speaks = |said: &Option<&Testimony>| {
        let of = said.map(|t| t.generation);
        of.is_some() && of == generation
    };
    let said = testimonies(view, before);
    said.is_some_and(|said| said.iter().all(speaks)) && !view.anybody_serves()
}

/// Whether this testimony speaks of the newest generation that anybody but this instance, with
/// its leave still unused, may have begun.
pub fn is_recent(view: View, testimony: &Testimony) -> bool {
    let markers = view
        .register()
        .into_iter()
        .flat_map(|r| r.of(Slot::Ensemble));
    let mine = |claim: &Claim| {
        let owner = claim.owner.as_ref();
        owner.is_some_and(|owner| owner.instance == view.me.instance)
    };
    let mut begun = markers.filter(|(_, marker)| {
        let unused = mine(marker) && view.disk.initialize;
        !marker.journal.is_empty() && !unused
    });
    begun.all(|(name, _)| name.term <= testimony.generation)
}

/// Whether nobody else holds a marker of which it has yet to make use: it began, or is terminated, or
/// says that it has nothing to begin with.
pub fn nobody_is_about_to_begin(view: View) -> bool {
    let Some(register) = view.register().ok() else {
        return false;
    };
    let owned = |(name, claim)| Some((name, claim, Claim::valid_owner(claim)?));
    let Some((name, marker, owner)) = register.of(Slot::Ensemble).rev().find_map(owned) else {
        return true;
    };
    let mut theirs = register.of_instance(&owner.instance);
    let declines = theirs.any(|(_, claim)| {
        let said = claim.testimony.as_ref();
        said.is_some_and(|t| t.generation == name.term && t.history.is_none())
    });
    let gone = matches!(fate::of_owner(view, marker), Fate::Terminated(_));
    let mine = owner.instance == view.me.instance;
    !marker.journal.is_empty() || gone || mine || declines
}

/// Whether this instance may claim the next generation with its data: all are withdrawn, and
/// nobody has seen more.
pub fn is_lawful(view: View, before: &[Action]) -> bool {
    let said: Option<Vec<&Testimony>> =
        testimonies(view, before).and_then(|said| said.into_iter().collect());
    let mine =
        living(view).is_some_and(|all| all.into_iter().any(|claim| claim.is_of(&view.me.instance)));
    let Some(all) = said.filter(|_| mine) else {
        return false;
    };
    let most = all.iter().filter_map(|t| t.history).max();
    let withdrawn = all.iter().all(|t| t.withdrawn);
    all_have_spoken(view, before) && withdrawn && view.disk.history == most
}

/// Whether the newest generation is this instance's to begin with its data.
pub fn begins(view: View) -> bool {
    let marker = view.register().ok().and_then(|r| r.newest(Slot::Ensemble));
    let Some((name, marker)) = marker else {
        return false;
    };
    let mine = marker.is_of(&view.me.instance);
    let Some(identity) = &view.disk.identity else {
        return false;
    };
    mine && identity.withdrawn && identity.lineage.generation < name.term && !view.anybody_serves()
}

/// Whether this instance's data is a part of what the newest generation began with.
pub fn is_part(view: View) -> bool {
    let register = view.register().ok();
    let marker = register.and_then(|r| r.newest(Slot::Ensemble));
    let founder = marker.and_then(|(_, marker)| marker.valid_owner());
    let (Some(register), Some(founder)) = (register, founder) else {
        return false;
    };
    let mut theirs = register.of_instance(&founder.instance);
    let theirs = theirs.find_map(|(_, claim)| claim.testimony.as_ref());
    let theirs: Option<History> = theirs.and_then(|t| t.history);
    match (view.disk.history, theirs) {
        (Some(mine), Some(theirs)) => mine.is_prefix_of(&theirs),
        _ => false,
    }
}
