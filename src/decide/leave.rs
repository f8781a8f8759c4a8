//! An instance that is about to go takes its server out of the ensemble first.
//!
//! A server that leaves by reconfig costs no election by time-out, and no vote that is then missing.
//! Where a newcomer is in sight, it is better to stay until that one takes the place in one
//! transaction: the ensemble's size never changes.

use std::time::Duration;

use super::view::View;
use super::{acts, fate, health, hooks, identity, waits};
use crate::model::claim::{Claim, ClaimName, Milestone, Register};
use crate::model::ensemble::Ensemble;
use crate::model::fleet::{Fleet, Lifecycle, Notice, Transition};
use crate::model::id::InstanceId;
use crate::model::plan::{Action, Next, Plan, Situation, Waiting};
use crate::model::server::Server;
use crate::model::snapshot::Service;

/// EC2 gives two minutes: half of them for a successor, half to leave without one.
const SPOT_PATIENCE: Duration = Duration::from_secs(60);

/// Why this instance is about to go, if it is. What the metadata service did not tell proves nothing.
pub fn notice(view: View) -> Option<Notice> {
    let told = view.snapshot.notice.known().copied().flatten();
    let told = told.filter(|n| *n != Notice::Rebalance || view.policy.leave_on_rebalance);
    let listed = view.instance().map(|instance| instance.lifecycle);
    told.or((listed == Some(Lifecycle::Terminating)).then_some(Notice::Group))
}

/// What an instance does that is about to go; `None` while its server is a member that does not
/// serve, which is for others to mend.
pub fn plan(view: View) -> Option<Plan> {
    let notice = notice(view)?;
    let (fleet, register) = (view.fleet().ok()?, view.register().ok()?);
    let held = identity::held(view);
    let seat = view.committed_here();
    let seat = seat.filter(|config| fate::own_member(view, config).is_some());
    let claim = held.map(|(claim, _)| claim);
    let joined = claim
        .and_then(|claim| register.claims.get(&claim))
        .is_some_and(|claim| claim.has_noted(Milestone::Joined));
    let mut plan = match (claim.zip(seat), is_listed(view, joined)) {
        (Some((claim, config)), _) => {
            let leaver = Leaver {
                view,
                fleet,
                claim,
                claimed: register.claims.get(&claim)?,
                config,
            };
            leaver.plan()
        }
        (None, true) => silent_member(view, claim, register)?,
        (None, false) if runs_unclaimed(view, claim) => return None,
        (None, false) if is_in_doubt(view, claim, register) => note_leaving(claim?),
        (None, false) => gone(view, claim),
    };
    plan.warnings.push(notice.to_string());
    Some(plan)
}

/// Whether this instance may count as a member: by the newest config that anybody tells, or, where
/// nobody does, by what is on its disk and in its journal. A joiner may have been added without having
/// heard of it, and a voter have lost its disk.
fn is_listed(view: View, joined: bool) -> bool {
    let listed = |config: &Ensemble| fate::own_member(view, config).is_some();
    match view.committed() {
        Some(config) => listed(config),
        None => joined || view.disk.data || view.disk.dynamic.as_ref().is_some_and(listed),
    }
}

/// A member that does not serve cannot take itself out. It goes on as ever, to come back first, for
/// as long as the patience lasts.
fn silent_member(view: View, claim: Option<ClaimName>, register: &Register) -> Option<Plan> {
    let Some((claim, claimed)) = claim.and_then(|c| Some((c, register.claims.get(&c)?))) else {
        // It has released its id before.
        let why = "it holds no id".to_owned();
        return (view.service == Service::Stopped).then(|| let_go(view, why));
    };
    if !claimed.has_noted(Milestone::Leaving) {
        return Some(note_leaving(claim));
    }
    let left = left(view, claimed);
    let why = "its own server does not serve".to_owned();
    left.is_zero().then(|| let_go(view, why))
}

/// The hooks were kept waiting for long enough: the instance goes with its server in the config, and
/// whoever replaces it swaps it as a terminated one.
fn let_go(view: View, why: String) -> Plan {
    let left = Duration::ZERO;
    let mut plan = waits(Situation::Leaving, Waiting::Spare { why, left });
    plan.actions = hooks::complete(view, Transition::Terminating);
    plan
}

/// A server that runs, and whose claim cannot be read: it may well be a member.
fn runs_unclaimed(view: View, claim: Option<ClaimName>) -> bool {
    let identity = view.disk.identity.as_ref();
    let released = identity.is_some_and(|i| identity::has_left(view, i.server));
    claim.is_none() && view.service == Service::Running && !released
}

/// A synced joiner may have been added a moment ago: it notes that it leaves, so that it is not added
/// any more, and looks again.
fn is_in_doubt(view: View, claim: Option<ClaimName>, register: &Register) -> bool {
    let claim = claim.and_then(|claim| register.claims.get(&claim));
    let noted = claim.is_none_or(|claim| claim.has_noted(Milestone::Leaving));
    view.snapshot.server.serving().is_some() && !noted
}

fn note_leaving(claim: ClaimName) -> Plan {
    acts(Situation::Leaving, vec![leaving(claim)], Next::Everywhere)
}

fn leaving(claim: ClaimName) -> Action {
    let milestone = Milestone::Leaving;
    Action::Journal { claim, milestone }
}

/// Not in the config, or no longer: stop, release the id, and let the group go on.
fn gone(view: View, claim: Option<ClaimName>) -> Plan {
    let mut actions = Vec::new();
    if view.service == Service::Running {
        // Nobody needs its word for what was committed before it was taken out.
        if view.snapshot.server.serving().is_some() {
            actions.push(Action::AwaitCommit);
        }
        actions.push(Action::StopServer);
    }
    actions.extend(claim.map(|claim| Action::Journal {
        claim,
        milestone: Milestone::Left,
    }));
    if !actions.is_empty() {
        return acts(Situation::Leaving, actions, Next::Everywhere);
    }
    let mut plan = waits(Situation::Left, Waiting::Termination);
    plan.actions = hooks::complete(view, Transition::Terminating);
    plan
}

/// What is left of the patience with an instance that is about to go, by its claim.
pub fn left(view: View, claim: &Claim) -> Duration {
    let patience = match notice(view) {
        Some(Notice::Spot) => view.policy.leave_patience.min(SPOT_PATIENCE),
        _ => view.policy.leave_patience,
    };
    let since = claim.journal.get(&Milestone::Leaving);
    let waited = since.map(|at| view.snapshot.at.duration_since(*at));
    let waited = waited.and_then(|waited| Duration::try_from(waited).ok());
    patience.saturating_sub(waited.unwrap_or_default())
}

/// A serving member that is about to go.
struct Leaver<'a> {
    view: View<'a>,
    fleet: &'a Fleet,
    claim: ClaimName,
    claimed: &'a Claim,
    config: &'a Ensemble,
}

impl Leaver<'_> {
    fn plan(&self) -> Plan {
        let mut plan = self.leave_or_wait();
        if !self.claimed.has_noted(Milestone::Leaving) {
            plan.actions.insert(0, leaving(self.claim));
            plan.next = Next::Everywhere;
        }
        plan.actions.extend(health::forget(self.view));
        plan
    }

    fn leave_or_wait(&self) -> Plan {
        let left = left(self.view, self.claimed);
        if let Err(why) = self.can_be_spared() {
            if left.is_zero() {
                return let_go(self.view, why);
            }
            return waits(Situation::Leaving, Waiting::Spare { why, left });
        }
        if self.opens_a_seat() && !left.is_zero() {
            if let Some(instance) = self.successor() {
                return waits(Situation::Leaving, Waiting::Successor { instance, left });
            }
            if self.predates_notice() {
                let whom = "EC2 and the group";
                let why = "the list is older than the notice, and does not tell who comes instead";
                let why = why.to_owned();
                return waits(Situation::Leaving, Waiting::Answer { whom, why });
            }
        }
        let listed = fate::own_member(self.view, self.config);
        let leave = Action::RemoveServers {
            servers: listed.map(|s| s.id).into_iter().collect(),
            expected: self.config.version,
        };
        acts(Situation::Leaving, vec![leave], Next::Everywhere)
    }

    fn votes(&self) -> bool {
        let mut voters = self.config.voters();
        voters.any(|s| s.is_at(self.view.address()))
    }

    /// Whether the other voters are a quorum of what remains; else, why not.
    fn can_be_spared(&self) -> Result<(), String> {
        if !self.votes() {
            return Ok(());
        }
        let elsewhere = |s: &&Server| !s.is_at(self.view.address());
        let others: Vec<_> = self.config.voters().filter(elsewhere).collect();
        if others.is_empty() {
            return Err("it is the only voter".to_owned());
        }
        let silent: Vec<String> = others
            .iter()
            .filter(|s| !self.view.serves(s))
            .map(|s| format!("server {} at {}", s.id, s.address))
            .collect();
        match others.len() - silent.len() > others.len() / 2 {
            true => Ok(()),
            false => Err(format!("without a quorum of {}", silent.join(", "))),
        }
    }

    /// Whether the group's list is from before it began to terminate this instance. The notice is read
    /// at each look, the list is not; a replacement is launched at the same time.
    fn predates_notice(&self) -> bool {
        let listed = self.view.instance().map(|instance| instance.lifecycle);
        let is_told = notice(self.view) == Some(Notice::Group);
        is_told && self.fleet.desired.is_some() && listed != Some(Lifecycle::Terminating)
    }

    /// Whether a voter is missing when this server is gone.
    fn opens_a_seat(&self) -> bool {
        let wanted = self.view.policy.wanted_voters(self.fleet.desired);
        self.votes() && self.config.voter_count() <= wanted
    }

    /// An observer or a newcomer that may take the place.
    fn successor(&self) -> Option<InstanceId> {
        let has_no_vote = |address| !self.config.voters().any(|s| s.is_at(address));
        let mut others = self
            .fleet
            .instances
            .iter()
            .filter(|(_, i)| i.is_staying() && i.address.is_some_and(has_no_vote));
        others.next().map(|(id, _)| id.clone())
    }
}
