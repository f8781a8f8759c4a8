//! Going through a model, and what is said of its states.

use stateright::{Checker, Expectation, HasDiscoveries, Model, Path};
use zk_bootstrap::clock;

use super::protocol::{Protocol, Step};
use super::state::{Broke, Instance, InstanceState, State};

/// Goes through all histories. Every property must hold.
#[track_caller]
pub fn holds(name: &str, protocol: Protocol) {
    let began = clock::instant();
    let checker = protocol.checker().spawn_bfs().join();
    println!(
        "{name}: {} states, {} of them distinct, to a depth of {}; {} views planned from; {:.1} s",
        checker.state_count(),
        checker.unique_state_count(),
        checker.max_depth(),
        checker.model().agents.views(),
        began.elapsed().as_secs_f32(),
    );
    for property in checker.model().properties() {
        let path = checker.discovery(property.name);
        match (property.expectation, path) {
            (Expectation::Sometimes, None) => panic!("never: {}", property.name),
            (Expectation::Always, Some(path)) => {
                panic!("not always: {}{}", property.name, story(path))
            }
            _ => {}
        }
    }
}

/// Goes through histories of agents with a defect, until one breaks `property`.
#[track_caller]
pub fn is_refuted(property: &'static str, protocol: Protocol) {
    let mutation = protocol.agents.mutation.expect("a planted defect");
    let found = HasDiscoveries::AnyOf([property].into());
    let checker = protocol.checker().finish_when(found).spawn_bfs().join();
    let Some(path) = checker.discovery(property) else {
        panic!("{mutation:?} is not refuted by {property:?}");
    };
    let states = checker.unique_state_count();
    let story = story(path);
    println!("{mutation:?} is refuted among {states} states:{story}");
}

/// A history, with what each agent intends when it looks and does when it acts.
fn story(path: Path<State, Step>) -> String {
    let states = path.into_vec();
    let mut lines = Vec::new();
    for pair in states.windows(2) {
        let [(before, Some(step)), (after, _)] = pair else {
            continue;
        };
        let acts = match step {
            Step::Looks(m, _) => after.at(*m).plan.as_slice(),
            Step::Acts(m) => {
                let (all, left) = (&before.at(*m).plan, after.at(*m).plan.len());
                &all[..all.len() - left]
            }
            Step::Crashes(m, done) => &before.at(*m).plan[..*done],
            _ => &[],
        };
        lines.push(format!("\n  {step:?} {acts:?}"));
    }
    lines.concat()
}

/// Whether this never happens.
pub fn never(state: &State, what: Broke) -> bool {
    state.broke != Some(what)
}

/// Running instances with nothing on them.
pub fn fresh(count: usize) -> Vec<Instance> {
    let instance = Instance {
        state: InstanceState::Running,
        ..Instance::unlaunched()
    };
    vec![instance; count]
}

pub fn one_lineage_serves(state: &State) -> bool {
    let serving = state.instances.iter().filter(|i| i.serves());
    let mut lineages = serving.filter_map(|i| i.data().map(|d| d.lineage));
    let first = lineages.next();
    lineages.all(|lineage| Some(lineage) == first)
}
