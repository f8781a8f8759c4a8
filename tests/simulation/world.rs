//! The world as one agent sees it and acts on it: each call yields first, so that others act in
//! between, and then meets the region's weather.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::ops::Range;
use std::rc::Rc;
use std::task::Poll;

use zk_bootstrap::agent::{ApplyError, Heard, Look, Outcome, World};
use zk_bootstrap::decide::safety;
use zk_bootstrap::model::claim::{ClaimName, Milestone, Owner};
use zk_bootstrap::model::fleet::Me;
use zk_bootstrap::model::history::Testimony;
use zk_bootstrap::model::id::ServerId;
use zk_bootstrap::model::plan::{Action, Plan};
use zk_bootstrap::model::policy::Policy;
use zk_bootstrap::model::snapshot::{Answer, Service, Snapshot};

use super::elsewhere::{self, CALL, unknown};
use super::leader::Reconfig;
use super::mutations::Mutation;
use super::region::{GROUP, Ms, Region, SECOND, Shared};
use super::streams::Event;

pub struct Simulated {
    pub region: Shared,
    pub m: usize,
    policy: Policy,
    mutation: Option<Mutation>,
    claiming: BTreeMap<ClaimName, Ms>,
    /// When its last look began.
    pub looked: Ms,
    pub heard: Heard,
}

const HERE: Range<Ms> = 1..8;
const RECORD_ATTEMPTS: u32 = 5;
/// How long a claim that was made counts as made while it cannot be read.
const CLAIMING: Ms = 60 * SECOND;
const RECONFIG_DEADLINE: Ms = 10 * SECOND;

pub type Applied = Result<Outcome, &'static str>;

/// Lets the others act for a while.
pub async fn pause(region: &Shared, wait: Range<Ms>) {
    {
        let region = &mut *region.borrow_mut();
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

impl Simulated {
    pub fn new(region: &Shared, m: usize, policy: Policy, mutation: Option<Mutation>) -> Self {
        Simulated {
            region: Rc::clone(region),
            m,
            policy,
            mutation,
            claiming: BTreeMap::new(),
            looked: 0,
            heard: Heard::default(),
        }
    }

    /// Writes by one call; an error means that it may or may not have taken effect.
    pub async fn tell<T>(&self, write: impl FnOnce(&mut Region) -> T) -> Result<T, &'static str> {
        pause(&self.region, CALL).await;
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

    fn me(&self) -> Me {
        let machine = &self.region.borrow().machines[self.m];
        Me {
            instance: machine.id.clone(),
            address: machine.address,
            zone: machine.zone.to_owned(),
            region: "eu-west-1".to_owned(),
        }
    }

    async fn claim(&mut self, claim: ClaimName, server: ServerId) -> Applied {
        self.heard.register_is_outdated();
        let m = self.m;
        let create = |region: &mut Region| region.streams.create(claim, m, region.now);
        let created = self.tell(create).await?;
        if !created && !self.mutates(Mutation::TrustsItsOwnClaim) {
            let by = "the stream exists".to_owned();
            return Ok(Outcome::Overtaken { by });
        }
        self.region.borrow_mut().judge_marker(claim);
        let me = self.me();
        let owner = Owner {
            instance: me.instance,
            address: me.address,
            zone: me.zone,
            group: GROUP.to_owned(),
            server,
            written: self.region.borrow().at(0),
        };
        for attempt in 1.. {
            let event = Event::Claimed(owner.clone());
            let put = |region: &mut Region| region.streams.put(claim, event, region.now);
            match self.tell(put).await {
                Err(why) if attempt == RECORD_ATTEMPTS => return Err(why),
                Err(_) => pause(&self.region, 200 << attempt..(200 << attempt) + 1).await,
                Ok(_) => break,
            }
        }
        let now = self.region.borrow().now;
        self.claiming.insert(claim, now);
        Ok(Outcome::Done)
    }

    async fn journal(&mut self, claim: ClaimName, milestone: Milestone) -> Applied {
        if !self.mutates(Mutation::SkipsTheJournal) {
            let event = Event::Note(milestone);
            let put = |region: &mut Region| region.streams.put(claim, event, region.now);
            if !self.tell(put).await? {
                return Err("no such stream");
            }
        }
        let at = self.region.borrow().time();
        self.heard.note_milestone(claim, milestone, at);
        Ok(Outcome::Done)
    }

    async fn testify(&mut self, claim: ClaimName, testimony: &Testimony) -> Applied {
        self.region.borrow_mut().judge_testimony(self.m, testimony);
        let event = Event::Testified(testimony.clone());
        let put = |region: &mut Region| region.streams.put(claim, event, region.now);
        if !self.tell(put).await? {
            return Err("no such stream");
        }
        self.heard.register_is_outdated();
        Ok(Outcome::Done)
    }

    async fn take_back(&mut self, claim: ClaimName) -> Applied {
        let put = |region: &mut Region| region.streams.put(claim, Event::TookBack, region.now);
        if !self.tell(put).await? {
            return Err("no such stream");
        }
        self.heard.register_is_outdated();
        Ok(Outcome::Done)
    }

    async fn tag(&mut self, tags: &BTreeMap<String, Option<String>>) -> Applied {
        let value = |value: &Option<String>| value.clone().unwrap_or("now".to_owned());
        let tags: BTreeMap<_, _> = tags.iter().map(|(k, v)| (k.clone(), value(v))).collect();
        let (m, tagged) = (self.m, tags.clone());
        self.tell(|region| region.machines[m].tags.extend(tagged))
            .await?;
        self.heard.note_tags(&self.me().instance, tags);
        Ok(Outcome::Done)
    }

    async fn reconfig(&mut self, change: Reconfig) -> Applied {
        pause(&self.region, CALL).await;
        let (leader, zxid) = {
            let region = &mut *self.region.borrow_mut();
            if region.chance(region.weather.refused) {
                return Err("no connection");
            }
            let leader = region.leader_for(self.m, self.mutates(Mutation::AddsBeforeSync));
            let leader = leader.ok_or("the server does not serve")?;
            match region.reconfig(leader, &change) {
                Ok(zxid) => (leader, zxid),
                Err(refusal) => {
                    let by = format!("{refusal:?}");
                    return Ok(Outcome::Overtaken { by });
                }
            }
        };
        self.await_zxid(leader, zxid).await
    }

    async fn await_zxid(&self, leader: usize, zxid: u64) -> Applied {
        let deadline = self.region.borrow().now + RECONFIG_DEADLINE;
        loop {
            pause(&self.region, 20..60).await;
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

    /// One write through the leader, committed by its quorum.
    async fn await_commit(&mut self) -> Applied {
        pause(&self.region, CALL).await;
        let (leader, zxid) = {
            let region = &mut *self.region.borrow_mut();
            let leader = region.leader_for(self.m, false);
            let leader = leader.ok_or("the server does not serve")?;
            (leader, region.append(leader, None))
        };
        self.await_zxid(leader, zxid).await
    }

    pub fn mutates(&self, mutation: Mutation) -> bool {
        self.mutation == Some(mutation)
    }

    async fn act(&mut self, action: &Action) -> Applied {
        match action {
            Action::CreateLogGroup => {
                self.heard.register_is_outdated();
                let create = |region: &mut Region| region.streams.create_group(region.now);
                Ok(match self.tell(create).await? {
                    true => Outcome::Done,
                    false => Outcome::Preceded {
                        by: "the log group exists".to_owned(),
                    },
                })
            }
            Action::Claim { claim, server } => self.claim(*claim, *server).await,
            Action::Journal { claim, milestone } => self.journal(*claim, *milestone).await,
            Action::Testify { claim, testimony } => self.testify(*claim, testimony).await,
            Action::TakeBack { claim } => self.take_back(*claim).await,
            Action::Tag { tags } => self.tag(tags).await,
            Action::ReportUnhealthy { .. } => {
                let m = self.m;
                self.tell(|region| region.retire(m)).await?;
                Ok(Outcome::Done)
            }
            Action::AwaitCommit => self.await_commit().await,
            Action::Publish { names, replaces } => self.publish(names, *replaces).await,
            Action::CompleteHook { hook, .. } => self.complete_hook(hook).await,
            Action::Heartbeat { hook } => self.heartbeat(hook).await,
            Action::Protect {
                instances,
                protected,
            } => {
                self.tell(|region| region.protect(instances, *protected))
                    .await?;
                self.heard.note_protection(instances, *protected);
                Ok(Outcome::Done)
            }
            Action::AddServer { .. } | Action::RemoveServers { .. } => {
                if matches!(action, Action::AddServer { .. }) {
                    self.heard.add_asked = Some(self.region.borrow().time());
                }
                let change = Reconfig::asked(self.m, action);
                self.reconfig(change.expect("a change of the config")).await
            }
            here => {
                pause(&self.region, HERE).await;
                let region = &mut *self.region.borrow_mut();
                region.act_here(self.m, here, self.mutation);
                Ok(Outcome::Done)
            }
        }
    }
}

impl World for Simulated {
    async fn observe(&mut self, look: Look) -> Snapshot {
        pause(&self.region, HERE).await;
        self.looked = self.region.borrow().now;
        let me = self.me();
        let (disk, service, running_since, server) = {
            let region = &mut *self.region.borrow_mut();
            let at = region.at(region.now);
            let machine = &region.machines[self.m];
            let service = match machine.server {
                Some(_) => Service::Running,
                None => Service::Stopped,
            };
            let started = machine.server.as_ref().map(|s| region.at(s.started));
            let disk = machine.disk.look(&region.policy, machine.server.is_none());
            let service = match region.chance(region.weather.deaf / 4.0) {
                true => unknown("the service manager does not answer"),
                false => Answer::Known { at, value: service },
            };
            (
                Answer::Known { at, value: disk },
                service,
                started,
                region.probe(self.m),
            )
        };
        if let Look::Everywhere { no_older_than } = look {
            if let Some(config) = server.ensemble() {
                self.heard.hear_config(config);
            }
            elsewhere::look(&mut self.heard, &self.region, self.m, no_older_than).await;
        }
        let region = self.region.borrow();
        let at = region.at(region.now);
        self.claiming
            .retain(|_, made| *made + CLAIMING > region.now);
        let mut snapshot = Snapshot {
            at,
            me: Answer::Known { at, value: me },
            notice: Answer::Known {
                at,
                value: region.notice(self.m),
            },
            fleet: self.heard.fleet.clone(),
            register: self.heard.register.clone(),
            names: self.heard.names.clone(),
            claiming: self.claiming.keys().copied().collect(),
            disk,
            service,
            running_since,
            server,
            peers: self.heard.peers.clone(),
            peers_asked: self.heard.peers_asked,
            add_asked: self.heard.add_asked,
            published: None,
        };
        if let Some(mutation) = self.mutation {
            mutation.distort(&mut snapshot);
        }
        snapshot
    }

    async fn apply(&mut self, action: &Action) -> Result<Outcome, ApplyError> {
        let m = self.m;
        {
            let region = &mut *self.region.borrow_mut();
            region.acts += 1;
            region.coverage.applied(action);
            region.note(|| format!("  {m}: {action}"));
        }
        let outcome = self.act(action).await;
        if !matches!(outcome, Ok(Outcome::Done)) {
            let region = &mut *self.region.borrow_mut();
            region.note(|| format!("  {m}: not done: {outcome:?}"));
        }
        outcome.map_err(|why| ApplyError {
            action: action.to_string(),
            source: why.to_owned().into(),
        })
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
