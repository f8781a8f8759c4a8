//! Replays: what an instance saw in each scenario, and the plan that it made of it. A plan depends
//! on the snapshot alone, so what was printed once is printed for ever.
//!
//! The recordings are the local world's: real servers, the emulated AWS. To record anew:
//!
//! ```console
//! $ cargo test --test replays -- --ignored
//! ```

#[path = "../world/mod.rs"]
#[allow(dead_code, reason = "the other tests use other parts of it")]
mod world;

#[path = "../e2e/stage.rs"]
#[allow(dead_code, reason = "the other tests use other parts of it")]
mod stage;

mod founding;
mod recorder;
mod recovery;
mod replacement;

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use zk_bootstrap::zookeeper::secret::Secret;

use self::recorder::{SCENARIOS, directory};
use self::world::instance::SECRET;

#[test]
fn every_recorded_snapshot_gives_the_plan_that_it_gave() {
    for scenario in SCENARIOS {
        let snapshot = directory().join(format!("{scenario}.json"));
        let mut plan = Command::new(env!("CARGO_BIN_EXE_zk-bootstrap"));
        plan.args(["plan", "--from"]).arg(snapshot).env_clear();
        let output = plan.stdin(Stdio::null()).output().expect("the binary runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(errors, "", "{scenario}");
        let printed = String::from_utf8(output.stdout).expect("text");
        assert_eq!(printed, read(&format!("{scenario}.plan")), "{scenario}");
    }
}

#[test]
fn each_scenario_has_one_recording_and_each_recording_its_scenario() {
    let listed = SCENARIOS.iter().flat_map(|scenario| {
        let name = |ending| format!("{scenario}.{ending}");
        ["json", "plan"].map(name)
    });
    let files = fs::read_dir(directory()).expect("readable");
    let found = files.map(|file| file.expect("readable").file_name());
    let found: BTreeSet<String> = found
        .map(|name| name.into_string().expect("text"))
        .collect();
    assert_eq!(found, listed.collect());
}

#[test]
fn no_recording_holds_a_secret_or_a_path() {
    let digest = Secret::new(SECRET).expect("a secret").digest();
    let (_, digest) = digest.split_once(':').expect("user and digest");
    for scenario in SCENARIOS {
        let text = read(&format!("{scenario}.json")) + &read(&format!("{scenario}.plan"));
        // Messages point at the guide.
        let text = text.replace("docs/", "");
        for kept in [SECRET, digest, "/"] {
            assert!(!text.contains(kept), "{scenario} holds {kept}");
        }
    }
}

fn read(file: &str) -> String {
    let path = directory().join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
