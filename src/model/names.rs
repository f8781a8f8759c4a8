//! The names by which clients find the ensemble: what is published, or should be.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};

use super::ensemble::Ensemble;
use super::id::{ConfigVersion, ServerId};

/// The servers of one config, as clients reach them.
///
/// The order of two is that of their age: of generation, and within it of the config's version.
/// (A generation that begins anew counts its versions from the start.)
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Names {
    /// The generation of the ensemble.
    pub generation: u32,
    /// The version of the config.
    pub version: ConfigVersion,
    /// Each member's address and client port. Empty where what is published is incomplete, or has
    /// been changed by somebody else.
    pub servers: BTreeMap<ServerId, SocketAddr>,
}

impl Names {
    /// The names of a config's members. A member whose address is itself a name, or without a client
    /// port, is left out: the agents make none such.
    pub fn of(generation: u32, config: &Ensemble) -> Self {
        let reached = config.servers.values().filter_map(|server| {
            let client = server.client.as_ref()?;
            let address = client.bind.as_ref().unwrap_or(&server.address);
            let address: IpAddr = address.parse().ok()?;
            Some((server.id, SocketAddr::new(address, client.port)))
        });
        Names {
            generation,
            version: config.version,
            servers: reached.collect(),
        }
    }

    /// What they are of; an older one never replaces a newer one.
    pub fn age(&self) -> (u32, ConfigVersion) {
        (self.generation, self.version)
    }

    /// What a client of ZooKeeper is given: `10.0.0.1:2181,10.0.0.2:2181`.
    pub fn connection_string(&self) -> String {
        let servers: Vec<String> = self.servers.values().map(ToString::to_string).collect();
        servers.join(",")
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Names {
            generation,
            version,
            servers,
        } = self;
        let ids: Vec<String> = servers.keys().map(ToString::to_string).collect();
        let ids = ids.join(", ");
        write!(
            f,
            "server {ids} of generation {generation}, version {version}"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clients_reach_members_at_the_address_that_they_bind() {
        let config: Ensemble = "server.1=10.0.0.1:2888:3888;2181\n\
                                server.2=[fd00::2]:2888:3888;2181\n\
                                server.3=10.0.0.3:2888:3888;192.0.2.3:2182\n\
                                server.4=zk4.example:2888:3888;2181\n\
                                server.5=10.0.0.5:2888:3888\nversion=100000003\n"
            .parse()
            .expect("a config");
        let names = Names::of(1, &config);
        assert_eq!(
            names.connection_string(),
            "10.0.0.1:2181,[fd00::2]:2181,192.0.2.3:2182"
        );
        assert_eq!(
            names.to_string(),
            "server 1, 2, 3 of generation 1, version 100000003"
        );
    }

    #[test]
    fn a_later_generation_is_newer_whatever_its_version() {
        let names = |generation, version| Names {
            generation,
            version: ConfigVersion(version),
            ..Names::default()
        };
        assert!(names(2, 1).age() > names(1, 9).age());
        assert!(names(1, 10).age() > names(1, 9).age());
    }
}
