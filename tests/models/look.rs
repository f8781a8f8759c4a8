//! What an agent sees of the world, as the planner's own snapshot: everything as it is, but for
//! a stream that is read late and peers that do not answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use jiff::{SignedDuration, Timestamp};
use zk_bootstrap::model::claim::{Claim, Lineage, Milestone, Owner, Register};
use zk_bootstrap::model::disk::{self, ZooCfg};
use zk_bootstrap::model::ensemble::Ensemble;
use zk_bootstrap::model::fleet::{self, Fleet, Lifecycle, Me};
use zk_bootstrap::model::history;
use zk_bootstrap::model::id::{ConfigVersion, InstanceId, ServerId, Zxid};
use zk_bootstrap::model::policy::Policy;
use zk_bootstrap::model::probe::{Mode, Probe, Serving};
use zk_bootstrap::model::server::Role;
use zk_bootstrap::model::snapshot::{Answer, Service, Snapshot};

use super::state::{
    Config, Data, Event, History, Identity, InstanceState, M, Name, Server, State, Stream,
    Testimony,
};

const GROUP: &str = "asg:zk";

/// How a look falls short of the truth.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Blur {
    /// Of this stream so many events are seen and no more; `None` for a stream that the list lacks.
    pub stale: Option<(Name, Option<u8>)>,
    /// No peer answers.
    pub deaf: bool,
}

/// A time of the service's clock, seconds before every look.
fn ago(seconds: i64) -> Timestamp {
    let noon: Timestamp = "2026-03-01T12:00:00Z".parse().expect("a time");
    noon - SignedDuration::from_secs(seconds)
}

pub fn instance_id(m: M) -> InstanceId {
    format!("i-0000000{m}").parse().expect("an instance id")
}

fn address(m: M) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, m + 1))
}

/// Which instance lives at an address.
pub fn place(address: &str) -> M {
    let (_, last) = address.rsplit_once('.').expect("an address");
    last.parse::<u8>().expect("an address") - 1
}

pub fn server_id(id: u8) -> ServerId {
    id.try_into().expect("a server id")
}

/// The eyes of all agents.
#[derive(Debug, Clone)]
pub struct Eyes {
    pub policy: Policy,
    /// Nobody sees that the others are in service yet: all begin to look at id 1.
    pub crowded: bool,
}

impl Eyes {
    pub fn look(&self, state: &State, m: M, blur: Blur) -> Snapshot {
        let i = state.at(m);
        let known_service = match i.server {
            Server::Down => Service::Stopped,
            _ => Service::Running,
        };
        let others = state.all().filter(|o| *o != m && state.at(*o).runs());
        let peers = others.map(|o| {
            let probe = match blur.deaf {
                true => silence(),
                false => self.probe(state, o),
            };
            (instance_id(o), probe)
        });
        let me = Me {
            instance: instance_id(m),
            address: address(m),
            zone: "eu-west-1a".to_owned(),
            region: "eu-west-1".to_owned(),
        };
        Snapshot {
            at: ago(0),
            me: known(me),
            notice: known(None),
            fleet: known(self.fleet(state, m)),
            register: known(register(state, blur)),
            names: Answer::Unknown {
                why: "clients are not told".to_owned(),
            },
            claiming: i.claiming.iter().map(|name| name.claim()).collect(),
            disk: known(self.disk(state, m)),
            service: known(known_service),
            running_since: None,
            published: None,
            server: self.probe(state, m),
            peers: peers.collect(),
            peers_asked: Some(ago(0)),
            add_asked: None,
        }
    }

    fn fleet(&self, state: &State, me: M) -> Fleet {
        let launched = |m: &M| state.at(*m).state != InstanceState::Unlaunched;
        let instances = state.all().filter(launched).map(|m| {
            let ec2 = match state.at(m).state {
                InstanceState::Running | InstanceState::Unlaunched => fleet::InstanceState::Running,
                InstanceState::Stopped => fleet::InstanceState::Stopped,
                InstanceState::Terminated => fleet::InstanceState::Terminated,
            };
            let lifecycle = match ec2 {
                fleet::InstanceState::Terminated => Lifecycle::Terminated,
                _ if self.crowded && m != me => Lifecycle::Unlisted,
                _ => Lifecycle::InService,
            };
            let instance = fleet::Instance {
                address: (ec2 != fleet::InstanceState::Terminated).then(|| address(m)),
                zone: "eu-west-1a".to_owned(),
                state: ec2,
                lifecycle,
                held: false,
                protected: false,
                unhealthy: false,
                launched: ago(300),
                tags: BTreeMap::new(),
            };
            (instance_id(m), instance)
        });
        Fleet {
            group: GROUP.to_owned(),
            desired: Some(3),
            instances: instances.collect(),
            asked: BTreeSet::new(),
            hooks: Vec::new(),
        }
    }

    fn disk(&self, state: &State, m: M) -> disk::Disk {
        let disk = &state.at(m).disk;
        let history = history_of(state, m);
        disk::Disk {
            data: disk.data.is_some(),
            initialize: disk.initialize,
            myid: disk.myid.map(server_id),
            identity: disk.identity.map(|identity| identity_of(identity, m)),
            history: history.map(|h| history_told(&h)),
            zoo_cfg: match disk.config {
                Some(_) => ZooCfg::Current,
                None => ZooCfg::Missing,
            },
            dynamic: disk.config.as_ref().map(|c| self.ensemble(c)),
            ..disk::Disk::default()
        }
    }

    fn ensemble(&self, config: &Config) -> Ensemble {
        ensemble(&self.policy, config)
    }

    fn probe(&self, state: &State, m: M) -> Probe {
        let instance = state.at(m);
        let mode = match instance.server {
            Server::Down | Server::Booting => return silence(),
            Server::Looking => return Probe::NotServing,
            Server::Leading => Mode::Leader,
            Server::Following(_) => Mode::Follower,
        };
        Probe::Serving(Serving {
            mode,
            zxid: Zxid(instance.data().map_or(0, Data::zxid)),
            release: "3.8.0".to_owned(),
            synced: Some(true),
            ensemble: instance.disk.config.as_ref().map(|c| self.ensemble(c)),
        })
    }
}

fn known<T>(value: T) -> Answer<T> {
    Answer::Known { at: ago(0), value }
}

fn silence() -> Probe {
    Probe::Unreachable {
        why: "connection refused".to_owned(),
    }
}

/// It is read only where the server was withdrawn.
fn history_of(state: &State, m: M) -> Option<History> {
    let instance = state.at(m);
    let data = instance.data().filter(|_| instance.is_withdrawn())?;
    let generation = instance.disk.identity?.generation;
    Some(History(generation, data.epoch, data.zxid()))
}

fn history_told(history: &History) -> history::History {
    history::History {
        generation: u32::from(history.0),
        epoch: u32::from(history.1),
        zxid: Zxid(history.2),
    }
}

fn identity_of(identity: Identity, m: M) -> disk::Identity {
    disk::Identity {
        lineage: Lineage {
            generation: u32::from(identity.generation),
            founder: instance_id(identity.founder),
        },
        server: server_id(identity.server),
        instance: instance_id(m),
        withdrawn: identity.withdrawn,
    }
}

fn ensemble(policy: &Policy, config: &Config) -> Ensemble {
    let servers = config.members.iter().map(|s| {
        let role = match s.votes {
            true => Role::Participant,
            false => Role::Observer,
        };
        let server = policy.server(server_id(s.id), address(s.at));
        server.with_role(role)
    });
    Ensemble {
        version: ConfigVersion(u64::from(config.version)),
        ..Ensemble::unversioned(servers)
    }
}

fn register(state: &State, blur: Blur) -> Register {
    let claims = state.streams.iter().filter_map(|(name, stream)| {
        let seen = match blur.stale {
            Some((stale, events)) if stale == *name => usize::from(events?),
            _ => stream.events.len(),
        };
        Some((name.claim(), claim(stream, seen)))
    });
    Register {
        exists: true,
        claims: claims.collect(),
    }
}

fn claim(stream: &Stream, seen: usize) -> Claim {
    let created = ago(if stream.old { 600 } else { 40 });
    let mut claim = Claim {
        created,
        owner: None,
        journal: BTreeMap::new(),
        testimony: None,
        leave: None,
        foreign: false,
    };
    for event in &stream.events[..seen] {
        match event {
            Event::Claimed { .. } if claim.owner.is_some() => {}
            Event::Claimed {
                by,
                server,
                in_time,
            } => {
                let delay = SignedDuration::from_secs(if *in_time { 1 } else { 400 });
                claim.owner = Some(Owner {
                    instance: instance_id(*by),
                    address: address(*by),
                    zone: "eu-west-1a".to_owned(),
                    group: GROUP.to_owned(),
                    server: server_id(*server),
                    written: created + delay,
                });
            }
            Event::Started => {
                claim.journal.insert(Milestone::Started, created);
            }
            Event::Joined => {
                claim.journal.insert(Milestone::Joined, created);
            }
            Event::Testified(said) => claim.testimony = Some(testimony(said)),
            Event::TookBack => claim.testimony = None,
        }
    }
    claim
}

/// Who reads it needs its members and not their ports.
fn testimony(said: &Testimony) -> history::Testimony {
    history::Testimony {
        config_of: u32::from(said.config_of),
        generation: u32::from(said.generation),
        config: ensemble(&policy(), &said.config),
        withdrawn: said.withdrawn,
        history: said.history.as_ref().map(history_told),
    }
}

/// The policy of all agents, but for what a model is about: the default one.
pub fn policy() -> Policy {
    zk_bootstrap::config::Settings::default().policy()
}
