//! An agent: the daemon's own planner, asked once for every distinct view and remembered.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard};

use zk_bootstrap::decide;
use zk_bootstrap::model::claim::Milestone;
use zk_bootstrap::model::disk;
use zk_bootstrap::model::ensemble::Ensemble;
use zk_bootstrap::model::history;
use zk_bootstrap::model::plan::Action;
use zk_bootstrap::model::server::{Role, Server as Line};

use super::look::{Blur, Eyes, place};
use super::mutations::Mutation;
use super::state::{
    Act, Broke, Config, Event, History, Identity, Instance, M, Member, Name, Server, State, Stream,
    Testimony,
};

/// What the planner says in one view: its acts, or that the safety checker refuses them.
type Said = Result<Vec<Act>, ()>;

#[derive(Debug)]
pub struct Agents {
    pub eyes: Eyes,
    pub mutation: Option<Mutation>,
    said: Mutex<BTreeMap<u64, Said>>,
}

impl Agents {
    pub fn new(eyes: Eyes, mutation: Option<Mutation>) -> Self {
        Agents {
            eyes,
            mutation,
            said: Mutex::new(BTreeMap::new()),
        }
    }

    /// How many distinct views the planner was asked about.
    pub fn views(&self) -> usize {
        self.lock().len()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u64, Said>> {
        self.said.lock().expect("no thread has panicked")
    }

    /// The agent of `m` looks and plans; nothing is done yet.
    pub fn look(&self, state: &mut State, m: M, blur: Blur) {
        let view = fingerprint(state, m, blur);
        let known = self.lock().get(&view).cloned();
        let said = known.unwrap_or_else(|| {
            let said = self.plan(state, m, blur);
            self.lock().insert(view, said.clone());
            said
        });
        match said {
            Ok(acts) => state.at_mut(m).plan = acts,
            Err(()) => state.breaks(Broke::Unsafe),
        }
    }

    fn plan(&self, state: &State, m: M, blur: Blur) -> Said {
        let mut snapshot = self.eyes.look(state, m, blur);
        if let Some(mutation) = self.mutation {
            mutation.distort(&mut snapshot);
        }
        let policy = &self.eyes.policy;
        let plan = decide::plan(&snapshot, policy);
        let violations = decide::safety::violations(&snapshot, policy, &plan);
        match (violations.is_empty(), self.mutation) {
            (true, _) => Ok(plan.actions.iter().flat_map(acts).collect()),
            // A refused plan is not executed; a planted defect has to do its harm all the same.
            (false, Some(_)) => Ok(Vec::new()),
            (false, None) => Err(()),
        }
    }

    /// Carries out the next step of the plan of `m`.
    pub fn act(&self, state: &mut State, m: M) {
        let act = state.at_mut(m).plan.remove(0);
        let done = match act {
            Act::Create { name, .. } => self.create(state, name),
            Act::Record { name, server } => record(state, m, name, server),
            Act::Write { name, event } => {
                let skips = self.mutation == Some(Mutation::SkipsTheJournal);
                if !skips || matches!(event, Event::Testified(_)) {
                    write(state, name, event);
                }
                Some(())
            }
            Act::Reconfig {
                add,
                remove,
                expected,
            } => state.reconfig(m, add, &remove, expected),
            local => {
                here(state.at_mut(m), local);
                Some(())
            }
        };
        if done.is_none() {
            state.at_mut(m).plan.clear();
        }
    }

    /// The one act that only one can win.
    fn create(&self, state: &mut State, name: Name) -> Option<()> {
        if state.streams.contains_key(&name) {
            return (self.mutation == Some(Mutation::TrustsItsOwnClaim)).then_some(());
        }
        state.streams.insert(name, Stream::default());
        Some(())
    }
}

/// All that a view depends on.
fn fingerprint(state: &State, m: M, blur: Blur) -> u64 {
    let mut hasher = DefaultHasher::new();
    let me = state.at(m);
    (m, blur, &state.streams, &me.claiming, &me.disk, me.server).hash(&mut hasher);
    for o in &state.instances {
        o.state.hash(&mut hasher);
        (o.serves(), o.server == Server::Looking).hash(&mut hasher);
        let config = o.serves().then_some(&o.disk.config);
        (config, o.server == Server::Leading).hash(&mut hasher);
    }
    hasher.finish()
}

fn record(state: &mut State, m: M, name: Name, server: u8) -> Option<()> {
    let in_time = !state.streams.get(&name)?.old;
    write(
        state,
        name,
        Event::Claimed {
            by: m,
            server,
            in_time,
        },
    );
    let claiming = &mut state.at_mut(m).claiming;
    claiming.push(name);
    claiming.sort();
    claiming.dedup();
    Some(())
}

fn write(state: &mut State, name: Name, event: Event) {
    let stream = state.streams.entry(name).or_default();
    if stream.events.last() != Some(&event) {
        stream.events.push(event);
    }
}

/// What an agent does on its own machine.
fn here(instance: &mut Instance, act: Act) {
    let disk = &mut instance.disk;
    match act {
        Act::MoveAside => {
            let config = disk.config.take();
            *disk = super::state::Disk {
                config,
                ..Default::default()
            };
        }
        Act::MyId(id) => disk.myid = Some(id),
        Act::Membership(config) => disk.config = Some(config),
        Act::Identity(identity) => disk.identity = Some(identity),
        Act::AllowEmpty => disk.initialize = true,
        Act::Start if instance.server == Server::Down => instance.server = Server::Booting,
        Act::Start => {}
        Act::Stop => instance.server = Server::Down,
        elsewhere => unreachable!("not an act on this machine: {elsewhere:?}"),
    }
}

fn acts(action: &Action) -> Vec<Act> {
    let act = match action {
        // The group is there, and nothing rests on a tag, or on a protection from scale-in.
        Action::CreateLogGroup
        | Action::Tag { .. }
        | Action::Protect { .. }
        | Action::WriteZooCfg => return Vec::new(),
        Action::Claim { claim, server } => {
            let (name, server) = (Name::of(*claim), server.get());
            return vec![Act::Create { name, server }, Act::Record { name, server }];
        }
        Action::Journal { claim, milestone } => Act::Write {
            name: Name::of(*claim),
            event: match milestone {
                Milestone::Started => Event::Started,
                Milestone::Joined => Event::Joined,
                left @ (Milestone::Leaving | Milestone::Left) => {
                    unreachable!("nobody is asked to leave: {left}")
                }
            },
        },
        Action::TakeBack { claim } => Act::Write {
            name: Name::of(*claim),
            event: Event::TookBack,
        },
        Action::Testify { claim, testimony } => Act::Write {
            name: Name::of(*claim),
            event: Event::Testified(testimony_of(testimony)),
        },
        Action::MoveDataAside { .. } => Act::MoveAside,
        Action::WriteMyId { server } => Act::MyId(server.get()),
        Action::WriteMembership { ensemble } => Act::Membership(config(ensemble)),
        Action::WriteIdentity { identity } => Act::Identity(identity_of(identity)),
        Action::AllowEmptyDatabase => Act::AllowEmpty,
        Action::StartServer => Act::Start,
        Action::StopServer => Act::Stop,
        Action::AddServer {
            server,
            remove,
            expected,
        } => Act::Reconfig {
            add: Some(member(server)),
            remove: remove.iter().map(|id| id.get()).collect(),
            expected: small(expected.0),
        },
        Action::RemoveServers { servers, expected } => Act::Reconfig {
            add: None,
            remove: servers.iter().map(|id| id.get()).collect(),
            expected: small(expected.0),
        },
        other => unreachable!("nobody is asked to leave: {other}"),
    };
    vec![act]
}

fn small(number: impl TryInto<u8>) -> u8 {
    number.try_into().ok().expect("a small number")
}

fn member(line: &Line) -> Member {
    Member {
        id: line.id.get(),
        at: place(&line.address),
        votes: line.role == Role::Participant,
    }
}

fn config(ensemble: &Ensemble) -> Config {
    Config {
        version: small(ensemble.version.0),
        members: ensemble.servers.values().map(member).collect(),
    }
}

fn identity_of(identity: &disk::Identity) -> Identity {
    let founder = identity.lineage.founder.as_str();
    Identity {
        generation: small(identity.lineage.generation),
        founder: founder[2..].parse().expect("a small number"),
        server: identity.server.get(),
        withdrawn: identity.withdrawn,
    }
}

fn testimony_of(said: &history::Testimony) -> Testimony {
    Testimony {
        config_of: small(said.config_of),
        generation: small(said.generation),
        config: config(&said.config),
        withdrawn: said.withdrawn,
        history: said
            .history
            .map(|h| History(small(h.generation), small(h.epoch), h.zxid.0)),
    }
}
