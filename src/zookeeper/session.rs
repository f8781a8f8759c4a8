//! A session of our own, for the one write that its opening is.

use std::net::SocketAddr;
use std::time::Duration;

use zookeeper_client::{Client, Error};

/// No session was opened, or nobody knows.
#[derive(Debug, thiserror::Error)]
pub enum SessionError {
    /// No server takes it.
    #[error("none of the servers opens a session")]
    Refused(#[source] Error),
    /// Not within the deadline.
    #[error("no session within {} s", .0.as_secs())]
    Late(Duration),
}

/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(25);

/// Opens a session at any of these servers, as soon as one takes it, and closes it again.
///
/// To open one is a transaction: it is answered when a quorum has committed it, and with it all that
/// was committed before. (A local session would be none, which is why `localSessionsEnabled` is
/// refused; a sync is none either.) The closing is not waited for.
///
/// # Errors
/// When no server answers in time; the transaction may have been committed all the same.
pub async fn open(servers: &[SocketAddr], deadline: Duration) -> Result<(), SessionError> {
    let servers: Vec<String> = servers.iter().map(SocketAddr::to_string).collect();
    let servers = servers.join(",");
    let mut refusal = None;
    let opened = async {
        loop {
            let connector = Client::connector().with_session_timeout(deadline);
            // The client's own pauses between attempts are longer than an election.
            match connector.with_fail_eagerly().connect(&servers).await {
                Ok(_) => return,
                Err(error) => refusal = Some(error),
            }
            tokio::time::sleep(PAUSE).await;
        }
    };
    let in_time = tokio::time::timeout(deadline, opened).await.is_ok();
    match refusal.filter(|_| !in_time) {
        Some(error) => Err(SessionError::Refused(error)),
        None if in_time => Ok(()),
        None => Err(SessionError::Late(deadline)),
    }
}
