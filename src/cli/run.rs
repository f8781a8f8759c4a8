//! `zk-bootstrap run`: the loop with its sleep, until it is told to stop.

use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{sleep, timeout};

use super::Exit;
use super::commands::{loaded, refuse};
use crate::agent::{Agent, Pace};
use crate::config::Settings;
use crate::host::notify;
use crate::world::{RealWorld, Secrecy};

/// What is under way when the agent is told to stop may come to its end within this time.
const GRACE: Duration = Duration::from_secs(5);
/// Between looks at one's own server while it boots: a probe costs a millisecond.
const HERE: Duration = Duration::from_millis(50);
/// The first pause while something elsewhere is waited for.
const FIRST: Duration = Duration::from_millis(100);

/// Runs the agent until SIGTERM or SIGINT. ZooKeeper goes on, and stays a member.
pub async fn run(config: &Path) -> Exit {
    let settings = match loaded(config) {
        Ok(loaded) => loaded.settings,
        Err(exit) => return exit,
    };
    let (policy, pace) = (settings.policy(), pace(&settings));
    let world = match RealWorld::new(settings, Secrecy::Required) {
        Ok(world) => world,
        Err(error) => return refuse(&error, Exit::Config),
    };
    let (mut terminate, mut interrupt) = match (
        signal(SignalKind::terminate()),
        signal(SignalKind::interrupt()),
    ) {
        (Ok(terminate), Ok(interrupt)) => (terminate, interrupt),
        (Err(error), _) | (_, Err(error)) => return refuse(&error, Exit::Software),
    };
    let mut stop = std::pin::pin!(async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    });
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "zk-bootstrap begins");
    // Each tick feeds the watchdog: none may be further away than half of what it allows.
    let longest = notify::watchdog_interval().map_or(Duration::MAX, |interval| interval / 2);
    let mut agent = Agent::new(world, policy, pace, fastrand::u64(..));
    loop {
        let mut tick = std::pin::pin!(agent.tick());
        let pause = tokio::select! {
            tick = &mut tick => tick.pause.min(longest),
            () = &mut stop => {
                // Whatever is cut off here is found by the next agent.
                let _ = timeout(GRACE, tick).await;
                break;
            }
        };
        tokio::select! {
            () = sleep(pause) => {}
            () = &mut stop => break,
        }
    }
    notify::stopping();
    tracing::info!("told to stop; ZooKeeper goes on");
    Exit::Ok
}

fn pace(settings: &Settings) -> Pace {
    Pace {
        at_leisure: settings.pace.tick,
        aws: settings.pace.aws,
        here: HERE,
        first: FIRST,
        longest: settings.pace.backoff_max,
    }
}
