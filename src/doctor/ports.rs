//! The ports between this instance and its peers, both ways.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Topic};
use crate::model::facts::{Facts, Knock};
use crate::model::fleet::Instance;
use crate::model::id::InstanceId;
use crate::model::probe::{Mode, Probe};

const OPEN: &str = "let the members' security group reach itself on the three ports, and look at \
                    network ACLs and at firewalls of the image";

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let Some(fleet) = facts.snapshot.fleet.known() else {
        let what = "the peers are not known, so that none could be knocked at";
        return vec![Topic::Ports.unknown(what, "see what is said of the sight above")];
    };
    let mut findings = Vec::new();
    for (id, knocks) in &facts.ways {
        let Some(instance) = fleet.instances.get(id) else {
            continue;
        };
        findings.extend(there(facts, id, instance, knocks));
        findings.extend(back(facts, id, instance));
    }
    if findings.is_empty() {
        findings.push(Topic::Ports.ok("there is no peer to reach"));
    }
    findings
}

fn listed(ports: impl IntoIterator<Item = u16>) -> String {
    let ports: Vec<String> = ports.into_iter().map(|port| port.to_string()).collect();
    ports.join(", ")
}

fn named(id: &InstanceId, instance: &Instance) -> String {
    match instance.address {
        Some(address) => format!("{id} at {address}"),
        None => id.to_string(),
    }
}

/// The way from here to a peer.
fn there(
    facts: &Facts,
    id: &InstanceId,
    instance: &Instance,
    knocks: &BTreeMap<u16, Knock>,
) -> Vec<Finding> {
    let peer = named(id, instance);
    let of = |wanted: fn(&Knock) -> bool| {
        let ports = knocks.iter().filter(move |(_, knock)| wanted(knock));
        ports.map(|(port, _)| *port).collect::<BTreeSet<u16>>()
    };
    let silent = of(|knock| *knock == Knock::Silent);
    if silent.len() == knocks.len() {
        let what = format!("{peer} answers on none of its ports ({})", listed(silent));
        let remedy = format!(
            "is it up? EC2 calls it {}; otherwise, {OPEN}",
            instance.state
        );
        return vec![Topic::Ports.error(what, &remedy)];
    }
    let mut findings = Vec::new();
    if !silent.is_empty() {
        let what = format!("{peer} cannot be reached on {}", listed(silent));
        findings.push(Topic::Ports.error(what, OPEN));
    }
    for (port, knock) in knocks {
        if let Knock::Failed(why) = knock {
            let what = format!("{peer} cannot be reached on {port}: {why}");
            findings.push(Topic::Ports.error(what, OPEN));
        }
    }
    let refused = of(|knock| *knock == Knock::Refused);
    let wrong: BTreeSet<u16> = refused
        .iter()
        .copied()
        .filter(|port| should_listen(facts, id, *port))
        .collect();
    if !wrong.is_empty() {
        let what = format!(
            "{peer} runs a server, and refuses {}",
            listed(wrong.clone())
        );
        let remedy = "give every instance the same zookeeper.client_port, quorum_port and \
                      election_port, and look at firewalls of the image";
        findings.push(Topic::Ports.error(what, remedy));
    }
    let open = of(|knock| *knock == Knock::Open);
    let idle: BTreeSet<u16> = refused.difference(&wrong).copied().collect();
    if !open.is_empty() {
        let what = format!("{peer} is reached on {}", listed(open));
        findings.push(Topic::Ports.ok(what));
    }
    if !idle.is_empty() {
        let what = format!(
            "the way to {peer} is open on {}, where nobody listens",
            listed(idle)
        );
        findings.push(Topic::Ports.ok(format!("{what} now (only a leader has followers)")));
    }
    findings
}

/// Whether the peer's server listens on a port, by what it answers: followers are met by the
/// leader alone.
fn should_listen(facts: &Facts, id: &InstanceId, port: u16) -> bool {
    let probe = facts.snapshot.peers.get(id);
    let leads = probe
        .and_then(Probe::serving)
        .is_some_and(|s| s.mode == Mode::Leader);
    probe.is_some_and(Probe::answered) && (port != facts.policy.ports.quorum || leads)
}

/// The way from a peer to here, as far as its connections show it.
fn back(facts: &Facts, id: &InstanceId, instance: &Instance) -> Option<Finding> {
    let peer = named(id, instance);
    let remedy = format!("`zk-bootstrap doctor` on {id} tries it");
    let arrivals = match facts.arrivals.get() {
        Ok(arrivals) => arrivals,
        Err(why) => {
            let what = format!("whether {peer} reaches this instance is not known: {why}");
            return Some(Topic::Ports.unknown(what, &remedy));
        }
    };
    let came = instance.address.and_then(|address| arrivals.get(&address));
    let came = came.cloned().unwrap_or_default();
    let ports = facts.policy.ports;
    let own = facts.snapshot.server.serving();
    let follows = own.is_some_and(|serving| serving.mode == Mode::Leader);
    let wanted = [ports.client, ports.election]
        .into_iter()
        .chain(follows.then_some(ports.quorum));
    let missing: Vec<u16> = wanted.filter(|port| !came.contains(port)).collect();
    if missing.is_empty() {
        let what = format!("{peer} reaches this instance on {}", listed(came));
        return Some(Topic::Ports.ok(what));
    }
    let seen = match came.is_empty() {
        true => String::new(),
        false => format!(" (it does on {})", listed(came)),
    };
    let what = format!(
        "whether {peer} reaches this instance on {} is not known: no connection of the last minute \
         shows it{seen}",
        listed(missing)
    );
    Some(Topic::Ports.unknown(what, &remedy))
}
