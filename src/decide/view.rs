//! A snapshot with its essentials at hand: what can be relied on, and what cannot.

use std::net::IpAddr;

use jiff::SignedDuration;

use super::fate;
use crate::model::claim::{ClaimName, Register, Slot};
use crate::model::disk::Disk;
use crate::model::ensemble::Ensemble;
use crate::model::fleet::{Fleet, Instance, Me};
use crate::model::id::InstanceId;
use crate::model::plan::Waiting;
use crate::model::policy::Policy;
use crate::model::probe::{Probe, Serving};
use crate::model::server::Server;
use crate::model::snapshot::{Service, Snapshot};

/// No look takes so long, unless the machine or the agent was frozen in its midst: then what was seen of
/// this instance is of another time than the rest.
const LONGEST_LOOK: SignedDuration = SignedDuration::from_secs(60);

/// Twice ZooKeeper's own measure (`syncLimit`, 5 ticks of 2 s): who has not heard of a change of the config
/// for so long serves no more, since its leader has given it up, or it the leader.
const NEWS: SignedDuration = SignedDuration::from_secs(20);

/// What every decision needs; without these three answers there is none.
#[derive(Clone, Copy)]
pub struct View<'a> {
    pub snapshot: &'a Snapshot,
    pub policy: &'a Policy,
    pub me: &'a Me,
    pub disk: &'a Disk,
    pub service: Service,
}

impl<'a> View<'a> {
    pub fn new(snapshot: &'a Snapshot, policy: &'a Policy) -> Result<Self, Waiting> {
        let unseen = |whom, why: &str| Waiting::Answer {
            whom,
            why: why.to_owned(),
        };
        let me = snapshot.me.get();
        let disk = snapshot.disk.get();
        let service = snapshot.service.get();
        let seen = snapshot.disk.at().unwrap_or(snapshot.at);
        let age = snapshot.at.duration_since(seen);
        if age > LONGEST_LOOK {
            let why = format!("what was seen of it is {} s old", age.as_secs());
            return Err(unseen("this instance", &why));
        }
        Ok(View {
            snapshot,
            policy,
            me: me.map_err(|why| unseen("the instance metadata service", why))?,
            disk: disk.map_err(|why| unseen("ZooKeeper's directories", why))?,
            service: *service.map_err(|why| unseen("the service manager", why))?,
        })
    }

    /// The fleet, unless the asker itself is missing in the answer: such an answer is of another
    /// group, too young, or cut short.
    pub fn fleet(&self) -> Result<&'a Fleet, Waiting> {
        let unseen = |why: &str| Waiting::Answer {
            whom: "EC2 and the group",
            why: why.to_owned(),
        };
        let fleet = self.snapshot.fleet.get().map_err(unseen)?;
        if fleet.instances.contains_key(&self.me.instance) {
            return Ok(fleet);
        }
        Err(unseen("this instance is missing in it"))
    }

    /// The claims, unless the list is older than this instance's own data: one that has
    /// markers, and not the signed one under which that data began, tells of the past. So does one
    /// that lacks the generation which a peer serves.
    pub fn register(&self) -> Result<&'a Register, Waiting> {
        let unseen = |why: &str| Waiting::Answer {
            whom: "CloudWatch Logs",
            why: why.to_owned(),
        };
        let register = self.snapshot.register.get().map_err(unseen)?;
        let own = self.disk.identity.iter();
        let own = own.filter(|identity| identity.instance == self.me.instance);
        let seen = own.map(|identity| ClaimName {
            slot: Slot::Ensemble,
            term: identity.lineage.generation,
        });
        let is_signed = |name: &ClaimName| {
            let marker = register.claims.get(name);
            marker.is_some_and(|marker| marker.valid_owner().is_some())
        };
        let is_marked = register.newest(Slot::Ensemble).is_some();
        if let Some(instance) = self.serves_a_later_generation(register) {
            return Err(unseen(&format!(
                "without the generation that {instance} serves, which began after its server was \
                 withdrawn"
            )));
        }
        match seen.max().filter(|seen| is_marked && !is_signed(seen)) {
            None => Ok(register),
            Some(seen) => Err(unseen(&format!(
                "without the record in log stream {seen}, under which the data here began"
            ))),
        }
    }

    /// A peer that serves although it has testified that its server was withdrawn, with its data, from
    /// the newest generation of this list: nobody comes back to one that it has left so.
    fn serves_a_later_generation(&self, register: &'a Register) -> Option<&'a InstanceId> {
        let mut signed = register.of(Slot::Ensemble).rev();
        let signed = signed.find(|(_, marker)| marker.valid_owner().is_some());
        let newest = signed.map_or(0, |(name, _)| name.term);
        let mut withdrawn = register.claims.values().filter_map(|claim| {
            let said = claim.testimony.as_ref()?;
            let stands = said.withdrawn && said.history.is_some() && said.generation >= newest;
            claim.valid_owner().filter(|_| stands)
        });
        let serves = |instance: &InstanceId| {
            let heard = self.snapshot.peers.get(instance);
            heard.is_some_and(|probe| probe.serving().is_some())
        };
        let owner = withdrawn.find(|owner| serves(&owner.instance))?;
        Some(&owner.instance)
    }

    /// Whether the register was read since this instance's own server and disk were looked at in the
    /// same look: what was said there is then as new as what is seen here.
    pub fn register_is_fresh(&self) -> bool {
        self.snapshot.register.at() >= self.snapshot.disk.at()
    }

    /// Whether the peers were asked in this very look.
    pub fn peers_are_fresh(&self) -> bool {
        self.snapshot.peers_asked >= self.snapshot.disk.at()
    }

    /// Whether this server may have been added a moment ago, unknown to some who serve.
    pub fn may_have_been_added(&self) -> bool {
        let asked = self.snapshot.add_asked;
        asked.is_some_and(|at| self.snapshot.at.duration_since(at) < NEWS)
    }

    /// The generation that the files here are of; 0 where there are none.
    pub fn generation(&self) -> u32 {
        let identity = self.disk.identity.as_ref();
        identity.map_or(0, |identity| identity.lineage.generation)
    }

    /// This instance, as the fleet has it.
    pub fn instance(&self) -> Option<&'a Instance> {
        self.fleet().ok()?.instances.get(&self.me.instance)
    }

    pub fn address(&self) -> IpAddr {
        self.me.address
    }

    /// The newest committed config that any serving server told.
    pub fn committed(&self) -> Option<&'a Ensemble> {
        let own = self.snapshot.server.ensemble();
        let peers = self.snapshot.peers.values().filter_map(|p| p.ensemble());
        own.into_iter().chain(peers).max_by_key(|e| e.version)
    }

    /// Whose server a member is: by the claim on its id, and where nobody's is known, by its address.
    /// An address alone proves little: EC2 gives those of the terminated to newcomers.
    pub fn instance_of(&self, member: &Server) -> Option<&'a InstanceId> {
        if let Some(owner) = fate::owner_of(*self, member) {
            return Some(&owner.instance);
        }
        if member.is_at(self.address()) {
            return Some(&self.me.instance);
        }
        let mut instances = self.fleet().ok()?.instances.iter();
        let at = instances.find(|(_, i)| i.address.is_some_and(|a| member.is_at(a)));
        at.map(|(id, _)| id)
    }

    /// What the server of another member was heard to say, if its instance is known.
    pub fn heard(&self, member: &Server) -> Option<&'a Probe> {
        self.snapshot.peers.get(self.instance_of(member)?)
    }

    /// Whether any server that was asked serves.
    pub fn anybody_serves(&self) -> bool {
        let mut peers = self.snapshot.peers.values();
        self.snapshot.server.serving().is_some() || peers.any(|p| p.serving().is_some())
    }

    /// What the server of a member answers, if it serves.
    pub fn serving(&self, member: &Server) -> Option<&'a Serving> {
        match self.instance_of(member)? == &self.me.instance {
            true => self.snapshot.server.serving(),
            false => self.heard(member)?.serving(),
        }
    }

    /// Whether the server of a member answers that it serves.
    pub fn serves(&self, member: &Server) -> bool {
        self.serving(member).is_some()
    }

    /// The committed config that changes go out from: the newest told, while the own server serves
    /// and tells one, too.
    ///
    /// The own server's is not enough. A change that commits while it syncs (after NEWLEADER, before
    /// UPTODATE) never reaches its `conf`, which is then old until the next change: no change that
    /// names that version would ever be taken.
    pub fn committed_here(&self) -> Option<&'a Ensemble> {
        self.snapshot.server.ensemble().and(self.committed())
    }

    /// The newest committed config that another serving server told.
    pub fn committed_by_peers(&self) -> Option<&'a Ensemble> {
        let peers = self.snapshot.peers.values();
        peers.filter_map(|p| p.ensemble()).max_by_key(|e| e.version)
    }
}
