//! Who founds an ensemble, and when nobody may.

use super::fate::{self, Fate};
use super::identity::{Standing, standing};
use super::view::View;
use crate::model::claim::{ClaimName, Lineage, Milestone, Register, Slot};
use crate::model::ensemble::Ensemble;
use crate::model::id::ServerId;
use crate::model::plan::Waiting;
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
    /// Whether anybody has joined the founder.
    pub young: bool,
    pub founder_is_gone: bool,
}

/// Reads the register for what may be founded, if anything.
pub fn recognise(view: View, register: &Register, held: Option<ServerId>) -> Formation {
    let Some((marker, claim)) = register.newest(Slot::Ensemble) else {
        return match evidence_of_data(view, register) {
            Some(evidence) => Formation::Halted(marker_is_missing(&evidence)),
            None => Formation::Open(ClaimName::first(Slot::Ensemble)),
        };
    };
    let started = claim.journal.contains(&Milestone::Started);
    let Some(owner) = claim.valid_owner() else {
        return match (standing(view, claim), evidence_of_data(view, register)) {
            (Standing::Pending(left), _) => Formation::Pending(Waiting::Grace {
                claim: marker,
                left,
            }),
            (_, None) => Formation::Open(marker.next()),
            (_, Some(_)) if everything_is_gone(view, register) => Formation::AllLost(marker.next()),
            (_, Some(evidence)) => Formation::Halted(marker_is_missing(&format!(
                "{evidence}, although the newest marker has no owner"
            ))),
        };
    };
    let founder_is_gone = matches!(fate::of_owner(view, claim), Fate::Terminated(_));
    // A founder that holds another id than its marker says never started under that marker.
    let mine = owner.instance == view.me.instance;
    let mistaken = mine && held.is_some_and(|id| id != owner.server);
    if !started && (founder_is_gone || mistaken) && evidence_of_data(view, register).is_none() {
        return Formation::Open(marker.next());
    }
    // A new generation's founder that has yet to start is nobody's loss.
    let unused = !started && !founder_is_gone && !mistaken;
    if !unused && everything_is_gone(view, register) {
        return Formation::AllLost(marker.next());
    }
    let joined = register
        .claims
        .values()
        .any(|c| c.journal.contains(&Milestone::Joined));
    Formation::Founded(Founded {
        marker,
        lineage: Lineage {
            generation: marker.term,
            founder: owner.instance.clone(),
        },
        seed: Ensemble::unversioned([view.policy.server(owner.server, owner.address)]),
        server: owner.server,
        started,
        young: !joined,
        founder_is_gone,
    })
}

fn marker_is_missing(evidence: &str) -> Waiting {
    Waiting::Operator {
        remedy: format!(
            "the log stream \"ensemble\" is missing, but {evidence}: founding now could split or \
             empty a living ensemble. See \"The marker is missing\" in the README"
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
        register.newest(Slot::Ensemble).is_none() || c.journal.contains(&Milestone::Joined)
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

/// What to wait for when everything is gone and the operator wants to decide.
pub fn all_is_lost(view: View) -> Option<Waiting> {
    match view.policy.when_all_is_lost {
        WhenAllIsLost::Refound => None,
        WhenAllIsLost::Wait => Some(Waiting::Operator {
            remedy: "every instance that ever held data is terminated; restore a disk, or set \
                     policy.when_all_is_lost = \"refound\" to begin anew with an empty ensemble"
                .to_owned(),
        }),
    }
}
