//! What an agent hears of the others: the answers of AWS and of the peers.

use std::collections::BTreeSet;
use std::ops::Range;
use std::rc::Rc;
use std::time::Duration;

use zk_bootstrap::agent::Heard;
use zk_bootstrap::model::claim::Register;
use zk_bootstrap::model::fleet::Fleet;
use zk_bootstrap::model::id::{InstanceId, Zxid};
use zk_bootstrap::model::probe::{Mode, Probe, Serving};
use zk_bootstrap::model::snapshot::Answer;

use super::region::{GROUP, Ms, Region, Shared};
use super::streams::Age;
use super::world::pause;
use super::zookeeper::Phase;

/// How long a call takes.
pub const CALL: Range<Ms> = 5..120;

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

/// Asks AWS what is older than `limit`, and then every peer.
pub async fn look(heard: &mut Heard, region: &Shared, m: usize, limit: Duration) {
    let now = || Duration::from_millis(region.borrow().now);
    let me = region.borrow().machines[m].id.clone();
    let asked = now();
    let wanted = (
        heard.wants_fleet(asked, limit),
        heard.wants_register(asked, limit),
    );
    let owners = heard.owners();
    if wanted.1 {
        let register = ask(region, Region::read_register).await;
        heard.hear_register(now(), register);
    }
    if wanted.0 {
        let fleet = ask(region, |region| region.read_fleet(&owners)).await;
        heard.hear_fleet(now(), &me, fleet);
        if heard.lacks_owners() {
            let owners = heard.owners();
            let fleet = ask(region, |region| region.read_fleet(&owners)).await;
            if fleet.known().is_some() {
                heard.hear_fleet(now(), &me, fleet);
            }
        }
    }
    let leads = region.borrow().believes_to_lead(m);
    if !leads {
        heard.forget_names();
    } else if heard.wants_names(now(), limit) {
        let names = ask(region, |region| region.published.clone()).await;
        heard.hear_names(now(), names);
    }
    pause(region, CALL).await;
    let region = &mut *region.borrow_mut();
    let probes = heard.addresses().iter().map(|(id, address)| {
        let other = region.machine_at(*address);
        let probe = match other.filter(|o| region.reach(m, *o)) {
            Some(other) => region.probe(other),
            None => unreachable("timed out"),
        };
        (id.clone(), probe)
    });
    heard.peers = probes.collect();
    heard.peers_asked = Some(region.at(region.now));
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
        let mode = match leads {
            true => Mode::Leader,
            false if self.observes(m) => Mode::Observer,
            false => Mode::Follower,
        };
        let tells = !self.chance(self.weather.deaf);
        let synced = match self.rng.u8(..20) {
            0 => Some(false),
            1 => None,
            _ => Some(true),
        };
        Probe::Serving(Serving {
            mode,
            zxid: Zxid(self.machines[m].disk.store.last()),
            release: "3.9.5".to_owned(),
            synced: if leads { Some(true) } else { synced },
            ensemble: tells.then(|| config.ensemble(&self.policy)),
        })
    }
}
