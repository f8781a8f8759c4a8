//! Planted defects: a model is worth what it refutes.

use zk_bootstrap::model::claim::Slot;
use zk_bootstrap::model::fleet::InstanceState;
use zk_bootstrap::model::id::InstanceId;
use zk_bootstrap::model::snapshot::{Answer, Snapshot};

/// A defect of every agent: of what it believes, or of what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Takes the stream that it wanted for its own without reading it back.
    TrustsItsOwnClaim,
    /// Takes its record for binding, however late it was taken.
    TakesLateRecords,
    /// Takes every instance that does not run for terminated.
    TakesSilenceForTermination,
    /// Starts servers without a note in the journal.
    SkipsTheJournal,
    /// Takes the marker for its own, whoever made it.
    FoundsRegardless,
    /// Believes that every other survivor has said what it has said itself.
    WithdrawsUnheard,
    /// Believes that no other survivor has data.
    LeadsWithoutTheBestHistory,
}

fn value<T>(answer: &mut Answer<T>) -> &mut T {
    match answer {
        Answer::Known { value, .. } => value,
        Answer::Unknown { why } => panic!("here every look is answered: {why}"),
    }
}

impl Mutation {
    /// What a defective agent believes to see.
    pub fn distort(self, snapshot: &mut Snapshot) {
        let me = value(&mut snapshot.me).instance.clone();
        let claims = &mut value(&mut snapshot.register).claims;
        let is_mine =
            |owner: &Option<zk_bootstrap::model::claim::Owner>, me: &InstanceId| -> bool {
                owner.as_ref().is_some_and(|owner| owner.instance == *me)
            };
        match self {
            Mutation::TrustsItsOwnClaim => {
                for name in &snapshot.claiming {
                    let claim = claims.get_mut(name);
                    if let Some(owner) = claim.and_then(|claim| claim.owner.as_mut()) {
                        owner.instance = me.clone();
                    }
                }
            }
            Mutation::TakesLateRecords => {
                for claim in claims.values_mut() {
                    if let Some(owner) = claim.owner.as_mut().filter(|o| o.instance == me) {
                        owner.written = claim.created;
                    }
                }
            }
            Mutation::TakesSilenceForTermination => {
                let fleet = value(&mut snapshot.fleet);
                for instance in fleet.instances.values_mut() {
                    if instance.state != InstanceState::Running {
                        instance.state = InstanceState::Terminated;
                    }
                }
            }
            Mutation::FoundsRegardless => {
                let mut held = claims.values().filter(|c| is_mine(&c.owner, &me));
                let Some(mine) = held.next().and_then(|claim| claim.owner.clone()) else {
                    return;
                };
                for (name, claim) in claims {
                    if name.slot == Slot::Ensemble {
                        claim.owner = Some(mine.clone());
                        claim.journal.clear();
                    }
                }
            }
            Mutation::WithdrawsUnheard => {
                let mut own = claims.values().filter(|c| is_mine(&c.owner, &me));
                let said = own.find_map(|claim| claim.testimony.clone());
                for claim in claims.values_mut().filter(|c| !is_mine(&c.owner, &me)) {
                    claim.testimony = claim.testimony.take().or(said.clone());
                }
            }
            Mutation::LeadsWithoutTheBestHistory => {
                for claim in claims.values_mut().filter(|c| !is_mine(&c.owner, &me)) {
                    if let Some(testimony) = &mut claim.testimony {
                        testimony.history = None;
                    }
                }
            }
            Mutation::SkipsTheJournal => {}
        }
    }
}
