//! A config: the members of the ensemble and its version.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::id::{ConfigVersion, Malformed, ServerId};
use super::server::{Role, Server};

/// A config of the ensemble, as `/zookeeper/config`, the answer to `conf` or a dynamic file has
/// it. Majority quorums only: a config with groups or weights does not parse.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ensemble {
    /// Its version; 0 for a file that was written by hand.
    pub version: ConfigVersion,
    /// The members by id.
    pub servers: BTreeMap<ServerId, Server>,
}

impl Ensemble {
    /// A config of these servers that no reconfig has committed (version 0).
    pub fn unversioned(servers: impl IntoIterator<Item = Server>) -> Self {
        let servers = servers.into_iter().map(|s| (s.id, s)).collect();
        Ensemble {
            version: ConfigVersion(0),
            servers,
        }
    }

    /// The voters, by id.
    pub fn voters(&self) -> impl Iterator<Item = &Server> {
        self.servers
            .values()
            .filter(|s| s.role == Role::Participant)
    }

    /// How many voters there are.
    pub fn voter_count(&self) -> usize {
        self.voters().count()
    }

    /// How many voters make a quorum: more than half.
    pub fn quorum(&self) -> usize {
        self.voter_count() / 2 + 1
    }

    /// The member with this id, if it is one.
    pub fn get(&self, id: ServerId) -> Option<&Server> {
        self.servers.get(&id)
    }

    /// The member that lives at this address, if there is one.
    pub fn at(&self, address: IpAddr) -> Option<&Server> {
        self.servers.values().find(|s| s.is_at(address))
    }

    /// Whether server `id` at `address` is a member.
    pub fn has(&self, id: ServerId, address: IpAddr) -> bool {
        self.get(id).is_some_and(|s| s.is_at(address))
    }

    /// The config as a joiner's file needs it: this one, plus itself as observer, and nobody
    /// else at its address.
    #[must_use]
    pub fn with_joiner(&self, joiner: Server) -> Ensemble {
        let others = self
            .servers
            .values()
            .filter(|s| s.address != joiner.address);
        Ensemble::unversioned(
            others
                .cloned()
                .chain([joiner.clone().with_role(Role::Observer)]),
        )
    }

    /// The ids that are in `self` and not, at the same address, in `other`.
    pub fn beyond(&self, other: &Ensemble) -> BTreeSet<ServerId> {
        let same = |s: &Server| other.get(s.id).is_some_and(|o| o.address == s.address);
        self.servers
            .values()
            .filter(|s| !same(s))
            .map(|s| s.id)
            .collect()
    }

    /// The text of a dynamic file: the server lines, without the version (a server refuses a
    /// `version=` line there).
    pub fn dynamic_file(&self) -> String {
        let mut text = String::new();
        for server in self.servers.values() {
            writeln!(text, "{server}").expect("a String takes every write");
        }
        text
    }
}

impl FromStr for Ensemble {
    type Err = Malformed;

    /// Reads server lines and `version=<hex>`; blank lines and comments are passed over. A text
    /// without a server, with one id or address twice, or with any other line is malformed.
    fn from_str(text: &str) -> Result<Self, Malformed> {
        let mut ensemble = Ensemble::default();
        for line in text.lines().map(str::trim) {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(version) = line.strip_prefix("version=") {
                ensemble.version = version.trim().parse()?;
                continue;
            }
            let server: Server = line.parse()?;
            let taken = ensemble
                .servers
                .values()
                .any(|s| s.address == server.address && s.quorum_port == server.quorum_port);
            if taken || ensemble.servers.insert(server.id, server).is_some() {
                return Err(Malformed::new(
                    line,
                    "a server with an id and an address of its own",
                ));
            }
        }
        if ensemble.servers.is_empty() {
            return Err(Malformed::new(text, "a config with at least one server"));
        }
        Ok(ensemble)
    }
}
