//! What no plan may ever do, stated independently of the planner.

mod claims;
mod disk;
mod health;
mod membership;
mod seats;

use std::fmt;

use super::view::View;
use crate::model::plan::{Action, Plan};
use crate::model::policy::Policy;
use crate::model::snapshot::Snapshot;

/// A rule that a plan breaks. A violating plan is a defect of the planner and is not executed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The action, as printed.
    pub action: String,
    /// The rule.
    pub rule: &'static str,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" breaks the rule: {}", self.action, self.rule)
    }
}

/// Rules, and whether an action keeps them.
type Rules = Vec<(bool, &'static str)>;

const BLIND: &str = "nothing is done without knowing oneself, the disk and the process";

/// Every rule that the plan breaks.
pub fn violations(snapshot: &Snapshot, policy: &Policy, plan: &Plan) -> Vec<Violation> {
    if plan.actions.is_empty() {
        return Vec::new();
    }
    let broken = |action: &Action, rule| Violation {
        action: action.to_string(),
        rule,
    };
    let Ok(view) = View::new(snapshot, policy) else {
        return plan.actions.iter().map(|a| broken(a, BLIND)).collect();
    };
    let judged = plan.actions.iter().enumerate();
    let judged = judged.flat_map(|(n, action)| {
        let rules = judge(view, &plan.actions[..n], action).into_iter();
        let broken_rules = rules.filter(|(kept, _)| !kept);
        broken_rules.map(move |(_, rule)| broken(action, rule))
    });
    judged.collect()
}

/// The rules of one action, behind those that are to be done before it.
fn judge(view: View, before: &[Action], action: &Action) -> Rules {
    match action {
        Action::CreateLogGroup | Action::Tag { .. } | Action::PublishFigures { .. } => Vec::new(),
        Action::Claim { .. }
        | Action::Journal { .. }
        | Action::Testify { .. }
        | Action::TakeBack { .. } => claims::rules(view, before, action),
        Action::WriteMyId { .. }
        | Action::WriteIdentity { .. }
        | Action::WriteMembership { .. }
        | Action::WriteZooCfg
        | Action::MoveDataAside { .. }
        | Action::AllowEmptyDatabase
        | Action::StartServer => disk::rules(view, before, action),
        Action::StopServer => {
            let mut rules = disk::rules(view, before, action);
            rules.extend(health::rules(view, before, action));
            rules
        }
        Action::NoteStuck { .. } => health::rules(view, before, action),
        Action::AddServer { .. }
        | Action::RemoveServers { .. }
        | Action::AwaitCommit
        | Action::CompleteHook { .. }
        | Action::Heartbeat { .. }
        | Action::Protect { .. }
        | Action::ReportUnhealthy { .. } => membership::rules(view, action),
    }
}
