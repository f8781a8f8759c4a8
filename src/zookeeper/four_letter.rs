//! Asks a server four-letter words, within a deadline.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::reply;
use crate::model::probe::Probe;

/// Why a word was not answered. None of these says anything of the instance's fate.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// No connection, or it broke: refused, reset, no route.
    #[error("no connection")]
    Connection(#[source] std::io::Error),
    /// Not within the deadline.
    #[error("no answer within {} ms", .0.as_millis())]
    Late(Duration),
}

/// An answer is cut here: `stat` lists every client, and what is wanted of it stands at its end
/// only after them. 4 MiB hold some 40,000 clients.
const LONGEST_ANSWER: u64 = 4 << 20;

/// Sends one word and reads until the server closes.
///
/// No newline follows the word: an unread one would make the server's close a reset, and the
/// answer could be lost (ZooKeeper reads exactly four bytes).
///
/// # Errors
/// When there is no connection, or no complete answer within `deadline`.
pub async fn ask(address: SocketAddr, word: &str, deadline: Duration) -> Result<String, AskError> {
    let talk = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(word.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.take(LONGEST_ANSWER).read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    match tokio::time::timeout(deadline, talk).await {
        Ok(answer) => answer.map_err(AskError::Connection),
        Err(_) => Err(AskError::Late(deadline)),
    }
}

/// How much is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// `stat` and `conf`: what a peer is asked.
    Peer,
    /// `srvr`, `conf` and `mntr`, which tells whether it has synced: what the own server is asked.
    Own,
}

/// Asks a server how it is; the details, only when it serves: one that boots is asked often. A
/// peer is asked `stat`, and `srvr` where `stat` is not whitelisted (only `srvr` is, by default).
pub async fn probe(address: SocketAddr, depth: Depth, deadline: Duration) -> Probe {
    let own = depth == Depth::Own;
    let first = if own { "srvr" } else { "stat" };
    let state = match ask(address, first, deadline).await {
        Ok(answer) if reply::is_refused(&answer) && !own => ask(address, "srvr", deadline).await,
        state => state,
    };
    let state = match state {
        Ok(state) => state,
        Err(AskError::Connection(source)) => {
            let why = source.to_string();
            return Probe::Unreachable { why };
        }
        Err(late @ AskError::Late(_)) => {
            let why = late.to_string();
            return Probe::Unreachable { why };
        }
    };
    let short = reply::probe(&state, None, None);
    if short.serving().is_none() {
        return short;
    }
    let detail = async {
        match own {
            true => ask(address, "mntr", deadline).await.ok(),
            false => None,
        }
    };
    let (conf, detail) = tokio::join!(ask(address, "conf", deadline), detail);
    reply::probe(&state, conf.ok().as_deref(), detail.as_deref())
}
