//! Who and where this instance is, by the metadata service (IMDSv2 only).

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use aws_config::imds::client::Client;
use aws_config::imds::client::error::ImdsError;
use aws_config::provider_config::ProviderConfig;
use aws_smithy_http_client::proxy::ProxyConfig;
use jiff::Timestamp;
use serde::Deserialize;

use super::AwsError;
use crate::model::fleet::{Me, Notice};

/// Asks the metadata service who this instance is. Each value is judged: a proxy's error page is
/// no instance id.
///
/// The endpoint is the SDK's, `AWS_EC2_METADATA_SERVICE_ENDPOINT` included.
///
/// # Errors
/// When the service does not answer, or an answer makes no sense.
pub async fn identify(client: &Client) -> Result<Me, AwsError> {
    let (instance, address, zone, region) = tokio::try_join!(
        value(client, "instance-id"),
        value(client, "local-ipv4"),
        value(client, "placement/availability-zone"),
        value(client, "placement/region"),
    )?;
    let me = Me {
        instance: parsed("instance-id", &instance)?,
        address: parsed::<IpAddr>("local-ipv4", &address)?,
        zone,
        region,
    };
    if !is_region(&me.region) {
        return Err(senseless("placement/region", &me.region));
    }
    // A zone of the region, or a local or wavelength zone: `eu-west-1a`, `us-west-2-lax-1a`.
    if !me.zone.starts_with(&me.region) || !is_name(&me.zone) {
        return Err(senseless("placement/availability-zone", &me.zone));
    }
    Ok(me)
}

/// A client of the metadata service with short time-outs, and never through a proxy: it is one
/// hop away.
///
/// # Errors
/// When the CA bundle of the environment cannot be read.
pub fn client() -> Result<Client, AwsError> {
    let direct = super::http_client(ProxyConfig::disabled())?;
    let configuration = ProviderConfig::without_region().with_http_client(direct);
    let builder = Client::builder()
        .configure(&configuration)
        .connect_timeout(Duration::from_secs(1))
        .read_timeout(Duration::from_secs(1))
        .max_attempts(2);
    Ok(builder.build())
}

/// The Auto Scaling group of this instance, where the metadata service tells tags
/// (`InstanceMetadataTags=enabled`); that saves a call to EC2.
pub async fn group(client: &Client) -> Option<String> {
    let path = "tags/instance/aws:autoscaling:groupName";
    let group = value(client, path).await.ok()?;
    // Whatever else may answer there: a name has no line breaks and at most 255 characters.
    let plausible = !group.is_empty() && group.len() <= 255 && !group.contains(char::is_control);
    (plausible && !group.starts_with('<')).then_some(group)
}

/// Whether this instance is about to go, and why. Three paths are asked side by side; what one of
/// them tells holds whatever the others fail to, the most certain first.
///
/// # Errors
/// When none of them tells of it, and one did not answer or makes no sense: that proves nothing.
pub async fn notice(client: &Client) -> Result<Option<Notice>, AwsError> {
    let (target, spot, rebalance) = (
        "autoscaling/target-lifecycle-state",
        "spot/instance-action",
        "events/recommendations/rebalance",
    );
    let (by_group, by_spot, recommended) = tokio::join!(
        optional(client, target),
        optional(client, spot),
        optional(client, rebalance),
    );
    let mut unknown = None;
    for (path, told, judge) in [
        (target, by_group, of_group as fn(&str) -> Judged),
        (spot, by_spot, of_spot),
        (rebalance, recommended, of_rebalance),
    ] {
        let judged = told.and_then(|text| match text {
            None => Ok(None),
            Some(text) => judge(&text).map_err(|Senseless| senseless(path, &text)),
        });
        match judged {
            Ok(None) => {}
            Ok(notice) => return Ok(notice),
            Err(error) => unknown = unknown.or(Some(error)),
        }
    }
    unknown.map_or(Ok(None), Err)
}

/// What one path says of a notice.
type Judged = Result<Option<Notice>, Senseless>;

/// It says nothing that AWS would say.
#[derive(Debug, PartialEq, Eq)]
struct Senseless;

/// The state to which the group brings this instance: `InService`, `Warmed:Stopped`.
fn of_group(text: &str) -> Judged {
    let named = |b: u8| b.is_ascii_alphabetic() || b == b':';
    match text {
        "Terminated" => Ok(Some(Notice::Group)),
        "" => Err(Senseless),
        other if other.bytes().all(named) => Ok(None),
        _ => Err(Senseless),
    }
}

/// `{"action": "terminate", "time": "2026-07-01T12:00:00Z"}`; a spot instance may be stopped or
/// hibernated, too.
fn of_spot(text: &str) -> Judged {
    #[derive(Deserialize)]
    struct Interruption {
        action: String,
        #[serde(rename = "time")]
        _time: Timestamp,
    }
    let told: Interruption = serde_json::from_str(text).map_err(|_| Senseless)?;
    match told.action.as_str() {
        "terminate" | "stop" | "hibernate" => Ok(Some(Notice::Spot)),
        _ => Err(Senseless),
    }
}

/// `{"noticeTime": "2026-07-01T12:00:00Z"}`.
fn of_rebalance(text: &str) -> Judged {
    #[derive(Deserialize)]
    struct Recommendation {
        #[serde(rename = "noticeTime")]
        _time: Timestamp,
    }
    let _: Recommendation = serde_json::from_str(text).map_err(|_| Senseless)?;
    Ok(Some(Notice::Rebalance))
}

/// A path that need not exist.
async fn optional(client: &Client, path: &str) -> Result<Option<String>, AwsError> {
    match value(client, path).await {
        Ok(text) => Ok(Some(text)),
        Err(AwsError::Refused { code, .. }) if code == "404" => Ok(None),
        Err(error) => Err(error),
    }
}

async fn value(client: &Client, path: &str) -> Result<String, AwsError> {
    let answer = client.get(format!("/latest/meta-data/{path}")).await;
    let call = "instance metadata";
    let answer = answer.map_err(|error| match error {
        // By itself it would print the whole answer: headers, and some proxy's page.
        ImdsError::ErrorResponse(answer) => AwsError::Refused {
            call,
            code: answer.response().status().to_string(),
            message: format!("no answer to {path}"),
        },
        error => AwsError::Call {
            call,
            source: error.into(),
        },
    })?;
    Ok(answer.as_ref().trim().to_owned())
}

fn parsed<T: FromStr>(path: &str, text: &str) -> Result<T, AwsError> {
    text.parse().map_err(|_| senseless(path, text))
}

fn senseless(path: &str, text: &str) -> AwsError {
    AwsError::Senseless {
        what: format!("instance metadata's {path}"),
        answer: text.chars().take(80).collect(),
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (4..=40).contains(&text.len()) && text.bytes().all(allowed)
}

/// `eu-west-1`, `us-gov-east-1`: words and a number.
fn is_region(text: &str) -> bool {
    let last = text.rsplit('-').next().unwrap_or_default();
    is_name(text) && text.matches('-').count() >= 2 && last.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_are_words_and_a_number() {
        for good in ["eu-west-1", "us-gov-east-1", "ap-southeast-3"] {
            assert!(is_region(good), "{good}");
        }
        for bad in [
            "",
            "unavailable",
            "eu-west-1a",
            "<html>",
            "eu-west",
            "EU-WEST-1",
        ] {
            assert!(!is_region(bad), "{bad}");
        }
    }

    #[test]
    fn only_what_aws_would_say_tells_that_this_instance_goes() {
        assert_eq!(of_group("Terminated"), Ok(Some(Notice::Group)));
        for other in ["InService", "Standby", "Detached", "Warmed:Terminated"] {
            assert_eq!(of_group(other), Ok(None), "{other}");
        }
        for bad in ["", "<html>", "Terminated\nX", "404 - Not Found"] {
            assert_eq!(of_group(bad), Err(Senseless), "{bad}");
        }
        let time = "2026-07-01T12:00:00Z";
        for action in ["terminate", "stop", "hibernate"] {
            let text = format!(r#"{{"action": "{action}", "time": "{time}"}}"#);
            assert_eq!(of_spot(&text), Ok(Some(Notice::Spot)), "{text}");
        }
        let recommended = format!(r#"{{"noticeTime": "{time}"}}"#);
        assert_eq!(of_rebalance(&recommended), Ok(Some(Notice::Rebalance)));
        for bad in [
            "",
            "{}",
            "null",
            "terminate",
            "<html>",
            r#"{"action": "terminate"}"#,
            r#"{"action": "terminate", "time": "soon"}"#,
            r#"{"action": "dance", "time": "2026-07-01T12:00:00Z"}"#,
            r#"{"noticeTime": "soon"}"#,
        ] {
            assert_eq!(of_spot(bad), Err(Senseless), "{bad}");
            assert_eq!(of_rebalance(bad), Err(Senseless), "{bad}");
        }
    }
}
