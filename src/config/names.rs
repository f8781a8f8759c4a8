//! `[names]`: the names by which clients find the servers.

use std::time::Duration;

use super::files::Literal;
use super::judge;
use super::reader::Reader;

/// `[names]`: whether names for clients are published, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names {
    /// Where.
    pub publish: Publish,
    /// The id of the hosted zone (`route53` only, and then required).
    pub zone_id: Option<String>,
    /// The name that all servers have (`route53` only, and then required).
    pub domain: Option<String>,
    /// How long resolvers may keep an answer (`route53` only).
    pub ttl: Duration,
    /// The parameter, with `{group}` where the group's name goes: see [`Names::parameter`].
    parameter: String,
}

/// Where names for clients are published.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Publish {
    /// Nowhere.
    Off,
    /// As records of Route 53.
    Route53,
    /// As a parameter of Systems Manager.
    Ssm,
}

impl Names {
    /// The parameter's name for the group `name`, put where `{group}` stands.
    ///
    /// Systems Manager takes letters, digits and `_.-/`; any other byte of the name becomes `-` and two
    /// hexadecimal digits.
    pub fn parameter(&self, name: &str) -> String {
        let mut written = String::new();
        for byte in name.bytes() {
            match byte.is_ascii_alphanumeric() || b"_.-".contains(&byte) {
                true => written.push(char::from(byte)),
                false => written.push_str(&format!("-{byte:02X}")),
            }
        }
        self.parameter.replace(judge::GROUP, &written)
    }
}

pub(super) fn names(reader: &mut Reader) -> Names {
    let text = |value: &str| Literal::Text(value.to_owned());
    let places = [
        ("off", Publish::Off),
        ("route53", Publish::Route53),
        ("ssm", Publish::Ssm),
    ];
    let ttl = judge::duration("1s", "24h");
    let parameter = text("/zookeeper/{group}/connection-string");
    Names {
        publish: reader.value("names.publish", text("off"), judge::choice(&places)),
        zone_id: reader.optional("names.zone_id", judge::hosted_zone),
        domain: reader.optional("names.domain", judge::domain),
        ttl: reader.value("names.ttl", text("30s"), ttl),
        parameter: reader.value("names.parameter", parameter, judge::parameter),
    }
}

/// A domain without its place is a mistake, and so is the place without its domain.
pub(super) fn together(reader: &mut Reader, names: &Names) {
    let route53 = names.publish == Publish::Route53;
    for (name, set) in [
        ("zone_id", names.zone_id.is_some()),
        ("domain", names.domain.is_some()),
    ] {
        let key = format!("names.{name}");
        if set && !route53 {
            let what = "is of names.publish = \"route53\": set that, or remove it";
            reader.wrong(&key, what);
        } else if route53 && !set {
            reader.wrong(
                "names.publish",
                format!("is \"route53\", which needs {key}"),
            );
        }
    }
}
