//! Short tales, each about one thing.

use super::history::History;
use super::region::MINUTE;
use super::settling::End;

#[test]
fn three_instances_found_an_ensemble_of_three() {
    for seed in 0..20 {
        let mut history = History::new(seed, 3);
        history.region.borrow_mut().trace = Some(Vec::new());
        let end = history.settle(10 * MINUTE);
        let region = history.region.borrow();
        let trace = region.trace.as_ref().expect("it is kept").join("\n");
        assert!(
            matches!(end, End::Settled { .. }),
            "seed {seed}: {end:?}\n{trace}"
        );
    }
}
