//! `zk-bootstrap doctor`: what is well here, what is not, and what to do about it.

use std::path::Path;

use super::commands::{onlooker, print, print_json};
use super::{DoctorArgs, Exit, Output};
use crate::doctor::{Verdict, examine};

/// Looks, judges and prints; it changes nothing.
pub async fn doctor(config: &Path, options: &DoctorArgs) -> Exit {
    let (_, mut world) = match onlooker(config) {
        Ok(onlooker) => onlooker,
        Err(exit) => return exit,
    };
    let report = examine(&world.examine().await);
    let printed = match options.output {
        Output::Text => print(&report.to_string()),
        Output::Json => print_json(&report),
    };
    match (printed, report.worst()) {
        (Err(exit), _) => exit,
        (Ok(()), Verdict::Ok | Verdict::Unknown) => Exit::Ok,
        (Ok(()), Verdict::Error) => Exit::ToDo,
        (Ok(()), Verdict::Warning) => Exit::Waiting,
    }
}
