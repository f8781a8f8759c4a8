//! Time-outs that depend on one another.

use std::time::Duration;

use super::{Finding, Topic};
use crate::model::facts::{Facts, HookFacts, ZooCfgFacts};
use crate::model::fleet::Transition;

/// What a leader can send to a newcomer on an ordinary network, in bytes a second.
const BANDWIDTH: u64 = 50_000_000;
/// The agent sends a heartbeat when a third of the time-out has passed; with less than this, two
/// that are lost let the group go on.
const SHORT: Duration = Duration::from_secs(60);

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = ticks(facts);
    findings.extend(hooks(facts));
    if findings.is_empty() {
        findings.push(Topic::Timeouts.ok("ticks, sessions and hooks go together"));
    }
    findings
}

fn ticks(facts: &Facts) -> Vec<Finding> {
    let ZooCfgFacts {
        tick,
        init,
        sync,
        longest_session,
        ..
    } = &facts.zoo_cfg;
    let mut findings = Vec::new();
    if tick.is_zero() || init.is_zero() || sync.is_zero() {
        let what = "tickTime, initLimit or syncLimit is 0, or no number";
        findings.push(Topic::Timeouts.error(what, "correct it in zookeeper.extra"));
    }
    if longest_session <= sync {
        let what = format!(
            "the longest session, {longest_session:?}, is over when a silent leader is left, after \
             {sync:?}: every client loses its session with a leader's machine"
        );
        let remedy = "raise maxSessionTimeout, or lower syncLimit";
        findings.push(Topic::Timeouts.warning(what, remedy));
    }
    if facts.policy.restart_after < *init {
        let after = facts.policy.restart_after;
        let what = format!(
            "policy.restart_after is {after:?}: a server that gets its data for up to {init:?} \
             (tickTime × initLimit) would be restarted meanwhile"
        );
        findings.push(Topic::Timeouts.error(what, "raise policy.restart_after"));
    }
    let size = facts.newest_snapshot.unwrap_or_default();
    let needed = Duration::from_secs(size / BANDWIDTH);
    if needed > *init {
        let what = format!(
            "the newest snapshot has {} MB: to send it takes about {needed:?}, and a newcomer has \
             {init:?} for it (tickTime × initLimit)",
            size / 1_000_000
        );
        findings.push(Topic::Timeouts.warning(what, "raise initLimit in zookeeper.extra"));
    }
    findings
}

fn hooks(facts: &Facts) -> Vec<Finding> {
    let hooks = match facts.aws.hooks.get() {
        Ok(hooks) => hooks,
        Err(why) => {
            let what = format!("the group's lifecycle hooks are not known: {why}");
            let remedy = "see what is said of the rights above";
            return vec![Topic::Timeouts.unknown(what, remedy)];
        }
    };
    let in_a_group = facts
        .snapshot
        .fleet
        .known()
        .is_some_and(|fleet| fleet.desired.is_some() && fleet.group.starts_with("asg:"));
    let mut findings: Vec<Finding> = hooks.iter().flat_map(|hook| of_hook(facts, hook)).collect();
    for (transition, name, loss) in [
        (
            Transition::Launching,
            "EC2_INSTANCE_LAUNCHING",
            "a refresh does not wait for the ensemble",
        ),
        (
            Transition::Terminating,
            "EC2_INSTANCE_TERMINATING",
            "an instance may go before its server has left",
        ),
    ] {
        if in_a_group && hooks.iter().all(|hook| hook.transition != transition) {
            let what = format!("the group has no lifecycle hook for {name}: {loss}");
            findings.push(
                Topic::Timeouts.warning(what, "see \"Lifecycle hooks\" in docs/configure.md"),
            );
        }
    }
    findings
}

fn of_hook(facts: &Facts, hook: &HookFacts) -> Vec<Finding> {
    let HookFacts {
        name,
        transition,
        heartbeat,
        longest,
        abandons,
    } = hook;
    let mut findings = Vec::new();
    if *heartbeat < SHORT {
        let what = format!("lifecycle hook {name} waits {heartbeat:?} for a heartbeat");
        findings.push(Topic::Timeouts.warning(what, "give it five minutes"));
    }
    let patience = facts.policy.leave_patience;
    if *transition == Transition::Terminating && *longest < patience {
        let what = format!(
            "lifecycle hook {name} waits {longest:?} at most, and policy.leave_patience is \
             {patience:?}: the group goes on before the agent does"
        );
        let remedy = "raise the hook's heartbeat time-out, or lower policy.leave_patience";
        findings.push(Topic::Timeouts.error(what, remedy));
    }
    let (wanted, why) = match transition {
        Transition::Launching => (true, "an instance that never serves would stay in service"),
        Transition::Terminating => (false, "a time-out would skip the hooks that follow"),
    };
    if *abandons != wanted {
        let result = |abandons| if abandons { "ABANDON" } else { "CONTINUE" };
        let what = format!(
            "lifecycle hook {name} has {} as its default: {why}",
            result(*abandons)
        );
        let remedy = format!("give it {}", result(wanted));
        findings.push(Topic::Timeouts.warning(what, &remedy));
    }
    findings
}
