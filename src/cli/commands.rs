//! The commands that look and change nothing.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::{Exit, Output, PlanArgs, StatusArgs};
use crate::agent::{Look, World, chain};
use crate::config::{self, Loaded};
use crate::decide::overview::overview;
use crate::decide::{self, safety};
use crate::model::plan::Plan;
use crate::model::policy::Policy;
use crate::model::snapshot::Recording;
use crate::world::{RealWorld, Secrecy, guard};

/// Between two looks of `status --watch`.
const WATCH: Duration = Duration::from_secs(2);

/// `plan` and `--dry-run`.
pub async fn plan(config: &Path, options: &PlanArgs) -> Exit {
    let recording = match &options.from {
        Some(file) => recorded(file),
        None => look(config).await,
    };
    let Recording {
        policy, snapshot, ..
    } = match recording {
        Ok(recording) => recording,
        Err(exit) => return exit,
    };
    let plan = decide::plan(&snapshot, &policy);
    let printed = match options.output {
        Output::Text => print(&plan.to_string()),
        Output::Json => print_json(&plan),
    };
    if let Err(exit) = printed {
        return exit;
    }
    let violations = safety::violations(&snapshot, &policy, &plan);
    for violation in &violations {
        eprintln!("zk-bootstrap: this plan would not be executed: {violation}");
    }
    match violations.is_empty() {
        true => exit_code(&plan),
        false => Exit::Software,
    }
}

fn exit_code(plan: &Plan) -> Exit {
    if !plan.actions.is_empty() {
        Exit::ToDo
    } else if !plan.waiting.is_empty() {
        Exit::Waiting
    } else {
        Exit::Ok
    }
}

/// `observe`.
pub async fn observe(config: &Path) -> Exit {
    let printed = match look(config).await {
        Ok(recording) => print_json(&recording),
        Err(exit) => Err(exit),
    };
    printed.err().unwrap_or(Exit::Ok)
}

/// `status`, once or until interrupted.
pub async fn status(config: &Path, options: &StatusArgs) -> Exit {
    let (policy, mut world) = match onlooker(config) {
        Ok(onlooker) => onlooker,
        Err(exit) => return exit,
    };
    loop {
        let snapshot = world.observe(EVERYTHING).await;
        let overview = overview(&snapshot, &policy);
        if options.watch && std::io::stdout().is_terminal() {
            // Home, and clear what is below.
            print!("\x1b[H\x1b[J");
        }
        let printed = match options.output {
            Output::Text => print(&overview.to_string()),
            Output::Json => print_json(&overview),
        };
        match printed {
            Err(exit) => return exit,
            Ok(()) if !options.watch => return Exit::Ok,
            Ok(()) => tokio::time::sleep(WATCH).await,
        }
    }
}

/// `check-config`.
pub fn check_config(config: &Path) -> Exit {
    let printed = loaded(config).and_then(|loaded| print(&loaded.effective()));
    printed.err().unwrap_or(Exit::Ok)
}

/// `may-start`.
pub fn may_start(config: &Path) -> Exit {
    let settings = match loaded(config) {
        Ok(loaded) => loaded.settings,
        Err(exit) => return exit,
    };
    match guard::may_start(&settings) {
        Ok(()) => Exit::Ok,
        Err(forbidden) => refuse(&forbidden, Exit::Unavailable),
    }
}

pub(super) const EVERYTHING: Look = Look::Everywhere {
    no_older_than: Duration::ZERO,
};

/// The policy and the world, for who changes no membership: that would take the secret.
pub(super) fn onlooker(config: &Path) -> Result<(Policy, RealWorld), Exit> {
    let settings = loaded(config)?.settings;
    let policy = settings.policy();
    let world = RealWorld::new(settings, Secrecy::Optional);
    Ok((policy, world.map_err(|error| refuse(&error, Exit::Config))?))
}

async fn look(config: &Path) -> Result<Recording, Exit> {
    let (policy, mut world) = onlooker(config)?;
    Ok(Recording {
        v: Recording::VERSION,
        policy,
        snapshot: world.observe(EVERYTHING).await,
    })
}

fn recorded(file: &Path) -> Result<Recording, Exit> {
    let named = |what: &str| format!("{}: {what}", file.display());
    let mut text = String::new();
    let read = match file.as_os_str() == "-" {
        true => std::io::stdin().read_to_string(&mut text),
        false => std::fs::File::open(file).and_then(|mut f| f.read_to_string(&mut text)),
    };
    read.map_err(|error| refuse_text(&named(&error.to_string()), Exit::NoInput))?;
    let parsed: Result<Recording, _> = serde_json::from_str(&text);
    let recording = parsed.map_err(|error| {
        let what = format!("not a snapshot as `zk-bootstrap observe` records it: {error}");
        refuse_text(&named(&what), Exit::Data)
    })?;
    if recording.v != Recording::VERSION {
        let what = format!(
            "of form {}, this version reads form {}",
            recording.v,
            Recording::VERSION
        );
        return Err(refuse_text(&named(&what), Exit::Data));
    }
    Ok(recording)
}

pub(super) fn loaded(config: &Path) -> Result<Loaded, Exit> {
    config::load(config).map_err(|error| refuse(&error, Exit::Config))
}

pub(super) fn refuse(error: &dyn std::error::Error, exit: Exit) -> Exit {
    refuse_text(&chain(error), exit)
}

pub(super) fn refuse_text(text: &str, exit: Exit) -> Exit {
    eprintln!("zk-bootstrap: {text}");
    exit
}

/// Prints to a reader that may have gone (`| head`): that is no error.
pub(super) fn print(text: &str) -> Result<(), Exit> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(refuse(&error, Exit::Software))
        }
        Err(_) | Ok(()) => Ok(()),
    }
}

pub(super) fn print_json(value: &impl Serialize) -> Result<(), Exit> {
    let text = serde_json::to_string_pretty(value);
    let text = text.map_err(|error| refuse(&error, Exit::Software))?;
    print(&format!("{text}\n"))
}
