//! What no plan may ever do, stated independently of the planner.

use std::collections::BTreeSet;
use std::fmt;

use jiff::SignedDuration;

use super::fate::{self, Fate};
use super::identity::{Standing, standing};
use super::succession;
use super::view::View;
use crate::model::claim::{Claim, Milestone, Slot};
use crate::model::ensemble::Ensemble;
use crate::model::id::ServerId;
use crate::model::plan::{Action, Plan};
use crate::model::policy::Policy;
use crate::model::server::{Role, Server};
use crate::model::snapshot::{Service, Snapshot};

/// A rule that a plan breaks. A violating plan is a defect of the planner and is not executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The action, as printed.
    pub action: String,
    /// The rule.
    pub rule: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" breaks the rule: {}", self.action, self.rule)
    }
}

const BLIND: &str = "nothing is done without knowing oneself, the disk and the process";
const PROOF: &str = "a member is removed only when its termination is proven";
const VERSION: &str = "membership changes only from the version that was seen";
const QUORUM: &str = "the living voters keep a quorum, before and after";
const FLOOR: &str = "the ensemble does not shrink below the floor";
const SYNCED: &str = "a server is added only when it has synced";
const EMPTY: &str =
    "an empty database is allowed only to the founder, alone, before it ever served";
const HELD: &str = "an id is used only while this instance holds it";
const CLAIM: &str = "a claim is made only where the slot is vacant";
const PAIR: &str = "an id is never held by two instances at the same address";
const SECOND: &str = "no ensemble is founded while a peer serves or data is at hand";
const TURN: &str = "a generation is claimed only when nobody is about to begin the one before";
const DOWN: &str = "files are written and data is moved only while the server is down";
const SERVING: &str = "a serving voter is not stopped";
const NEEDED: &str = "a voter is not stopped while others serve who could not without it";
const STUCK: &str = "a server that serves is not stuck";
const TIME: &str = "a server is restarted only when it had its time, as it was noted";
const SPARED: &str =
    "an instance is given up only while others serve with a quorum, and its server does not";
const SPOKEN: &str = "a server is withdrawn only when every survivor says that the quorum is lost";
const SWORN: &str = "who has withdrawn with data stands by its testimony";
const ALONE: &str = "data is served alone only by who begins a generation";
const LINEAGE: &str = "data of another lineage is not joined with";

/// Every rule that the plan breaks.
pub fn violations(snapshot: &Snapshot, policy: &Policy, plan: &Plan) -> Vec<Violation> {
    if plan.actions.is_empty() {
        return Vec::new();
    }
    let Ok(view) = View::new(snapshot, policy) else {
        return plan.actions.iter().map(|a| broken(a, BLIND)).collect();
    };
    let judged = plan.actions.iter().enumerate();
    judged
        .flat_map(|(n, action)| judge(view, plan, n, action))
        .collect()
}

fn broken(action: &Action, rule: &'static str) -> Violation {
    Violation {
        action: action.to_string(),
        rule,
    }
}

fn judge(view: View, plan: &Plan, n: usize, action: &Action) -> Vec<Violation> {
    let before = &plan.actions[..n];
    let rules: Vec<(bool, &'static str)> = match action {
        Action::CreateLogGroup
        | Action::Tag { .. }
        | Action::AwaitCommit
        | Action::CompleteHook { .. }
        | Action::Heartbeat { .. }
        | Action::Protect { .. } => Vec::new(),
        Action::ReportUnhealthy { .. } => vec![(others_suffice(view), SPARED)],
        Action::NoteStuck { stuck } => vec![(
            stuck.is_none() || view.snapshot.server.serving().is_none(),
            STUCK,
        )],
        Action::StopServer => vec![
            (!is_serving_voter(view), SERVING),
            (!holds_up_others(view), NEEDED),
            (!is_restart(before) || had_its_time(view), TIME),
        ],
        Action::Claim { claim, .. } => vec![
            (is_vacant(view, claim.slot, claim.term), CLAIM),
            (is_new_at_this_address(view, claim.slot), PAIR),
            (
                claim.slot != Slot::Ensemble || nothing_lives(view) || succession::is_lawful(view),
                SECOND,
            ),
            (
                claim.slot != Slot::Ensemble || succession::nobody_is_about_to_begin(view),
                TURN,
            ),
        ],
        Action::Journal { claim, .. } => vec![(holds(view, *claim), HELD)],
        Action::Testify { claim, testimony } => vec![
            (holds(view, *claim), HELD),
            (!testimony.withdrawn || is_down(view, before), DOWN),
        ],
        Action::TakeBack { claim } => vec![(holds(view, *claim), HELD), (!has_sworn(view), SWORN)],
        Action::WriteMyId { server } => vec![
            (is_down(view, before), DOWN),
            (holds_id(view, *server), HELD),
        ],
        Action::WriteIdentity { identity } => {
            let spoken = identity.withdrawn && succession::all_have_spoken(view);
            let newest = view.register().ok().and_then(succession::newest(view));
            let relabels = is_serving_voter(view) && newest == Some(identity.lineage.generation);
            vec![
                (
                    is_down(view, before) || identity.withdrawn || relabels,
                    DOWN,
                ),
                (!identity.withdrawn || spoken, SPOKEN),
                (holds_id(view, identity.server), HELD),
            ]
        }
        Action::WriteMembership { ensemble } => vec![
            (is_down(view, before), DOWN),
            (
                !is_alone(view, ensemble, before) || succession::begins(view),
                ALONE,
            ),
        ],
        Action::WriteZooCfg | Action::MoveDataAside { .. } => {
            vec![(is_down(view, before), DOWN)]
        }
        Action::AllowEmptyDatabase => vec![
            (is_unborn_founder(view, before), EMPTY),
            (nothing_lives(view), SECOND),
        ],
        Action::StartServer => vec![
            (is_own_data(view, before), LINEAGE),
            (
                !has_leave(view, before) || is_unborn_founder(view, before),
                EMPTY,
            ),
        ],
        Action::AddServer {
            server,
            remove,
            expected,
        } => {
            let removed = remove.iter().copied().collect();
            let mut rules = change(view, &removed, *expected, 1);
            rules.push((
                holds_id(view, server.id) && server.is_at(view.address()),
                HELD,
            ));
            rules.push((
                view.snapshot.server.serving().and_then(|s| s.synced) == Some(true),
                SYNCED,
            ));
            rules
        }
        Action::RemoveServers { servers, expected } => change(view, servers, *expected, 0),
    };
    let broken_rules = rules.into_iter().filter(|(kept, _)| !kept);
    broken_rules.map(|(_, rule)| broken(action, rule)).collect()
}

/// The rules of every change of membership.
fn change(
    view: View,
    removed: &BTreeSet<ServerId>,
    expected: crate::model::id::ConfigVersion,
    added: usize,
) -> Vec<(bool, &'static str)> {
    let Some(seen) = view.committed_here() else {
        return vec![(false, VERSION)];
    };
    let dead: BTreeSet<ServerId> = fate::terminated_members(view, seen)
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let voters: BTreeSet<ServerId> = seen.voters().map(|s| s.id).collect();
    let living = voters.difference(&dead).count();
    let remaining: BTreeSet<ServerId> = voters.difference(removed).copied().collect();
    let after = remaining.len() + added;
    let living_after = remaining.difference(&dead).count() + added;
    let shrinks = after < voters.len();
    vec![
        (expected == seen.version, VERSION),
        (removed.is_subset(&dead), PROOF),
        (living >= seen.quorum() && living_after > after / 2, QUORUM),
        (!shrinks || after >= view.policy.floor, FLOOR),
    ]
}

fn is_vacant(view: View, slot: Slot, term: u32) -> bool {
    let Ok(register) = view.register() else {
        return false;
    };
    match register.newest(slot) {
        None => term == 1,
        Some((name, _)) if name.next().term != term => false,
        // Who may succeed the marker is the founding rules' business; a server id must be free.
        Some((_, claim)) => slot == Slot::Ensemble || standing(view, claim) == Standing::Vacant,
    }
}

/// The proof that a member is gone rests on it: its id and address lead to one owner alone.
fn is_new_at_this_address(view: View, slot: Slot) -> bool {
    let claims = view.register().into_iter().flat_map(|r| r.of(slot));
    let mut owners = claims.filter_map(|(_, claim)| claim.owner.as_ref());
    slot == Slot::Ensemble || owners.all(|owner| owner.address != view.address())
}

/// Whether no copy of anything is known: nobody serves, and of those who ever joined or founded
/// all are terminated, or have testified that their disk is empty.
fn nothing_lives(view: View) -> bool {
    let Ok(register) = view.register() else {
        return false;
    };
    let mut members = register.claims.iter().filter(|(name, c)| {
        let mine = c.owner.as_ref().map(|o| &o.instance) == Some(&view.me.instance);
        let unused = mine && view.disk.initialize;
        let founded = name.slot == Slot::Ensemble && !c.journal.is_empty() && !unused;
        founded || c.journal.contains_key(&Milestone::Joined)
    });
    let says_empty = |owner: &Claim| {
        let instance = owner.owner.as_ref().map(|o| &o.instance);
        let mut same = register.claims.values().filter_map(|c| {
            let same = c.owner.as_ref().map(|o| &o.instance) == instance;
            c.testimony.as_ref().filter(|_| same)
        });
        same.any(|t| t.withdrawn && t.history.is_none() && succession::is_recent(view, t))
    };
    let gone = members.all(|(_, claim)| {
        let empty = says_empty(claim);
        let owner = claim.owner.as_ref().map(|o| &o.instance);
        // Its oldest claim proves most, when EC2 has forgotten it.
        let mut same = register.claims.values();
        let terminated = same.any(|c| {
            let gone = matches!(fate::of_owner(view, c), Fate::Terminated(_));
            gone && c.owner.as_ref().map(|o| &o.instance) == owner
        });
        empty || terminated
    });
    gone && !view.anybody_serves() && !view.disk.data && view.fleet().is_ok()
}

fn is_serving_voter(view: View) -> bool {
    let here = view
        .committed_here()
        .and_then(|config| config.at(view.address()));
    here.is_some_and(|server| server.role == Role::Participant)
}

/// The voters of the newest config that others tell which serve, this one left out: all of them, and
/// whether this one is a voter.
fn serving_others<'a>(view: View<'a>) -> Option<(&'a Ensemble, usize, bool)> {
    let config = view.committed_by_peers()?;
    let fleet = view.fleet().ok()?;
    let serves = |address: &str| {
        view.snapshot.peers.iter().any(|(instance, probe)| {
            let at = fleet.instances.get(instance).and_then(|i| i.address);
            probe.serving().is_some() && at.is_some_and(|at| at.to_string() == address)
        })
    };
    let mine = |s: &&Server| s.is_at(view.address());
    let count = config.voters().filter(|s| !mine(s) && serves(&s.address));
    Some((config, count.count(), config.voters().any(|s| mine(&s))))
}

fn others_suffice(view: View) -> bool {
    let enough = serving_others(view).is_some_and(|(config, n, _)| n >= config.quorum());
    enough && view.snapshot.server.serving().is_none()
}

/// Whether others serve who have no quorum without this voter.
fn holds_up_others(view: View) -> bool {
    serving_others(view).is_some_and(|(config, n, votes)| votes && n < config.quorum())
}

fn is_restart(before: &[Action]) -> bool {
    let noted = |action: &Action| matches!(action, Action::NoteStuck { stuck: Some(_) });
    before.iter().any(noted)
}

/// Whether the server runs for long, and is known not to serve for as long.
fn had_its_time(view: View) -> bool {
    let Ok(patience) = SignedDuration::try_from(view.policy.restart_after) else {
        return false;
    };
    let noted = view.disk.stuck.map(|stuck| stuck.since);
    let times = [view.snapshot.running_since, noted];
    let mut ages = times
        .map(|t| t.map(|t| view.snapshot.at.duration_since(t)))
        .into_iter();
    ages.all(|age| age.is_some_and(|age| age >= patience))
}

fn has_sworn(view: View) -> bool {
    view.disk.data && view.disk.identity.as_ref().is_some_and(|i| i.withdrawn)
}

/// Whether this would make a server with data the only voter.
fn is_alone(view: View, ensemble: &Ensemble, before: &[Action]) -> bool {
    let data = view.disk.data && !has_moved(before);
    data && ensemble.voters().all(|s| s.is_at(view.address()))
}

fn has_moved(before: &[Action]) -> bool {
    let mut before = before.iter();
    before.any(|action| matches!(action, Action::MoveDataAside { .. }))
}

fn holds(view: View, claim: crate::model::claim::ClaimName) -> bool {
    let Ok(register) = view.register() else {
        return false;
    };
    register.newest(claim.slot).is_some_and(|(name, newest)| {
        let standing = standing(view, newest);
        let mine = matches!(standing, Standing::Held(owner) if owner.instance == view.me.instance);
        name == claim && mine
    })
}

fn holds_id(view: View, id: ServerId) -> bool {
    let Ok(register) = view.register() else {
        return false;
    };
    register
        .newest(Slot::Server(id))
        .is_some_and(|(name, _)| holds(view, name))
}

fn is_down(view: View, before: &[Action]) -> bool {
    view.service == Service::Stopped || before.contains(&Action::StopServer)
}

/// Whether a server that starts would serve an empty database.
fn has_leave(view: View, before: &[Action]) -> bool {
    let left = view.disk.initialize && !has_moved(before);
    !view.disk.data && (left || before.contains(&Action::AllowEmptyDatabase))
}

/// The founder by its marker, with no data, that was either never started or never used its leave.
fn is_unborn_founder(view: View, before: &[Action]) -> bool {
    let Ok(register) = view.register() else {
        return false;
    };
    let Some((name, marker)) = register.newest(Slot::Ensemble) else {
        return false;
    };
    let unborn = marker.journal.is_empty() || view.disk.initialize;
    let written = before.iter().rev().find_map(|action| match action {
        Action::WriteMembership { ensemble } => Some(ensemble),
        _ => None,
    });
    let alone = written.or(view.disk.dynamic.as_ref()).is_some_and(|e| {
        e.servers.len() == 1 && e.servers.values().all(|s| s.is_at(view.address()))
    });
    holds(view, name) && unborn && alone && !view.disk.data && is_down(view, before)
}

/// Data that is used is this instance's own, of the newest lineage as far as it can be seen.
fn is_own_data(view: View, before: &[Action]) -> bool {
    if !view.disk.data || has_moved(before) {
        return true;
    }
    let Some(identity) = &view.disk.identity else {
        return false;
    };
    let relabelled = before.iter().rev().find_map(|action| match action {
        Action::WriteIdentity { identity } => Some(identity),
        _ => None,
    });
    let newest = view.register().ok().and_then(succession::newest(view));
    let same = match (newest, relabelled) {
        (Some(newest), Some(new)) if new.lineage.generation != identity.lineage.generation => {
            new.lineage.generation == newest
                && (succession::begins(view) || succession::is_part(view))
        }
        // A list that is old may still lack the newest marker.
        (Some(newest), _) => newest <= identity.lineage.generation,
        (None, _) => true,
    };
    let same = same && (!identity.withdrawn || relabelled.is_some());
    let gone = matches!(
        fate::of_instance(view, &identity.instance, view.snapshot.at),
        Fate::Terminated(_)
    );
    identity.instance == view.me.instance && same && !gone
}
