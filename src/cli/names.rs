//! `zk-bootstrap connection-string`: what a client of ZooKeeper is given.

use std::path::Path;

use super::Exit;
use super::commands::{EVERYTHING, onlooker, print, refuse_text};
use crate::agent::{Look, World as _};
use crate::decide::view::View;
use crate::model::names::Names;
use crate::model::policy::Policy;
use crate::model::snapshot::Snapshot;

/// Prints the addresses of the members that the newest committed config has, as far as the servers
/// tell. AWS and the peers are asked only where this instance's own server does not serve.
pub async fn connection_string(config: &Path) -> Exit {
    let (policy, mut world) = match onlooker(config) {
        Ok(onlooker) => onlooker,
        Err(exit) => return exit,
    };
    for look in [Look::Here, EVERYTHING] {
        let snapshot = world.observe(look).await;
        if let Some(names) = told(&snapshot, &policy) {
            let line = format!("{}\n", names.connection_string());
            return print(&line).err().unwrap_or(Exit::Ok);
        }
    }
    let what =
        "no server that serves tells the config; `zk-bootstrap status` shows what each answers";
    refuse_text(what, Exit::Unavailable)
}

fn told(snapshot: &Snapshot, policy: &Policy) -> Option<Names> {
    let view = View::new(snapshot, policy).ok()?;
    Some(Names::of(view.generation(), view.committed()?))
}
