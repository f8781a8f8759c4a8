//! The ensemble as this instance sees it: what `zk-bootstrap status` prints.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::fate::{self, Fate, Proof};
use super::identity::{Standing, standing};
use super::view::View;
use crate::model::claim::{Claim, ClaimName, Slot};
use crate::model::ensemble::Ensemble;
use crate::model::id::{ConfigVersion, InstanceId, ServerId, Zxid};
use crate::model::policy::Policy;
use crate::model::probe::Probe;
use crate::model::server::Role;
use crate::model::snapshot::Snapshot;

/// Everything that is known, a row for each instance and for each member without one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overview {
    /// The name by which peers are counted; absent while it could not be seen.
    pub group: Option<String>,
    /// The version of the newest committed config that a serving server told; while none does, of
    /// the one in this instance's dynamic file.
    pub config_version: Option<ConfigVersion>,
    /// Whether a serving server told it.
    pub committed: bool,
    /// Its voters.
    pub voters: usize,
    /// How many voters it takes.
    pub quorum: usize,
    /// The generation, by the marker.
    pub generation: Option<u32>,
    /// The instances and servers.
    pub rows: Vec<Row>,
    /// What could not be seen, and why.
    pub unseen: Vec<String>,
}

/// One instance with its server, or a member whose instance is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Whether this is the instance that looks.
    pub here: bool,
    /// The instance.
    pub instance: Option<InstanceId>,
    /// Its zone.
    pub zone: Option<String>,
    /// Its private address.
    pub address: Option<String>,
    /// EC2's state and the group's, as `running/InService`.
    pub state: Option<String>,
    /// alive, terminated (with its proof) or unknown.
    pub fate: Option<String>,
    /// The newest claim that it holds.
    pub claim: Option<ClaimName>,
    /// The server's id.
    pub server: Option<ServerId>,
    /// Its role in the committed config; absent for those who are no members.
    pub role: Option<Role>,
    /// What its server answers.
    pub answer: Option<String>,
    /// The version of the config that its server has.
    pub config: Option<ConfigVersion>,
    /// The last zxid that it has processed.
    pub zxid: Option<Zxid>,
    /// Its release of ZooKeeper.
    pub release: Option<String>,
}

/// Puts a snapshot into rows.
pub fn overview(snapshot: &Snapshot, policy: &Policy) -> Overview {
    let unseen = unseen(snapshot);
    let mut overview = Overview {
        group: snapshot.fleet.known().map(|fleet| fleet.group.clone()),
        config_version: None,
        committed: false,
        voters: 0,
        quorum: 0,
        generation: None,
        rows: Vec::new(),
        unseen,
    };
    let Ok(view) = View::new(snapshot, policy) else {
        return overview;
    };
    let committed = view.committed();
    let config = committed.or(view.disk.dynamic.as_ref());
    overview.committed = committed.is_some();
    if let Some(ensemble) = config {
        overview.config_version = Some(ensemble.version);
        overview.voters = ensemble.voter_count();
        overview.quorum = ensemble.quorum();
    }
    let marker = view.register().ok().and_then(|r| r.newest(Slot::Ensemble));
    overview.generation = marker.map(|(name, _)| name.term);
    overview.rows = rows(view, config);
    overview
}

fn unseen(snapshot: &Snapshot) -> Vec<String> {
    let parts = [
        ("the instance metadata service", snapshot.me.get().err()),
        ("EC2 and the group", snapshot.fleet.get().err()),
        ("CloudWatch Logs", snapshot.register.get().err()),
        ("ZooKeeper's directories", snapshot.disk.get().err()),
        ("the service manager", snapshot.service.get().err()),
    ];
    let missing = parts
        .into_iter()
        .filter_map(|(whom, why)| Some((whom, why?)));
    missing
        .map(|(whom, why)| format!("{whom}: {why}"))
        .collect()
}

fn rows(view: View, config: Option<&Ensemble>) -> Vec<Row> {
    let held = holders(view);
    let mut instances: BTreeSet<&InstanceId> = held.keys().collect();
    instances.insert(&view.me.instance);
    if let Ok(fleet) = view.fleet() {
        instances.extend(fleet.instances.keys());
    }
    let mut rows: Vec<Row> = instances
        .into_iter()
        .map(|id| row(view, config, id, held.get(id)))
        .collect();
    let known: BTreeSet<ServerId> = rows
        .iter()
        .filter(|r| r.role.is_some())
        .filter_map(|r| r.server)
        .collect();
    let members = config.into_iter().flat_map(|e| e.servers.values());
    rows.extend(
        members
            .filter(|s| !known.contains(&s.id))
            .map(|server| Row {
                address: Some(server.address.clone()),
                server: Some(server.id),
                role: Some(server.role),
                ..Row::default()
            }),
    );
    rows.sort_by_key(|row| (row.server.is_none(), row.server, row.instance.clone()));
    rows
}

/// The newest claim and its id for every instance whose record is valid, dead or alive.
fn holders(view: View) -> BTreeMap<InstanceId, (ClaimName, ServerId)> {
    let mut holders = BTreeMap::new();
    let Ok(register) = view.register() else {
        return holders;
    };
    for (id, (name, claim)) in register.newest_of_servers() {
        if let Some(owner) = claim.valid_owner() {
            holders.insert(owner.instance.clone(), (name, id));
        }
    }
    holders
}

fn row(
    view: View,
    config: Option<&Ensemble>,
    id: &InstanceId,
    held: Option<&(ClaimName, ServerId)>,
) -> Row {
    let here = *id == view.me.instance;
    let found = view.fleet().ok().and_then(|fleet| fleet.instances.get(id));
    let claim = held.and_then(|(name, _)| view.register().ok()?.claims.get(name));
    let owner = claim.and_then(Claim::valid_owner);
    let address = found.and_then(|i| i.address).or(owner.map(|o| o.address));
    let address = address.or(here.then_some(view.me.address));
    let member = config
        .zip(address)
        .and_then(|(ensemble, address)| ensemble.at(address));
    let probe = if here {
        Some(&view.snapshot.server)
    } else {
        view.snapshot.peers.get(id)
    };
    let serving = probe.and_then(Probe::serving);
    let recorded = claim.map_or(view.snapshot.at, |claim| claim.created);
    Row {
        here,
        instance: Some(id.clone()),
        zone: found
            .map(|i| i.zone.clone())
            .or(owner.map(|o| o.zone.clone())),
        address: address.map(|a| a.to_string()),
        state: found.map(|i| format!("{}/{}", i.state, i.lifecycle)),
        fate: Some(fate_text(fate::of_instance(view, id, recorded)).to_owned()),
        claim: held.map(|(name, _)| *name),
        server: held.map(|(_, server)| *server).or(member.map(|m| m.id)),
        role: member.map(|m| m.role),
        answer: probe.map(|p| answer_text(p, claim.map(|c| standing(view, c)))),
        config: probe.and_then(Probe::ensemble).map(|e| e.version),
        zxid: serving.map(|s| s.zxid),
        release: serving.map(|s| s.release.clone()),
    }
}

fn fate_text(fate: Fate) -> &'static str {
    match fate {
        Fate::Alive => "alive",
        Fate::Terminated(Proof::State) => "terminated",
        Fate::Terminated(Proof::Forgotten) => "terminated (forgotten by EC2)",
        Fate::Unknown => "unknown",
    }
}

/// What the server answers; nothing is expected of one whose owner is gone.
fn answer_text(probe: &Probe, standing: Option<Standing>) -> String {
    match standing {
        Some(Standing::Vacant) => "-".to_owned(),
        Some(Standing::Held(_) | Standing::Foreign | Standing::Pending(_)) | None => {
            probe.to_string()
        }
    }
}

const COLUMNS: usize = 13;
const HEADINGS: [&str; COLUMNS] = [
    "", "SERVER", "INSTANCE", "ADDRESS", "ZONE", "STATE", "FATE", "CLAIM", "ROLE", "ANSWER",
    "CONFIG", "ZXID", "RELEASE",
];

impl fmt::Display for Overview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let version = self
            .config_version
            .map_or("unknown".to_owned(), |v| v.to_string());
        let told = match (self.committed, self.config_version) {
            (false, Some(_)) => " (of this instance's file: nobody serves)",
            (true, _) | (false, None) => "",
        };
        let generation = self.generation.map_or("none".to_owned(), |g| g.to_string());
        writeln!(
            f,
            "{}: config version {version}{told}, {} voters (quorum {}), generation {generation}",
            self.group.as_deref().unwrap_or("group unknown"),
            self.voters,
            self.quorum
        )?;
        let rows: Vec<[String; COLUMNS]> = self.rows.iter().map(cells).collect();
        let width = |n: usize| {
            let cells = rows.iter().map(|row| row[n].chars().count());
            cells.max().unwrap_or(0).max(HEADINGS[n].len())
        };
        let widths: Vec<usize> = (0..HEADINGS.len()).map(width).collect();
        let headings = HEADINGS.map(str::to_owned);
        for row in std::iter::once(&headings).chain(&rows) {
            let cells: Vec<String> = row
                .iter()
                .zip(&widths)
                .map(|(cell, w)| format!("{cell:w$}"))
                .collect();
            writeln!(f, "{}", cells.join("  ").trim_end())?;
        }
        for unseen in &self.unseen {
            writeln!(f, "not seen: {unseen}")?;
        }
        Ok(())
    }
}

fn cells(row: &Row) -> [String; COLUMNS] {
    let text = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    [
        if row.here { "*" } else { "" }.to_owned(),
        text(row.server.map(|id| id.to_string())),
        text(row.instance.as_ref().map(ToString::to_string)),
        text(row.address.clone()),
        text(row.zone.clone()),
        text(row.state.clone()),
        text(row.fate.clone()),
        text(row.claim.map(|claim| claim.to_string())),
        text(row.role.map(|role| role.to_string())),
        text(row.answer.clone()),
        text(row.config.map(|version| version.to_string())),
        text(row.zxid.map(|zxid| zxid.to_string())),
        text(row.release.clone()),
    ]
}
