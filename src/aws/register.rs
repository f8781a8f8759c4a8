//! Claims as log streams (CloudWatch Logs): created if absent, described by their events.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_cloudwatchlogs::Client;
use aws_sdk_cloudwatchlogs::error::SdkError;
use aws_sdk_cloudwatchlogs::operation::create_log_group::CreateLogGroupError;
use aws_sdk_cloudwatchlogs::operation::create_log_stream::CreateLogStreamError;
use aws_sdk_cloudwatchlogs::operation::describe_log_streams::DescribeLogStreamsError;
use aws_sdk_cloudwatchlogs::types::{FilteredLogEvent, InputLogEvent, LogStream};
use jiff::Timestamp;

use super::record::{Event, Record, fold};
use super::{AwsError, failed};
use crate::model::claim::{Claim, ClaimName, Milestone, Register, Slot};

/// How many streams one FilterLogEvents may name.
const STREAMS_A_CALL: usize = 100;
/// A claim without its record is lost: it is written again and again, for well under the time
/// within which it counts ([`crate::model::claim::OWNER_RECORD_LIMIT`]).
const RECORD_ATTEMPTS: u32 = 5;

/// Whether a stream, or the log group, was created.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Created {
    /// By this call.
    Now,
    /// It was there already. (Also after a lost reply: this instance's own earlier attempt.)
    Before,
}

/// The log group of one ensemble.
#[derive(Debug)]
pub struct Log {
    client: Client,
    group: String,
    /// Claims whose streams have told all that they will ever tell.
    complete: BTreeMap<(ClaimName, Timestamp), Claim>,
}

impl Log {
    /// The log group of this name; whether it exists is seen when it is read.
    pub fn new(configuration: &aws_config::SdkConfig, group: String) -> Self {
        Log {
            client: Client::new(configuration),
            group,
            complete: BTreeMap::new(),
        }
    }

    /// All claims. The list of streams is read afresh, and so is every stream that has more to
    /// tell to a settled voter: one without an owner, a server's that has not joined, a marker's
    /// that has not started. Who is not `settled` reads all of them: while nobody serves, survivors
    /// testify, and a newcomer or an observer takes the place of one that is leaving.
    ///
    /// # Errors
    /// When any of the calls, or any page of one, failed.
    pub async fn read(&mut self, settled: bool) -> Result<Register, AwsError> {
        if !settled {
            self.complete.clear();
        }
        let Some(streams) = self.streams().await? else {
            return Ok(Register::default());
        };
        let mut claims = BTreeMap::new();
        let mut unread = Vec::new();
        for (name, created) in streams {
            match self.complete.get(&(name, created)) {
                Some(claim) => {
                    claims.insert(name, claim.clone());
                }
                None => unread.push((name, created)),
            }
        }
        for some in unread.chunks(STREAMS_A_CALL) {
            let mut events = self.events(some).await?;
            for (name, created) in some {
                let claim = fold(*created, events.remove(name).unwrap_or_default());
                if is_complete(*name, &claim) {
                    self.complete.insert((*name, *created), claim.clone());
                }
                claims.insert(*name, claim);
            }
        }
        Ok(Register {
            exists: true,
            claims,
        })
    }

    /// The streams that are claims, with their times of creation; `None` without a log group.
    async fn streams(&self) -> Result<Option<Vec<(ClaimName, Timestamp)>>, AwsError> {
        let request = self.client.describe_log_streams();
        let request = request.log_group_name(&self.group).limit(50);
        let mut pages = request.into_paginator().send();
        let mut streams = Vec::new();
        while let Some(page) = pages.next().await {
            let page = match page {
                Err(error)
                    if says(
                        &error,
                        DescribeLogStreamsError::is_resource_not_found_exception,
                    ) =>
                {
                    return Ok(None);
                }
                page => page.map_err(failed("logs:DescribeLogStreams"))?,
            };
            for stream in page.log_streams.unwrap_or_default() {
                streams.extend(claim_of(&stream)?);
            }
        }
        Ok(Some(streams))
    }

    async fn events(
        &self,
        streams: &[(ClaimName, Timestamp)],
    ) -> Result<BTreeMap<ClaimName, Vec<Event>>, AwsError> {
        let names = streams.iter().map(|(name, _)| name.to_string()).collect();
        let request = self.client.filter_log_events();
        let request = request
            .log_group_name(&self.group)
            .set_log_stream_names(Some(names));
        let mut pages = request.into_paginator().send();
        let mut events: BTreeMap<ClaimName, Vec<Event>> = BTreeMap::new();
        // An empty page with a token is not the last one; the paginator goes on.
        while let Some(page) = pages.next().await {
            let page = page.map_err(failed("logs:FilterLogEvents"))?;
            for event in page.events.unwrap_or_default() {
                if let Some((name, event)) = event_of(event) {
                    events.entry(name).or_default().push(event);
                }
            }
        }
        Ok(events)
    }

    /// Creates the log group; one that is there is left as it is.
    ///
    /// # Errors
    /// When the call failed.
    pub async fn create_group(&self) -> Result<Created, AwsError> {
        let request = self.client.create_log_group().log_group_name(&self.group);
        match request.send().await {
            Err(error)
                if says(
                    &error,
                    CreateLogGroupError::is_resource_already_exists_exception,
                ) =>
            {
                Ok(Created::Before)
            }
            Err(error) => Err(failed("logs:CreateLogGroup")(error)),
            Ok(_) => Ok(Created::Now),
        }
    }

    /// Creates the stream of a claim, and writes the owner's record into it.
    ///
    /// # Errors
    /// When it could not be created, or its record could not be written.
    pub async fn claim(&mut self, claim: ClaimName, record: &Record) -> Result<Created, AwsError> {
        let request = self.client.create_log_stream();
        let request = request
            .log_group_name(&self.group)
            .log_stream_name(claim.to_string());
        match request.send().await {
            Ok(_) => {}
            Err(error)
                if says(
                    &error,
                    CreateLogStreamError::is_resource_already_exists_exception,
                ) =>
            {
                return Ok(Created::Before);
            }
            Err(error) => return Err(failed("logs:CreateLogStream")(error)),
        }
        let mut attempt = 1;
        while let Err(error) = self.write(claim, record).await {
            if attempt == RECORD_ATTEMPTS {
                return Err(error);
            }
            tokio::time::sleep(Duration::from_millis(200 << attempt)).await;
            attempt += 1;
        }
        Ok(Created::Now)
    }

    /// Adds a record to a stream.
    ///
    /// # Errors
    /// When the call failed, or the service would not take the event.
    pub async fn write(&mut self, claim: ClaimName, record: &Record) -> Result<(), AwsError> {
        let call = "logs:PutLogEvents";
        self.complete.retain(|(name, _), _| *name != claim);
        let event = InputLogEvent::builder()
            .timestamp(crate::clock::now().as_millisecond())
            .message(record.line())
            .build()
            .expect("both fields are set");
        let request = self.client.put_log_events().log_group_name(&self.group);
        let request = request.log_stream_name(claim.to_string()).log_events(event);
        let answer = request.send().await.map_err(failed(call))?;
        // Too old or too new is not an error of the call: it is this machine's clock.
        match answer.rejected_log_events_info() {
            None => Ok(()),
            Some(rejected) => Err(AwsError::Senseless {
                what: format!("{call}, given this instance's time {}", crate::clock::now()),
                answer: format!("{rejected:?}"),
            }),
        }
    }
}

fn says<E>(error: &SdkError<E>, kind: impl Fn(&E) -> bool) -> bool {
    error.as_service_error().is_some_and(kind)
}

/// A stream by its name and time; `None` for a stream that is no claim.
fn claim_of(stream: &LogStream) -> Result<Option<(ClaimName, Timestamp)>, AwsError> {
    let text = stream.log_stream_name().unwrap_or_default();
    let Ok(name) = text.parse() else {
        return Ok(None);
    };
    let created = stream.creation_time();
    let created = created.and_then(|t| Timestamp::from_millisecond(t).ok());
    let created = created.ok_or_else(|| AwsError::Senseless {
        what: format!("logs:DescribeLogStreams, creationTime of {text:?}"),
        answer: format!("{:?}", stream.creation_time()),
    })?;
    Ok(Some((name, created)))
}

fn event_of(event: FilteredLogEvent) -> Option<(ClaimName, Event)> {
    let name = event.log_stream_name?.parse().ok()?;
    let taken = Timestamp::from_millisecond(event.ingestion_time?).ok()?;
    let message = event.message.unwrap_or_default();
    Some((name, Event { taken, message }))
}

fn is_complete(name: ClaimName, claim: &Claim) -> bool {
    let last = match name.slot {
        Slot::Ensemble => Milestone::Started,
        Slot::Server(_) => Milestone::Joined,
    };
    claim.owner.is_some() && claim.journal.contains_key(&last)
}
