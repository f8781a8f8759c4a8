//! Figures as log events that CloudWatch makes metrics of: its Embedded Metric Format, by the call
//! that the register needs anyway.
//!
//! Source: CloudWatch User Guide, "Specification: Embedded metric format" and "Using the
//! PutLogEvents API to send manually-created embedded metric format logs" (no header is needed).

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::SdkError;
use aws_sdk_cloudwatchlogs::operation::put_log_events::{PutLogEventsError, PutLogEventsOutput};
use aws_sdk_cloudwatchlogs::types::InputLogEvent;
use serde_json::{Value, json};

use super::{AwsError, SdkConfig, failed};
use crate::clock;
use crate::model::figures::Figures;
use crate::model::id::InstanceId;

/// The metrics' namespace.
const NAMESPACE: &str = "zk-bootstrap";

/// The log group of the figures; each instance writes to a stream of its own.
#[derive(Debug)]
pub struct FigureLog {
    client: Client,
    log_group: String,
    ensemble: String,
}

impl FigureLog {
    /// The log group of this name, for the metrics of an ensemble: the dimension `Ensemble`.
    pub fn new(configuration: &SdkConfig, log_group: String, ensemble: String) -> Self {
        FigureLog {
            client: Client::new(configuration),
            log_group,
            ensemble,
        }
    }

    /// Writes figures into the stream of an instance, which is made where it is missing.
    ///
    /// # Errors
    /// When a call failed. The log group is not made: whoever keeps it says for how long.
    pub async fn write(&self, instance: &InstanceId, figures: &Figures) -> Result<(), AwsError> {
        let call = "logs:PutLogEvents";
        let put = self.put(instance, figures).await;
        let no_stream = put.as_ref().is_err_and(|error| {
            let error = error.as_service_error();
            error.is_some_and(PutLogEventsError::is_resource_not_found_exception)
        });
        if no_stream {
            self.create_stream(instance).await?;
            let put = self.put(instance, figures).await;
            return put.map(drop).map_err(failed(call));
        }
        put.map(drop).map_err(failed(call))
    }

    async fn put(
        &self,
        instance: &InstanceId,
        figures: &Figures,
    ) -> Result<PutLogEventsOutput, SdkError<PutLogEventsError>> {
        let now = clock::now().as_millisecond();
        let event = InputLogEvent::builder()
            .timestamp(now)
            .message(event(now, &self.ensemble, figures).to_string())
            .build()
            .expect("both fields are set");
        let request = self.client.put_log_events().log_group_name(&self.log_group);
        let request = request.log_stream_name(instance.as_str()).log_events(event);
        request.send().await
    }

    async fn create_stream(&self, instance: &InstanceId) -> Result<(), AwsError> {
        let request = self.client.create_log_stream();
        let request = request
            .log_group_name(&self.log_group)
            .log_stream_name(instance.as_str());
        let created = request.send().await;
        created.map(drop).map_err(failed("logs:CreateLogStream"))
    }
}

/// One event: what CloudWatch shall make of it, the dimension, the values.
fn event(now: i64, ensemble: &str, figures: &Figures) -> Value {
    let mut event = json!(figures);
    let names: Vec<String> = event
        .as_object()
        .expect("a struct")
        .keys()
        .cloned()
        .collect();
    let metric = |name: &String| json!({ "Name": name, "Unit": "Count" });
    let metrics: Vec<Value> = names.iter().map(metric).collect();
    event["Ensemble"] = json!(ensemble);
    event["_aws"] = json!({
        "Timestamp": now,
        "CloudWatchMetrics": [{
            "Namespace": NAMESPACE,
            "Dimensions": [["Ensemble"]],
            "Metrics": metrics,
        }],
    });
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_its_value_beside_the_dimension() {
        let figures = Figures {
            voters: 3,
            wanted_voters: Some(5),
            serving_voters: Some(2),
            generation: 4,
            recovered: 1,
        };
        let event = event(1_772_366_400_000, "zk", &figures);
        let told = &event["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(told["Dimensions"], json!([["Ensemble"]]));
        let metrics = told["Metrics"].as_array().expect("metrics").iter();
        let names: Vec<&str> = metrics
            .filter_map(|metric| metric["Name"].as_str())
            .collect();
        let values: Vec<&Value> = names.iter().map(|name| &event[*name]).collect();
        let expected = [
            "Generation",
            "Recovered",
            "ServingVoters",
            "Voters",
            "WantedVoters",
        ];
        assert_eq!(names, expected);
        assert_eq!(values, [4, 1, 2, 3, 5]);
        assert_eq!(event["Ensemble"], "zk");
    }
}
