//! Who votes: how many places there are among the voters, whose turn it is to take one, and who gives
//! one up.
//!
//! Every agent counts for itself and changes nothing but its own server's role: an observer that is
//! to vote takes itself out of the config, and is then added like any synced joiner; a voter that is
//! to observe does the same. The config's version decides between two who count differently.

use std::collections::BTreeSet;

use super::fate;
use super::view::View;
use crate::model::claim::Milestone;
use crate::model::ensemble::Ensemble;
use crate::model::fleet::Fleet;
use crate::model::id::{InstanceId, ServerId};
use crate::model::plan::Action;
use crate::model::probe::Mode;
use crate::model::server::{Role, Server};

/// Adds this server, which has synced: as a voter in an open seat, in that of a terminated voter at its
/// own address, or in that of a voter whose zone has too many; else as an observer. For a voter that
/// lives to give way, the others must have been asked in this very look: else they are to be. So they
/// are where a quorum is terminated by the config that this server told: it is not what is served.
pub fn add(view: View, fleet: &Fleet, id: ServerId, committed: &Ensemble) -> Option<Action> {
    let seats = Seats::of(view, fleet, committed);
    let (role, remove) = seats.place_of(id);
    let gives_way = remove.filter(|id| !seats.vacating.contains(id));
    let gone = committed
        .voters()
        .filter(|s| fate::is_terminated(view, s))
        .count();
    let lives = committed.voter_count() - gone >= committed.quorum();
    let known = lives && (gives_way.is_none() || view.peers_are_fresh());
    known.then(|| Action::AddServer {
        server: view.policy.server(id, view.address()).with_role(role),
        remove,
        expected: committed.version,
    })
}

/// The first step of a member to its other role: it takes itself out, and is a synced joiner then.
pub fn step_out(view: View, fleet: &Fleet, id: ServerId, committed: &Ensemble) -> Option<Action> {
    let seats = Seats::of(view, fleet, committed);
    let steps_out = match committed.get(id)?.role {
        Role::Observer => seats.turns().contains(&id) || seats.too_many_at(id).is_some(),
        Role::Participant => seats.surplus() == Some(id),
    };
    steps_out.then(|| Action::RemoveServers {
        servers: BTreeSet::from([id]),
        expected: committed.version,
    })
}

/// The instance whose turn it is to take a seat that is open, where this observer's is not.
pub fn preferred(
    view: View,
    fleet: &Fleet,
    id: ServerId,
    committed: &Ensemble,
) -> Option<InstanceId> {
    let observes = committed.get(id)?.role == Role::Observer;
    let seats = Seats::of(view, fleet, committed);
    let turns = seats.turns();
    let first = turns.first().filter(|_| observes && !turns.contains(&id))?;
    let candidate = seats.candidates.iter().find(|c| c.id == *first)?;
    Some(candidate.instance.clone())
}

/// A server that serves, and that has no vote.
struct Candidate<'a> {
    id: ServerId,
    instance: &'a InstanceId,
    zone: &'a str,
}

/// The places among the voters of a config.
struct Seats<'a> {
    view: View<'a>,
    fleet: &'a Fleet,
    committed: &'a Ensemble,
    /// How many there are to be.
    wanted: usize,
    /// The voters whose places are free: the terminated, and then those that note that they leave.
    vacating: Vec<ServerId>,
    /// The zone of each other voter.
    kept: Vec<&'a str>,
    candidates: Vec<Candidate<'a>>,
}

impl<'a> Seats<'a> {
    fn of(view: View<'a>, fleet: &'a Fleet, committed: &'a Ensemble) -> Self {
        let leaving = fate::leaving_members(view, committed);
        let is_gone = |s: &&Server| fate::is_terminated(view, s);
        let (gone, living): (Vec<_>, Vec<_>) = committed.voters().partition(is_gone);
        let (leaving, kept): (Vec<_>, Vec<_>) =
            living.into_iter().partition(|s| leaving.contains(&s.id));
        Seats {
            view,
            fleet,
            committed,
            wanted: view.policy.wanted_voters(fleet.desired),
            vacating: gone.iter().chain(&leaving).map(|s| s.id).collect(),
            kept: kept.into_iter().map(|s| zone_of(view, s)).collect(),
            candidates: candidates(view, fleet, committed),
        }
    }

    /// How many of the voters that stay are in a zone.
    fn in_zone(&self, zone: &str) -> usize {
        count(&self.kept, zone)
    }

    /// The candidates whose turn it is to take the open seats, in this order: of the zone with the
    /// fewest voters, and of equals the lowest id.
    fn turns(&self) -> Vec<ServerId> {
        let (mut kept, mut turns) = (self.kept.clone(), Vec::new());
        while kept.len() < self.wanted {
            let waiting = self.candidates.iter().filter(|c| !turns.contains(&c.id));
            let Some(next) = waiting.min_by_key(|c| (count(&kept, c.zone), c.id)) else {
                break;
            };
            kept.push(next.zone);
            turns.push(next.id);
        }
        turns
    }

    /// As what this server is added, and who goes in the same transaction.
    fn place_of(&self, id: ServerId) -> (Role, Option<ServerId>) {
        let own = self.committed.at(self.view.address());
        match own {
            Some(own) if own.id == id => return (own.role, None),
            Some(former) if fate::is_terminated(self.view, former) => {
                return (former.role, Some(former.id));
            }
            _ => {}
        }
        if self.turns().contains(&id) {
            return (Role::Participant, self.vacating.first().copied());
        }
        match self.too_many_at(id) {
            Some(voter) => (Role::Participant, Some(voter)),
            None => (Role::Observer, None),
        }
    }

    /// The voter that gives way to this server, so that its zone comes closer to holding no majority.
    /// Only of an ensemble in which all is well, and only for a server whose own zone would not hold
    /// one instead.
    fn too_many_at(&self, id: ServerId) -> Option<ServerId> {
        if self.kept.len() != self.wanted || !self.all_is_well() {
            return None;
        }
        let quorum = self.committed.quorum();
        let crowded = self.kept.iter().find(|z| self.in_zone(z) >= quorum)?;
        let helps = |c: &&Candidate| self.in_zone(c.zone) + 1 < quorum;
        let candidates = self.candidates.iter().filter(helps);
        let first = candidates.min_by_key(|c| (self.in_zone(c.zone), c.id))?;
        let voters = self.committed.voters().filter(|s| !self.leads(s));
        let there = voters.filter(|s| zone_of(self.view, s) == *crowded);
        let last = there.map(|s| s.id).max();
        last.filter(|_| first.id == id)
    }

    /// The voter that is one too many, if there is one, and no instance that is too many will take
    /// care of that.
    fn surplus(&self) -> Option<ServerId> {
        let least = self.wanted.max(self.view.policy.floor);
        let staying = self.fleet.instances.values().filter(|i| i.is_staying());
        let staying = staying.count();
        let desired = self
            .fleet
            .desired
            .map_or(staying, |desired| desired as usize);
        if self.kept.len() <= least || staying > desired || !self.all_is_well() {
            return None;
        }
        let voters = self.committed.voters().filter(|s| !self.leads(s));
        let last = voters.max_by_key(|s| (self.in_zone(zone_of(self.view, s)), s.id));
        last.map(|s| s.id)
    }

    /// Whether every voter serves and stays, on an instance that the group keeps.
    fn all_is_well(&self) -> bool {
        let is_kept = |voter: &Server| {
            let owner = fate::owner_of(self.view, voter)?;
            let instance = self.fleet.instances.get(&owner.instance)?;
            let here = instance.address.is_some_and(|at| voter.is_at(at));
            Some(here && instance.is_staying())
        };
        let mut voters = self.committed.voters();
        let well = voters.all(|s| self.view.serves(s) && is_kept(s) == Some(true));
        well && self.vacating.is_empty()
    }

    fn leads(&self, server: &Server) -> bool {
        let serving = self.view.serving(server);
        serving.is_some_and(|serving| serving.mode == Mode::Leader)
    }
}

fn count(zones: &[&str], zone: &str) -> usize {
    zones.iter().filter(|z| **z == zone).count()
}

/// The zone of a member's instance. Nobody claims to be in the nameless one.
fn zone_of<'a>(view: View<'a>, member: &Server) -> &'a str {
    fate::owner_of(view, member).map_or("", |owner| &owner.zone)
}

/// Those who could take a seat: this server, which asks, and every peer that serves without a vote, and
/// that stays.
fn candidates<'a>(view: View<'a>, fleet: &'a Fleet, committed: &Ensemble) -> Vec<Candidate<'a>> {
    let Ok(register) = view.register() else {
        return Vec::new();
    };
    let votes = |address| committed.voters().any(|s| s.is_at(address));
    let stays = |id: &InstanceId| fleet.instances.get(id).is_some_and(|i| i.is_staying());
    let serving = view.snapshot.peers.iter();
    let serving = serving.filter(|(id, probe)| probe.serving().is_some() && stays(id));
    let me = &view.me.instance;
    let instances: BTreeSet<_> = serving.map(|(id, _)| id).chain([me]).collect();
    let newest = register.newest_of_servers().into_iter();
    newest
        .filter_map(|(id, (_, claim))| {
            let owner = claim.valid_owner()?;
            let goes = claim.has_noted(Milestone::Leaving) || claim.has_noted(Milestone::Left);
            let instance = instances.get(&owner.instance)?;
            (!goes && !votes(owner.address)).then_some(Candidate {
                id,
                instance,
                zone: &owner.zone,
            })
        })
        .collect()
}
