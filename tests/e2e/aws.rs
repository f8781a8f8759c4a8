//! AWS that is slow, forgetful, or in pieces.

use std::time::Duration;

use serde_json::{Value, json};
use zk_bootstrap::aws::record::Record;
use zk_bootstrap::model::fleet::Me;

use crate::stage::{GROUP, LATE, SOON, impatient, looks, world, world_of};
use crate::world::client;

/// Each lost reply to the marker's creation costs its grace; three of them are as good as never.
const LOSSY: Duration = Duration::from_secs(300);

/// The line by which an instance of this group owns a claim on a server id.
fn owned(group: &str, server: u8) -> String {
    let me = Me {
        instance: "i-0000000000000dead".parse().expect("an instance id"),
        address: "127.45.0.1".parse().expect("an address"),
        zone: "eu-west-1a".to_owned(),
        region: "eu-west-1".to_owned(),
    };
    Record::claimed(&me, group, server.try_into().expect("a server id")).line()
}

#[test]
fn throttled_and_lossy_aws_delays_a_founding_and_no_more() {
    let mut world = world_of("127.45.1", 0, impatient());
    for (kind, probability) in [
        ("throttle", 0.2),
        ("lost_reply", 0.2),
        ("http500", 0.1),
        ("reset", 0.1),
    ] {
        world
            .cloud
            .tell("fault", json!({ "kind": kind, "probability": probability }));
    }
    world.launch(3);
    let writer = world.writer();
    assert_eq!(world.await_ensemble(LOSSY).voters.len(), 3);
    let applied = world.cloud.tell("clear_faults", json!({}))["applied"].take();
    let applied = applied.as_object().expect("counts").values();
    assert!(
        applied.clone().all(|count| count.as_u64() > Some(0)),
        "every fault was met"
    );
    writer.await_more(20, SOON);
    world.assert_nothing_lost(&writer.finish());
}

#[test]
fn empty_answers_from_aws_remove_nobody_not_even_one_who_is_silent() {
    let mut world = world("127.45.2", 3);
    let writer = world.writer();
    let before = world.await_ensemble(SOON);
    let [silent, other] = <[String; 2]>::try_from(world.followers()).expect("two followers");
    for service in ["ec2", "autoscaling"] {
        world
            .cloud
            .tell("fault", json!({ "kind": "empty", "service": service }));
    }
    world.at(&silent).freeze();
    let newcomer = world.launch(1).remove(0);
    let leader = world.leader();
    for id in [&leader, &other, &newcomer] {
        looks(&mut world, id, 8);
    }
    writer.await_more(20, SOON);
    let address = world.at(&leader).address;
    let now = client::Client::connect(&[address]).and_then(|c| c.config());
    assert_eq!(now.expect("a config"), before);
    world.at(&silent).thaw();
    world.cloud.tell("clear_faults", json!({}));
    assert_eq!(world.await_ensemble(LATE).observers.len(), 1);
    world.assert_nothing_lost(&writer.finish());
}

#[test]
fn answers_in_pages_of_one_are_read_to_their_end() {
    let mut world = world("127.45.3", 0);
    world.cloud.tell("fault", json!({ "kind": "pages" }));
    world.launch(3);
    let writer = world.writer();
    world.await_ensemble(SOON);
    writer.await_more(20, SOON);
    let follower = world.followers().remove(0);
    world.terminate(&follower);
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    let applied = world.cloud.tell("clear_faults", json!({}))["applied"]["1"].as_u64();
    assert!(applied > Some(0), "{applied:?}");
    world.assert_nothing_lost(&writer.finish());
}

#[test]
fn a_newcomer_claims_the_id_behind_a_hundred_and_twenty_that_are_held() {
    let mut world = world("127.45.4", 0);
    for id in 1..=120 {
        let stream = json!({ "group": GROUP, "stream": id.to_string() });
        world.cloud.tell("create_stream", stream.clone());
        let mut event = stream;
        event["message"] = json!(owned("asg:zk", id));
        world.cloud.tell("put_event", event);
    }
    let newcomer = world.launch_without_boot(1).remove(0);
    let output = world.at(&newcomer).run(&["plan"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "situation: without a server id\n  1. create log stream 121 as server 121\n"
    );
}

#[test]
fn a_claim_whose_reply_was_lost_costs_an_id_and_no_more() {
    let mut world = world("127.45.5", 0);
    let lost = json!({ "kind": "lost_reply", "action": "CreateLogStream", "count": 1 });
    world.cloud.tell("fault", lost);
    world.launch(1);
    let alone = world.await_ensemble(SOON);
    assert_eq!(alone.voters.into_keys().collect::<Vec<_>>(), [2]);
    let streams = world.cloud.tell("streams", json!({}));
    assert_eq!(streams[GROUP]["1"]["events"], json!([]));
    world.launch(2);
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
}

#[test]
fn a_marker_without_an_owner_delays_the_founding_until_its_grace_is_over() {
    let mut world = world_of("127.45.6", 0, impatient());
    let marker = json!({ "group": GROUP, "stream": "ensemble" });
    world.cloud.tell("create_stream", marker.clone());
    let mut older = marker;
    older["seconds"] = json!(75);
    world.cloud.tell("age_stream", older);
    world.launch(3);
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    let streams = world.cloud.tell("streams", json!({}))[GROUP].take();
    let made = |name: &str| streams[name]["created"].as_i64().expect("a stream");
    assert!(made("ensemble.2") - made("ensemble") >= 90_000, "{streams}");
    assert_eq!(streams["ensemble.3"], Value::Null);
}

#[test]
fn another_group_in_the_register_stops_the_agents_with_a_remedy_and_no_server() {
    let mut world = world("127.45.7", 3);
    let writer = world.writer();
    let before = world.await_ensemble(SOON);
    let mut event = json!({ "group": GROUP, "stream": "9" });
    world.cloud.tell("create_stream", event.clone());
    event["message"] = json!(owned("asg:other", 9));
    world.cloud.tell("put_event", event);
    let newcomer = world.launch(1).remove(0);
    looks(&mut world, &newcomer, 5);
    for id in world.ids() {
        let output = world.at(&id).run(&["plan"]);
        assert_eq!(
            String::from_utf8_lossy(&output.stdout),
            "situation: stopped by a contradiction\nwaiting for an operator: log stream 9 belongs \
             to i-0000000000000dead of asg:other, this instance is of asg:zk; give each ensemble a \
             log group of its own (register.log_group)\n"
        );
        assert_eq!(output.status.code(), Some(3));
    }
    assert_eq!(world.at(&newcomer).server_pid(), None);
    writer.await_more(20, SOON);
    let leader = world.leader();
    let leader = world.at(&leader).address;
    let now = client::Client::connect(&[leader]).and_then(|c| c.config());
    assert_eq!(now.expect("a config"), before);

    let stream = json!({ "group": GROUP, "stream": "9" });
    world.cloud.tell("delete_stream", stream);
    assert_eq!(world.await_ensemble(SOON).observers.len(), 1);
    world.assert_nothing_lost(&writer.finish());
}
