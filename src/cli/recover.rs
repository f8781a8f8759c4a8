//! `zk-bootstrap recover`: the evidence of a lost quorum, and an operator's leave.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::path::Path;

use super::commands::{EVERYTHING, onlooker, print, print_json, refuse, refuse_text};
use super::{Exit, Output, RecoverArgs};
use crate::agent::World as _;
use crate::decide::evidence::{Evidence, evidence};
use crate::world::RealWorld;

/// Shows what the survivors of a lost quorum have. Where `policy.recovery` is `"manual"` and leave
/// is still to be given, asks for it, and notes it in this instance's own log stream.
pub async fn recover(config: &Path, options: &RecoverArgs) -> Exit {
    let (policy, mut world) = match onlooker(config) {
        Ok(onlooker) => onlooker,
        Err(exit) => return exit,
    };
    let snapshot = world.observe(EVERYTHING).await;
    let evidence = match evidence(&snapshot, &policy) {
        Ok(Some(evidence)) => evidence,
        Ok(None) => {
            let nothing = "there is nothing to recover: no survivor says that the quorum is lost\n";
            return print(nothing).err().unwrap_or(Exit::Ok);
        }
        Err(waiting) => return refuse_text(&format!("waiting for {waiting}"), Exit::Unavailable),
    };
    let printed = match options.output {
        Output::Text => print(&evidence.to_string()),
        Output::Json => print_json(&evidence),
    };
    match (printed, evidence.needs_leave, evidence.leader) {
        (Err(exit), ..) => exit,
        (Ok(()), false, Some(_)) => Exit::Ok,
        (Ok(()), _, None) => Exit::Waiting,
        // Machines are not asked.
        (Ok(()), true, Some(_)) if options.output == Output::Json && !options.yes => Exit::Waiting,
        (Ok(()), true, Some(_)) => give_leave(&mut world, &evidence, options.yes).await,
    }
}

async fn give_leave(world: &mut RealWorld, evidence: &Evidence, yes: bool) -> Exit {
    let Some(claim) = evidence.own_claim else {
        let remedy = "this instance holds no server id to note leave under: ask on a survivor";
        return refuse_text(remedy, Exit::Waiting);
    };
    if !yes && !asked(evidence.generation + 1) {
        return Exit::Waiting;
    }
    match world.allow_recovery(claim, evidence.generation).await {
        Ok(()) => {
            let given = "leave is given; the agents go on by themselves\n";
            print(given).err().unwrap_or(Exit::Ok)
        }
        Err(error) => refuse(&error, Exit::Unavailable),
    }
}

/// Whether somebody at a terminal says so.
fn asked(next: u32) -> bool {
    if !std::io::stdin().is_terminal() {
        eprintln!("zk-bootstrap: nobody is asked without a terminal; --yes gives leave");
        return false;
    }
    print!("Begin generation {next} with it? [y/N] ");
    let _ = std::io::stdout().flush();
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    read.is_ok() && ["y", "yes"].contains(&answer.trim().to_lowercase().as_str())
}
