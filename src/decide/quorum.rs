//! Whether a quorum is lost for good: what the living cannot undo.

use super::fate::{self, Fate};
use super::view::View;
use crate::model::claim::{Claim, Milestone, Register};
use crate::model::ensemble::Ensemble;
use crate::model::id::{InstanceId, ServerId};

fn terminated_voters(view: View, config: &Ensemble) -> Vec<(ServerId, InstanceId)> {
    let mut gone = fate::terminated_members(view, config);
    gone.retain(|(id, _)| config.voters().any(|s| s.id == *id));
    gone
}

/// Whether by this config fewer voters than a quorum are not proven terminated.
pub fn is_lost(view: View, config: &Ensemble) -> bool {
    let living = config.voter_count() - terminated_voters(view, config).len();
    living < config.quorum()
}

/// Whether of those who ever joined, most are terminated: what a server without a config can tell.
pub fn most_are_gone(view: View, register: &Register) -> bool {
    let joined = register
        .claims
        .values()
        .filter(|c| c.journal.contains(&Milestone::Joined));
    let gone = |claim: &&Claim| matches!(fate::of_owner(view, claim), Fate::Terminated(_));
    let (gone, living): (Vec<&Claim>, Vec<&Claim>) = joined.partition(gone);
    gone.len() >= living.len()
}

/// What an operator should know of the loss, by this config.
pub fn loss(view: View, config: &Ensemble) -> Option<String> {
    let gone = terminated_voters(view, config);
    let (count, all) = (gone.len(), config.voter_count());
    let named: Vec<String> = gone
        .into_iter()
        .map(|(id, instance)| format!("server {id} on {instance}"))
        .collect();
    (count > 0).then(|| {
        format!(
            "{count} of {all} voters are terminated ({}): what was acknowledged by them alone is gone",
            named.join(", ")
        )
    })
}
