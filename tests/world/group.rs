//! The Auto Scaling group of a world: what an operator asks of it, and what it does by itself.

use std::time::Duration;

use serde_json::{Value, json};
use zk_bootstrap::clock;

use super::World;
use super::cloud::{Cloud, Listed};
use super::wait::within;

/// What a lifecycle hook holds up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transition {
    /// The way into service.
    Launching,
    /// The way to termination.
    Terminating,
}

/// What a lifecycle action is completed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// `CONTINUE`.
    Continue,
    /// `ABANDON`: a launch fails, and of a termination nothing more is waited for.
    Abandon,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Outcome::Continue => "CONTINUE",
            Outcome::Abandon => "ABANDON",
        }
    }
}

/// An operator's calls.
impl Cloud {
    /// A call of EC2 Auto Scaling, named as in Python's SDK, to the group; its answer.
    pub fn autoscaling(&mut self, action: &str, arguments: Value) -> Value {
        let call = json!({ "action": action, "arguments": arguments });
        self.tell("autoscaling", call)
    }

    /// Puts a lifecycle hook, with a heartbeat of 30 s to two hours and the result of a time-out.
    pub fn put_hook(
        &mut self,
        name: &str,
        transition: Transition,
        heartbeat: Duration,
        default: Outcome,
    ) {
        let transition = match transition {
            Transition::Launching => "autoscaling:EC2_INSTANCE_LAUNCHING",
            Transition::Terminating => "autoscaling:EC2_INSTANCE_TERMINATING",
        };
        let hook = json!({
            "LifecycleHookName": name,
            "LifecycleTransition": transition,
            "HeartbeatTimeout": heartbeat.as_secs(),
            "DefaultResult": default.name(),
        });
        self.autoscaling("put_lifecycle_hook", hook);
    }

    /// Deletes a lifecycle hook; who waits for it waits no more.
    pub fn delete_hook(&mut self, name: &str) {
        let hook = json!({ "LifecycleHookName": name });
        self.autoscaling("delete_lifecycle_hook", hook);
    }

    /// Completes the lifecycle action of an instance, in the place of its agent.
    pub fn complete(&mut self, hook: &str, id: &str, outcome: Outcome) {
        let action = json!({
            "LifecycleHookName": hook,
            "InstanceId": id,
            "LifecycleActionResult": outcome.name(),
        });
        self.autoscaling("complete_lifecycle_action", action);
    }

    /// Protects an instance from scale-in, or no more.
    pub fn protect(&mut self, id: &str, protected: bool) {
        let protection = json!({ "InstanceIds": [id], "ProtectedFromScaleIn": protected });
        self.autoscaling("set_instance_protection", protection);
    }

    /// Lets every instance be replaced, by these preferences (`{}`, `{"MinHealthyPercentage": 0}`).
    pub fn refresh(&mut self, preferences: Value) {
        let arguments = json!({ "Preferences": preferences });
        self.autoscaling("start_instance_refresh", arguments);
    }

    /// Stops a refresh where it is.
    pub fn cancel_refresh(&mut self) {
        self.autoscaling("cancel_instance_refresh", json!({}));
    }

    /// The newest refresh's status: `InProgress`, `Successful`.
    pub fn refresh_status(&mut self) -> String {
        let answer = self.autoscaling("describe_instance_refreshes", json!({}));
        let status = answer["InstanceRefreshes"][0]["Status"].as_str();
        status.expect("a refresh").to_owned()
    }

    /// What the group did, the newest first: EC2 Auto Scaling's activities with their times.
    pub fn activities(&mut self) -> Value {
        self.autoscaling("describe_scaling_activities", json!({}))["Activities"].take()
    }

    /// Brings the deadlines of hooks, refreshes and grace periods so much nearer.
    pub fn pass_time(&mut self, time: Duration) {
        self.tell("pass_time", json!({ "seconds": time.as_secs_f64() }));
    }

    /// Tells a spot instance that it will be taken back in two minutes. Nobody does that.
    pub fn notify_spot(&mut self, id: &str) {
        let time = rfc3339(Duration::from_secs(120));
        let notice = json!({ "action": "terminate", "time": time });
        self.notify(id, "spot/instance-action", &notice);
    }

    /// Tells a spot instance that it is more likely than others to be taken back.
    pub fn notify_rebalance(&mut self, id: &str) {
        let notice = json!({ "noticeTime": rfc3339(Duration::ZERO) });
        self.notify(id, "events/recommendations/rebalance", &notice);
    }

    fn notify(&mut self, id: &str, path: &str, notice: &Value) {
        let path = format!("/latest/meta-data/{path}");
        let body = notice.to_string();
        let answer = json!({ "instance": id, "path": path, "body": body });
        self.tell("imds", answer);
    }
}

impl World {
    /// Lets the machines follow what the group did by itself: who is launched boots; who is to be
    /// terminated loses power, and only then does EC2 call it terminated.
    pub fn sync(&mut self) {
        for listed in self.cloud.listed() {
            let known = self.instances.contains_key(&listed.id);
            let lifecycle = listed.lifecycle.as_deref().unwrap_or_default();
            match listed.state.as_str() {
                "shutting-down" if known && lifecycle.starts_with("Terminating") => {
                    self.lose(&listed.id);
                    let instance = json!({ "instance": listed.id });
                    self.cloud.tell("powered_off", instance);
                }
                "terminated" if known => self.lose(&listed.id),
                "running" if !known && !lifecycle.is_empty() => {
                    self.receive(std::slice::from_ref(&listed));
                    self.at(&listed.id).start_agent();
                }
                _ => {}
            }
        }
    }

    /// Sets the desired capacity. The group chooses who goes, and its hooks hold them.
    pub fn scale(&mut self, size: usize) {
        let desired = json!({ "desired": size });
        self.cloud.tell("set_capacity", desired);
        self.sync();
    }

    /// Lets the group terminate an instance, by its hooks, and replace it.
    pub fn retire(&mut self, id: &str) {
        let arguments = json!({ "instance": id, "hooks": true });
        self.cloud.tell("terminate", arguments);
        self.sync();
    }

    /// Lets the group terminate an instance, by its hooks, and not replace it.
    pub fn dismiss(&mut self, id: &str) {
        let arguments = json!({ "instance": id, "hooks": true, "decrement": true });
        self.cloud.tell("terminate", arguments);
        self.sync();
    }

    /// Waits until an instance has this lifecycle state, or is terminated when it is none.
    ///
    /// # Panics
    /// When that is not so by the deadline.
    pub fn await_lifecycle(&mut self, id: &str, state: Option<&str>, deadline: Duration) {
        let what = format!("{id} to be {}", state.unwrap_or("terminated"));
        self.await_that(&what, deadline, |world| {
            let listed = world.member(id);
            (listed.lifecycle.as_deref() == state).then_some(())
        });
    }

    /// Waits until the newest instance refresh has this status.
    ///
    /// # Panics
    /// When it has not by the deadline.
    pub fn await_refresh(&mut self, status: &str, deadline: Duration) {
        let what = format!("the refresh to be {status}");
        self.await_that(&what, deadline, |world| {
            (world.cloud.refresh_status() == status).then_some(())
        });
    }

    /// Asks until there is an answer, while the group goes on.
    ///
    /// # Panics
    /// When there is none by the deadline.
    pub fn await_that<T>(
        &mut self,
        what: &str,
        deadline: Duration,
        mut ask: impl FnMut(&mut World) -> Option<T>,
    ) -> T {
        let answer = within(deadline, || {
            self.sync();
            ask(self)
        });
        answer.unwrap_or_else(|| {
            let seconds = deadline.as_secs();
            panic!("waited {seconds} s for {what}\n{}", self.describe())
        })
    }

    /// An instance as the cloud tells of it now, terminated or not.
    pub fn member(&mut self, id: &str) -> Listed {
        let mut listed = self.cloud.listed().into_iter();
        listed.find(|each| each.id == id).expect("a known id")
    }

    fn lose(&mut self, id: &str) {
        self.at(id).power_off();
        self.instances.remove(id);
        self.publish();
    }
}

fn rfc3339(from_now: Duration) -> String {
    let seconds = clock::now().as_second() + from_now.as_secs().cast_signed();
    let time = jiff::Timestamp::from_second(seconds).expect("a time");
    time.to_string()
}
