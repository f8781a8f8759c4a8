//! ZooKeeper's releases, and the known ways in which they lose data.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Topic};
use crate::model::facts::Facts;

/// `3.9.3` as numbers.
type Release = (u32, u32, u32);

/// What is known of releases: the first and the last that have it, whether it loses what was
/// acknowledged without a disk failing, what it is, and the releases that have it no more. From
/// ZooKeeper's tickets and the branches into which their fixes were merged.
const KNOWN: &[(Release, Release, Loss, &str, &str)] = &[
    (
        (3, 9, 3),
        (3, 9, 3),
        Loss::Certain,
        "ZOOKEEPER-4925: a server that caught up and then leads does not pass on all it has",
        "3.9.4",
    ),
    (
        (3, 8, 0),
        (3, 8, 3),
        Loss::Rare,
        "ZOOKEEPER-4785: a follower may answer for writes of its sync that it does not have yet",
        "3.8.4 or 3.9.5",
    ),
    (
        (3, 9, 0),
        (3, 9, 1),
        Loss::Rare,
        "ZOOKEEPER-4785: a follower may answer for writes of its sync that it does not have yet",
        "3.9.2, better 3.9.5",
    ),
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loss {
    /// In the course of ordinary elections.
    Certain,
    /// When crashes meet a race.
    Rare,
}

/// The oldest that the agent works with.
const OLDEST: Release = (3, 8, 0);

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut running: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let own = ("this instance".to_owned(), &facts.snapshot.server);
    let peers = facts.snapshot.peers.iter();
    let peers = peers.map(|(id, probe)| (id.to_string(), probe));
    for (whose, probe) in [own].into_iter().chain(peers) {
        let release = probe.serving().map(|serving| serving.release.clone());
        if let Some(release) = release.filter(|release| !release.is_empty()) {
            running.entry(release).or_default().insert(whose);
        }
    }
    if running.is_empty() {
        let what = "no server that serves tells its release";
        return vec![Topic::Releases.unknown(what, "ask again when the servers serve")];
    }
    let mut findings: Vec<Finding> = running
        .iter()
        .flat_map(|(release, whose)| of_release(release, whose))
        .collect();
    if running.len() > 1 {
        let releases: Vec<&str> = running.keys().map(String::as_str).collect();
        let what = format!("servers of different releases: {}", releases.join(", "));
        findings.push(Topic::Releases.warning(what, "bring the upgrade to its end"));
    }
    findings
}

fn of_release(text: &str, whose: &BTreeSet<String>) -> Vec<Finding> {
    let whose: Vec<&str> = whose.iter().map(String::as_str).collect();
    let runs = format!("ZooKeeper {text} ({})", whose.join(", "));
    let Some(release) = parse(text) else {
        let what = format!("{runs} is a release that cannot be compared");
        return vec![Topic::Releases.unknown(what, "look for its known losses of data by hand")];
    };
    if release < OLDEST {
        let what = format!("{runs} is older than what the agent works with");
        return vec![Topic::Releases.error(what, "upgrade to 3.9.5, one server after the other")];
    }
    let found = KNOWN
        .iter()
        .filter(|(first, last, ..)| (*first..=*last).contains(&release));
    let found = found.map(|(.., loss, what, fixed)| {
        let what = format!("{runs} can lose acknowledged writes, {what}");
        let remedy = format!(
            "upgrade to {fixed}, one server after the other, unless your distribution has \
             backported the fix"
        );
        match loss {
            Loss::Certain => Topic::Releases.error(what, &remedy),
            Loss::Rare => Topic::Releases.warning(what, &remedy),
        }
    });
    let found: Vec<Finding> = found.collect();
    match found.is_empty() {
        true => vec![Topic::Releases.ok(format!("{runs} has no known loss of data"))],
        false => found,
    }
}

fn parse(text: &str) -> Option<Release> {
    let mut numbers = text.split('.').map(str::parse);
    let mut next = || numbers.next()?.ok();
    Some((next()?, next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict::{self, Error, Ok, Unknown, Warning};

    #[test]
    fn each_release_is_judged_by_the_tickets_that_are_known() {
        for (release, verdict) in [
            ("3.7.2", Error),
            ("3.8.0", Warning),
            ("3.8.3", Warning),
            ("3.8.4", Ok),
            ("3.8.6", Ok),
            ("3.9.0", Warning),
            ("3.9.2", Ok),
            ("3.9.3", Error),
            ("3.9.4", Ok),
            ("3.10.0", Ok),
            ("3.9", Unknown),
            ("", Unknown),
        ] {
            let whose = BTreeSet::from(["i-1".to_owned()]);
            let verdicts: Vec<Verdict> = of_release(release, &whose)
                .iter()
                .map(|finding| finding.verdict)
                .collect();
            assert_eq!(verdicts, [verdict], "{release:?}");
        }
    }

    #[test]
    fn what_is_known_names_its_ticket_and_a_later_release() {
        for (first, last, _, what, fixed) in KNOWN {
            assert!(first <= last && what.starts_with("ZOOKEEPER-"), "{what}");
            let fixed = fixed.split([' ', ',']).next().and_then(parse);
            assert!(fixed.is_some_and(|fixed| fixed > *last), "{what}");
        }
    }
}
