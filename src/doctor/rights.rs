//! The rights of the instance's role.

use super::{Finding, Topic};
use crate::model::facts::{Facts, Tried};

const REMEDY: &str =
    "add it to the policy of the instance's role: \"IAM permissions\" in docs/secure.md";

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = Vec::new();
    let (mut allowed, mut untried) = (Vec::new(), Vec::new());
    for (call, tried) in &facts.aws.rights {
        match tried {
            Tried::Allowed => allowed.push(*call),
            Tried::Denied => {
                findings.push(Topic::Rights.error(format!("{call} is denied"), REMEDY))
            }
            Tried::Failed(why) => {
                let what = format!("whether {call} is allowed could not be tried: {why}");
                findings.push(Topic::Rights.unknown(what, "ask again"));
            }
            Tried::Untried => match evidence(facts, call) {
                Some(evidence) => findings.push(Topic::Rights.ok(format!("{call} {evidence}"))),
                None => untried.push(*call),
            },
        }
    }
    if !allowed.is_empty() {
        let what = format!("allowed, as tried just now: {}", allowed.join(", "));
        findings.insert(0, Topic::Rights.ok(what));
    }
    if !untried.is_empty() {
        let calls = untried.join(", ");
        let what = format!("these cannot be tried without changing something: {calls}");
        let remedy = "compare the policy of the instance's role with \"IAM permissions\" in \
                      docs/secure.md, or ask IAM's policy simulator";
        findings.push(Topic::Rights.unknown(what, remedy));
    }
    if findings.is_empty() {
        let what = "no right could be tried: AWS was not reached";
        findings.push(Topic::Rights.unknown(what, "see what is said of the sight above"));
    }
    findings
}

/// What shows that a right is there, or is not needed, although its call cannot be tried.
fn evidence(facts: &Facts, call: &str) -> Option<String> {
    let unused = |setting: &str| format!("is not needed: {setting} = false");
    match call {
        "logs:CreateLogGroup" => {
            let register = facts.snapshot.register.known()?;
            register
                .exists
                .then(|| "is not needed any more: the log group exists".to_owned())
        }
        "logs:CreateLogStream" | "logs:PutLogEvents" => {
            let me = &facts.snapshot.me.known()?.instance;
            let claims = &facts.snapshot.register.known()?.claims;
            let mut mine = claims.iter().filter(|(_, claim)| {
                let owner = claim.owner.as_ref();
                owner.is_some_and(|owner| owner.instance == *me)
            });
            let (name, claim) = mine.next_back()?;
            let at = claim.created;
            Some(format!(
                "was used by this instance for log stream {name} at {at}"
            ))
        }
        "autoscaling:SetInstanceProtection" if !facts.policy.protect_voters => {
            Some(unused("policy.protect_voters"))
        }
        "autoscaling:SetInstanceHealth" if !facts.policy.report_unhealthy => {
            Some(unused("policy.report_unhealthy"))
        }
        "autoscaling:CompleteLifecycleAction" | "autoscaling:RecordLifecycleActionHeartbeat" => {
            let hooks = facts.aws.hooks.known()?;
            let none = "is not needed: the group has no lifecycle hook";
            hooks.is_empty().then(|| none.to_owned())
        }
        _ => None,
    }
}
