//! From nothing to an ensemble, and one that grows.

use serde_json::json;

use crate::recorder::{claim, record, records, run_until, settle};
use crate::stage::{GROUP, SOON, world};
use crate::world::World;
use zk_bootstrap::aws::record::Record;
use zk_bootstrap::model::fleet::Me;

#[test]
#[ignore = "records anew"]
fn record_founding_joining_and_what_stops_newcomers() {
    let mut world = world("127.47.1", 0);
    founding(&mut world);
    let joiner = world.launch_without_boot(1).remove(0);
    throttled(&mut world, &joiner);
    another_group(&mut world, &joiner);
    joining(&mut world, &joiner);
    settle(&mut world);
    let member = world.followers().remove(0);
    let nothing = ["a serving member", "nothing to do"];
    record(&mut world, &member, "a-settled-member", &nothing);
    let newcomer = world.launch_without_boot(1).remove(0);
    let marker = json!({ "group": GROUP, "stream": "ensemble" });
    world.cloud.tell("delete_stream", marker);
    let named = ["\"ensemble\" is missing", "serves"];
    record(&mut world, &newcomer, "the-marker-is-missing", &named);
}

/// The founder's server is being started, and does not listen yet, for as long as it takes.
fn founding(world: &mut World) {
    let founder = world.launch_without_boot(1).remove(0);
    claim(world, &founder);
    let named = ["founding the ensemble", "create initialize"];
    record(world, &founder, "a-founder-before-the-founding", &named);

    let script = world.image.zookeeper.join("bin/zkServer.sh");
    let script = script.display().to_string();
    world.at(&founder).set(&script, "/bin/true");
    run_until(world, &founder, "the founding", |world| {
        let started = |(name, record): &(String, serde_json::Value)| {
            name == "ensemble" && record["event"] == "started"
        };
        records(world).iter().any(started).then_some(())
    });
    let joiner = world.launch_without_boot(1).remove(0);
    claim(world, &joiner);
    let named = ["joining the ensemble", "start ZooKeeper"];
    record(world, &joiner, "a-joiner-while-the-founder-boots", &named);

    world.at(&founder).set("/bin/true", &script);
    world.instances().for_each(|each| each.start_agent());
    world.launch(1);
    world.await_ensemble(SOON);
    settle(world);
}

fn throttled(world: &mut World, joiner: &String) {
    let fault = json!({ "kind": "throttle", "service": "ec2", "instance": joiner });
    world.cloud.tell("fault", fault);
    let named = ["cannot see enough", "RequestLimitExceeded"];
    record(world, joiner, "ec2-is-throttled", &named);
    world.cloud.tell("clear_faults", json!({}));
}

fn another_group(world: &mut World, joiner: &str) {
    let me = Me {
        instance: "i-0000000000000dead".parse().expect("an instance id"),
        address: "127.45.0.1".parse().expect("an address"),
        zone: "eu-west-1a".to_owned(),
        region: "eu-west-1".to_owned(),
    };
    let server = 9.try_into().expect("a server id");
    let stream = json!({ "group": GROUP, "stream": "9" });
    world.cloud.tell("create_stream", stream.clone());
    let mut event = stream.clone();
    event["message"] = json!(Record::claimed(&me, "asg:other", server).line());
    world.cloud.tell("put_event", event);
    let named = ["stopped by a contradiction", "asg:other"];
    record(world, joiner, "two-groups-in-one-register", &named);
    world.cloud.tell("delete_stream", stream);
}

fn joining(world: &mut World, joiner: &String) {
    claim(world, joiner);
    let named = ["joining the ensemble", ":observer;", "start ZooKeeper"];
    record(world, joiner, "a-joiner-with-a-serving-ensemble", &named);
    run_until(world, joiner, "a server", |world| {
        world.at(joiner).server_pid()
    });
    let named = ["synced, not yet a member", ": add ", ":observer;"];
    record(world, joiner, "a-synced-joiner-becomes-an-observer", &named);
    world.at(joiner).start_agent();
    world.await_ensemble(SOON);
}
