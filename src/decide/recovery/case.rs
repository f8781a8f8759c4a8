//! An ensemble that nobody is seen to serve, as one of its survivors sees it.

use crate::decide::fate::{self, Fate};
use crate::decide::survivors::{self, Survivor};
use crate::decide::view::View;
use crate::decide::{formation, identity, quorum};
use crate::model::claim::{ClaimName, Milestone, Owner, Register, Slot};
use crate::model::history::Testimony;
use crate::model::id::ServerId;
use crate::model::snapshot::Service;

/// An ensemble that nobody is seen to serve, and this instance, which holds one of its ids.
pub struct Case<'a> {
    pub view: View<'a>,
    pub register: &'a Register,
    /// The newest generation's marker.
    pub marker: ClaimName,
    /// Its owner.
    pub founder: &'a Owner,
    /// Those who may hold a copy of it.
    pub survivors: Vec<Survivor<'a>>,
    /// This instance's claim, and the id in it.
    pub claim: ClaimName,
    pub id: ServerId,
}

impl<'a> Case<'a> {
    /// `None` while anybody serves, where the data is somebody else's, and for who may simply found.
    pub fn of(view: View<'a>) -> Option<Self> {
        let (_, register) = (view.fleet().ok()?, view.register().ok()?);
        let (claim, id) = identity::held(view)?;
        let marker = formation::markers(view, register).newest?;
        let begun = register.claims.get(&marker)?;
        let case = Case {
            view,
            register,
            marker,
            founder: begun.valid_owner()?,
            survivors: survivors::of(view, register, marker.term),
            claim,
            id,
        };
        let unused = begun.journal.is_empty() || view.disk.initialize;
        // Nothing is left to recover: it founds, unless it has said that it will not.
        let declined = case.testimony_of(case.founder).is_some();
        let free = unused && !declined && formation::nobody_has_data(view, register);
        let founds = case.is_mine() && free;
        let strange = view.disk.data && !is_own(view, id);
        (!view.anybody_serves() && !strange && !founds).then_some(case)
    }

    /// Whether the newest generation is this instance's to begin, or was.
    pub fn is_mine(&self) -> bool {
        self.founder.instance == self.view.me.instance
    }

    /// Whether no other marker was made after it, which somebody may yet sign, or nobody did.
    pub fn is_the_last_marker(&self) -> bool {
        let last = self.register.newest(Slot::Ensemble);
        last.is_some_and(|(name, _)| name == self.marker)
    }

    /// What an instance says of the newest generation.
    fn testimony_of(&self, owner: &Owner) -> Option<&'a Testimony> {
        let mut theirs = self.register.of_instance(&owner.instance);
        let said = theirs.find_map(|(_, claim)| claim.testimony.as_ref());
        said.filter(|said| said.generation == self.marker.term)
    }

    /// Whether the founder of the newest generation, another instance, has yet to begin it, and has
    /// not said that it cannot.
    pub fn is_for_the_founder(&self) -> bool {
        let gone = match self.register.claims.get(&self.marker) {
            Some(marker) => matches!(fate::of_owner(self.view, marker), Fate::Terminated(_)),
            None => false,
        };
        !self.is_mine() && !gone && self.testimony_of(self.founder).is_none()
    }

    /// Whether the newest generation has begun.
    pub fn has_begun(&self) -> bool {
        let marker = self.register.claims.get(&self.marker);
        marker.is_some_and(|marker| !marker.journal.is_empty())
    }

    /// Whether no other instance is about to begin the newest generation, which could then be joined.
    pub fn awaits_nobody(&self) -> bool {
        self.has_begun() || !self.is_for_the_founder()
    }

    /// Whether this instance founded the newest generation and its server died before it had written
    /// a first snapshot: the disk still says whose data is to be here, and nobody ever joined.
    pub fn never_served(&self) -> bool {
        let mut claims = self.register.claims.values();
        let joined = claims.any(|c| c.journal.contains_key(&Milestone::Joined));
        let named = self.view.generation() == self.marker.term && is_own(self.view, self.id);
        self.is_mine() && named && !self.view.disk.data && !joined
    }

    /// Without data, and with no more than the file that a joiner starts with, it is for all that are
    /// left to say, this one too; unless by that file, too, the quorum is lost.
    pub fn is_for_others_to_say(&self) -> bool {
        let silent = self.survivors.iter().filter(|s| s.testimony.is_none());
        let silent: Vec<ClaimName> = silent.map(|s| s.claim).collect();
        // Alone, it speaks first of its disk (see [`super::tell_of_emptied_disk`]), and looks again.
        let only_this = silent == [self.claim] && self.survivors.len() > 1;
        let agree = silent.is_empty() || only_this;
        let file = self.view.disk.dynamic.as_ref();
        agree || file.is_some_and(|file| quorum::is_lost(self.view, file, &self.survivors))
    }

    /// The testimony of this instance, unless it is said.
    pub fn to_say(&self, me: &Survivor) -> Option<Testimony> {
        let view = self.view;
        let testimony = Testimony {
            generation: self.marker.term,
            config: view.disk.dynamic.clone().unwrap_or_default(),
            config_of: view.generation(),
            withdrawn: is_withdrawn(view),
            history: view.disk.history,
        };
        let said = me.testimony.map(|said| (said.withdrawn, said.history));
        (said != Some((testimony.withdrawn, testimony.history))).then_some(testimony)
    }

    /// The same case, once this instance has said so.
    pub fn having_said<'b>(&'b self, testimony: &'b Testimony) -> Case<'b> {
        let this: &Case<'b> = self;
        let mut survivors = this.survivors.clone();
        let own = survivors.iter_mut().filter(|s| s.claim == self.claim);
        own.for_each(|survivor| survivor.testimony = Some(testimony));
        Case { survivors, ..*this }
    }
}

/// Whether what is on the disk is this instance's own.
pub fn is_own(view: View, id: ServerId) -> bool {
    let identity = view.disk.identity.as_ref();
    identity.is_some_and(|i| i.instance == view.me.instance && i.server == id)
}

/// Whether this server is down, and will not start again by itself: without data it never does.
pub fn is_withdrawn(view: View) -> bool {
    view.service == Service::Stopped && (view.disk.is_withdrawn() || !view.disk.data)
}
