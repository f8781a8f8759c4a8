//! What the group does by itself, with hooks that let servers leave before their instances go.

use std::time::Duration;

use serde_json::{Value, json};

use super::SOON;
use crate::trial::{PATIENCE, Trial};
use crate::world::group::{Outcome, Transition};

/// No hook times out within a round: whoever goes on was let go by its agent.
const HEARTBEAT: Duration = Duration::from_secs(600);

fn put_hooks(trial: &mut Trial) {
    let cloud = &mut trial.world.cloud;
    let (launch, leave) = (Transition::Launching, Transition::Terminating);
    cloud.put_hook("launch", launch, HEARTBEAT, Outcome::Abandon);
    cloud.put_hook("leave", leave, HEARTBEAT, Outcome::Continue);
}

/// The group replaces a member, and kills its agent, or the machine, while its server leaves.
pub fn killed_in_its_leave(trial: &mut Trial) {
    put_hooks(trial);
    let leaver = trial.any();
    trial.moment(SOON);
    trial.world.retire(&leaver);
    trial.moment(SOON);
    if trial.dice.bool() {
        trial.world.at(&leaver).kill_agent();
    } else {
        trial.world.at(&leaver).power_off();
    }
    trial.moment(SOON);
    trial.world.at(&leaver).start_agent();
    until_gone(trial, &leaver);
}

/// Of five, the group terminates two at once.
pub fn two_leave_at_once(trial: &mut Trial) {
    trial.world.launch(2);
    trial.settle();
    put_hooks(trial);
    let leavers = trial.two();
    trial.moment(SOON);
    for id in &leavers {
        trial.world.dismiss(id);
    }
    for id in &leavers {
        until_gone(trial, id);
    }
}

/// Every instance is replaced, one after the other, at the pace of the ensemble.
pub fn refreshed(trial: &mut Trial) {
    let old = trial.world.ids();
    put_hooks(trial);
    trial.moment(SOON);
    trial.world.cloud.refresh(json!({}));
    trial.world.await_refresh("Successful", 2 * PATIENCE);
    // The last of the old instances may still be leaving.
    trial.settle();
    let kept = trial.world.ids().into_iter().filter(|id| old.contains(id));
    assert_eq!(kept.count(), 0);
    assert_eq!(left(trial), 3, "each has left by itself");
}

fn until_gone(trial: &mut Trial, id: &str) {
    trial.world.await_lifecycle(id, None, PATIENCE);
}

/// How many servers' leaving is noted in the register.
fn left(trial: &mut Trial) -> usize {
    let streams = trial.world.cloud.tell("streams", json!({}))["/zookeeper/zk"].take();
    let streams = streams.as_object().expect("streams").values();
    let tells = |events: &Value| events.to_string().contains(r#"\"event\":\"left\""#);
    streams.filter(|stream| tells(&stream["events"])).count()
}
