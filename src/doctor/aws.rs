//! The metadata service's options, and the register's log group.

use super::{Finding, Topic};
use crate::model::facts::{Facts, MetadataOptions};

/// Who may ask the metadata service for the role's credentials.
pub(super) fn metadata(facts: &Facts) -> Vec<Finding> {
    let modify = "aws ec2 modify-instance-metadata-options, and the launch template";
    let options = match facts.aws.metadata.get() {
        Ok(options) => options,
        Err(why) => {
            let what = format!("the metadata service's options are not known: {why}");
            return vec![Topic::Metadata.unknown(what, "see what is said of the rights above")];
        }
    };
    let MetadataOptions {
        enabled,
        tokens_required,
        hop_limit,
    } = options;
    let mut findings = Vec::new();
    if *enabled == Some(false) {
        let what = "the metadata service is switched off: the agent learns nothing of itself";
        findings.push(Topic::Metadata.error(what, &format!("HttpEndpoint=enabled: {modify}")));
    }
    if *tokens_required == Some(false) {
        let what = "the metadata service answers without a token (IMDSv1): a request that a program \
                    on this instance is tricked into gets the role's credentials";
        findings.push(Topic::Metadata.warning(what, &format!("HttpTokens=required: {modify}")));
    }
    if let Some(hops) = hop_limit.filter(|hops| *hops > 1) {
        let what =
            format!("its answers travel {hops} hops: containers here get the role's credentials");
        let remedy =
            format!("HttpPutResponseHopLimit=1, unless the agent is in a container: {modify}");
        findings.push(Topic::Metadata.warning(what, &remedy));
    }
    if tokens_required.is_none() || hop_limit.is_none() {
        let what =
            "EC2 does not tell whether the metadata service requires tokens, or its hop limit";
        findings.push(Topic::Metadata.unknown(what, "look at the launch template"));
    }
    if findings.is_empty() {
        findings.push(Topic::Metadata.ok("the metadata service requires tokens, within one hop"));
    }
    findings
}

/// Whether claims stay readable.
pub(super) fn register(facts: &Facts) -> Vec<Finding> {
    let finding = match facts.aws.retention.get() {
        Ok(Some(days)) => Topic::Register.error(
            format!(
                "the log group forgets its events after {days} days: a claim without its record is \
                 nobody's, and its id is given to another"
            ),
            "aws logs delete-retention-policy --log-group-name …; then see \"The marker is missing\" \
             in docs/recover.md if records are gone already",
        ),
        Ok(None) => Topic::Register.ok("the log group keeps its events for ever"),
        Err(why) => Topic::Register.unknown(
            format!("whether the log group has a retention is not known: {why}"),
            "allow logs:DescribeLogGroups, which the agent itself does not need, or look at the \
             log group: it must never have one",
        ),
    };
    vec![finding]
}
