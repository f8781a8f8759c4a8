//! Who founds an ensemble, and when nobody may.

use super::fate::{self, Fate};
use super::identity::{Standing, standing};
use super::view::View;
use super::{acts, waits};
use crate::model::claim::{Claim, ClaimName, Lineage, Milestone, Owner, Register, Slot};
use crate::model::disk::Identity;
use crate::model::ensemble::Ensemble;
use crate::model::id::ServerId;
use crate::model::plan::{Action, Next, Plan, Situation, Waiting};
use crate::model::policy::WhenAllIsLost;

/// What the register says of the ensemble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Formation {
    /// None was ever founded, or none of value: this claim may be made.
    Open(ClaimName),
    /// A marker is being made by somebody.
    Pending(Waiting),
    /// It has a lineage.
    Founded(Founded),
    /// All that it was is provably gone, and this claim would found the next generation.
    AllLost(ClaimName),
    /// A contradiction that only an operator can resolve.
    Halted(Waiting),
}

/// An ensemble that exists, as its marker describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Founded {
    pub marker: ClaimName,
    pub lineage: Lineage,
    /// The founder's server, which the first joiners look for.
    pub seed: Ensemble,
    pub server: ServerId,
    /// Whether the founder's server may have been started.
    pub started: bool,
    /// The marker to claim instead, where nobody signed the one that was made after this.
    pub next: Option<ClaimName>,
    /// Whether anybody has joined the founder.
    pub young: bool,
    pub founder_is_gone: bool,
}

/// The markers of an ensemble: streams that say that it was founded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Markers {
    /// The newest that binds.
    pub newest: Option<ClaimName>,
    /// The one to claim for the next generation.
    pub next: ClaimName,
    /// A newer one that nobody has signed yet.
    pub pending: Option<Waiting>,
}

/// A marker binds nobody if nobody signed it in time, or if its owner was terminated before it
/// started: those are passed over.
pub fn markers(view: View, register: &Register) -> Markers {
    let mut markers = Markers {
        newest: None,
        next: ClaimName::first(Slot::Ensemble),
        pending: None,
    };
    for (name, claim) in register.of(Slot::Ensemble) {
        markers.next = name.next();
        markers.pending = None;
        match standing(view, claim) {
            Standing::Pending(left) => {
                markers.pending = Some(Waiting::Grace { claim: name, left });
            }
            Standing::Foreign => markers.pending = Some(is_foreign(name)),
            Standing::Held(_) => markers.newest = Some(name),
            Standing::Vacant if claim.valid_owner().is_none() => {}
            Standing::Vacant if claim.journal.is_empty() => {}
            Standing::Vacant => markers.newest = Some(name),
        }
    }
    markers
}

fn is_foreign(marker: ClaimName) -> Waiting {
    Waiting::Operator {
        remedy: format!(
            "log stream {marker} is of a later release of zk-bootstrap, which this one cannot read: \
             bring this instance to that release"
        ),
    }
}

/// The lineage that has begun after the one that this identity names, if there is one. It began when
/// nobody served the older one any more, and nobody ever will again: who serves now, serves it.
pub fn outlives(view: View, identity: &Identity) -> Option<Lineage> {
    let register = view.register().ok()?;
    let marker = markers(view, register).newest?;
    let begun = register.claims.get(&marker)?;
    let is_newer = !begun.journal.is_empty() && marker.term > identity.lineage.generation;
    let founder = begun.valid_owner()?.instance.clone();
    is_newer.then_some(Lineage {
        generation: marker.term,
        founder,
    })
}

/// Reads the register for what may be founded, if anything.
pub fn recognise(view: View, register: &Register, held: Option<ServerId>) -> Formation {
    let markers = markers(view, register);
    if let Some(waiting) = markers.pending {
        return Formation::Pending(waiting);
    }
    let newest = markers.newest.and_then(|name| {
        let claim = register.claims.get(&name)?;
        Some((name, claim, claim.valid_owner()?))
    });
    let Some((marker, claim, owner)) = newest else {
        return match evidence_of_data(view, register) {
            None => Formation::Open(markers.next),
            Some(_) if everything_is_gone(view, register) => Formation::AllLost(markers.next),
            Some(evidence) => Formation::Halted(marker_is_missing(&evidence)),
        };
    };
    let started = claim.journal.contains_key(&Milestone::Started);
    // A founder that holds another id than its marker says never started under that marker.
    let mine = owner.instance == view.me.instance;
    let mistaken = mine && held.is_some_and(|id| id != owner.server);
    if !started && mistaken && evidence_of_data(view, register).is_none() {
        return Formation::Open(markers.next);
    }
    // A new generation's founder that has yet to start is nobody's loss.
    let unused = !started && !mistaken;
    if !unused && everything_is_gone(view, register) {
        return Formation::AllLost(markers.next);
    }
    let joined = register
        .claims
        .values()
        .any(|c| c.journal.contains_key(&Milestone::Joined));
    Formation::Founded(Founded {
        marker,
        lineage: Lineage {
            generation: marker.term,
            founder: owner.instance.clone(),
        },
        seed: Ensemble::unversioned([view.policy.server(owner.server, owner.address)]),
        server: owner.server,
        started,
        next: Some(markers.next).filter(|next| *next != marker.next()),
        young: !joined,
        founder_is_gone: matches!(fate::of_owner(view, claim), Fate::Terminated(_)),
    })
}

fn marker_is_missing(evidence: &str) -> Waiting {
    Waiting::Operator {
        remedy: format!(
            "the log stream \"ensemble\" is missing, but {evidence}: founding now could split or \
             empty a living ensemble. See \"The marker is missing\" in docs/recover.md"
        ),
    }
}

/// A sign that an ensemble exists or existed here, if there is one.
fn evidence_of_data(view: View, register: &Register) -> Option<String> {
    if view.disk.data {
        return Some("this instance's disk holds data".to_owned());
    }
    if let Some((id, _)) = view
        .snapshot
        .peers
        .iter()
        .find(|(_, p)| p.serving().is_some())
    {
        return Some(format!("the server of {id} serves"));
    }
    let started = register
        .claims
        .iter()
        .find(|(name, c)| matches!(name.slot, Slot::Server(_)) && !c.journal.is_empty());
    // Joiners of a founder that never started have started too, and synced with nobody.
    let joined = started.filter(|(_, c)| {
        register.newest(Slot::Ensemble).is_none() || c.journal.contains_key(&Milestone::Joined)
    });
    joined.map(|(name, _)| format!("log stream {name} tells of a started server"))
}

/// Whether every server that was ever started is gone, with its instance: no copy is left.
fn everything_is_gone(view: View, register: &Register) -> bool {
    if view.disk.data || view.snapshot.peers.values().any(|p| p.answered()) {
        return false;
    }
    let mut holders = register
        .claims
        .values()
        .filter(|c| !c.journal.is_empty())
        .peekable();
    holders.peek().is_some()
        && holders.all(|c| matches!(fate::of_owner(view, c), Fate::Terminated(_)))
}

/// Whether a founder may serve an empty database: whoever once had data is terminated, or has
/// testified that none is left. A chosen one of a recovery that lost its disk may not.
pub fn nobody_has_data(view: View, register: &Register) -> bool {
    !view.disk.data && holders(view, register).is_empty()
}

/// The owners of claims who once had data, and of whom neither their end nor the loss of it is proven.
/// Who has left is no survivor, and its disk is a copy all the same.
fn holders<'a>(view: View, register: &'a Register) -> Vec<&'a Owner> {
    let me = &view.me.instance;
    let owner = |claim: &Claim| claim.owner.as_ref().map(|o| o.instance.clone());
    let is_unused = |marker: &Claim| owner(marker).as_ref() == Some(me) && view.disk.initialize;
    let begun: Vec<_> = register.begun().filter(|(_, m)| !is_unused(m)).collect();
    let generation = begun.last().map_or(0, |(name, _)| name.term);
    let founded = |claim: &Claim| begun.iter().any(|(_, m)| owner(m) == owner(claim));
    let had_data = |claim: &Claim| {
        let told = claim.testimony.as_ref();
        let joined = claim.journal.contains_key(&Milestone::Joined);
        joined || founded(claim) || told.is_some_and(|t| t.history.is_some())
    };
    // What it said of an earlier generation says nothing of what it joined since.
    let is_empty = |claim: &Claim| {
        let told = claim.testimony.as_ref();
        told.is_some_and(|t| t.withdrawn && t.history.is_none() && t.generation >= generation)
    };
    let gone = |c: &Claim| matches!(fate::of_owner(view, c), Fate::Terminated(_));
    let servers = register
        .claims
        .iter()
        .filter(|(name, _)| name.slot != Slot::Ensemble);
    let holds = |claim: &&Claim| had_data(claim) && !is_empty(claim) && !gone(claim);
    let holders = servers.map(|(_, claim)| claim).filter(holds);
    holders.filter_map(|claim| claim.owner.as_ref()).collect()
}

/// When nobody who stayed has data, and nobody who left, an operator has decided beforehand whether to
/// begin anew.
pub fn all_is_lost(view: View, register: &Register, marker: ClaimName, id: ServerId) -> Plan {
    let holders = holders(view, register);
    if !holders.is_empty() {
        let holders = holders.into_iter().map(|owner| fate::told(view, owner));
        let holders = holders.collect();
        return waits(Situation::QuorumLost, Waiting::LastCopies { holders });
    }
    let remedy = "every instance that ever held data is terminated, or has lost it: no copy is left. \
                  policy.when_all_is_lost = \"refound\" begins anew with an empty ensemble";
    match view.policy.when_all_is_lost {
        WhenAllIsLost::Refound => begin(marker, id, Situation::AllLost),
        WhenAllIsLost::Wait => waits(
            Situation::AllLost,
            Waiting::Operator {
                remedy: remedy.to_owned(),
            },
        ),
    }
}

/// Claims the marker of a generation; what follows rests on what is read back.
pub fn begin(claim: ClaimName, server: ServerId, situation: Situation) -> Plan {
    let claim = Action::Claim { claim, server };
    acts(situation, vec![claim], Next::Everywhere)
}
