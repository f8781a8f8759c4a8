//! How the membership may change, and when an instance may come and go.

use std::collections::BTreeSet;

use super::{Rules, claims, seats};
use crate::decide::view::View;
use crate::decide::{fate, leave};
use crate::model::claim::Milestone;
use crate::model::fleet::Transition;
use crate::model::id::{ConfigVersion, ServerId};
use crate::model::plan::Action;
use crate::model::server::{Role, Server};

const PROOF: &str = "a member is removed only when its termination is proven, when it leaves by \
                     itself, or when its zone holds a majority";
const SEAT: &str = "a voter is added only where one is wanted, or in another's place";
const VERSION: &str = "membership changes only from the version that was seen";
const QUORUM: &str = "the living voters keep a quorum, before and after";
const FLOOR: &str = "the ensemble does not shrink below the floor";
const SYNCED: &str = "a server is added only when it has synced";
const SERVES: &str = "an instance goes into service only as a serving member";
const GOES: &str =
    "the group may terminate an instance only when its server is out, or was kept for long enough";
const SPARED: &str = "an instance gives itself up only where the others are a quorum without it";

pub fn rules(view: View, action: &Action) -> Rules {
    match action {
        Action::AddServer {
            server,
            remove,
            expected,
        } => {
            let removed = remove.iter().copied().collect();
            let mine = claims::holds_id(view, server.id) && server.is_at(view.address());
            let synced = view.snapshot.server.serving().and_then(|s| s.synced) == Some(true);
            let mut rules = change(view, &removed, *expected, Some(server));
            rules.extend([(mine, claims::HELD), (synced, SYNCED)]);
            rules
        }
        Action::RemoveServers { servers, expected } => change(view, servers, *expected, None),
        Action::CompleteHook { transition, .. } => match transition {
            Transition::Launching => vec![(is_member(view) && serves(view), SERVES)],
            Transition::Terminating => vec![(!is_member(view) || patience_is_over(view), GOES)],
        },
        Action::ReportUnhealthy { .. } => vec![(others_suffice(view), SPARED)],
        _ => Vec::new(),
    }
}

/// Whether the newest config that any server tells lists this instance.
fn is_member(view: View) -> bool {
    let newest = view.committed();
    newest.is_some_and(|config| fate::own_member(view, config).is_some())
}

fn serves(view: View) -> bool {
    view.snapshot.server.serving().is_some()
}

/// Whether this instance's leaving was noted long enough ago.
fn patience_is_over(view: View) -> bool {
    let Ok(register) = view.register() else {
        return false;
    };
    let mut mine = register.of_instance(&view.me.instance);
    mine.any(|(_, claim)| claim.has_noted(Milestone::Left) || leave::left(view, claim).is_zero())
}

/// Whether the other voters that serve are a quorum.
fn others_suffice(view: View) -> bool {
    let Some(config) = view.committed_by_peers() else {
        return false;
    };
    let others = config.voters().filter(|s| !s.is_at(view.address()));
    others.filter(|s| view.serves(s)).count() >= config.quorum()
}

/// The rules of every change of membership.
fn change(
    view: View,
    removed: &BTreeSet<ServerId>,
    expected: ConfigVersion,
    added: Option<&Server>,
) -> Rules {
    let Some(seen) = view.committed_here() else {
        return vec![(false, VERSION)];
    };
    let dead: BTreeSet<ServerId> = fate::terminated_members(view, seen)
        .into_iter()
        .map(|(id, _)| id)
        .collect();
    let voters: BTreeSet<ServerId> = seen.voters().map(|s| s.id).collect();
    let living = voters.difference(&dead).count();
    let mut remaining: BTreeSet<ServerId> = voters.difference(removed).copied().collect();
    // Who is listed anew has the role of its new line, whatever it was before.
    let renewed = added.map(|s| remaining.remove(&s.id));
    let votes = usize::from(added.is_some_and(|s| s.role == Role::Participant));
    let after = remaining.len() + votes;
    let living_after = remaining.difference(&dead).count() + votes;
    let demotes = renewed == Some(true) && votes == 0;
    let shrinks = after < voters.len();
    let wanted = view.fleet().map(|f| view.policy.wanted_voters(f.desired));
    let is_seat = after <= voters.len() || wanted.is_ok_and(|wanted| after <= wanted);
    let leaving = fate::leaving_members(view, seen);
    let me = seen.at(view.address()).map(|s| s.id);
    let goes = leave::notice(view).is_some();
    let alone = removed.iter().eq(me.iter());
    let may_go = |id: &ServerId| {
        let by_itself = alone && added.is_none() && (goes || seats::may_step_out(view, seen));
        let gives_way = || added.is_some_and(|s| seats::may_give_way(view, seen, *id, s));
        dead.contains(id) || leaving.contains(id) || by_itself || gives_way()
    };
    vec![
        (expected == seen.version, VERSION),
        (removed.iter().all(may_go) && !demotes, PROOF),
        (living >= seen.quorum() && living_after > after / 2, QUORUM),
        // A voter that is about to go is lost to the ensemble either way.
        (
            !shrinks || after >= view.policy.floor || (goes && alone),
            FLOOR,
        ),
        (is_seat, SEAT),
    ]
}
