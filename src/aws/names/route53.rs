//! Names as records of Route 53.
//!
//! A batch of changes takes place as a whole or not at all, and a record set is deleted only if it
//! is, to the letter, what the batch says it is. So the batch deletes what was read, the note of the
//! version among it, and creates what shall be: who read something older changes nothing.

use std::collections::BTreeSet;
use std::time::Duration;

use aws_sdk_route53::Client;
use aws_sdk_route53::types::{
    Change, ChangeAction, ChangeBatch, ResourceRecord, ResourceRecordSet, RrType,
};

use super::records::{RecordSet, is_ours, parse, render};
use super::{Published, overtaken};
use crate::aws::{AwsError, SdkConfig, failed};
use crate::model::id::ConfigVersion;
use crate::model::names::Names;

/// A domain in a hosted zone.
#[derive(Debug)]
pub(super) struct Zone {
    client: Client,
    zone: String,
    domain: String,
    ttl: i64,
}

impl Zone {
    pub(super) fn new(
        configuration: &SdkConfig,
        zone: String,
        domain: String,
        ttl: Duration,
    ) -> Self {
        Zone {
            client: Client::new(configuration),
            zone,
            domain,
            ttl: ttl.as_secs().try_into().unwrap_or(i64::MAX),
        }
    }

    pub(super) async fn read(&self) -> Result<Option<Names>, AwsError> {
        Ok(parse(&self.domain, self.ttl, &self.records().await?))
    }

    pub(super) async fn publish(
        &self,
        names: &Names,
        replaces: Option<(u32, ConfigVersion)>,
    ) -> Result<Published, AwsError> {
        let present = self.records().await?;
        let seen = parse(&self.domain, self.ttl, &present);
        if seen.as_ref().map(Names::age) != replaces {
            return Ok(overtaken(seen.as_ref()));
        }
        let wanted = render(&self.domain, self.ttl, names);
        let deleted = present.difference(&wanted);
        let deleted = deleted.map(|set| change(ChangeAction::Delete, set));
        let created = wanted.difference(&present);
        let created = created.map(|set| change(ChangeAction::Create, set));
        let changes: Vec<Change> = deleted.chain(created).collect();
        if changes.is_empty() {
            return Ok(Published::Now);
        }
        let batch = ChangeBatch::builder().set_changes(Some(changes)).build();
        let request = self.client.change_resource_record_sets();
        let request = request
            .hosted_zone_id(&self.zone)
            .change_batch(batch.expect("it has its changes"));
        let answer = request.send().await;
        match answer.map_err(failed("route53:ChangeResourceRecordSets")) {
            Ok(_) => Ok(Published::Now),
            Err(AwsError::Refused { code, message, .. }) if code == "InvalidChangeBatch" => {
                Ok(Published::Overtaken(message))
            }
            Err(error) => Err(error),
        }
    }

    /// Those of our record sets that there are. Route 53 lists a zone in the order of the names with
    /// their labels reversed: first the domain, then what begins like it, all below it among that.
    async fn records(&self) -> Result<BTreeSet<RecordSet>, AwsError> {
        let mut found = BTreeSet::new();
        let mut start = Some((self.domain.clone(), None));
        while let Some((name, kind)) = start.take() {
            let request = self.client.list_resource_record_sets();
            let request = request
                .hosted_zone_id(&self.zone)
                .start_record_name(name)
                .set_start_record_type(kind);
            let answer = request.send().await;
            let page = answer.map_err(failed("route53:ListResourceRecordSets"))?;
            for set in page.resource_record_sets() {
                let name = plain(set.name());
                if !reversed(&name).starts_with(&reversed(&self.domain)) {
                    return Ok(found);
                }
                if is_ours(&self.domain, &name, set.r#type().as_str()) {
                    found.insert(told(name, set));
                }
            }
            if page.is_truncated() {
                let kind = page.next_record_type;
                start = page.next_record_name.map(|name| (name, kind));
            }
        }
        Ok(found)
    }
}

/// `com.example.zk` for `zk.example.com`.
fn reversed(name: &str) -> String {
    let labels: Vec<&str> = name.rsplit('.').collect();
    labels.join(".")
}

/// A name as it was given: without the last dot.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_owned()
}

fn told(name: String, set: &ResourceRecordSet) -> RecordSet {
    let values = set.resource_records().iter();
    RecordSet {
        name,
        kind: set.r#type().as_str().to_owned(),
        ttl: set.ttl().unwrap_or_default(),
        values: values.map(|record| record.value().to_owned()).collect(),
    }
}

fn change(action: ChangeAction, set: &RecordSet) -> Change {
    let RecordSet {
        name,
        kind,
        ttl,
        values,
    } = set;
    let record = |value: &String| {
        let record = ResourceRecord::builder().value(value).build();
        record.expect("it has its value")
    };
    let set = ResourceRecordSet::builder()
        .name(name)
        .r#type(RrType::from(kind.as_str()))
        .ttl(*ttl)
        .set_resource_records(Some(values.iter().map(record).collect()))
        .build();
    let set = set.expect("it has its name and type");
    let change = Change::builder().action(action).resource_record_set(set);
    change.build().expect("it has its action and record set")
}
