//! Names as a parameter of Systems Manager: the connection string, and beside it a record of what it
//! is of.
//!
//! A parameter cannot be written on a condition, but it counts its versions: the record is written
//! first, and only if nobody wrote it in between does the connection string follow. Who was frozen
//! between the two calls may publish what is older; the agent beside the leader finds that at its
//! next look, and mends it.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::ParameterType;

use super::{Published, overtaken};
use crate::aws::{AwsError, SdkConfig, failed};
use crate::model::id::ConfigVersion;
use crate::model::names::Names;

/// The parameter.
#[derive(Debug)]
pub(super) struct Parameter {
    client: Client,
    name: String,
}

/// What there is.
#[derive(Debug, Default)]
struct Found {
    names: Option<Names>,
    /// How often the record was written.
    version: Option<i64>,
}

impl Parameter {
    pub(super) fn new(configuration: &SdkConfig, name: String) -> Self {
        Parameter {
            client: Client::new(configuration),
            name,
        }
    }

    fn record(&self) -> String {
        format!("{}-record", self.name)
    }

    pub(super) async fn read(&self) -> Result<Option<Names>, AwsError> {
        Ok(self.find().await?.names)
    }

    async fn find(&self) -> Result<Found, AwsError> {
        let request = self.client.get_parameters();
        let request = request.names(&self.name).names(self.record());
        let answer = request.send().await.map_err(failed("ssm:GetParameters"))?;
        let parameters = answer.parameters.unwrap_or_default();
        let named = |name: &str| parameters.iter().find(|p| p.name() == Some(name));
        let record = named(&self.record());
        let text = named(&self.name).and_then(|parameter| parameter.value());
        let names = record.and_then(|record| parse(record.value()?, text));
        let version = record.map(aws_sdk_ssm::types::Parameter::version);
        Ok(Found { names, version })
    }

    pub(super) async fn publish(
        &self,
        names: &Names,
        replaces: Option<(u32, ConfigVersion)>,
    ) -> Result<Published, AwsError> {
        let found = self.find().await?;
        if found.names.as_ref().map(Names::age) != replaces {
            return Ok(overtaken(found.names.as_ref()));
        }
        let record = serde_json::to_string(names).expect("plain data is JSON");
        let exists = found.version.is_some();
        let written = self.put(&self.record(), record, exists).await?;
        if written != Some(found.version.unwrap_or_default() + 1) {
            let by = "somebody else wrote it in between".to_owned();
            return Ok(Published::Overtaken(by));
        }
        self.put(&self.name, names.connection_string(), true)
            .await?;
        Ok(Published::Now)
    }

    /// The version that was written; `None` where it should not have been there, and was.
    async fn put(
        &self,
        name: &str,
        value: String,
        overwrite: bool,
    ) -> Result<Option<i64>, AwsError> {
        let request = self.client.put_parameter().name(name).value(value);
        let request = request.r#type(ParameterType::String).overwrite(overwrite);
        let answer = request.send().await;
        match answer.map_err(failed("ssm:PutParameter")) {
            Ok(answer) => Ok(Some(answer.version())),
            Err(AwsError::Refused { code, .. }) if code == "ParameterAlreadyExists" => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// What the record says, without servers where the connection string is not that of the record.
fn parse(record: &str, text: Option<&str>) -> Option<Names> {
    let mut names: Names = serde_json::from_str(record).ok()?;
    if text != Some(names.connection_string().as_str()) {
        names.servers.clear();
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_that_is_not_the_records_is_published_anew() {
        let record = r#"{"generation":1,"version":"100000003","servers":{"1":"10.0.0.1:2181"}}"#;
        let whole = parse(record, Some("10.0.0.1:2181")).expect("names");
        assert_eq!(whole.connection_string(), "10.0.0.1:2181");
        assert_eq!(serde_json::to_string(&whole).expect("JSON"), record);
        for text in [None, Some(""), Some("10.0.0.9:2181")] {
            let torn = parse(record, text).expect("names");
            assert_eq!((torn.age(), torn.servers.len()), (whole.age(), 0));
        }
        assert_eq!(parse("{}", None), None);
    }
}
