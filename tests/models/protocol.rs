//! The protocols as one state machine: agents with the daemon's planner, in a world in which
//! everything that can happen next does happen in one of the histories.

use stateright::{Model, Property};

use super::agent::Agents;
use super::look::{Blur, Eyes};
use super::mutations::Mutation;
use super::state::{Adversity, Instance, InstanceState, M, Name, Server, State, Stream};

/// What can happen next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The agent looks and plans.
    Looks(M, Blur),
    /// The agent goes on with its plan, up to what others can notice.
    Acts(M),
    /// After so many steps on its own machine the agent dies, or hears nothing of what it did.
    Crashes(M, usize),
    /// The process comes up.
    Boots(M),
    /// A looking server hears of another's newer config.
    Hears(M, M),
    /// A quorum elects the first of them.
    Elects(Vec<M>),
    /// A server syncs with its leader.
    Syncs(M, M),
    /// A leader writes, and these take it up.
    Writes(M, Vec<M>),
    Launches(M),
    Terminates(M),
    Stops(M),
    StartsAgain(M),
    /// The grace of a claim without a record passes.
    GracePasses(Name),
}

pub type Properties = fn() -> Vec<Property<Protocol>>;

/// A world to begin with, and what is claimed of all its histories.
pub struct Protocol {
    pub start: State,
    pub agents: Agents,
    /// Whether servers come up; the claims can be looked at without.
    pub servers: bool,
    pub properties: Properties,
}

impl Protocol {
    fn agent_steps(&self, state: &State, m: M, steps: &mut Vec<Step>) {
        let agent = state.at(m);
        if !self.servers && agent.disk.myid.is_some() {
            return;
        }
        if agent.plan.is_empty() {
            self.looks(state, m, steps);
            return;
        }
        steps.push(Step::Acts(m));
        if state.left.crashes > 0 {
            let local = agent.plan.iter().take_while(|act| act.is_local()).count();
            let most = local.min(agent.plan.len() - 1);
            steps.extend((0..=most).map(|done| Step::Crashes(m, done)));
        }
    }

    fn looks(&self, state: &State, m: M, steps: &mut Vec<Step>) {
        steps.push(Step::Looks(m, Blur::default()));
        if state.left.deaf_looks > 0 {
            let deaf = true;
            steps.push(Step::Looks(m, Blur { stale: None, deaf }));
        }
        if state.left.stale_reads == 0 {
            return;
        }
        // The newest event is not there yet, or the stream with no more than its first one.
        for (name, stream) in &state.streams {
            let stale = |events| Blur {
                stale: Some((*name, events)),
                deaf: false,
            };
            let events = u8::try_from(stream.events.len()).expect("few events");
            steps.extend((events < 2).then(|| Step::Looks(m, stale(None))));
            let but_the_newest = events.checked_sub(1).map(Some);
            steps.extend(but_the_newest.map(|seen| Step::Looks(m, stale(seen))));
        }
    }

    fn server_steps(&self, state: &State, m: M, steps: &mut Vec<Step>) {
        match state.at(m).server {
            Server::Down => return,
            Server::Booting => {
                steps.push(Step::Boots(m));
                return;
            }
            Server::Looking => {
                steps.extend(state.news(m).map(|other| Step::Hears(m, other)));
                for electors in subsets(state, m) {
                    if state.may_elect(m, &electors) {
                        steps.push(Step::Elects(electors));
                    }
                }
            }
            Server::Leading if state.left.writes > 0 => {
                let followers = state.followers(m);
                let in_step = |o: &M| state.at(*o).data() == state.at(m).data();
                let takes = subsets(state, m).into_iter();
                let takes = takes.map(|t| t[1..].to_vec());
                let takes = takes.filter(|t| t.iter().all(|o| followers.contains(o) && in_step(o)));
                steps.extend(takes.map(|takers| Step::Writes(m, takers)));
            }
            Server::Leading | Server::Following(_) => {}
        }
        steps.extend(state.leader_for(m).map(|l| Step::Syncs(m, l)));
    }

    fn trouble(state: &State, m: M, steps: &mut Vec<Step>) {
        let left = &state.left;
        match state.at(m).state {
            InstanceState::Unlaunched => {
                let staying = state.instances.iter();
                let staying = staying.filter(|i| i.runs() || i.state == InstanceState::Stopped);
                let in_turn = m == 0 || state.at(m - 1).state != InstanceState::Unlaunched;
                if staying.count() < 3 && in_turn {
                    steps.push(Step::Launches(m));
                }
            }
            InstanceState::Running => {
                if left.terminations > 0 {
                    steps.push(Step::Terminates(m));
                }
                if left.stops > 0 {
                    steps.push(Step::Stops(m));
                }
            }
            InstanceState::Stopped => {
                steps.push(Step::StartsAgain(m));
                if left.terminations > 0 {
                    steps.push(Step::Terminates(m));
                }
            }
            InstanceState::Terminated => {}
        }
    }

    fn takes(&self, state: &mut State, step: Step) {
        match step {
            Step::Looks(m, blur) => {
                self.agents.look(state, m, blur);
                // A blurred look that leads to nothing is as good as none.
                if !state.at(m).plan.is_empty() || state.broke.is_some() {
                    if blur.stale.is_some() {
                        state.left.spend(|left| &mut left.stale_reads);
                    }
                    if blur.deaf {
                        state.left.spend(|left| &mut left.deaf_looks);
                    }
                }
            }
            Step::Acts(m) => {
                while state.at(m).plan.first().is_some_and(|act| act.is_local()) {
                    self.agents.act(state, m);
                }
                if !state.at(m).plan.is_empty() {
                    self.agents.act(state, m);
                }
            }
            Step::Crashes(m, done) => {
                (0..done).for_each(|_| self.agents.act(state, m));
                state.at_mut(m).plan.clear();
                state.at_mut(m).claiming.clear();
                state.left.spend(|left| &mut left.crashes);
            }
            Step::Boots(m) => state.boot(m),
            Step::Hears(m, other) => state.adopts(m, other),
            Step::Elects(electors) => state.elect(electors[0], &electors),
            Step::Syncs(m, l) => state.follow(m, l),
            Step::Writes(l, takers) => {
                state.write(l, &takers);
                state.left.writes -= 1;
            }
            Step::Launches(m) | Step::StartsAgain(m) => {
                state.at_mut(m).state = InstanceState::Running;
            }
            Step::Terminates(m) => {
                let gone = InstanceState::Terminated;
                *state.at_mut(m) = Instance {
                    state: gone,
                    ..Instance::unlaunched()
                };
                state.left.spend(|left| &mut left.terminations);
            }
            Step::Stops(m) => {
                state.at_mut(m).state = InstanceState::Stopped;
                state.left.spend(|left| &mut left.stops);
            }
            Step::GracePasses(name) => {
                state.streams.entry(name).or_default().old = true;
                state.left.spend(|left| &mut left.graces);
                for instance in &mut state.instances {
                    instance.claiming.retain(|made| *made != name);
                }
            }
        }
    }
}

/// `m` first, and every choice of others.
fn subsets(state: &State, m: M) -> Vec<Vec<M>> {
    let mut subsets = vec![vec![m]];
    for other in state.all().filter(|o| *o != m && state.at(*o).runs()) {
        let with = subsets.clone().into_iter().map(|mut s| {
            s.push(other);
            s
        });
        subsets.extend(with.collect::<Vec<_>>());
    }
    subsets
}

impl Model for Protocol {
    type State = State;
    type Action = Step;

    fn init_states(&self) -> Vec<State> {
        vec![self.start.clone()]
    }

    fn actions(&self, state: &State, steps: &mut Vec<Step>) {
        if state.broke.is_some() {
            return;
        }
        for m in state.all() {
            Protocol::trouble(state, m, steps);
            if state.at(m).runs() {
                self.agent_steps(state, m, steps);
                if self.servers {
                    self.server_steps(state, m, steps);
                }
            }
        }
        if state.left.graces == 0 {
            return;
        }
        let graceless = |s: &Stream| !s.old && s.events.is_empty();
        let pending = state.streams.iter().filter(|(_, s)| graceless(s));
        steps.extend(pending.map(|(name, _)| Step::GracePasses(*name)));
    }

    fn next_state(&self, last: &State, step: Step) -> Option<State> {
        let mut state = last.clone();
        self.takes(&mut state, step);
        state.settle_servers();
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        (self.properties)()
    }
}

/// What a model begins with, but for its streams.
pub struct Given {
    pub instances: Vec<Instance>,
    pub left: Adversity,
    pub eyes: Eyes,
    pub servers: bool,
    pub properties: Properties,
}

impl Given {
    pub fn protocol(self, mutation: Option<Mutation>) -> Protocol {
        Protocol {
            start: State {
                streams: std::collections::BTreeMap::new(),
                instances: self.instances,
                left: self.left,
                acknowledged: Vec::new(),
                lineages: 0,
                versions: 0,
                broke: None,
            },
            agents: Agents::new(self.eyes, mutation),
            servers: self.servers,
            properties: self.properties,
        }
    }
}
