//! The shipped CloudFormation template: its stack is made, and its instances become the ensemble by
//! nothing but their user data and its role's rights.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::stage::{LATE, SOON, Stage, image, stack};
use crate::world::World;

const METRICS: &str = "/zookeeper/zk/metrics";

/// A stack, whose role is put into force, with small servers.
fn restricted(net: &str) -> Stage {
    let parameters = json!({
        "ImageId": "ami-12345678",
        "ZooKeeperVersion": "3.8.0",
        "ZooKeeperHeap": "128m",
    });
    let mut world = stack(net, image(), parameters);
    let mut role = role_policy(&mut world, "agent");
    let boot = role_policy(&mut world, "boot")["Statement"].take();
    let statements = role["Statement"].as_array_mut().expect("statements");
    statements.extend(boot.as_array().cloned().expect("statements"));
    world.cloud.tell("restrict", json!({ "policy": role }));
    world
}

/// An output of the stack.
fn output(world: &mut World, key: &str) -> String {
    let stack = json!({ "StackName": "zk" });
    let described = world.cloud.call("cloudformation", "describe_stacks", stack);
    let outputs = described["Stacks"][0]["Outputs"].as_array().cloned();
    let mut outputs = outputs.expect("outputs").into_iter();
    let found = outputs.find(|each| each["OutputKey"] == key);
    let value = found.expect("an output")["OutputValue"].take();
    value.as_str().expect("a text").to_owned()
}

/// A part of the instances' role: the agent's, or what the first boot needs.
fn role_policy(world: &mut World, part: &str) -> Value {
    let policy = json!({ "RoleName": output(world, "RoleName"), "PolicyName": part });
    let mut answer = world.cloud.call("iam", "get_role_policy", policy);
    answer["PolicyDocument"].take()
}

/// What a command of the first instance's binary prints, given the settings of its first boot.
fn iam_policy(world: &mut World) -> Value {
    let first = world.ids().remove(0);
    let mut command: Command = world.at(&first).command(["iam-policy"]);
    command.args(["--region", "eu-west-1", "--account", "123456789012"]);
    let output = command.output().expect("the binary runs");
    serde_json::from_slice(&output.stdout).expect("a policy")
}

fn actions(policy: &Value) -> BTreeSet<String> {
    let statements = policy["Statement"].as_array().expect("statements").iter();
    let actions = statements.flat_map(|each| each["Action"].as_array().expect("actions"));
    actions
        .map(|each| each.as_str().expect("a text").to_owned())
        .collect()
}

/// Every call that any agent has made.
fn called(world: &mut World) -> BTreeSet<String> {
    let calls = world.cloud.calls();
    let calls = calls.as_object().expect("callers").iter();
    let agents = calls.filter(|(caller, _)| caller.starts_with("i-"));
    let names = agents.flat_map(|(_, calls)| calls.as_object().expect("calls").keys());
    names.cloned().collect()
}

/// The newest figures that were published.
fn figures(world: &mut World) -> Option<Value> {
    let streams = world.cloud.tell("streams", json!({}))[METRICS].take();
    let streams = streams.as_object()?.values();
    let events = streams.flat_map(|stream| stream["events"].as_array().cloned());
    let newest = events
        .flatten()
        .max_by_key(|event| event["timestamp"].as_i64())?;
    serde_json::from_str(newest["message"].as_str()?).ok()
}

#[test]
fn the_instances_of_a_stack_become_an_ensemble_and_a_new_image_rolls_through() {
    let mut world = restricted("127.53.1");
    let writer = world.writer();
    let granted = role_policy(&mut world, "agent");
    assert_eq!(granted, iam_policy(&mut world), "the role is the least");
    assert_eq!(world.await_ensemble(LATE).voters.len(), 3);
    let old = world.ids();
    for id in &old {
        world.await_lifecycle(id, Some("InService"), SOON);
        let home = world.at(id).home.clone();
        let secret = fs::read_to_string(home.join("secret")).expect("a secret");
        assert_eq!(secret.trim_end().len(), 40, "the generated one");
        let told = fs::read_to_string(home.join("systemctl.log"));
        assert_eq!(
            told.expect("a log"),
            "restart --no-block zk-bootstrap.service\n"
        );
        let heap = fs::read_to_string(home.join("conf/java.env"));
        assert!(heap.expect("java.env").contains("-Xmx128m"));
    }
    // It sees the register's retention by the stack's role.
    let doctor = world.at(&old[0]).run(&["doctor"]);
    let findings = String::from_utf8_lossy(&doctor.stdout);
    assert!(findings.contains("keeps its events for ever"), "{findings}");
    let mut told = world.await_that("figures", LATE, figures);
    told["_aws"].take();
    let expected = json!({
        "_aws": null,
        "Ensemble": "zk",
        "Voters": 3,
        "WantedVoters": 3,
        "ServingVoters": 3,
        "Generation": 1,
        "Recovered": 0,
    });
    assert_eq!(told, expected);

    let kept = |key: &str| json!({ "ParameterKey": key, "UsePreviousValue": true });
    let keys = ["VpcId", "SubnetIds", "ZooKeeperVersion", "ZooKeeperHeap"];
    let mut parameters: Vec<Value> = keys.into_iter().map(kept).collect();
    parameters.push(json!({ "ParameterKey": "ImageId", "ParameterValue": "ami-87654321" }));
    let update = json!({
        "StackName": "zk",
        "UsePreviousTemplate": true,
        "Parameters": parameters,
    });
    world.cloud.call("cloudformation", "update_stack", update);
    world.cloud.refresh(json!({}));
    world.await_refresh("Successful", 2 * LATE);
    // The last of them is still leaving.
    world.await_that("the old instances to be gone", LATE, |world| {
        let ids = world.ids();
        ids.iter().all(|id| !old.contains(id)).then_some(())
    });
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    let new = world.ids();
    let all = world
        .cloud
        .call("ec2", "describe_instances", json!({ "InstanceIds": new }));
    let all = all["Reservations"].as_array().expect("reservations").iter();
    let mut all = all.flat_map(|each| each["Instances"].as_array().expect("instances"));
    assert!(all.all(|each| each["ImageId"] == "ami-87654321"));
    writer.await_more(20, SOON);
    world.assert_nothing_lost(&writer.finish());

    let called = called(&mut world);
    assert!(called.contains("secretsmanager:GetSecretValue"));
    let unused = &actions(&granted) - &called;
    // The stack has made the log group; nothing was wrong with a disk or a server; and a refresh that
    // launches first need not leave a moment in which no voter could be spared.
    let only = [
        "autoscaling:SetInstanceHealth",
        "autoscaling:SetInstanceProtection",
        "logs:CreateLogGroup",
    ];
    assert!(
        unused.iter().all(|call| only.contains(&call.as_str())),
        "{unused:?}"
    );
}
