//! The emulated group keeps its word to the agents' SDK, and its machines follow it.

use std::path::PathBuf;
use std::time::Duration;

use aws_config::provider_config::ProviderConfig;
use aws_sdk_autoscaling::Client;
use aws_sdk_autoscaling::error::ProvideErrorMetadata as _;
use aws_sdk_autoscaling::types::{Instance, LifecycleState};
use zk_bootstrap::aws::fleet::{Reader, Scheme};
use zk_bootstrap::aws::group::{Group, Told};
use zk_bootstrap::aws::{Access, Metadata, SdkConfig, configure, imds};
use zk_bootstrap::model::fleet::{self, Fleet, Hook, Lifecycle, Notice};
use zk_bootstrap::model::id::InstanceId;

use crate::stage::world;
use crate::world::World;
use crate::world::group::{Outcome, Transition};

const HEARTBEAT: Duration = Duration::from_secs(600);

/// The metadata of an instance.
fn metadata(world: &mut World, id: &str) -> Metadata {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let configuration = ProviderConfig::without_region().with_http_client(http);
    let builder = Metadata::builder().configure(&configuration);
    let builder = builder.endpoint(world.member(id).imds).expect("a URL");
    builder.build()
}

/// The SDK's configuration of the agent of an instance.
async fn configuration(world: &mut World, id: &str) -> SdkConfig {
    let access = Access {
        region: "eu-west-1".to_owned(),
        endpoint: Some(world.cloud.endpoint.clone()),
        deadline: Duration::from_secs(10),
    };
    let configuration = configure(&access, &metadata(world, id)).await;
    configuration.expect("configured")
}

async fn member(client: &Client, id: &str) -> Instance {
    let request = client.describe_auto_scaling_groups();
    let answer = request.auto_scaling_group_names("zk").send().await;
    let groups = answer.expect("an answer").auto_scaling_groups.expect("zk");
    let mut instances = groups.into_iter().flat_map(|g| g.instances.expect("some"));
    let found = instances.find(|each| each.instance_id.as_deref() == Some(id));
    found.expect("a member")
}

#[tokio::test]
async fn the_sdk_of_the_agents_reads_states_protection_hooks_and_refusals() {
    let mut world = world("127.50.1", 0);
    let cloud = &mut world.cloud;
    cloud.put_hook("launch", Transition::Launching, HEARTBEAT, Outcome::Abandon);
    cloud.put_hook(
        "leave",
        Transition::Terminating,
        HEARTBEAT,
        Outcome::Continue,
    );
    let id = world.launch_without_boot(1).remove(0);
    let client = Client::new(&configuration(&mut world, &id).await);

    let hooks = client.describe_lifecycle_hooks();
    let hooks = hooks.auto_scaling_group_name("zk").send().await;
    let hooks = hooks.expect("an answer").lifecycle_hooks.expect("hooks");
    let heartbeats: Vec<_> = hooks.iter().map(|hook| hook.heartbeat_timeout).collect();
    assert_eq!(heartbeats, [Some(600), Some(600)]);
    assert_eq!(hooks[0].lifecycle_hook_name(), Some("launch"));
    assert_eq!(
        hooks[0].lifecycle_transition(),
        Some("autoscaling:EC2_INSTANCE_LAUNCHING")
    );
    assert_eq!(hooks[0].default_result(), Some("ABANDON"));
    assert_eq!(hooks[0].global_timeout, Some(60_000));

    let pending = member(&client, &id).await;
    assert_eq!(pending.lifecycle_state, Some(LifecycleState::PendingWait));
    assert_eq!(pending.protected_from_scale_in, Some(false));
    let heartbeat = client.record_lifecycle_action_heartbeat();
    let heartbeat = heartbeat.auto_scaling_group_name("zk").instance_id(&id);
    let heartbeat = heartbeat.lifecycle_hook_name("launch").send().await;
    heartbeat.expect("an answer");
    let complete = || {
        let call = client.complete_lifecycle_action().instance_id(&id);
        let call = call.auto_scaling_group_name("zk");
        call.lifecycle_hook_name("launch")
            .lifecycle_action_result("CONTINUE")
            .send()
    };
    complete().await.expect("an answer");
    let refusal = complete().await.expect_err("it is completed");
    assert_eq!(refusal.code(), Some("ValidationError"));
    let message = format!("No active Lifecycle Action found with instance ID {id}");
    assert_eq!(refusal.message(), Some(&*message));

    let protect = client.set_instance_protection().instance_ids(&id);
    let protect = protect.auto_scaling_group_name("zk");
    let protect = protect.protected_from_scale_in(true).send().await;
    protect.expect("an answer");
    let serving = member(&client, &id).await;
    assert_eq!(serving.lifecycle_state, Some(LifecycleState::InService));
    assert_eq!(serving.protected_from_scale_in, Some(true));
    let health = client.set_instance_health().instance_id(&id);
    let health = health.health_status("Unhealthy").send().await;
    health.expect("an answer");
    let leaving = member(&client, &id).await;
    let state = leaving.lifecycle_state;
    assert_eq!(state, Some(LifecycleState::TerminatingWait));
    assert_eq!(leaving.health_status.as_deref(), Some("Unhealthy"));
    let refusal = client.set_instance_protection().instance_ids(&id);
    let refusal = refusal.auto_scaling_group_name("zk");
    let refusal = refusal.protected_from_scale_in(false).send().await;
    let refusal = refusal.expect_err("it is terminating");
    assert_eq!(refusal.code(), Some("ValidationError"));
}

/// What an agent's look at the group finds: all of it, and instance `me`.
async fn seen(reader: &mut Reader, me: &InstanceId) -> (Fleet, fleet::Instance) {
    let fleet = reader.read(me, &[].into()).await.expect("an answer");
    let instance = fleet.instances[me].clone();
    (fleet, instance)
}

#[tokio::test]
async fn what_an_agent_tells_the_group_holds_and_what_comes_too_late_is_said_to() {
    let mut world = world("127.50.6", 0);
    let cloud = &mut world.cloud;
    cloud.put_hook("launch", Transition::Launching, HEARTBEAT, Outcome::Abandon);
    let id = world.launch_without_boot(1).remove(0);
    let configuration = configuration(&mut world, &id).await;
    let group = Group::new(&configuration, "zk".to_owned());
    let scheme = Scheme::Asg {
        group: "zk".to_owned(),
    };
    let mut reader = Reader::new(&configuration, scheme);
    let me: InstanceId = id.parse().expect("an instance id");

    let (fleet, instance) = seen(&mut reader, &me).await;
    assert_eq!(instance.lifecycle, Lifecycle::Pending);
    assert!(instance.held && !instance.protected);
    let hook = Hook {
        name: "launch".to_owned(),
        transition: fleet::Transition::Launching,
        timeout: HEARTBEAT,
        beaten: None,
    };
    assert_eq!(fleet.hooks, [hook]);
    seen(&mut reader, &me).await;
    let asked = world.cloud.calls()[&id]["autoscaling:DescribeLifecycleHooks"].take();
    assert_eq!(asked, 1, "hooks do not change in minutes");

    let instances = [me.clone()].into();
    let early = group.protect(&instances, true).await.expect("an answer");
    assert!(matches!(early, Told::TooLate(_)), "{early:?}");
    world.cloud.pass_time(HEARTBEAT - Duration::from_secs(60));
    let told = group.heartbeat("launch", &me).await.expect("an answer");
    assert_eq!(told, Told::Taken);
    world.cloud.pass_time(HEARTBEAT - Duration::from_secs(60));
    for expected in [true, false] {
        let told = group.complete("launch", &me).await.expect("an answer");
        assert_eq!(told == Told::Taken, expected, "{told:?}");
    }
    let late = group.heartbeat("launch", &me).await.expect("an answer");
    let message = format!("No active Lifecycle Action found with instance ID {id}");
    assert_eq!(late, Told::TooLate(message));

    for protected in [true, false] {
        let told = group.protect(&instances, protected).await;
        assert_eq!(told.expect("an answer"), Told::Taken);
        let (fleet, instance) = seen(&mut reader, &me).await;
        assert_eq!(instance.protected, protected);
        assert!(!instance.held && fleet.hooks.is_empty());
    }
    let told = group.report_unhealthy(&me).await;
    assert_eq!(told.expect("an answer"), Told::Taken);
    let (_, instance) = seen(&mut reader, &me).await;
    assert_ne!(instance.lifecycle, Lifecycle::InService);
    assert!(instance.unhealthy || instance.lifecycle == Lifecycle::Unlisted);
    let late = group.report_unhealthy(&me).await.expect("an answer");
    assert!(matches!(late, Told::TooLate(_)), "{late:?}");
}

#[test]
fn a_machine_runs_until_the_group_has_let_it_go_and_is_dead_before_ec2_says_so() {
    let mut world = world("127.50.2", 0);
    let leave = Transition::Terminating;
    world
        .cloud
        .put_hook("leave", leave, HEARTBEAT, Outcome::Continue);
    let id = world.launch(1).remove(0);
    let agent = world.at(&id).agent_pid().expect("it booted");
    // It says nothing to the group.
    world.at(&id).freeze();
    let runs = || PathBuf::from(format!("/proc/{agent}")).exists();
    world.retire(&id);
    let leaving = world.member(&id);
    assert_eq!(leaving.lifecycle.as_deref(), Some("Terminating:Wait"));
    assert_eq!(leaving.state, "running");
    let replacement = world.ids().into_iter().find(|each| *each != id);
    let replacement = replacement.expect("it is launched at once");
    assert!(world.at(&replacement).agent_pid().is_some(), "it boots");

    world.cloud.pass_time(HEARTBEAT - Duration::from_secs(60));
    world.sync();
    assert!(runs());
    world.cloud.complete("leave", &id, Outcome::Continue);
    assert_eq!(world.member(&id).state, "shutting-down");
    assert!(runs());
    world.sync();
    assert!(!runs());
    assert_eq!(world.member(&id).state, "terminated");
    assert_eq!(world.ids(), [replacement]);
}

#[tokio::test]
async fn notices_reach_the_instance_that_they_are_for_and_no_other() {
    let mut world = world("127.50.3", 0);
    let leave = Transition::Terminating;
    world
        .cloud
        .put_hook("leave", leave, HEARTBEAT, Outcome::Continue);
    let ids = world.launch_without_boot(2);
    let [warned, other] = [0, 1].map(|each| metadata(&mut world, &ids[each]));
    let told = async || {
        let notice = imds::notice(&warned).await;
        notice.expect("an answer")
    };
    assert_eq!(told().await, None);
    world.cloud.notify_rebalance(&ids[0]);
    assert_eq!(told().await, Some(Notice::Rebalance));
    world.cloud.notify_spot(&ids[0]);
    assert_eq!(told().await, Some(Notice::Spot));
    world.dismiss(&ids[0]);
    assert_eq!(told().await, Some(Notice::Group));
    assert_eq!(imds::notice(&other).await.expect("an answer"), None);
    for (path, key) in [
        ("spot/instance-action", "time"),
        ("events/recommendations/rebalance", "noticeTime"),
    ] {
        let path = format!("/latest/meta-data/{path}");
        let notice = warned.get(path.clone()).await.expect("a notice");
        let notice: serde_json::Value = serde_json::from_str(notice.as_ref()).expect("JSON");
        let time = notice[key].as_str().expect("a time").parse();
        let _: jiff::Timestamp = time.expect("RFC 3339");
        assert!(other.get(path).await.is_err());
    }
}
