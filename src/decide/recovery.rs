//! When a quorum is lost for good: every survivor says so, every survivor stops, and the one
//! with the most advanced data begins the next generation with it. The others join it.
//!
//! Lost for good is what the living cannot undo: by the config that a survivor has, fewer voters
//! than a quorum are not proven terminated. Its config may be older than another's, so nobody
//! stops its server before *every* survivor has said the same of its own.

use super::fate::{self, Fate};
use super::survivors::{self, Survivor};
use super::view::View;
use super::{acts, formation, identity, quorum, waits};
use crate::model::claim::{ClaimName, Lineage, Milestone, Owner, Register, Slot};
use crate::model::disk::Identity;
use crate::model::ensemble::Ensemble;
use crate::model::history::{History, Testimony};
use crate::model::id::{InstanceId, ServerId};
use crate::model::plan::{Action, Next, Plan, Situation, Waiting};
use crate::model::policy::Recovery;
use crate::model::snapshot::Service;

/// What an instance does whose server was started once and does not serve, if the quorum is lost
/// for good; `None` while it is not, or cannot be said to be.
pub fn plan(view: View) -> Option<Plan> {
    let case = Case::of(view)?;
    if is_newer(view, case.marker.term) {
        if case.is_mine() && case.is_the_last_marker() && may_begin(view, case.id) {
            return Some(case.begin_with_data());
        }
        if case.is_for_the_founder() {
            let instance = case.founder.instance.clone();
            let waiting = Waiting::NextGeneration { instance };
            return (view.disk.data).then(|| waits(Situation::Recovering, waiting));
        }
    }
    let me = case.survivors.iter().find(|s| s.claim == case.claim)?;
    let config = survivors::newest_config(view, &case.survivors);
    let lost = match config {
        Some(config) => quorum::is_lost(view, config, &case.survivors),
        None => !view.disk.data && case.is_for_others_to_say(),
    };
    if !lost {
        let config = config.filter(|_| runs_emptied(view))?;
        let needed = quorum::is_lost_without(view, config, &case.survivors, case.id);
        let stop = || acts(Situation::Joining, vec![Action::StopServer], Next::Here);
        // It waits for a leader that its own empty disk keeps from being elected: it must say so.
        return needed.then(stop);
    }
    let mut plan = speak(&case, me);
    if plan.situation == Situation::QuorumLost {
        let loss = config.and_then(|c| quorum::loss(view, c, &case.survivors));
        plan.warnings.extend(loss);
    }
    Some(plan)
}

/// Whether this server runs, and has no data: it has written its first snapshot before it answers
/// anybody, and it was asked before its disk was looked at.
fn runs_emptied(view: View) -> bool {
    view.service == Service::Running && view.snapshot.server.answered() && !view.disk.data
}

/// Tells of an emptied disk, where it keeps this server from starting: nobody but this instance can
/// know that one copy, and one vote, less is left.
pub fn tell_of_emptied_disk(view: View) -> Option<Plan> {
    let emptied = !view.disk.data && view.service == Service::Stopped;
    let case = Case::of(view).filter(|case| emptied && case.awaits_nobody())?;
    let me = case.survivors.iter().find(|s| s.claim == case.claim)?;
    let (claim, testimony) = (case.claim, case.to_say(me)?);
    let testify = Action::Testify { claim, testimony };
    Some(acts(Situation::Joining, vec![testify], Next::Everywhere))
}

/// An ensemble that nobody is seen to serve, and this instance, which holds one of its ids.
struct Case<'a> {
    view: View<'a>,
    register: &'a Register,
    /// The newest generation's marker.
    marker: ClaimName,
    /// Its owner.
    founder: &'a Owner,
    /// Those who may hold a copy of it.
    survivors: Vec<Survivor<'a>>,
    /// This instance's claim, and the id in it.
    claim: ClaimName,
    id: ServerId,
}

impl<'a> Case<'a> {
    fn of(view: View<'a>) -> Option<Self> {
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
    fn is_mine(&self) -> bool {
        self.founder.instance == self.view.me.instance
    }

    /// Whether no other marker was made after it, which somebody may yet sign, or nobody did.
    fn is_the_last_marker(&self) -> bool {
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
    fn is_for_the_founder(&self) -> bool {
        let gone = match self.register.claims.get(&self.marker) {
            Some(marker) => matches!(fate::of_owner(self.view, marker), Fate::Terminated(_)),
            None => false,
        };
        !self.is_mine() && !gone && self.testimony_of(self.founder).is_none()
    }

    /// Whether the newest generation has begun.
    fn has_begun(&self) -> bool {
        let marker = self.register.claims.get(&self.marker);
        marker.is_some_and(|marker| !marker.journal.is_empty())
    }

    /// Whether no other instance is about to begin the newest generation, which could then be joined.
    fn awaits_nobody(&self) -> bool {
        self.has_begun() || !self.is_for_the_founder()
    }

    /// Whether this instance founded the newest generation and its server died before it had written
    /// a first snapshot: the disk still says whose data is to be here, and nobody ever joined.
    fn never_served(&self) -> bool {
        let mut claims = self.register.claims.values();
        let joined = claims.any(|c| c.journal.contains_key(&Milestone::Joined));
        let named = self.view.generation() == self.marker.term && is_own(self.view, self.id);
        self.is_mine() && named && !self.view.disk.data && !joined
    }

    /// Without data, and with no more than the file that a joiner starts with, it is for all that are
    /// left to say, this one too; unless by that file, too, the quorum is lost.
    fn is_for_others_to_say(&self) -> bool {
        let silent = self.survivors.iter().filter(|s| s.testimony.is_none());
        let silent: Vec<ClaimName> = silent.map(|s| s.claim).collect();
        // Alone, it speaks first of its disk (see [`tell_of_emptied_disk`]), and looks again.
        let only_this = silent == [self.claim] && self.survivors.len() > 1;
        let agree = silent.is_empty() || only_this;
        let file = self.view.disk.dynamic.as_ref();
        agree || file.is_some_and(|file| quorum::is_lost(self.view, file, &self.survivors))
    }

    /// The testimony of this instance, unless it is said.
    fn to_say(&self, me: &Survivor) -> Option<Testimony> {
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
    fn having_said<'b>(&'b self, testimony: &'b Testimony) -> Case<'b> {
        let this: &Case<'b> = self;
        let mut survivors = this.survivors.clone();
        let own = survivors.iter_mut().filter(|s| s.claim == self.claim);
        own.for_each(|survivor| survivor.testimony = Some(testimony));
        Case { survivors, ..*this }
    }

    /// Begins the newest generation: a membership of itself alone, which no older config beats once
    /// it leads, since its version will be a zxid of a new epoch.
    fn begin_with_data(&self) -> Plan {
        let view = self.view;
        if view.service == Service::Running {
            return acts(Situation::Recovering, vec![Action::StopServer], Next::Here);
        }
        let alone = Ensemble::unversioned([view.policy.server(self.id, view.address())]);
        let identity = Identity {
            lineage: Lineage {
                generation: self.marker.term,
                founder: self.founder.instance.clone(),
            },
            server: self.id,
            instance: view.me.instance.clone(),
            withdrawn: false,
        };
        let actions = vec![
            Action::Journal {
                claim: self.marker,
                milestone: Milestone::Started,
            },
            Action::WriteMembership { ensemble: alone },
            Action::WriteIdentity { identity },
            Action::StartServer,
        ];
        acts(Situation::Recovering, actions, Next::Here)
    }
}

/// A survivor says what it has to say; who is the last to say so goes on at once.
fn speak(case: &Case, me: &Survivor) -> Plan {
    let Some(testimony) = case.to_say(me) else {
        return go_on(case);
    };
    let (claim, withdrawn) = (case.claim, testimony.withdrawn);
    // Its server is still up: who has taken a testimony back since may have joined it.
    let goes_on = withdrawn || case.view.register_is_fresh();
    let rest = goes_on.then(|| go_on(&case.having_said(&testimony)));
    let mut plan =
        rest.unwrap_or_else(|| acts(Situation::QuorumLost, Vec::new(), Next::Everywhere));
    plan.actions.insert(0, Action::Testify { claim, testimony });
    plan
}

/// What a survivor does that has spoken: it stops when all say that the quorum is lost, and begins
/// anew, or waits for who does, when all have stopped.
fn go_on(case: &Case) -> Plan {
    let view = case.view;
    if let Some(waiting) = survivors::unaccounted(view, case.register, &case.survivors) {
        return waits(Situation::QuorumLost, waiting);
    }
    if !is_withdrawn(view) {
        return withdraw(view);
    }
    lead(case)
}

/// Whether what is on the disk is this instance's own.
fn is_own(view: View, id: ServerId) -> bool {
    let identity = view.disk.identity.as_ref();
    identity.is_some_and(|i| i.instance == view.me.instance && i.server == id)
}

/// Whether a generation has begun after the one that this instance's data is of.
fn is_newer(view: View, generation: u32) -> bool {
    let identity = view.disk.identity.as_ref();
    identity.is_some_and(|i| i.lineage.generation < generation)
}

/// Whether this server is down, and will not start again by itself: without data it never does.
fn is_withdrawn(view: View) -> bool {
    view.service == Service::Stopped && (view.disk.is_withdrawn() || !view.disk.data)
}

/// The mark first: whoever finds it does not start the server again by itself.
fn withdraw(view: View) -> Plan {
    let mut actions = Vec::new();
    let unmarked = view.disk.identity.iter().filter(|i| !i.withdrawn);
    actions.extend(unmarked.map(|identity| Action::WriteIdentity {
        identity: Identity {
            withdrawn: true,
            ..identity.clone()
        },
    }));
    if view.service == Service::Running {
        actions.push(Action::StopServer);
    }
    acts(Situation::QuorumLost, actions, Next::Everywhere)
}

/// All have spoken. The leader claims the next generation, with an operator's leave where that is
/// asked for; the others wait until it serves.
fn lead(case: &Case) -> Plan {
    let (view, register) = (case.view, case.register);
    let markers = formation::markers(view, register);
    if let Some(waiting) = markers.pending {
        return waits(Situation::Recovering, waiting);
    }
    let not_yet: Vec<String> = case
        .survivors
        .iter()
        .filter(|s| s.testimony.is_none_or(|t| !t.withdrawn))
        .map(|s| {
            format!(
                "server {} on {} (still to stop)",
                s.owner.server, s.owner.instance
            )
        })
        .collect();
    if !not_yet.is_empty() {
        let waiting = Waiting::Testimony { missing: not_yet };
        return waits(Situation::Recovering, waiting);
    }
    if !case.has_begun() && case.is_for_the_founder() {
        let instance = case.founder.instance.clone();
        return waits(Situation::Recovering, Waiting::NextGeneration { instance });
    }
    let Some(leader) = survivors::leader(&case.survivors) else {
        if case.never_served() {
            return formation::begin(markers.next, case.id, Situation::Recovering);
        }
        return formation::all_is_lost(view, register, (markers.next, case.id));
    };
    let allowed = markers
        .newest
        .is_some_and(|marker| register.allows(marker.term));
    if view.policy.recovery == Recovery::Manual && !allowed {
        return waits(Situation::Recovering, ask(&leader));
    }
    if leader.claim != case.claim {
        let instance = leader.owner.instance.clone();
        return waits(Situation::Recovering, Waiting::NextGeneration { instance });
    }
    formation::begin(markers.next, case.id, Situation::Recovering)
}

fn ask(leader: &Survivor) -> Waiting {
    let history = leader.testimony.and_then(|t| t.history);
    let history = history.map_or("no data".to_owned(), |h| h.to_string());
    Waiting::Operator {
        remedy: format!(
            "policy.recovery is \"manual\": `zk-bootstrap recover` shows what the survivors have, \
             the most advanced being server {} on {} with {history}, and asks for leave",
            leader.owner.server, leader.owner.instance
        ),
    }
}

/// Whether this instance has data to begin a generation with: its own, of a server that was withdrawn
/// from an older one.
fn may_begin(view: View, id: ServerId) -> bool {
    view.disk.is_withdrawn() && is_own(view, id) && view.disk.data
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
