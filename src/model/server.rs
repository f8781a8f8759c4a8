//! One line of a config: `server.3=10.0.1.7:2888:3888:participant;0.0.0.0:2181`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::id::{Malformed, ServerId};

/// What a server may do in the ensemble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// A voter; ZooKeeper's files call it `participant`.
    Participant,
    /// A member that serves reads and forwards writes, without a vote.
    Observer,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Participant => "participant",
            Role::Observer => "observer",
        })
    }
}

/// A ZooKeeper server as a config lists it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Server {
    /// Its id.
    pub id: ServerId,
    /// The name or address under which the members reach it, without brackets.
    pub address: String,
    /// The port on which followers meet their leader (2888).
    pub quorum_port: u16,
    /// The port on which leaders are elected (3888).
    pub election_port: u16,
    /// Voter or observer.
    pub role: Role,
    /// Where clients are served; absent in configs of the style before 3.5.
    pub client: Option<ClientAddress>,
}

/// The part behind the semicolon: where a server listens to clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientAddress {
    /// The address it binds; absent means all of them.
    pub bind: Option<String>,
    /// The port (2181).
    pub port: u16,
}

const EXPECTED: &str =
    "a server line (server.N=address:quorumPort:electionPort[:role];[address:]clientPort)";

impl Server {
    /// Whether this server lives at `address`.
    pub fn is_at(&self, address: IpAddr) -> bool {
        self.address.parse() == Ok(address)
    }

    /// The same server with another role.
    #[must_use]
    pub fn with_role(mut self, role: Role) -> Self {
        self.role = role;
        self
    }
}

/// Takes `address:rest` apart, where the address may be one of IPv6 in brackets.
fn split_address(text: &str) -> Option<(&str, &str)> {
    match text.strip_prefix('[') {
        Some(rest) => rest.split_once("]:"),
        None => text.split_once(':'),
    }
}

fn with_brackets(address: &str) -> String {
    if address.contains(':') {
        format!("[{address}]")
    } else {
        address.to_owned()
    }
}

fn parse_client(text: &str) -> Option<ClientAddress> {
    let (bind, port) = match split_address(text) {
        Some((bind, port)) => (Some(bind.to_owned()), port),
        None => (None, text),
    };
    // ZooKeeper writes 0.0.0.0 for "all addresses": one spelling for one meaning.
    let bind = bind.filter(|bind| bind != "0.0.0.0");
    let port = port.parse().ok()?;
    Some(ClientAddress { bind, port })
}

fn parse_line(text: &str) -> Option<Server> {
    let (key, value) = text.trim().split_once('=')?;
    let id = key.trim().strip_prefix("server.")?.parse().ok()?;
    let (peer, client) = match value.trim().split_once(';') {
        Some((peer, client)) => (peer, Some(parse_client(client)?)),
        None => (value.trim(), None),
    };
    let (address, rest) = split_address(peer)?;
    // Several addresses for one server (`a|b`, multiAddress.enabled) are not ours to rewrite.
    if address.is_empty() || address.contains(['|', ' ', '/']) {
        return None;
    }
    let mut parts = rest.split(':');
    let quorum_port = parts.next()?.parse().ok()?;
    let election_port = parts.next()?.parse().ok()?;
    let role = match parts.next() {
        None => Role::Participant,
        Some(role) if role.eq_ignore_ascii_case("participant") => Role::Participant,
        Some(role) if role.eq_ignore_ascii_case("observer") => Role::Observer,
        Some(_) => return None,
    };
    if parts.next().is_some() {
        return None;
    }
    let address = address.to_owned();
    Some(Server {
        id,
        address,
        quorum_port,
        election_port,
        role,
        client,
    })
}

impl FromStr for Server {
    type Err = Malformed;
    fn from_str(text: &str) -> Result<Self, Malformed> {
        parse_line(text).ok_or_else(|| Malformed::new(text, EXPECTED))
    }
}

impl TryFrom<String> for Server {
    type Error = Malformed;
    fn try_from(text: String) -> Result<Self, Malformed> {
        text.parse()
    }
}

impl From<Server> for String {
    fn from(server: Server) -> String {
        server.to_string()
    }
}

impl fmt::Display for Server {
    /// The whole line, as a dynamic file and a reconfig's `joining` list have it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Server {
            id,
            address,
            quorum_port,
            election_port,
            role,
            client,
        } = self;
        let address = with_brackets(address);
        write!(
            f,
            "server.{id}={address}:{quorum_port}:{election_port}:{role}"
        )?;
        match client {
            None => Ok(()),
            Some(ClientAddress { bind: None, port }) => write!(f, ";{port}"),
            Some(ClientAddress {
                bind: Some(bind),
                port,
            }) => write!(f, ";{}:{port}", with_brackets(bind)),
        }
    }
}
