//! Conditional changes of membership, as the super user, through this instance's own server.

use std::net::SocketAddr;
use std::time::Duration;

use zookeeper_client::{Client, EnsembleUpdate, Error};

use super::secret::Secret;
use crate::model::id::ConfigVersion;

/// What became of a reconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answered {
    /// It is committed.
    Committed,
    /// It was refused and changed nothing: another change came first, or a quorum of the new
    /// config is not synced yet.
    Refused(&'static str),
    /// The server closed the connection first, as a leader does that is removed, and whoever becomes
    /// an observer or ceases to be one. Mostly it is committed; the next look at the config tells.
    Unanswered,
}

/// A reconfig failed, or nobody knows what became of it.
#[derive(Debug, thiserror::Error)]
pub enum ReconfigError {
    /// The server refuses for a reason that waiting does not mend.
    #[error("the server refuses: {0}")]
    Refused(&'static str),
    /// It may have been committed all the same. The next look at the config tells.
    #[error("the outcome is unknown")]
    Unknown(#[source] Error),
    /// Not within the deadline; the change may have been committed all the same.
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
}

/// Error codes of ZooKeeper's `KeeperException.Code` that the client crate does not name.
const NEW_CONFIG_NO_QUORUM: i32 = -13;
const RECONFIG_IN_PROGRESS: i32 = -14;

/// Adds the servers of the lines `joining` and removes those with the ids `leaving`, in one
/// transaction, if the config still has the version `expected`.
///
/// `address` is this instance's own server: the secret travels in clear text and must not leave
/// the machine. A follower forwards the change to its leader.
///
/// # Errors
/// When it is refused for good, or its outcome is unknown.
pub async fn reconfig(
    address: SocketAddr,
    secret: &Secret,
    joining: &[String],
    leaving: &[String],
    expected: ConfigVersion,
    deadline: Duration,
) -> Result<Answered, ReconfigError> {
    let change = async {
        let connector = Client::connector().with_auth("digest", &secret.credentials());
        let connector = connector.with_session_timeout(deadline).with_fail_eagerly();
        let client = match connector.connect(&address.to_string()).await {
            Ok(client) => client,
            Err(error) => return judge(error),
        };
        let update = EnsembleUpdate::Incremental {
            joinings: joining.iter().map(String::as_str),
            leavings: leaving.iter().map(String::as_str),
        };
        let Ok(version) = i64::try_from(expected.0) else {
            return judge(Error::BadVersion);
        };
        match client.update_ensemble(update, Some(version)).await {
            Ok(_) => Ok(Answered::Committed),
            Err(Error::ConnectionLoss | Error::SessionExpired) => Ok(Answered::Unanswered),
            Err(error) => judge(error),
        }
    };
    let answered = tokio::time::timeout(deadline, change).await;
    answered.unwrap_or(Err(ReconfigError::Late(deadline)))
}

fn judge(error: Error) -> Result<Answered, ReconfigError> {
    match error {
        Error::BadVersion => Ok(Answered::Refused("the config has another version by now")),
        Error::UnexpectedErrorCode(RECONFIG_IN_PROGRESS) => {
            Ok(Answered::Refused("another change is under way"))
        }
        Error::UnexpectedErrorCode(NEW_CONFIG_NO_QUORUM) => Ok(Answered::Refused(
            "no quorum of the new config is connected and synced",
        )),
        Error::NoAuth | Error::AuthFailed => Err(ReconfigError::Refused(
            "the super user's secret is not the one whose digest the servers know; every instance \
             of the group needs the same",
        )),
        Error::ReconfigDisabled => Err(ReconfigError::Refused(
            "reconfigEnabled is not true on the leader",
        )),
        Error::BadArguments(_) => Err(ReconfigError::Refused(
            "another member has this server's address or ports",
        )),
        unknown => Err(ReconfigError::Unknown(unknown)),
    }
}
