//! Who may still hold a copy when the quorum is lost, and what they have said.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::fate::{self, Fate};
use super::view::View;
use crate::model::claim::{Claim, ClaimName, Lineage, Milestone, Owner, Register, Slot};
use crate::model::ensemble::Ensemble;
use crate::model::history::{History, Testimony};
use crate::model::id::{ConfigVersion, InstanceId};
use crate::model::plan::{Action, Waiting};
use crate::model::server::Server;

/// An instance whose server was started once, and which is not proven terminated: its disk may
/// hold a copy.
#[derive(Debug, Clone, Copy)]
pub struct Survivor<'a> {
    /// Its claim.
    pub claim: ClaimName,
    /// Who it is.
    pub owner: &'a Owner,
    /// What it says of this generation.
    pub testimony: Option<&'a Testimony>,
}

/// The survivors of a generation, by their claims.
pub fn of<'a>(view: View, register: &'a Register, generation: u32) -> Vec<Survivor<'a>> {
    let started = register.claims.iter().filter(|(name, claim)| {
        matches!(name.slot, Slot::Server(_))
            && was_started(register, claim)
            && !matches!(fate::of_owner(view, claim), Fate::Terminated(_))
    });
    let survivor = |(claim, found): (&ClaimName, &'a Claim)| {
        let testimony = found.testimony.as_ref();
        Some(Survivor {
            claim: *claim,
            owner: found.valid_owner()?,
            testimony: testimony.filter(|t| t.generation == generation),
        })
    };
    started.filter_map(survivor).collect()
}

/// Whether the server of a claim was ever started, and has not left since: those who stayed have all
/// that it had. A founder's start is noted in its marker.
pub fn was_started(register: &Register, claim: &Claim) -> bool {
    let Some(owner) = &claim.owner else {
        return false;
    };
    let mut founders = register.begun().filter_map(|(_, m)| m.owner.as_ref());
    let noted = !claim.journal.is_empty();
    let has_left = claim.has_noted(Milestone::Left);
    !has_left && (noted || founders.any(|founder| founder.instance == owner.instance))
}

/// The survivor that leads a recovery: the one with the most advanced history, and of equals the
/// one with the lowest claim. None while anybody has not withdrawn, or when nobody has data.
pub fn leader<'a>(survivors: &[Survivor<'a>]) -> Option<Survivor<'a>> {
    let withdrawn = |s: &Survivor| s.testimony.is_some_and(|t| t.withdrawn);
    if !survivors.iter().all(withdrawn) {
        return None;
    }
    let history = |s: &Survivor| s.testimony.and_then(|t| t.history);
    let with_data = survivors.iter().filter(|s| history(s).is_some());
    with_data
        .max_by_key(|s| (history(s), Reverse(s.claim)))
        .copied()
}

/// The newest config that is known, by generation and version: this instance's own, or one that a
/// survivor testifies to. Who was away when the config changed has an old one, whose voters prove
/// nothing; and a joiner that never synced only has the file that it started with.
pub fn newest_config<'a>(view: View<'a>, survivors: &[Survivor<'a>]) -> Option<&'a Ensemble> {
    let told = survivors.iter().filter_map(|s| s.testimony);
    let told = told.map(|t| (t.config_of, &t.config));
    let told = told.filter(|(_, c)| c.version > ConfigVersion(0) && !c.servers.is_empty());
    let own = view.disk.dynamic.iter().filter(|config| {
        let votes = config.voters().any(|s| s.is_at(view.address()));
        votes || view.disk.data || config.version > ConfigVersion(0)
    });
    let own = own.map(|config| (view.generation(), config));
    // Of equals the own one, for `max_by_key` takes the last.
    let newest = told.chain(own).max_by_key(|(of, c)| (*of, c.version));
    newest.map(|(_, config)| config)
}

/// Those who may hold data and have said nothing: survivors, and members of any survivor's config
/// whom no claim accounts for.
pub fn unaccounted(view: View, register: &Register, survivors: &[Survivor]) -> Option<Waiting> {
    let mut missing = BTreeMap::new();
    for survivor in survivors {
        let Some(testimony) = survivor.testimony else {
            missing.insert(survivor.owner.server, fate::told(view, survivor.owner));
            continue;
        };
        let accounted = |server: &Server| {
            let mut claims = register.of(Slot::Server(server.id));
            claims.any(|(_, c)| c.valid_owner().is_some_and(|o| server.is_at(o.address)))
        };
        let strangers = testimony.config.servers.values().filter(|s| !accounted(s));
        missing.extend(strangers.map(|s| {
            let text = format!(
                "server {} at {} (no claim names its instance)",
                s.id, s.address
            );
            (s.id, text)
        }));
    }
    let missing: Vec<String> = missing.into_values().collect();
    (!missing.is_empty()).then_some(Waiting::Testimony { missing })
}

/// Takes back what this instance said of a generation that is served, or of a later one, where an old
/// list of claims names the one before: its server is a part of it again, or is about to be. Who has
/// withdrawn with its data stands by what it said; what was said of earlier ones is history.
pub fn take_back(view: View, claim: ClaimName, generation: u32) -> Option<Action> {
    let claims = &view.register().ok()?.claims;
    let said = claims.get(&claim)?.testimony.as_ref()?;
    let stands = view.disk.is_withdrawn() && view.disk.data;
    (said.generation >= generation && !stands).then_some(Action::TakeBack { claim })
}

/// The same for who starts without data, and not for the first time: it may have said a moment ago that
/// its disk is empty, and the list of claims not know of it yet. Once it serves, the list is read
/// rarely, and the others would count its vote as lost meanwhile.
pub fn take_back_unseen(view: View, claim: ClaimName) -> Option<Action> {
    let claimed = view.register().ok()?.claims.get(&claim);
    let is_noted = claimed.is_some_and(|claimed| claimed.has_noted(Milestone::Started));
    let identity = view.disk.identity.as_ref();
    let was_started = is_noted || identity.is_some_and(|i| i.instance == view.me.instance);
    (was_started && !view.disk.data).then_some(Action::TakeBack { claim })
}

/// Whether this instance's data is a part of what the newest generation began with, so that it
/// may join with it.
pub fn keeps_data(view: View, lineage: &Lineage) -> bool {
    let Ok(register) = view.register() else {
        return false;
    };
    let history = |instance: &InstanceId| -> Option<History> {
        let own = register.of_instance(instance);
        let testimonies = own.filter_map(|(_, claim)| claim.testimony.as_ref());
        testimonies
            .filter(|t| t.withdrawn)
            .max_by_key(|t| t.generation)?
            .history
    };
    match (history(&view.me.instance), history(&lineage.founder)) {
        (Some(mine), Some(theirs)) => {
            let withdrawn = view.disk.is_withdrawn();
            withdrawn && view.disk.history == Some(mine) && mine.is_prefix_of(&theirs)
        }
        _ => false,
    }
}
