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

/// Keys of another place than the chosen one are a mistake, and so are missing ones.
pub(super) fn together(reader: &mut Reader, names: &Names) {
    let of_route53 = ["names.zone_id", "names.domain", "names.ttl"];
    let of_ssm = ["names.parameter"];
    let (route53, ssm) = (
        names.publish == Publish::Route53,
        names.publish == Publish::Ssm,
    );
    for (keys, place, chosen) in [
        (&of_route53[..], "route53", route53),
        (&of_ssm[..], "ssm", ssm),
    ] {
        for key in keys.iter().filter(|_| !chosen) {
            if !reader.is_default(key) {
                let what = format!("is of names.publish = {place:?}: set that, or remove it");
                reader.wrong(key, what);
            }
        }
    }
    let missing = [
        ("zone_id", names.zone_id.is_none()),
        ("domain", names.domain.is_none()),
    ];
    for (key, _) in missing.iter().filter(|(_, missing)| route53 && *missing) {
        let what = format!("is \"route53\", which needs names.{key}");
        reader.wrong("names.publish", what);
    }
}
