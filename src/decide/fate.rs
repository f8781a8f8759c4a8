//! What has become of an instance: three values, because most answers prove nothing.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::view::View;
use crate::model::claim::{Claim, Milestone, Owner, Register, Slot};
use crate::model::ensemble::Ensemble;
use crate::model::fleet::InstanceState;
use crate::model::id::{InstanceId, ServerId};
use crate::model::server::Server;

/// The fate of an instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// EC2 lists it as pending or running.
    Alive,
    /// It is gone for good.
    Terminated(Proof),
    /// Anything else: stopped, shutting down, not found, not asked, no answer.
    Unknown,
}

/// Why an instance is known to be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Proof {
    /// EC2 says `terminated`, which is final.
    State,
    /// Recorded long ago, asked for by its id, and not found in an answer that lists the asker:
    /// EC2 forgets a terminated instance after about an hour.
    Forgotten,
}

/// The fate of the owner of a claim that was created at `recorded`.
pub fn of_instance(view: View, id: &InstanceId, recorded: Timestamp) -> Fate {
    let (Ok(fleet), Some(at)) = (view.fleet(), view.snapshot.fleet.at()) else {
        return Fate::Unknown;
    };
    match fleet.instances.get(id).map(|instance| instance.state) {
        Some(InstanceState::Terminated) => Fate::Terminated(Proof::State),
        Some(InstanceState::Pending | InstanceState::Running) => Fate::Alive,
        Some(_) => Fate::Unknown,
        None if fleet.asked.contains(id) && is_past(recorded, at, view) => {
            Fate::Terminated(Proof::Forgotten)
        }
        None => Fate::Unknown,
    }
}

fn is_past(recorded: Timestamp, at: Timestamp, view: View) -> bool {
    let limit = SignedDuration::try_from(view.policy.absence_proof).unwrap_or(SignedDuration::MAX);
    at.duration_since(recorded) > limit
}

/// The fate of the owner of a claim; an ownerless claim tells nothing.
pub fn of_owner(view: View, claim: &Claim) -> Fate {
    match &claim.owner {
        Some(owner) => of_instance(view, &owner.instance, claim.created),
        None => Fate::Unknown,
    }
}

/// The claim on a member's id whose valid record names the member's address. An old config may list
/// an id that was claimed anew since, elsewhere: id and address together name one instance for ever.
fn claim_of<'a>(register: &'a Register, member: &Server) -> Option<(&'a Claim, &'a Owner)> {
    let mut claims = register.of(Slot::Server(member.id)).rev();
    claims.find_map(|(_, claim)| {
        let owner = claim.valid_owner()?;
        member.is_at(owner.address).then_some((claim, owner))
    })
}

/// The member of `ensemble` that is this instance's server. (Another's, long gone, may have had this
/// very address.)
pub fn own_member<'a>(view: View, ensemble: &'a Ensemble) -> Option<&'a Server> {
    let member = ensemble.at(view.address())?;
    let runs = view.snapshot.server.serving().is_some() && view.disk.myid == Some(member.id);
    let register = view.register().ok()?;
    let claimed = claim_of(register, member);
    let mine = claimed.is_some_and(|(_, owner)| owner.instance == view.me.instance);
    (runs || mine).then_some(member)
}

/// Who claimed a member's id at its address.
pub fn owner_of<'a>(view: View<'a>, member: &Server) -> Option<&'a Owner> {
    let (_, owner) = claim_of(view.register().ok()?, member)?;
    Some(owner)
}

/// Whether a member's termination is proven: whoever claimed the id at its address is gone.
pub fn is_terminated(view: View, member: &Server) -> bool {
    terminated(view, member).is_some()
}

fn terminated<'a>(view: View<'a>, member: &Server) -> Option<&'a InstanceId> {
    let (claim, owner) = claim_of(view.register().ok()?, member)?;
    let terminated = matches!(of_owner(view, claim), Fate::Terminated(_));
    terminated.then_some(&owner.instance)
}

/// The instance of a member that EC2 was asked for by its id and does not list, although it was
/// recorded too lately for that to prove anything; and when it will.
pub fn unlisted<'a>(view: View<'a>, member: &Server) -> Option<(&'a InstanceId, Timestamp)> {
    let (claim, owner) = claim_of(view.register().ok()?, member)?;
    let fleet = view.fleet().ok()?;
    let instance = &owner.instance;
    let absent = fleet.asked.contains(instance) && !fleet.instances.contains_key(instance);
    let until = claim.created.checked_add(view.policy.absence_proof).ok()?;
    absent.then_some((instance, until))
}

/// A server, its instance, and what EC2 says of it.
pub fn told(view: View, owner: &Owner) -> String {
    let (id, instance) = (owner.server, &owner.instance);
    let fleet = view.fleet().ok();
    let found = fleet.and_then(|fleet| fleet.instances.get(instance));
    let state = found.map_or("not known to EC2".to_owned(), |i| i.state.to_string());
    format!("server {id} on {instance} ({state})")
}

/// The members of `ensemble` whose termination is proven, with their instances.
pub fn terminated_members(view: View, ensemble: &Ensemble) -> Vec<(ServerId, InstanceId)> {
    let members = ensemble.servers.values();
    let gone = members.filter_map(|m| Some((m.id, terminated(view, m)?.clone())));
    gone.collect()
}

/// The members of `ensemble` whose own instances have noted that they are leaving.
pub fn leaving_members(view: View, ensemble: &Ensemble) -> BTreeSet<ServerId> {
    let Ok(register) = view.register() else {
        return BTreeSet::new();
    };
    let members = ensemble.servers.values().filter(|member| {
        let claim = claim_of(register, member);
        claim.is_some_and(|(claim, _)| claim.has_noted(Milestone::Leaving))
    });
    members.map(|member| member.id).collect()
}
