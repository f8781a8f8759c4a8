//! The world as one agent sees it and acts on it: each call yields first, so that others act in
//! between, and then meets the region's weather.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::ops::Range;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use zk_bootstrap::agent::{ApplyError, Look, Outcome, World};
use zk_bootstrap::decide::safety;
use zk_bootstrap::model::claim::{ClaimName, Owner, Register};
use zk_bootstrap::model::disk::ZooCfg;
use zk_bootstrap::model::fleet::{Fleet, Me};
use zk_bootstrap::model::id::{ConfigVersion, InstanceId, ServerId, Zxid};
use zk_bootstrap::model::plan::{Action, Plan};
use zk_bootstrap::model::policy::Policy;
use zk_bootstrap::model::probe::{Mode, Probe, Serving};
use zk_bootstrap::model::snapshot::{Answer, Service, Snapshot};

use super::disk::Config;
use super::leader::Reconfig;
use super::mutations::Mutation;
use super::region::{GROUP, Ms, Region, SECOND, Shared};
use super::streams::{Age, Event};
use super::zookeeper::Phase;

pub struct Simulated {
    region: Shared,
    m: usize,
    policy: Policy,
    mutation: Option<Mutation>,
    claiming: BTreeMap<ClaimName, Ms>,
    asked: Option<Ms>,
    register: Answer<Register>,
    fleet: Answer<Fleet>,
    peers: BTreeMap<InstanceId, Probe>,
}

/// How long a call takes.
const CALL: Range<Ms> = 5..120;
const HERE: Range<Ms> = 1..8;
const RECORD_ATTEMPTS: u32 = 5;

fn unknown<T>(why: &str) -> Answer<T> {
    Answer::Unknown {
        why: why.to_owned(),
    }
}

impl Simulated {
    pub fn new(region: &Shared, m: usize, policy: Policy, mutation: Option<Mutation>) -> Self {
        Simulated {
            region: Rc::clone(region),
            m,
            policy,
            mutation,
            claiming: BTreeMap::new(),
            asked: None,
            register: unknown("not asked yet"),
            fleet: unknown("not asked yet"),
            peers: BTreeMap::new(),
        }
    }

    /// Lets the others act for a while.
    async fn pause(&self, wait: Range<Ms>) {
        {
            let region = &mut *self.region.borrow_mut();
            region.wake = region.now + region.rng.u64(wait);
        }
        let mut yielded = false;
        poll_fn(|_| {
            if std::mem::replace(&mut yielded, true) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    /// Reads by one call, or learns why not.
    async fn ask<T>(&self, read: impl FnOnce(&mut Region) -> T) -> Answer<T> {
        self.pause(CALL).await;
        let region = &mut *self.region.borrow_mut();
        if region.chance(region.weather.refused) || region.chance(region.weather.unanswered) {
            return unknown("throttled");
        }
        let at = region.at(region.now);
        let value = read(region);
        Answer::Known { at, value }
    }

    /// Writes by one call; an error means that it may or may not have taken effect.
    async fn tell<T>(&self, write: impl FnOnce(&mut Region) -> T) -> Result<T, &'static str> {
        self.pause(CALL).await;
        let region = &mut *self.region.borrow_mut();
        if region.chance(region.weather.refused) {
            return Err("throttled");
        }
        let value = write(region);
        if region.chance(region.weather.unanswered) {
            return Err("the reply was lost");
        }
        Ok(value)
    }

    async fn ask_aws(&mut self) {
        self.register = self
            .ask(|region| {
                let (list, events) = (region.age(), region.age());
                let age = Age { list, events };
                region.streams.read(region.now, age)
            })
            .await;
        let claims = self.register.known().map(|register| &register.claims);
        let owners = claims.into_iter().flat_map(BTreeMap::values);
        let owners: BTreeSet<InstanceId> = owners
            .filter_map(|claim| Some(claim.owner.as_ref()?.instance.clone()))
            .collect();
        self.fleet = self
            .ask(|region| {
                if region.chance(region.weather.empty) {
                    let group = GROUP.to_owned();
                    return Fleet {
                        group,
                        ..Fleet::default()
                    };
                }
                let (ec2, group) = (region.age(), region.age());
                region.describe(&owners, ec2, group)
            })
            .await;
        self.asked = Some(self.region.borrow().now);
    }

    async fn ask_peers(&mut self) {
        self.pause(CALL).await;
        let region = &mut *self.region.borrow_mut();
        let Some(fleet) = self.fleet.known() else {
            return;
        };
        let m = self.m;
        let others = fleet.instances.iter().filter(|(_, i)| i.is_peer());
        let own = region.machines[m].id.clone();
        let others = others.filter(|(id, _)| **id != own);
        let found = others.filter_map(|(id, instance)| {
            let other = region.machine_at(instance.address?);
            let probe = match other.filter(|o| region.reach(m, *o)) {
                Some(other) => region.probe(other),
                None => unreachable("timed out"),
            };
            Some((id.clone(), probe))
        });
        self.peers = found.collect();
    }

    fn me(&self, region: &Region) -> Me {
        let machine = &region.machines[self.m];
        Me {
            instance: machine.id.clone(),
            address: machine.address,
            zone: "eu-west-1a".to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    fn fails(action: &Action, why: &str) -> ApplyError {
        ApplyError {
            action: action.to_string(),
            source: why.to_owned().into(),
        }
    }

    async fn claim(&mut self, claim: ClaimName, server: ServerId) -> Result<Outcome, &'static str> {
        let created = self
            .tell(|region| region.streams.create(claim, region.now))
            .await?;
        if !created && !self.mutates(Mutation::ClaimsWhatExists) {
            let by = "the stream exists".to_owned();
            return Ok(Outcome::Overtaken { by });
        }
        let owner = {
            let region = self.region.borrow();
            let me = self.me(&region);
            Owner {
                instance: me.instance,
                address: me.address,
                zone: me.zone,
                group: GROUP.to_owned(),
                server,
                written: region.at(0),
            }
        };
        for attempt in 1.. {
            let event = Event::Claimed(owner.clone());
            let written = self
                .tell(|region| region.streams.put(claim, event, region.now))
                .await;
            match written {
                Err(why) if attempt == RECORD_ATTEMPTS => return Err(why),
                Err(_) => self.pause(200 << attempt..(200 << attempt) + 1).await,
                Ok(_) => break,
            }
        }
        let now = self.region.borrow().now;
        self.claiming.insert(claim, now);
        Ok(Outcome::Done)
    }

    async fn reconfig(&mut self, change: Reconfig) -> Result<Outcome, &'static str> {
        self.pause(CALL).await;
        let (leader, zxid) = {
            let region = &mut *self.region.borrow_mut();
            if region.chance(region.weather.refused) {
                return Err("no connection");
            }
            let leader = region.leader_for(self.m, self.mutates(Mutation::AddsBeforeSync));
            let leader = leader.ok_or("the server does not serve")?;
            let change = if self.mutates(Mutation::ForgetsTheVersion) {
                region.at_any_version(leader, change)
            } else {
                change
            };
            match region.reconfig(leader, &change) {
                Ok(zxid) => (leader, zxid),
                Err(refusal) => {
                    let by = format!("{refusal:?}");
                    return Ok(Outcome::Overtaken { by });
                }
            }
        };
        let deadline = self.region.borrow().now + 10 * SECOND;
        loop {
            self.pause(20..60).await;
            let region = &mut *self.region.borrow_mut();
            let committed = region.is_committed(leader, zxid).map_err(|()| "lost")?;
            if committed && region.chance(region.weather.unanswered) {
                return Err("the connection was lost");
            }
            if committed {
                return Ok(Outcome::Done);
            }
            if region.now > deadline || !region.reach(self.m, leader) {
                return Err("no answer in time");
            }
        }
    }

    fn mutates(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    /// What touches this machine alone cannot fail here; a full disk is another story.
    async fn act_here(&mut self, action: &Action) {
        self.pause(HERE).await;
        let keeps_data = self.mutates(Mutation::KeepsForeignData);
        let anybody_founds = self.mutates(Mutation::EmptyDisksVote);
        let region = &mut *self.region.borrow_mut();
        let m = self.m;
        match action {
            Action::MoveDataAside { .. } => {
                region.judge_moving(m);
                if !keeps_data {
                    region.machines[m].disk.move_aside();
                }
            }
            Action::WriteMyId { server } => {
                region.judge_writing(m);
                region.machines[m].disk.myid = Some(*server);
            }
            Action::WriteMembership { ensemble } => {
                region.judge_writing(m);
                let disk = &mut region.machines[m].disk;
                disk.dynamic = Some(Config::of(ensemble));
                disk.zoo_cfg = ZooCfg::Current;
            }
            Action::WriteZooCfg => {
                region.judge_writing(m);
                region.machines[m].disk.zoo_cfg = ZooCfg::Current;
            }
            Action::WriteIdentity { identity } => {
                region.judge_writing(m);
                region.machines[m].disk.identity = Some(identity.clone());
            }
            Action::AllowEmptyDatabase => {
                region.judge_writing(m);
                region.machines[m].disk.initialize = true;
            }
            Action::StartServer => {
                if anybody_founds {
                    region.machines[m].disk.initialize = true;
                }
                region.start_server(m);
            }
            Action::StopServer => region.machines[m].server = None,
            Action::CreateLogGroup
            | Action::Claim { .. }
            | Action::Journal { .. }
            | Action::Tag { .. }
            | Action::AddServer { .. }
            | Action::RemoveServers { .. } => unreachable!("not an act on this machine"),
        }
    }
}

impl World for Simulated {
    async fn observe(&mut self, look: Look) -> Snapshot {
        if let Look::Everywhere { no_older_than } = look {
            let now = self.region.borrow().now;
            let limit = Ms::try_from(no_older_than.as_millis()).unwrap_or(Ms::MAX);
            let fresh = self.asked.is_some_and(|at| at + limit > now);
            let answered = self.fleet.known().is_some() && self.register.known().is_some();
            if !fresh || !answered {
                self.ask_aws().await;
            }
            self.ask_peers().await;
        }
        self.pause(HERE).await;
        let region = &mut *self.region.borrow_mut();
        let (now, at) = (region.now, region.at(region.now));
        self.claiming.retain(|_, made| *made + 60 * SECOND > now);
        let known_here = |region: &mut Region| !region.chance(region.weather.deaf / 4.0);
        let here = known_here(region);
        let disk = region.machines[self.m].disk.look(&region.policy);
        let service = match region.machines[self.m].server {
            Some(_) => Service::Running,
            None => Service::Stopped,
        };
        let server = region.probe(self.m);
        let mut snapshot = Snapshot {
            at,
            me: Answer::Known {
                at,
                value: self.me(region),
            },
            fleet: self.fleet.clone(),
            register: self.register.clone(),
            claiming: self.claiming.keys().copied().collect(),
            disk: Answer::Known { at, value: disk },
            service: Answer::Known { at, value: service },
            server,
            peers: self.peers.clone(),
        };
        if !here {
            snapshot.service = unknown("the service manager does not answer");
        }
        if let Some(mutation) = self.mutation {
            mutation.distort(&mut snapshot);
        }
        snapshot
    }

    async fn apply(&mut self, action: &Action) -> Result<Outcome, ApplyError> {
        {
            let region = &mut *self.region.borrow_mut();
            region.acts += 1;
            region.coverage.applied(action);
            let m = self.m;
            region.note(|| format!("  {m}: {action}"));
        }
        let m = self.m;
        let outcome = match action {
            Action::CreateLogGroup => self
                .tell(|region| {
                    let now = region.now;
                    region.streams.group.get_or_insert(now);
                })
                .await
                .map(|()| Outcome::Done),
            Action::Claim { claim, server } => self.claim(*claim, *server).await,
            Action::Journal { claim, milestone } => self
                .tell(|region| {
                    let event = Event::Note(*milestone);
                    region.streams.put(*claim, event, region.now)
                })
                .await
                .and_then(|there| there.then_some(Outcome::Done).ok_or("no such stream")),
            Action::Tag { tags } => self
                .tell(|region| {
                    let tags = tags.clone().into_iter();
                    let tags = tags.map(|(key, value)| (key, value.unwrap_or("now".to_owned())));
                    region.machines[m].tags.extend(tags);
                })
                .await
                .map(|()| Outcome::Done),
            Action::AddServer {
                server,
                remove,
                expected,
            } => {
                let address = server.host.parse().expect("servers are added by address");
                let change = Reconfig {
                    add: Some((server.id, address)),
                    remove: remove.iter().copied().collect(),
                    expected: expected.0,
                };
                self.reconfig(change).await
            }
            Action::RemoveServers { servers, expected } => {
                let change = Reconfig {
                    add: None,
                    remove: servers.clone(),
                    expected: expected.0,
                };
                self.reconfig(change).await
            }
            here => {
                self.act_here(here).await;
                Ok(Outcome::Done)
            }
        };
        if !matches!(outcome, Ok(Outcome::Done)) {
            let region = &mut *self.region.borrow_mut();
            region.note(|| format!("  {m}: not done: {outcome:?}"));
        }
        outcome.map_err(|why| Self::fails(action, why))
    }

    fn report(&mut self, snapshot: &Snapshot, plan: &Plan) {
        let region = &mut *self.region.borrow_mut();
        region.coverage.planned(plan);
        let m = self.m;
        region.note(|| {
            let waiting: Vec<String> = plan.waiting.iter().map(ToString::to_string).collect();
            let situation = plan.situation;
            format!("{m}: {situation}; waits for {waiting:?}")
        });
        for violation in safety::violations(snapshot, &self.policy, plan) {
            region.broke(format!("the plan of {m} violates: {violation}"));
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

    /// What the server of `m` answers.
    fn probe(&mut self, m: usize) -> Probe {
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
        let mode = match server.phase {
            Phase::Leading(_) => Mode::Leader,
            _ => Mode::Follower,
        };
        let config = Rc::clone(&server.config);
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
            synced: if mode == Mode::Leader { Some(true) } else { synced },
            ensemble: tells.then(|| config.ensemble(&self.policy)),
        })
    }

    fn leader_for(&self, m: usize, anybody: bool) -> Option<usize> {
        if anybody {
            return self.up().find(|l| self.leading(*l).is_some_and(|x| x.established));
        }
        self.leader_of(m).filter(|_| self.serves(m))
    }

    fn at_any_version(&self, leader: usize, change: Reconfig) -> Reconfig {
        let server = self.machines[leader].server.as_ref();
        let ConfigVersion(expected) =
            server.map_or(ConfigVersion(0), |s| ConfigVersion(s.config.version));
        Reconfig { expected, ..change }
    }
}

/// The pace of the daemon, a little slower at leisure: the histories are long.
pub fn pace() -> zk_bootstrap::agent::Pace {
    zk_bootstrap::agent::Pace {
        at_leisure: Duration::from_secs(10),
        aws: Duration::from_secs(60),
        here: Duration::from_millis(250),
        first: Duration::from_millis(500),
        longest: Duration::from_secs(30),
    }
}
