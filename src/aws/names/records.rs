//! The records of an ensemble: rendered from names, and read back.
//!
//! Below the domain `zk.example.com`, for servers 1 and 3:
//!
//! | name | type | values |
//! | --- | --- | --- |
//! | `zk.example.com` | A, AAAA | every server |
//! | `server-1.zk.example.com` | A or AAAA | one server |
//! | `_zookeeper._tcp.zk.example.com` | SRV | every server, with its client port |
//! | `_zk-bootstrap.zk.example.com` | TXT | `generation=1 version=100000003` |

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use crate::model::id::{ConfigVersion, ServerId};
use crate::model::names::Names;

/// A record set: its name without the last dot, its type (`A`), its time to live and its values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct RecordSet {
    pub name: String,
    pub kind: String,
    pub ttl: i64,
    pub values: BTreeSet<String>,
}

const NOTE: &str = "_zk-bootstrap";
const SERVICE: &str = "_zookeeper._tcp";
const SERVER: &str = "server-";

fn address_kind(address: IpAddr) -> &'static str {
    match address {
        IpAddr::V4(_) => "A",
        IpAddr::V6(_) => "AAAA",
    }
}

/// The record sets that publish names.
pub(super) fn render(domain: &str, ttl: i64, names: &Names) -> BTreeSet<RecordSet> {
    let mut values: BTreeMap<(String, &'static str), BTreeSet<String>> = BTreeMap::new();
    let mut add = |name: String, kind, value: String| {
        values.entry((name, kind)).or_default().insert(value);
    };
    for (id, server) in &names.servers {
        let own = format!("{SERVER}{id}.{domain}");
        let (address, kind) = (server.ip().to_string(), address_kind(server.ip()));
        add(domain.to_owned(), kind, address.clone());
        add(own.clone(), kind, address);
        let port = server.port();
        // Priority and weight: the servers are alike.
        add(
            format!("{SERVICE}.{domain}"),
            "SRV",
            format!("0 0 {port} {own}."),
        );
    }
    let Names {
        generation,
        version,
        servers: _,
    } = names;
    let note = format!("\"generation={generation} version={version}\"");
    add(format!("{NOTE}.{domain}"), "TXT", note);
    let record_sets = values.into_iter().map(|((name, kind), values)| RecordSet {
        name,
        kind: kind.to_owned(),
        ttl,
        values,
    });
    record_sets.collect()
}

/// Whether a record set is one that [`render`] makes, of whatever names.
pub(super) fn is_ours(domain: &str, name: &str, kind: &str) -> bool {
    let Some(below) = name.strip_suffix(domain) else {
        return false;
    };
    let addresses = ["A", "AAAA"].contains(&kind);
    match below.strip_suffix('.') {
        None => below.is_empty() && addresses,
        Some(NOTE) => kind == "TXT",
        Some(SERVICE) => kind == "SRV",
        Some(server) => {
            let id = server.strip_prefix(SERVER).map(str::parse::<ServerId>);
            addresses && id.is_some_and(|id| id.is_ok())
        }
    }
}

/// The names that these record sets publish. Where the note of the version is there and anything
/// else is not as it would be rendered, there are no servers in them.
pub(super) fn parse(domain: &str, ttl: i64, found: &BTreeSet<RecordSet>) -> Option<Names> {
    let value = |name: &str, kind: &str| {
        let mut sets = found.iter().filter(|set| set.name == name);
        sets.find(|set| set.kind == kind)
    };
    let note = value(&format!("{NOTE}.{domain}"), "TXT")?.values.first()?;
    let (generation, version) = noted(note)?;
    let services = value(&format!("{SERVICE}.{domain}"), "SRV");
    let services = services.into_iter().flat_map(|set| &set.values);
    let servers = services.filter_map(|service| {
        let mut fields = service.split(' ').skip(2);
        let (port, target) = (fields.next()?.parse().ok()?, fields.next()?);
        let own = target.strip_suffix('.').unwrap_or(target);
        let id = own.strip_suffix(domain)?.strip_suffix('.')?;
        let id: ServerId = id.strip_prefix(SERVER)?.parse().ok()?;
        let address = value(own, "A").or_else(|| value(own, "AAAA"))?;
        let address: IpAddr = address.values.first()?.parse().ok()?;
        Some((id, SocketAddr::new(address, port)))
    });
    let names = Names {
        generation,
        version,
        servers: servers.collect(),
    };
    let whole = render(domain, ttl, &names) == *found;
    Some(match whole {
        true => names,
        false => Names {
            servers: BTreeMap::new(),
            ..names
        },
    })
}

fn noted(text: &str) -> Option<(u32, ConfigVersion)> {
    let (generation, version) = text.trim_matches('"').split_once(' ')?;
    let generation = generation.strip_prefix("generation=")?.parse().ok()?;
    Some((generation, version.strip_prefix("version=")?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOMAIN: &str = "zk.example.com";

    fn names() -> Names {
        let server = |id: u8, at: &str| {
            let id = ServerId::try_from(id).expect("an id");
            (id, at.parse().expect("an address"))
        };
        Names {
            generation: 2,
            version: ConfigVersion(0x1_0000_0003),
            servers: [server(1, "10.0.0.1:2181"), server(3, "[fd00::3]:2182")].into(),
        }
    }

    #[test]
    fn every_server_has_a_name_of_its_own_and_all_have_one_together() {
        let rendered = render(DOMAIN, 30, &names());
        let lines: Vec<String> = rendered
            .iter()
            .map(|set| {
                let values: Vec<&str> = set.values.iter().map(String::as_str).collect();
                format!("{} {} {}", set.name, set.kind, values.join(" | "))
            })
            .collect();
        assert_eq!(
            lines,
            [
                "_zk-bootstrap.zk.example.com TXT \"generation=2 version=100000003\"",
                "_zookeeper._tcp.zk.example.com SRV 0 0 2181 server-1.zk.example.com. | \
                 0 0 2182 server-3.zk.example.com.",
                "server-1.zk.example.com A 10.0.0.1",
                "server-3.zk.example.com AAAA fd00::3",
                "zk.example.com A 10.0.0.1",
                "zk.example.com AAAA fd00::3",
            ]
        );
        assert!(
            rendered
                .iter()
                .all(|set| is_ours(DOMAIN, &set.name, &set.kind))
        );
        assert_eq!(parse(DOMAIN, 30, &rendered), Some(names()));
    }

    #[test]
    fn records_that_somebody_changed_have_a_version_and_no_servers() {
        let rendered = render(DOMAIN, 30, &names());
        let torn = Names {
            servers: BTreeMap::new(),
            ..names()
        };
        for (n, _) in rendered.iter().enumerate().skip(1) {
            let mut fewer = rendered.iter().cloned().collect::<Vec<_>>();
            fewer.remove(n);
            let fewer = fewer.into_iter().collect();
            assert_eq!(parse(DOMAIN, 30, &fewer), Some(torn.clone()), "without {n}");
        }
        assert_eq!(
            parse(DOMAIN, 60, &rendered),
            Some(torn),
            "another time to live"
        );
        let noteless = rendered.iter().filter(|set| set.kind != "TXT").cloned();
        assert_eq!(parse(DOMAIN, 30, &noteless.collect()), None);
    }

    #[test]
    fn what_others_have_below_the_domain_is_not_ours() {
        for (name, kind) in [
            ("zk.example.com", "MX"),
            ("www.zk.example.com", "A"),
            ("server-0.zk.example.com", "A"),
            ("server-1.zk.example.com", "TXT"),
            ("azk.example.com", "A"),
            ("example.com", "A"),
        ] {
            assert!(!is_ours(DOMAIN, name, kind), "{name} {kind}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_note_makes_it_panic(note in ".*", service in ".*") {
            let set = |name: &str, kind: &str, value: String| RecordSet {
                name: format!("{name}.{DOMAIN}"),
                kind: kind.to_owned(),
                ttl: 30,
                values: [value].into(),
            };
            let found = [set(NOTE, "TXT", note), set(SERVICE, "SRV", service)];
            let _ = parse(DOMAIN, 30, &found.into());
        }
    }
}
