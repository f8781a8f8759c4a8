//! What an agent heard of the others: the answers of AWS and of the peers, kept between looks
//! just as the daemon keeps them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::ops::Range;
use std::rc::Rc;

use zk_bootstrap::model::claim::{ClaimName, Milestone, Register};
use zk_bootstrap::model::fleet::{Fleet, InstanceState};
use zk_bootstrap::model::id::{InstanceId, Zxid};
use zk_bootstrap::model::probe::{Mode, Probe, Serving};
use zk_bootstrap::model::snapshot::Answer;

use super::region::{GROUP, Ms, Region, Shared};
use super::streams::Age;
use super::world::pause;
use super::zookeeper::Phase;

/// How long a call takes.
pub const CALL: Range<Ms> = 5..120;

pub struct Elsewhere {
    pub fleet: Answer<Fleet>,
    fleet_asked: Option<Ms>,
    pub register: Answer<Register>,
    register_asked: Option<Ms>,
    pub peers: BTreeMap<InstanceId, Probe>,
    /// By the last fleet that was seen.
    addresses: BTreeMap<InstanceId, IpAddr>,
}

pub fn unknown<T>(why: &str) -> Answer<T> {
    Answer::Unknown {
        why: why.to_owned(),
    }
}

/// Reads by one call, or learns why not.
async fn ask<T>(region: &Shared, read: impl FnOnce(&mut Region) -> T) -> Answer<T> {
    pause(region, CALL).await;
    let region = &mut *region.borrow_mut();
    if region.chance(region.weather.refused) || region.chance(region.weather.unanswered) {
        return unknown("throttled");
    }
    let at = region.at(region.now);
    let value = read(region);
    Answer::Known { at, value }
}

impl Elsewhere {
    pub fn new() -> Self {
        Elsewhere {
            fleet: unknown("not asked yet"),
            fleet_asked: None,
            register: unknown("not asked yet"),
            register_asked: None,
            peers: BTreeMap::new(),
            addresses: BTreeMap::new(),
        }
    }

    /// Asks AWS what is older than `limit`, and then every peer.
    pub async fn look(&mut self, region: &Shared, m: usize, limit: Ms) {
        let now = region.borrow().now;
        let wanted = |asked: Option<Ms>| asked.is_none_or(|at| now - at >= limit);
        let (fleet, register) = (wanted(self.fleet_asked), wanted(self.register_asked));
        let owners = self.owners();
        if register {
            self.register = ask(region, Region::read_register).await;
            self.register_asked = Some(region.borrow().now);
        }
        if fleet {
            self.fleet = ask(region, |region| region.read_fleet(&owners)).await;
            self.fleet_asked = Some(region.borrow().now);
        }
        self.note_addresses(&region.borrow(), m);
        pause(region, CALL).await;
        let region = &mut *region.borrow_mut();
        let probes = self.addresses.iter().map(|(id, address)| {
            let other = region.machine_at(*address);
            let probe = match other.filter(|o| region.reach(m, *o)) {
                Some(other) => region.probe(other),
                None => unreachable("timed out"),
            };
            (id.clone(), probe)
        });
        self.peers = probes.collect();
    }

    fn owners(&self) -> BTreeSet<InstanceId> {
        let claims = self.register.known().map(|register| &register.claims);
        let claims = claims.into_iter().flat_map(BTreeMap::values);
        let owners = claims.filter_map(|claim| claim.owner.as_ref());
        owners.map(|owner| owner.instance.clone()).collect()
    }

    fn note_addresses(&mut self, region: &Region, m: usize) {
        let Some(fleet) = self.fleet.known() else {
            return;
        };
        let own = &region.machines[m].id;
        let others = fleet.instances.iter().filter(|(id, i)| {
            let may_run = !matches!(i.state, InstanceState::Terminated | InstanceState::Stopped);
            may_run && *id != own
        });
        let addresses = others.filter_map(|(id, i)| Some((id.clone(), i.address?)));
        self.addresses = addresses.collect();
    }

    pub fn register_is_outdated(&mut self) {
        self.register_asked = None;
    }

    pub fn note_milestone(&mut self, name: ClaimName, milestone: Milestone) {
        if let Answer::Known { value, .. } = &mut self.register
            && let Some(claim) = value.claims.get_mut(&name)
        {
            claim.journal.insert(milestone);
        }
    }

    pub fn note_tags(&mut self, me: &InstanceId, tags: BTreeMap<String, String>) {
        if let Answer::Known { value, .. } = &mut self.fleet
            && let Some(instance) = value.instances.get_mut(me)
        {
            instance.tags.extend(tags);
        }
    }
}

fn unreachable(why: &str) -> Probe {
    Probe::Unreachable {
        why: why.to_owned(),
    }
}

impl Region {
    /// How old an answer is.
    fn age(&mut self) -> Ms {
        if self.chance(self.weather.stale) {
            return self.rng.u64(..=self.weather.lag);
        }
        0
    }

    fn read_register(&mut self) -> Register {
        let (list, events) = (self.age(), self.age());
        self.streams.read(self.now, Age { list, events })
    }

    fn read_fleet(&mut self, owners: &BTreeSet<InstanceId>) -> Fleet {
        if self.chance(self.weather.empty) {
            return Fleet {
                group: GROUP.to_owned(),
                ..Fleet::default()
            };
        }
        let (ec2, group) = (self.age(), self.age());
        self.describe(owners, ec2, group)
    }

    /// What the server of `m` answers.
    pub fn probe(&mut self, m: usize) -> Probe {
        if self.chance(self.weather.deaf) {
            return unreachable("timed out");
        }
        let Some(server) = &self.machines[m].server else {
            return unreachable("connection refused");
        };
        if matches!(server.phase, Phase::Booting { .. }) {
            return unreachable("connection refused");
        }
        if !self.serves(m) {
            return Probe::NotServing;
        }
        let config = Rc::clone(&server.config);
        let leads = matches!(server.phase, Phase::Leading(_));
        let tells = !self.chance(self.weather.deaf);
        let synced = match self.rng.u8(..20) {
            0 => Some(false),
            1 => None,
            _ => Some(true),
        };
        Probe::Serving(Serving {
            mode: if leads { Mode::Leader } else { Mode::Follower },
            zxid: Zxid(self.machines[m].disk.store.last()),
            release: "3.9.5".to_owned(),
            synced: if leads { Some(true) } else { synced },
            ensemble: tells.then(|| config.ensemble(&self.policy)),
        })
    }
}
