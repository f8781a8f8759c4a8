//! Whether a port of a server can be reached.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::model::facts::Knock;

/// Opens a connection and closes it without a word. A server notes that in its log at most.
pub async fn knock(address: SocketAddr, deadline: Duration) -> Knock {
    match tokio::time::timeout(deadline, TcpStream::connect(address)).await {
        Err(_) => Knock::Silent,
        Ok(Ok(_)) => Knock::Open,
        Ok(Err(error)) => match error.kind() {
            ErrorKind::ConnectionRefused => Knock::Refused,
            ErrorKind::TimedOut => Knock::Silent,
            _ => Knock::Failed(error.to_string()),
        },
    }
}
