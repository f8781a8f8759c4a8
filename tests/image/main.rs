//! The image boots: a root, baked by the playbook, becomes three machines with systemd as PID 1, an
//! address, a network and a metadata service of their own, in an emulated AWS. They live through
//! a chain of acts, while a client writes. What is asserted is what ZooKeeper and systemd say, and
//! what the client was promised.
//!
//! `make test-image` sets everything up; it takes root. Words behind it choose acts by their
//! sentences. Everything runs in namespaces of its own (network, mounts, processes), which end with
//! it.

#[path = "../world/mod.rs"]
#[allow(dead_code, reason = "the other tests use other parts of it")]
mod world;

mod acts;
mod bake;
mod fleet;
mod machine;
mod namespaces;
mod network;
mod troubles;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;

use zk_bootstrap::clock;

use self::acts::Act;
use self::fleet::Fleet;
use self::namespaces::Stage;

fn main() -> ExitCode {
    match namespaces::stage() {
        Stage::Outside => {
            namespaces::check();
            let stages = [Stage::Bake, Stage::Play];
            let well = stages
                .iter()
                .all(|stage| namespaces::again(*stage).success());
            machine::sweep();
            ExitCode::from(u8::from(!well))
        }
        Stage::Bake => {
            bake::bake();
            ExitCode::SUCCESS
        }
        Stage::Play => play(),
    }
}

/// Plays the acts one after the other, in one fleet; the first that fails is the last.
fn play() -> ExitCode {
    let words = env::args().skip(1).find(|word| !word.starts_with('-'));
    let words = words.unwrap_or_default();
    let chosen: Vec<&Act> = acts::ACTS
        .iter()
        .filter(|act| act.sentence.contains(&words))
        .collect();
    if chosen.is_empty() {
        println!("no act has {words:?} in its sentence");
        return ExitCode::FAILURE;
    }
    let mut fleet = Fleet::new();
    for act in chosen {
        let start = clock::instant();
        let well = catch_unwind(AssertUnwindSafe(|| one(act, &mut fleet))).is_ok();
        let seconds = start.elapsed().as_secs_f64();
        println!(
            "{} {seconds:6.1} s  {}",
            if well { "ok    " } else { "FAILED" },
            act.sentence
        );
        if !well {
            println!("{}", fleet.describe());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// The first act boots the fleet; whichever comes after it begins and ends with a whole ensemble
/// in which nothing that the client was promised is lost.
fn one(act: &Act, fleet: &mut Fleet) {
    fleet.ensure(act);
    (act.play)(fleet);
    fleet.assert_whole();
}
