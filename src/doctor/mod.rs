//! The findings of `zk-bootstrap doctor`: a pure judgement of gathered [`Facts`], topic by topic.
//!
//! Each finding is one sentence with its verdict and, unless all is well, what to do about it. What
//! could not be seen is unknown, and never taken for well or ill.

mod aws;
mod clocks;
mod disks;
mod ports;
mod releases;
mod rights;
mod timeouts;
mod zookeeper;

use std::fmt;

use serde::Serialize;

use crate::model::facts::Facts;
use crate::model::snapshot::Answer;

/// What is well, and what is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// In the order of the topics.
    pub findings: Vec<Finding>,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What it is about.
    pub topic: Topic,
    /// How it is.
    pub verdict: Verdict,
    /// The sentence.
    pub what: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
}

/// What a finding is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Topic {
    /// Whether the agent sees what it decides from.
    Sight,
    /// The rights of the instance's role.
    Rights,
    /// The ports between the members, both ways.
    Ports,
    /// This instance's clock and its peers'.
    Clocks,
    /// ZooKeeper's releases.
    Releases,
    /// The four-letter words.
    Words,
    /// zoo.cfg and the JVM's flags.
    ZooCfg,
    /// Time-outs that depend on one another.
    Timeouts,
    /// Directories and file systems.
    Disks,
    /// The super user's secret.
    Secret,
    /// The instance's metadata service.
    Metadata,
    /// The register's log group.
    Register,
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Topic::Sight => "sight",
            Topic::Rights => "rights",
            Topic::Ports => "ports",
            Topic::Clocks => "clocks",
            Topic::Releases => "releases",
            Topic::Words => "words",
            Topic::ZooCfg => "zoo.cfg",
            Topic::Timeouts => "time-outs",
            Topic::Disks => "disks",
            Topic::Secret => "secret",
            Topic::Metadata => "metadata",
            Topic::Register => "register",
        })
    }
}

/// How it is, the better first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// As it should be.
    Ok,
    /// Nobody can tell from here.
    Unknown,
    /// It works, and may fail when it is needed.
    Warning,
    /// Something does not work, or data is at risk.
    Error,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Verdict::Ok => "ok",
            Verdict::Unknown => "unknown",
            Verdict::Warning => "warning",
            Verdict::Error => "error",
        })
    }
}

impl Topic {
    fn finding(self, verdict: Verdict, what: String, remedy: Option<&str>) -> Finding {
        Finding {
            topic: self,
            verdict,
            what,
            remedy: remedy.map(str::to_owned),
        }
    }

    fn ok(self, what: impl Into<String>) -> Finding {
        self.finding(Verdict::Ok, what.into(), None)
    }

    fn unknown(self, what: impl Into<String>, remedy: &str) -> Finding {
        self.finding(Verdict::Unknown, what.into(), Some(remedy))
    }

    fn warning(self, what: impl Into<String>, remedy: &str) -> Finding {
        self.finding(Verdict::Warning, what.into(), Some(remedy))
    }

    fn error(self, what: impl Into<String>, remedy: &str) -> Finding {
        self.finding(Verdict::Error, what.into(), Some(remedy))
    }
}

/// Judges everything that was gathered.
pub fn examine(facts: &Facts) -> Report {
    let topics: [fn(&Facts) -> Vec<Finding>; 12] = [
        sight,
        rights::judge,
        ports::judge,
        clocks::judge,
        releases::judge,
        zookeeper::words,
        zookeeper::zoo_cfg,
        timeouts::judge,
        disks::judge,
        disks::secret,
        aws::metadata,
        aws::register,
    ];
    let findings = topics.iter().flat_map(|judge| judge(facts)).collect();
    Report { findings }
}

impl Report {
    /// The worst verdict there is.
    pub fn worst(&self) -> Verdict {
        let verdicts = self.findings.iter().map(|finding| finding.verdict);
        verdicts.max().unwrap_or(Verdict::Ok)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let Finding {
                topic,
                verdict,
                what,
                remedy,
            } = finding;
            writeln!(f, "{verdict:<8} {topic:<10} {what}")?;
            if let Some(remedy) = remedy {
                writeln!(f, "{:19} → {remedy}", "")?;
            }
        }
        let count = |verdict| {
            let verdicts = self.findings.iter().map(|finding| finding.verdict);
            verdicts.filter(|v| *v == verdict).count()
        };
        writeln!(
            f,
            "error: {}, warning: {}, unknown: {}, ok: {}",
            count(Verdict::Error),
            count(Verdict::Warning),
            count(Verdict::Unknown),
            count(Verdict::Ok)
        )
    }
}

/// Whether the agent sees what it decides from: an error here is why other findings are unknown.
fn sight(facts: &Facts) -> Vec<Finding> {
    let snapshot = &facts.snapshot;
    let metadata = "look at the instance's metadata options, and at firewalls for 169.254.169.254";
    let aws =
        "look at the instance's role, its route to AWS (proxy, VPC endpoints), and the region";
    let parts = [
        (
            "the instance metadata service",
            snapshot.me.get().err(),
            metadata,
        ),
        ("EC2 and the group", snapshot.fleet.get().err(), aws),
        ("CloudWatch Logs", snapshot.register.get().err(), aws),
        (
            "ZooKeeper's directories",
            snapshot.disk.get().err(),
            "ask as root, or as the server's user",
        ),
        (
            "the service manager",
            snapshot.service.get().err(),
            "look at service.manager and service.unit, or service.zkserver",
        ),
    ];
    let unseen = parts.into_iter().filter_map(|(whom, why, remedy)| {
        let why = why?;
        Some(Topic::Sight.error(format!("{whom} cannot be seen: {why}"), remedy))
    });
    let mut findings: Vec<Finding> = unseen.collect();
    if let (Answer::Known { value: me, .. }, Answer::Known { value: fleet, .. }) =
        (&snapshot.me, &snapshot.fleet)
        && !fleet.instances.contains_key(&me.instance)
    {
        let what = format!("{} is not listed in {}", me.instance, fleet.group);
        let remedy = "wait if it was launched a moment ago; else look at membership.group, or at \
                      membership.tag_key and its value";
        findings.push(Topic::Sight.error(what, remedy));
    }
    if findings.is_empty() {
        let all = "metadata, EC2, the group, CloudWatch Logs, the disk and the service are seen";
        findings.push(Topic::Sight.ok(all));
    }
    findings
}
