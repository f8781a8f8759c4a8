//! What `zk-bootstrap doctor` asks of AWS: every call that the agent makes, as far as it can be
//! tried without changing anything, and what the answers tell besides.

mod date;

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_autoscaling::Client as AutoScaling;
use aws_sdk_autoscaling::types::LifecycleHook;
use aws_sdk_cloudwatchlogs::Client as Logs;
use aws_sdk_cloudwatchlogs::types::FilteredLogEvent;
use aws_sdk_ec2::Client as Ec2;
use aws_sdk_ec2::types::{
    HttpTokensState, InstanceMetadataEndpointState, InstanceMetadataOptionsResponse as Options, Tag,
};
use jiff::{SignedDuration, Timestamp};

use self::date::Dates;
use super::record::Record;
use super::{AwsError, SdkConfig, failed};
use crate::clock;
use crate::model::facts::{AwsFacts, HookFacts, MetadataOptions, Tried};
use crate::model::fleet::Transition;
use crate::model::id::InstanceId;
use crate::model::snapshot::Answer;

/// What is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// This instance.
    pub instance: &'a InstanceId,
    /// The Auto Scaling group; absent where membership goes by tags.
    pub group: Option<&'a str>,
    /// The register's log group.
    pub log_group: &'a str,
}

/// Auto Scaling ends a wait after so many heartbeats' time, or after two days.
const HEARTBEATS: u32 = 100;
const LONGEST_WAIT: Duration = Duration::from_secs(48 * 3600);

/// Calls that have no dry run, and change something whenever they succeed.
const UNTRIED: &[&str] = &[
    "logs:CreateLogGroup",
    "logs:CreateLogStream",
    "logs:PutLogEvents",
];
/// The same, of an Auto Scaling group.
const UNTRIED_OF_A_GROUP: &[&str] = &[
    "autoscaling:CompleteLifecycleAction",
    "autoscaling:RecordLifecycleActionHeartbeat",
    "autoscaling:SetInstanceHealth",
    "autoscaling:SetInstanceProtection",
];

/// Tries everything side by side.
pub async fn examine(configuration: &SdkConfig, subject: Subject<'_>) -> AwsFacts {
    let ec2 = Ec2::new(configuration);
    let logs = Logs::new(configuration);
    let scaling = AutoScaling::new(configuration);
    let dates = Dates::default();
    let (described, tags, streams, events, log_group, group, hooks) = tokio::join!(
        describe(&ec2, subject.instance, &dates),
        create_tags(&ec2, subject.instance),
        streams(&logs, subject.log_group),
        events(&logs, subject.log_group),
        retention(&logs, subject.log_group),
        describe_group(&scaling, subject.group),
        describe_hooks(&scaling, subject.group),
    );
    let mut rights = BTreeMap::from([
        ("ec2:DescribeInstances", tried(&described)),
        ("ec2:CreateTags", tried(&tags)),
        ("logs:DescribeLogStreams", tried(&streams)),
        ("logs:FilterLogEvents", tried(&events)),
    ]);
    rights.extend(UNTRIED.iter().map(|call| (*call, Tried::Untried)));
    if subject.group.is_some() {
        rights.extend([
            ("autoscaling:DescribeAutoScalingGroups", tried(&group)),
            ("autoscaling:DescribeLifecycleHooks", tried(&hooks)),
        ]);
        let untried = UNTRIED_OF_A_GROUP.iter();
        rights.extend(untried.map(|call| (*call, Tried::Untried)));
    }
    let ahead = dates.ahead();
    AwsFacts {
        rights,
        clock: match (ahead, &described) {
            (Some(ahead), _) => known(ahead),
            (None, Err(error)) => unknown(error),
            (None, Ok(_)) => Answer::Unknown {
                why: "AWS's answer has no date".to_owned(),
            },
        },
        clocks: events.map_or_else(|_| BTreeMap::new(), |events| clocks(&events)),
        metadata: answer(described),
        hooks: answer(hooks),
        retention: answer(log_group),
    }
}

/// What it is when AWS cannot be asked at all.
pub fn unasked(why: &str) -> AwsFacts {
    let why = || why.to_owned();
    AwsFacts {
        rights: BTreeMap::new(),
        clock: Answer::Unknown { why: why() },
        clocks: BTreeMap::new(),
        metadata: Answer::Unknown { why: why() },
        hooks: Answer::Unknown { why: why() },
        retention: Answer::Unknown { why: why() },
    }
}

fn tried<T>(result: &Result<T, AwsError>) -> Tried {
    match result {
        Ok(_) => Tried::Allowed,
        Err(AwsError::Denied { .. }) => Tried::Denied,
        Err(error) => Tried::Failed(told(error)),
    }
}

fn told(error: &AwsError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        text.push_str(&format!(": {error}"));
        source = error.source();
    }
    text
}

fn known<T>(value: T) -> Answer<T> {
    let at = clock::now();
    Answer::Known { at, value }
}

fn unknown<T>(error: &AwsError) -> Answer<T> {
    Answer::Unknown { why: told(error) }
}

fn answer<T>(result: Result<T, AwsError>) -> Answer<T> {
    result.map_or_else(|error| unknown(&error), known)
}

async fn describe(
    ec2: &Ec2,
    instance: &InstanceId,
    dates: &Dates,
) -> Result<MetadataOptions, AwsError> {
    let request = ec2.describe_instances().instance_ids(instance.as_str());
    let answer = request.customize().interceptor(dates.clone()).send().await;
    let answer = answer.map_err(failed("ec2:DescribeInstances"))?;
    let reservations = answer.reservations.unwrap_or_default().into_iter();
    let mut instances = reservations.flat_map(|r| r.instances.unwrap_or_default());
    let options = instances.next().and_then(|found| found.metadata_options);
    Ok(options
        .map(|options| options_of(&options))
        .unwrap_or_default())
}

fn options_of(told: &Options) -> MetadataOptions {
    let hops = told.http_put_response_hop_limit();
    MetadataOptions {
        enabled: told
            .http_endpoint()
            .map(|state| *state == InstanceMetadataEndpointState::Enabled),
        tokens_required: told
            .http_tokens()
            .map(|state| *state == HttpTokensState::Required),
        hop_limit: hops.and_then(|hops| hops.try_into().ok()),
    }
}

/// EC2 says to a dry run whether the call would be allowed, and does nothing.
async fn create_tags(ec2: &Ec2, instance: &InstanceId) -> Result<(), AwsError> {
    let tag = |key: &str| Tag::builder().key(key).value("0").build();
    let request = ec2.create_tags().resources(instance.as_str());
    let request = request.tags(tag("zookeeper_id"));
    let answer = request.tags(tag("bootstrap_finished_time")).dry_run(true);
    match answer.send().await.map_err(failed("ec2:CreateTags")) {
        Err(AwsError::Refused { code, .. }) if code == "DryRunOperation" => Ok(()),
        other => other.map(drop),
    }
}

/// A log group that is not there yet is made by the agent.
fn or_absent<T>(result: Result<T, AwsError>, absent: T) -> Result<T, AwsError> {
    match result {
        Err(AwsError::Refused { code, .. }) if code == "ResourceNotFoundException" => Ok(absent),
        result => result,
    }
}

async fn streams(logs: &Logs, group: &str) -> Result<(), AwsError> {
    let request = logs.describe_log_streams().log_group_name(group).limit(1);
    let answer = request.send().await.map(drop);
    or_absent(answer.map_err(failed("logs:DescribeLogStreams")), ())
}

/// One page: enough to try the right, and to see some clocks.
async fn events(logs: &Logs, group: &str) -> Result<Vec<FilteredLogEvent>, AwsError> {
    let request = logs.filter_log_events().log_group_name(group);
    let answer = request.send().await;
    let answer = answer.map(|answer| answer.events.unwrap_or_default());
    or_absent(answer.map_err(failed("logs:FilterLogEvents")), Vec::new())
}

/// An event has the time of its writer, and the time at which the service took it; a call lies
/// between them.
fn clocks(events: &[FilteredLogEvent]) -> BTreeMap<InstanceId, (Timestamp, SignedDuration)> {
    let mut clocks: BTreeMap<InstanceId, (Timestamp, SignedDuration)> = BTreeMap::new();
    for event in events {
        let time = |at: Option<i64>| at.and_then(|at| Timestamp::from_millisecond(at).ok());
        let record: Result<Record, _> = serde_json::from_str(event.message().unwrap_or_default());
        let (Ok(record), Some(written), Some(taken)) =
            (record, time(event.timestamp), time(event.ingestion_time))
        else {
            continue;
        };
        let newest = clocks.get(record.instance());
        if newest.is_none_or(|(at, _)| *at <= taken) {
            let ahead = written.duration_since(taken);
            clocks.insert(record.instance().clone(), (taken, ahead));
        }
    }
    clocks
}

/// After how many days the log group forgets, if it does.
async fn retention(logs: &Logs, group: &str) -> Result<Option<u32>, AwsError> {
    let request = logs.describe_log_groups().log_group_name_prefix(group);
    let answer = request.send().await;
    let answer = answer.map_err(failed("logs:DescribeLogGroups"))?;
    let mut groups = answer.log_groups.unwrap_or_default().into_iter();
    let found = groups.find(|found| found.log_group_name() == Some(group));
    let days = found.and_then(|found| found.retention_in_days);
    Ok(days.and_then(|days| days.try_into().ok()))
}

async fn describe_group(scaling: &AutoScaling, group: Option<&str>) -> Result<(), AwsError> {
    let Some(group) = group else {
        return Ok(());
    };
    let request = scaling.describe_auto_scaling_groups();
    let answer = request.auto_scaling_group_names(group).send().await;
    let call = "autoscaling:DescribeAutoScalingGroups";
    answer.map(drop).map_err(failed(call))
}

async fn describe_hooks(
    scaling: &AutoScaling,
    group: Option<&str>,
) -> Result<Vec<HookFacts>, AwsError> {
    let Some(group) = group else {
        return Ok(Vec::new());
    };
    let request = scaling.describe_lifecycle_hooks();
    let answer = request.auto_scaling_group_name(group).send().await;
    let answer = answer.map_err(failed("autoscaling:DescribeLifecycleHooks"))?;
    let hooks = answer.lifecycle_hooks.unwrap_or_default();
    Ok(hooks.into_iter().filter_map(hook_of).collect())
}

fn hook_of(told: LifecycleHook) -> Option<HookFacts> {
    let transition = match told.lifecycle_transition.as_deref() {
        Some("autoscaling:EC2_INSTANCE_LAUNCHING") => Transition::Launching,
        Some("autoscaling:EC2_INSTANCE_TERMINATING") => Transition::Terminating,
        _ => return None,
    };
    let seconds = |told: Option<i32>| told.and_then(|seconds| u64::try_from(seconds).ok());
    let heartbeat = Duration::from_secs(seconds(told.heartbeat_timeout)?);
    let longest = seconds(told.global_timeout).map(Duration::from_secs);
    Some(HookFacts {
        name: told.lifecycle_hook_name?,
        transition,
        heartbeat,
        longest: longest.unwrap_or((heartbeat * HEARTBEATS).min(LONGEST_WAIT)),
        abandons: told.default_result.as_deref() != Some("CONTINUE"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::fleet::Me;

    #[test]
    fn an_event_tells_how_far_its_writers_clock_was_ahead() {
        let me = |id: &str| Me {
            instance: id.parse().expect("an id"),
            address: "10.0.0.1".parse().expect("an address"),
            zone: "eu-west-1a".to_owned(),
            region: "eu-west-1".to_owned(),
        };
        let event = |id: &str, written: i64, taken: i64| {
            let record = Record::claimed(&me(id), "asg:zk", 1.try_into().expect("an id"));
            FilteredLogEvent::builder()
                .timestamp(written)
                .ingestion_time(taken)
                .message(record.line())
                .build()
        };
        let garbled = FilteredLogEvent::builder().message("{}").build();
        let seen = clocks(&[
            event("i-00000001", 9_000, 10_000),
            event("i-00000001", 25_000, 20_000),
            event("i-00000002", 100, 200),
            event("i-00000001", 1_000, 1_000),
            garbled,
        ]);
        let ahead = |id: &str| seen[&id.parse().expect("an id")].1.as_millis();
        assert_eq!(seen.len(), 2);
        assert_eq!((ahead("i-00000001"), ahead("i-00000002")), (5_000, -100));
    }

    #[test]
    fn a_hook_waits_for_a_hundred_heartbeats_and_two_days_at_most() {
        let hook = |heartbeat: i32| {
            let hook = LifecycleHook::builder()
                .lifecycle_hook_name("zk")
                .lifecycle_transition("autoscaling:EC2_INSTANCE_TERMINATING")
                .heartbeat_timeout(heartbeat);
            hook_of(hook.build()).expect("a hook")
        };
        assert_eq!(hook(30).longest, Duration::from_secs(3000));
        assert_eq!(hook(7200).longest, LONGEST_WAIT);
        assert!(hook(30).abandons, "what is not told is AWS's default");
    }
}
