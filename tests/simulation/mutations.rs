//! Planted defects: the simulation is worth what it catches.

use jiff::ToSpan;
use zk_bootstrap::model::claim::Slot;
use zk_bootstrap::model::disk::Stuck;
use zk_bootstrap::model::fleet::InstanceState;
use zk_bootstrap::model::id::InstanceId;
use zk_bootstrap::model::policy::{Policy, Recovery};
use zk_bootstrap::model::probe::{Mode, Probe, Serving};
use zk_bootstrap::model::snapshot::{Answer, Service, Snapshot};

use super::histories::live;
use super::settling::End;

/// A defect of the agent: of what it believes, or of what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    /// Takes the stream that it wanted for its own, whoever created it.
    TrustsItsOwnClaim,
    /// Takes every instance that does not run for terminated.
    TakesUnknownForTerminated,
    /// Takes the marker for its own, whoever made it.
    FoundsRegardless,
    /// Takes a server that is still on its way for a synced one.
    AddsBeforeSync,
    /// Creates `initialize` at every start.
    EmptyDisksVote,
    /// Moves no data aside.
    KeepsForeignData,
    /// Starts servers without a note in the journal.
    SkipsTheJournal,
    /// Cannot read whose data it has.
    ForgetsWhoseDataItIs,
    /// Does not write `myid`.
    LosesItsMyId,
    /// Believes that every other survivor says the same and has stopped.
    WithdrawsUnheard,
    /// Believes that nobody has seen more than itself.
    LeadsWithoutTheBestHistory,
    /// Does not see that its server was withdrawn.
    StartsWhileWithdrawn,
    /// Believes that its data is a part of whatever it joins.
    KeepsWhatIsNoPart,
    /// Lets the group go on with its instance instead of asking it to wait.
    GoesUnheard,
    /// Lets the group take its instance into service instead of asking it to wait.
    ComesAtOnce,
    /// Takes manual recovery for automatic.
    AsksNobody,
    /// Believes that its server has been stuck for an hour, whatever it answers.
    RestartsTheServing,
    /// Publishes beside whichever server, late, and whatever is published by then.
    PublishesRegardless,
    /// Believes that there is a seat for everybody.
    IgnoresSeats,
    /// Believes that its own zone is another one than any other's.
    MistakesItsZone,
}

fn value<T>(answer: &mut Answer<T>) -> Option<&mut T> {
    match answer {
        Answer::Known { value, .. } => Some(value),
        Answer::Unknown { .. } => None,
    }
}

impl Mutation {
    /// What an agent with this defect takes the settings for.
    pub fn misread(mutation: Option<Mutation>, mut policy: Policy) -> Policy {
        if mutation == Some(Mutation::AsksNobody) {
            policy.recovery = Recovery::Auto;
        }
        policy
    }

    /// What a defective agent believes to see.
    pub fn distort(self, snapshot: &mut Snapshot) {
        match self {
            Mutation::TrustsItsOwnClaim => trust_own_claims(snapshot),
            Mutation::TakesUnknownForTerminated => {
                let instances = value(&mut snapshot.fleet).into_iter();
                for instance in instances.flat_map(|fleet| fleet.instances.values_mut()) {
                    let runs = [InstanceState::Pending, InstanceState::Running];
                    if !runs.contains(&instance.state) {
                        instance.state = InstanceState::Terminated;
                    }
                }
            }
            Mutation::ForgetsWhoseDataItIs => {
                let disk = value(&mut snapshot.disk).into_iter();
                disk.for_each(|disk| disk.identity = None);
            }
            Mutation::FoundsRegardless => take_the_marker(snapshot),
            Mutation::AddsBeforeSync => pretend_to_serve(snapshot),
            Mutation::WithdrawsUnheard => hear_the_others(snapshot),
            Mutation::LeadsWithoutTheBestHistory => see_no_better_history(snapshot),
            Mutation::StartsWhileWithdrawn => {
                let disk = value(&mut snapshot.disk).into_iter();
                let identities = disk.filter_map(|disk| disk.identity.as_mut());
                identities.for_each(|identity| identity.withdrawn = false);
            }
            Mutation::RestartsTheServing => despair(snapshot),
            Mutation::PublishesRegardless => take_the_lead(snapshot),
            Mutation::IgnoresSeats => {
                let fleet = value(&mut snapshot.fleet).into_iter();
                fleet.for_each(|fleet| fleet.desired = None);
            }
            Mutation::MistakesItsZone => move_house(snapshot),
            Mutation::KeepsWhatIsNoPart => take_all_for_a_part(snapshot),
            Mutation::EmptyDisksVote
            | Mutation::KeepsForeignData
            | Mutation::SkipsTheJournal
            | Mutation::GoesUnheard
            | Mutation::ComesAtOnce
            | Mutation::AsksNobody
            | Mutation::LosesItsMyId => {}
        }
    }
}

fn myself(snapshot: &Snapshot) -> Option<InstanceId> {
    snapshot.me.known().map(|me| me.instance.clone())
}

fn trust_own_claims(snapshot: &mut Snapshot) {
    let (Some(me), Some(register)) = (myself(snapshot), value(&mut snapshot.register)) else {
        return;
    };
    for name in &snapshot.claiming {
        let claim = register.claims.get_mut(name);
        if let Some(owner) = claim.and_then(|claim| claim.owner.as_mut()) {
            owner.instance = me.clone();
        }
    }
}

fn take_the_marker(snapshot: &mut Snapshot) {
    let (Some(me), Some(register)) = (myself(snapshot), value(&mut snapshot.register)) else {
        return;
    };
    let claims = register.claims.iter();
    let held = claims.filter(|(_, c)| c.owner.as_ref().is_some_and(|o| o.instance == me));
    let mine = held.filter_map(|(_, claim)| claim.owner.clone()).next();
    for (name, claim) in &mut register.claims {
        if name.slot == Slot::Ensemble && mine.is_some() {
            claim.owner = mine.clone();
            claim.journal.clear();
        }
    }
}

/// The testimonies of others become copies of one's own.
fn hear_the_others(snapshot: &mut Snapshot) {
    let (Some(me), Some(register)) = (myself(snapshot), value(&mut snapshot.register)) else {
        return;
    };
    let said = register.claims.values().find_map(|claim| {
        let owner = claim.owner.as_ref()?;
        claim.testimony.clone().filter(|_| owner.instance == me)
    });
    for claim in register.claims.values_mut() {
        let others = claim.owner.as_ref().is_some_and(|o| o.instance != me);
        if others && said.is_some() {
            claim.testimony = said.clone();
        }
    }
}

fn see_no_better_history(snapshot: &mut Snapshot) {
    let (Some(me), Some(register)) = (myself(snapshot), value(&mut snapshot.register)) else {
        return;
    };
    for claim in register.claims.values_mut() {
        let others = claim.owner.as_ref().is_some_and(|o| o.instance != me);
        if let Some(testimony) = claim.testimony.as_mut().filter(|_| others) {
            testimony.history = None;
        }
    }
}

fn take_all_for_a_part(snapshot: &mut Snapshot) {
    let mine = snapshot.disk.known().and_then(|disk| disk.history);
    let (Some(me), Some(register)) = (myself(snapshot), value(&mut snapshot.register)) else {
        return;
    };
    for claim in register.claims.values_mut() {
        let others = claim.owner.as_ref().is_some_and(|o| o.instance != me);
        if let Some(testimony) = claim.testimony.as_mut().filter(|t| others && t.withdrawn) {
            testimony.history = mine;
        }
    }
}

fn pretend_to_serve(snapshot: &mut Snapshot) {
    let told = snapshot.peers.values().find_map(Probe::serving).cloned();
    let runs = snapshot.service.known() == Some(&Service::Running);
    if let Some(serving) = told.filter(|_| runs && snapshot.server.serving().is_none()) {
        snapshot.server = Probe::Serving(Serving {
            mode: Mode::Follower,
            synced: Some(true),
            ..serving
        });
    }
}

/// Nothing is published, and it leads.
fn take_the_lead(snapshot: &mut Snapshot) {
    if let Probe::Serving(serving) = &mut snapshot.server {
        serving.mode = Mode::Leader;
        let at = snapshot.at;
        snapshot.names = Answer::Known { at, value: None };
    }
}

fn despair(snapshot: &mut Snapshot) {
    let since = snapshot.at - 1.hour();
    snapshot.server = Probe::NotServing;
    snapshot.running_since = Some(since);
    let disk = value(&mut snapshot.disk).into_iter();
    disk.for_each(|disk| disk.stuck = Some(Stuck { since, restarts: 0 }));
}

fn move_house(snapshot: &mut Snapshot) {
    let Some(me) = value(&mut snapshot.me) else {
        return;
    };
    me.zone = "eu-west-1z".to_owned();
    let (me, register) = (me.clone(), value(&mut snapshot.register));
    let claims = register.into_iter().flat_map(|r| r.claims.values_mut());
    for owner in claims.filter_map(|claim| claim.owner.as_mut()) {
        if owner.instance == me.instance {
            owner.zone.clone_from(&me.zone);
        }
    }
}

/// The seeds within which each planted defect must be found.
const SEEDS: u64 = 60;

#[track_caller]
fn is_caught(mutation: Mutation, symptom: &str) {
    for seed in 0..SEEDS {
        let end = live(seed, Some(mutation), false).1;
        let (End::Broken(what) | End::Restless(what)) = end else {
            continue;
        };
        if what.contains(symptom) {
            println!("{mutation:?} is caught by seed {seed}: {what}");
            return;
        }
    }
    panic!("{mutation:?} is not caught as {symptom:?} within {SEEDS} seeds");
}

#[test]
fn who_trusts_its_own_claim_is_caught() {
    is_caught(Mutation::TrustsItsOwnClaim, "founds a second ensemble");
}

#[test]
fn who_takes_unknown_for_terminated_is_caught() {
    is_caught(
        Mutation::TakesUnknownForTerminated,
        "neither terminated nor leaving",
    );
}

#[test]
fn who_founds_regardless_is_caught() {
    is_caught(Mutation::FoundsRegardless, "founds a second ensemble");
}

#[test]
fn who_adds_before_sync_is_caught() {
    is_caught(Mutation::AddsBeforeSync, "has not synced");
}

#[test]
fn who_lets_empty_disks_vote_is_caught() {
    is_caught(Mutation::EmptyDisksVote, "serves an empty database");
}

#[test]
fn who_skips_the_journal_is_caught() {
    is_caught(Mutation::SkipsTheJournal, "founds a second ensemble");
}

#[test]
fn who_forgets_whose_data_it_has_is_caught() {
    is_caught(Mutation::ForgetsWhoseDataItIs, "is moved aside");
}

#[test]
fn who_withdraws_without_hearing_the_others_is_caught() {
    is_caught(Mutation::WithdrawsUnheard, "is not withdrawn");
}

#[test]
fn who_restarts_a_serving_server_is_caught() {
    is_caught(Mutation::RestartsTheServing, "which serves, is stopped");
}

#[test]
fn who_goes_while_it_is_needed_is_caught() {
    is_caught(Mutation::GoesUnheard, "the quorum with it");
}

#[test]
fn who_comes_at_once_is_caught() {
    is_caught(Mutation::ComesAtOnce, "its server does not serve");
}

#[test]
fn who_asks_nobody_is_caught() {
    is_caught(Mutation::AsksNobody, "without an operator's leave");
}

#[test]
fn who_publishes_regardless_is_caught() {
    is_caught(Mutation::PublishesRegardless, "names go back");
}

#[test]
fn who_loses_its_myid_is_caught() {
    is_caught(Mutation::LosesItsMyId, "joining the ensemble");
}

#[test]
fn who_ignores_the_seats_is_caught() {
    is_caught(Mutation::IgnoresSeats, "voters are wanted");
}

#[test]
fn who_mistakes_its_zone_is_caught() {
    is_caught(Mutation::MistakesItsZone, "neither terminated nor leaving");
}
