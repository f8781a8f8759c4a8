//! The server's words, its zoo.cfg, and the flags of its JVM.

use super::{Finding, Topic};
use crate::model::facts::{Difference, Facts};
use crate::model::probe::Probe;
use crate::model::zoo_keys;

const WHITELIST: &str = "take 4lw.commands.whitelist out of your own flags and properties: the agent \
                         writes it to zoo.cfg, and it holds from the server's next start";

/// Whether the servers answer what the agent asks.
pub(super) fn words(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![own_words(facts)];
    let deaf = facts.snapshot.peers.iter();
    let deaf = deaf.filter(|(_, probe)| probe.serving().is_some() && probe.ensemble().is_none());
    for (id, _) in deaf {
        let what = format!("{id} serves, and does not tell its config");
        findings.push(Topic::Words.warning(what, WHITELIST));
    }
    for (id, probe) in &facts.snapshot.peers {
        if let Probe::Unknown { why } = probe {
            let what = format!("{id} answers what is not understood: {why}");
            findings.push(Topic::Words.error(what, WHITELIST));
        }
    }
    findings
}

fn own_words(facts: &Facts) -> Finding {
    let words = &facts.server.words;
    let of = |answered: bool| {
        let words = words.iter().filter(|(_, a)| **a == answered);
        words
            .map(|(word, _)| word.as_str())
            .collect::<Vec<_>>()
            .join(", ")
    };
    let refused = of(false);
    if !refused.is_empty() {
        let what = format!("this instance's server does not answer {refused}: not whitelisted");
        return Topic::Words.error(what, WHITELIST);
    }
    match words.is_empty() {
        true => {
            let what = "this instance's server does not answer, so that no word could be tried";
            Topic::Words.unknown(what, "`zk-bootstrap --dry-run` says why it is down")
        }
        false => Topic::Words.ok(format!("this instance's server answers {}", of(true))),
    }
}

/// Whether zoo.cfg says what the settings say, and nothing undermines it.
pub(super) fn zoo_cfg(facts: &Facts) -> Vec<Finding> {
    let mut findings = match facts.zoo_cfg.differences.get() {
        Err(why) => {
            let what = format!("zoo.cfg cannot be read: {why}");
            vec![Topic::ZooCfg.unknown(what, "ask as root, or as the server's user")]
        }
        Ok(None) => vec![Topic::ZooCfg.ok("there is no zoo.cfg yet: the agent writes it")],
        Ok(Some(differences)) => differences.iter().map(difference).collect(),
    };
    findings.extend(flags(facts));
    if findings.is_empty() {
        findings.push(Topic::ZooCfg.ok("zoo.cfg says what the settings say"));
    }
    findings
}

fn difference(difference: &Difference) -> Finding {
    let Difference { key, is, should } = difference;
    let what = match (is, should) {
        (Some(is), Some(should)) => format!("{key} is {is:?}, and should be {should:?}"),
        (Some(is), None) => format!("{key} is {is:?}, and should not be there"),
        (None, should) => {
            let should = should.as_deref().unwrap_or_default();
            format!("{key} is missing, and should be {should:?}")
        }
    };
    let remedy = "set zookeeper.extra for a key of your own; zoo.cfg is written at the server's next \
                  start: stop ZooKeeper's unit, and the agent starts it again";
    match zoo_keys::refusal(key) {
        Some(reason) => Topic::ZooCfg.error(format!("{what}: {key} {reason}"), remedy),
        None => Topic::ZooCfg.warning(what, remedy),
    }
}

/// ZooKeeper reads properties of the JVM, too.
fn flags(facts: &Facts) -> Vec<Finding> {
    let flags = facts.zoo_cfg.jvm_flags.as_deref().unwrap_or_default();
    let properties = flags
        .split_whitespace()
        .filter_map(|flag| flag.strip_prefix("-Dzookeeper."));
    let refused = properties.filter_map(|property| {
        let key = property.split('=').next().unwrap_or_default();
        let reason = zoo_keys::refusal(key)?;
        let what = format!("zookeeper.jvm_flags sets zookeeper.{key}, which {reason}");
        let remedy = "take it out; it holds until the server's next start";
        Some(Topic::ZooCfg.error(what, remedy))
    });
    refused.collect()
}
