//! Which situations and actions the histories went through.

use std::collections::BTreeMap;
use std::fmt;

use zk_bootstrap::model::claim::Slot;
use zk_bootstrap::model::fleet::Transition;
use zk_bootstrap::model::plan::{Action, Plan, Situation};
use zk_bootstrap::model::server::Role;

#[derive(Debug, Default)]
pub struct Coverage {
    pub situations: BTreeMap<Situation, u64>,
    pub actions: BTreeMap<&'static str, u64>,
}

/// What happens beside the agents, and must.
const EVENTS: [&str; 3] = ["a launch is abandoned", "a refresh ends", "leave is given"];

impl Coverage {
    pub fn planned(&mut self, plan: &Plan) {
        *self.situations.entry(plan.situation).or_default() += 1;
    }

    pub fn applied(&mut self, action: &Action) {
        self.happened(kind(action));
    }

    pub fn happened(&mut self, what: &'static str) {
        *self.actions.entry(what).or_default() += 1;
    }

    /// What no history went through.
    pub fn missing(&self) -> Vec<String> {
        let unseen = |s: &&Situation| !self.situations.contains_key(s);
        let situations = SITUATIONS.iter().filter(unseen).map(ToString::to_string);
        let undone = |a: &&&str| !self.actions.contains_key(**a);
        let happens = ACTIONS.iter().chain(&EVENTS);
        let actions = happens.filter(undone).map(ToString::to_string);
        situations.chain(actions).collect()
    }

    pub fn add(&mut self, other: Coverage) {
        for (situation, count) in other.situations {
            *self.situations.entry(situation).or_default() += count;
        }
        for (action, count) in other.actions {
            *self.actions.entry(action).or_default() += count;
        }
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let situations = self.situations.iter().map(|(s, n)| (format!("{s:?}"), n));
        let actions = self.actions.iter().map(|(a, n)| ((*a).to_owned(), n));
        let counts = situations.chain(actions);
        let counts: Vec<String> = counts.map(|(what, n)| format!("{what} {n}")).collect();
        f.write_str(&counts.join(", "))
    }
}

/// Every situation but a halt: that takes an operator's mistake, which is a story's.
const SITUATIONS: [Situation; 14] = [
    Situation::Blind,
    Situation::NotPeer,
    Situation::Unclaimed,
    Situation::Claiming,
    Situation::Unfounded,
    Situation::Founding,
    Situation::Joining,
    Situation::Synced,
    Situation::Stopped,
    Situation::NotServing,
    Situation::Member,
    Situation::AllLost,
    Situation::QuorumLost,
    Situation::Recovering,
];

/// Every kind of action there is.
const ACTIONS: [&str; 29] = [
    "create the log group",
    "claim",
    "journal",
    "say that the quorum is lost",
    "testify with data",
    "testify without data",
    "claim a later generation",
    "tag",
    "move data aside",
    "write myid",
    "write membership",
    "write zoo.cfg",
    "write identity",
    "withdraw",
    "allow an empty database",
    "note that it is stuck",
    "note that it serves again",
    "start",
    "stop",
    "add a voter",
    "add a voter in place of another",
    "add an observer",
    "remove a server",
    "remove servers",
    "publish names",
    "come into service",
    "go",
    "send a heartbeat",
    "protect",
];

fn kind(action: &Action) -> &'static str {
    match action {
        Action::CreateLogGroup => "create the log group",
        Action::Claim { claim, .. } if claim.slot == Slot::Ensemble && claim.term > 1 => {
            "claim a later generation"
        }
        Action::Claim { .. } => "claim",
        Action::Journal { .. } => "journal",
        Action::Testify { testimony, .. } => match (testimony.withdrawn, testimony.history) {
            (false, _) => "say that the quorum is lost",
            (true, Some(_)) => "testify with data",
            (true, None) => "testify without data",
        },
        Action::TakeBack { .. } => "take back a testimony",
        Action::Tag { .. } => "tag",
        Action::MoveDataAside { .. } => "move data aside",
        Action::WriteMyId { .. } => "write myid",
        Action::WriteMembership { .. } => "write membership",
        Action::WriteZooCfg => "write zoo.cfg",
        Action::WriteIdentity { identity } if identity.withdrawn => "withdraw",
        Action::WriteIdentity { .. } => "write identity",
        Action::AllowEmptyDatabase => "allow an empty database",
        Action::NoteStuck { stuck: None } => "note that it serves again",
        Action::NoteStuck { .. } => "note that it is stuck",
        Action::StartServer => "start",
        Action::StopServer => "stop",
        Action::AddServer { server, remove, .. } => match (server.role, remove) {
            (Role::Observer, _) => "add an observer",
            (Role::Participant, None) => "add a voter",
            (Role::Participant, Some(_)) => "add a voter in place of another",
        },
        Action::RemoveServers { servers, .. } if servers.len() == 1 => "remove a server",
        Action::RemoveServers { .. } => "remove servers",
        Action::AwaitCommit => "await a commit",
        Action::CompleteHook { transition, .. } => match transition {
            Transition::Launching => "come into service",
            Transition::Terminating => "go",
        },
        Action::Heartbeat { .. } => "send a heartbeat",
        Action::Protect { .. } => "protect",
        Action::Publish { .. } => "publish names",
        Action::ReportUnhealthy { .. } => "report itself",
        Action::PublishFigures { .. } => "publish figures",
    }
}
