//! The group's lifecycle hooks: which there are, and what is said to them.

use std::time::Duration;

use aws_sdk_autoscaling::types::LifecycleHook;

use super::group::{Group, Told, told};
use super::{AwsError, failed};
use crate::clock;
use crate::model::fleet::{Hook, Transition};
use crate::model::id::InstanceId;

/// Hooks are an operator's doing, and do not change in minutes.
const HOOKS_KEPT: Duration = Duration::from_secs(300);
/// The least time-out that a hook can have. One that does not tell its own gets its heartbeats too
/// often rather than too late.
const LEAST_TIMEOUT: Duration = Duration::from_secs(30);

impl Group {
    /// The lifecycle hooks, while this instance is `held` by one; nobody is asked otherwise, nor
    /// again within five minutes. Without an answer there are those that were known before: whom
    /// the group holds without a word goes on when the group itself lets go.
    pub(super) async fn hooks(&mut self, held: bool) -> Vec<Hook> {
        if !held {
            self.hooks = None;
            return Vec::new();
        }
        let known = self.hooks.as_ref();
        if known.is_none_or(|(asked, _)| asked.elapsed() >= HOOKS_KEPT) {
            match self.describe_hooks().await {
                Ok(hooks) => self.hooks = Some((clock::instant(), hooks)),
                Err(error) => tracing::warn!("the hook that holds this instance: {error}"),
            }
        }
        let hooks = self.hooks.as_ref().map(|(_, hooks)| hooks.clone());
        hooks.unwrap_or_default()
    }

    async fn describe_hooks(&self) -> Result<Vec<Hook>, AwsError> {
        let request = self.client.describe_lifecycle_hooks();
        let answer = request.auto_scaling_group_name(&self.name).send().await;
        let answer = answer.map_err(failed("autoscaling:DescribeLifecycleHooks"))?;
        let hooks = answer.lifecycle_hooks.unwrap_or_default();
        Ok(hooks.into_iter().filter_map(hook_of).collect())
    }

    /// Lets the group go on with an instance that a hook holds.
    ///
    /// # Errors
    /// When the call failed.
    pub async fn complete(&self, hook: &str, instance: &InstanceId) -> Result<Told, AwsError> {
        let request = self.client.complete_lifecycle_action();
        let request = request
            .auto_scaling_group_name(&self.name)
            .lifecycle_hook_name(hook)
            .instance_id(instance.as_str())
            .lifecycle_action_result("CONTINUE");
        told(
            "autoscaling:CompleteLifecycleAction",
            request.send().await.map(drop),
        )
    }

    /// Lets the group wait for as long again as the hook's time-out.
    ///
    /// # Errors
    /// When the call failed.
    pub async fn heartbeat(&self, hook: &str, instance: &InstanceId) -> Result<Told, AwsError> {
        let request = self.client.record_lifecycle_action_heartbeat();
        let request = request
            .auto_scaling_group_name(&self.name)
            .lifecycle_hook_name(hook)
            .instance_id(instance.as_str());
        told(
            "autoscaling:RecordLifecycleActionHeartbeat",
            request.send().await.map(drop),
        )
    }
}

/// A hook, unless it has no name by which it could be completed, or holds up something that this
/// version does not know.
fn hook_of(told: LifecycleHook) -> Option<Hook> {
    let transition = match told.lifecycle_transition.as_deref() {
        Some("autoscaling:EC2_INSTANCE_LAUNCHING") => Transition::Launching,
        Some("autoscaling:EC2_INSTANCE_TERMINATING") => Transition::Terminating,
        _ => return None,
    };
    let timeout = told.heartbeat_timeout.and_then(|t| u64::try_from(t).ok());
    let timeout = timeout.map_or(LEAST_TIMEOUT, Duration::from_secs);
    Some(Hook {
        name: told.lifecycle_hook_name.filter(|name| !name.is_empty())?,
        transition,
        timeout: timeout.max(LEAST_TIMEOUT),
        beaten: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hook(name: Option<&str>, transition: Option<&str>, timeout: Option<i32>) -> Option<Hook> {
        let hook = LifecycleHook::builder()
            .set_lifecycle_hook_name(name.map(str::to_owned))
            .set_lifecycle_transition(transition.map(str::to_owned))
            .set_heartbeat_timeout(timeout);
        hook_of(hook.build())
    }

    #[test]
    fn a_hook_that_could_not_be_completed_is_passed_over() {
        let launching = Some("autoscaling:EC2_INSTANCE_LAUNCHING");
        for (name, transition) in [
            (None, launching),
            (Some(""), launching),
            (Some("a"), None),
            (Some("a"), Some("autoscaling:EC2_INSTANCE_NAPPING")),
        ] {
            assert_eq!(hook(name, transition, Some(600)), None);
        }
        let whole = hook(Some("a"), launching, Some(600)).expect("a hook");
        let timeout = Duration::from_secs(600);
        assert_eq!((whole.name.as_str(), whole.timeout), ("a", timeout));
        assert_eq!(whole.transition, Transition::Launching);
    }

    #[test]
    fn a_hook_without_a_sensible_time_out_gets_the_shortest_there_is() {
        for timeout in [None, Some(-1), Some(0), Some(29)] {
            let hook = hook(
                Some("a"),
                Some("autoscaling:EC2_INSTANCE_TERMINATING"),
                timeout,
            );
            assert_eq!(hook.expect("a hook").timeout, LEAST_TIMEOUT, "{timeout:?}");
        }
    }
}
