//! The tags of this instance.

use std::collections::BTreeMap;

use aws_sdk_ec2::Client;
use aws_sdk_ec2::types::Tag;

use super::{AwsError, failed};
use crate::model::id::InstanceId;

/// Sets tags on an instance; others stay as they are.
///
/// # Errors
/// When the call failed.
pub async fn set(
    configuration: &aws_config::SdkConfig,
    instance: &InstanceId,
    tags: &BTreeMap<String, String>,
) -> Result<(), AwsError> {
    let tag = |(key, value): (&String, &String)| Tag::builder().key(key).value(value).build();
    let request = Client::new(configuration).create_tags();
    let request = request
        .resources(instance.as_str())
        .set_tags(Some(tags.iter().map(tag).collect()));
    request.send().await.map_err(failed("ec2:CreateTags"))?;
    Ok(())
}
