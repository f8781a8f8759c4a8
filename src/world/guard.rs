//! Whether ZooKeeper's server may be started from what is on the disk: what its unit asks first,
//! whoever starts it.

use std::path::PathBuf;

use super::paths;
use crate::config::Settings;
use crate::host::files::{self, FileError};
use crate::model::disk::Identity;

/// The server must stay down.
#[derive(Debug, thiserror::Error)]
pub enum Forbidden {
    /// The agent has not laid its files out: it would be a server of its own, with an empty
    /// database, or with the data of nobody knows whom.
    #[error(
        "{}: nothing here says whose data this is; the agent lays the files out and then starts \
         the server itself: see `zk-bootstrap --dry-run`", .0.display()
    )]
    Nobodys(PathBuf),
    /// The agent has sworn to the others that it stays down.
    #[error(
        "{}: the server was withdrawn, since the quorum was lost for good, and others may go on \
         without it; the agent starts it again when it may: see `zk-bootstrap recover`", .0.display()
    )]
    Withdrawn(PathBuf),
    /// The disk does not tell.
    #[error("whether the server may be started is not known")]
    Unreadable(#[source] FileError),
}

/// Looks at the identity file alone; AWS and the peers are not asked, for a member with its data
/// starts without them.
///
/// # Errors
/// Why the server must not be started.
pub fn may_start(settings: &Settings) -> Result<(), Forbidden> {
    let path = paths(settings).identity();
    let text = files::read(&path).map_err(Forbidden::Unreadable)?;
    let identity = text.and_then(|text| serde_json::from_str::<Identity>(&text).ok());
    match identity {
        None => Err(Forbidden::Nobodys(path)),
        Some(identity) if identity.withdrawn => Err(Forbidden::Withdrawn(path)),
        Some(_) => Ok(()),
    }
}
