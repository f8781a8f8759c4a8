//! What is known when a quorum is lost for good: who may hold a copy, and what each has said.

use std::fmt;

use serde::Serialize;

use super::fate::{self, Fate};
use super::survivors::{self, Survivor};
use super::view::View;
use super::{formation, identity};
use crate::model::claim::{ClaimName, Slot};
use crate::model::history::History;
use crate::model::id::{InstanceId, ServerId};
use crate::model::plan::Waiting;
use crate::model::policy::{Policy, Recovery};
use crate::model::snapshot::Snapshot;

/// The evidence of a recovery, as an operator is shown it before giving leave.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The generation whose quorum is lost.
    pub generation: u32,
    /// Every server that may have held a copy, the lost ones too.
    pub servers: Vec<Witness>,
    /// The one that would begin the next generation, once all have testified.
    pub leader: Option<ServerId>,
    /// What is still waited for.
    pub missing: Vec<String>,
    /// Whether an operator's leave is asked for, and not given yet.
    pub needs_leave: bool,
    /// This instance's own claim, in which leave can be noted.
    #[serde(skip)]
    pub own_claim: Option<ClaimName>,
}

/// One server that may have held a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Witness {
    /// Its id.
    pub server: ServerId,
    /// Its instance.
    pub instance: InstanceId,
    /// Whether it is proven gone, with its copy.
    pub terminated: bool,
    /// Whether it has said that the quorum is lost.
    pub spoken: bool,
    /// Whether its server is stopped for good.
    pub withdrawn: bool,
    /// How far its data goes, once it is.
    pub history: Option<History>,
}

/// What is known of a lost quorum; `None` where there is no sign of one.
///
/// # Errors
/// What could not be seen.
pub fn evidence(snapshot: &Snapshot, policy: &Policy) -> Result<Option<Evidence>, Waiting> {
    let view = View::new(snapshot, policy)?;
    view.fleet()?;
    let register = view.register()?;
    let Some(marker) = formation::markers(view, register).newest else {
        return Ok(None);
    };
    let survivors = survivors::of(view, register, marker.term);
    if view.anybody_serves() || survivors.iter().all(|s| s.testimony.is_none()) {
        return Ok(None);
    }
    let started = register.claims.iter().filter(|(name, claim)| {
        matches!(name.slot, Slot::Server(_)) && survivors::was_started(register, claim)
    });
    let servers = started.filter_map(|(name, claim)| {
        let owner = claim.valid_owner()?;
        let said = survivors.iter().find(|s| s.claim == *name);
        let said = said.and_then(|s: &Survivor| s.testimony);
        Some(Witness {
            server: owner.server,
            instance: owner.instance.clone(),
            terminated: matches!(fate::of_owner(view, claim), Fate::Terminated(_)),
            spoken: said.is_some(),
            withdrawn: said.is_some_and(|t| t.withdrawn),
            history: said.and_then(|t| t.history),
        })
    });
    let missing = match survivors::unaccounted(view, register, &survivors) {
        Some(Waiting::Testimony { missing }) => missing,
        _ => Vec::new(),
    };
    Ok(Some(Evidence {
        generation: marker.term,
        servers: servers.collect(),
        leader: survivors::leader(&survivors).map(|s| s.owner.server),
        missing,
        needs_leave: policy.recovery == Recovery::Manual && !register.allows(marker.term),
        own_claim: identity::held(view).map(|(claim, _)| claim),
    }))
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "the quorum of generation {} is lost for good",
            self.generation
        )?;
        for witness in &self.servers {
            writeln!(
                f,
                "  server {} on {}: {}",
                witness.server,
                witness.instance,
                witness.says()
            )?;
        }
        for missing in &self.missing {
            writeln!(f, "without a testimony: {missing}")?;
        }
        let Some(leader) = self.leader else {
            return writeln!(
                f,
                "nobody can lead yet: every survivor must have stopped and testified"
            );
        };
        let history = self
            .servers
            .iter()
            .find(|w| w.server == leader)
            .and_then(|w| w.history);
        let (zxid, next) = (history.unwrap_or_default().zxid, self.generation + 1);
        writeln!(
            f,
            "server {leader} has the most advanced data, and would begin generation {next} with it"
        )?;
        writeln!(
            f,
            "what only the terminated servers had beyond zxid {zxid} is lost"
        )
    }
}

impl Witness {
    fn says(&self) -> String {
        match (self.terminated, self.spoken, self.withdrawn, self.history) {
            (true, ..) => "its instance is terminated".to_owned(),
            (_, false, ..) => "has not spoken".to_owned(),
            (_, true, false, _) => "says that the quorum is lost; still to stop".to_owned(),
            (.., true, Some(history)) => format!("stopped, data up to {history}"),
            (.., true, None) => "stopped, no data".to_owned(),
        }
    }
}
