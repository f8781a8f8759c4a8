//! The agent's rights in AWS: which calls each feature makes, and on what.

use std::collections::BTreeMap;

use serde::Serialize;

/// Why the agent makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Server ids, founding, joining, recovery: always.
    Membership,
    /// Instances that belong to an Auto Scaling group, and its lifecycle hooks.
    Group,
    /// Protection from scale-in (`policy.protect_voters`).
    Protection,
    /// Reporting this instance as unhealthy (`policy.report_unhealthy`).
    Health,
    /// Publishing figures (`metrics.log_group`).
    Figures,
}

/// On what a call is made: each makes one statement of the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Target {
    /// The log group with the claims.
    Register,
    /// What IAM can only limit to a region: these reads have no resource.
    Reads,
    /// The Auto Scaling group.
    Group,
    /// The instances that are peers, and those of their tags that the agent writes.
    OwnTags,
    /// The log group of the figures.
    Figures,
}

/// One call that the agent makes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// Which feature makes it.
    pub feature: Feature,
    /// The call as IAM names it: `logs:CreateLogStream`.
    pub call: &'static str,
    /// What it is made on.
    pub on: Target,
}

const fn right(feature: Feature, call: &'static str, on: Target) -> Right {
    Right { feature, call, on }
}

/// Every call that any feature makes, and no other.
pub const RIGHTS: &[Right] = &[
    right(Feature::Membership, "logs:CreateLogGroup", Target::Register),
    right(
        Feature::Membership,
        "logs:CreateLogStream",
        Target::Register,
    ),
    right(
        Feature::Membership,
        "logs:DescribeLogStreams",
        Target::Register,
    ),
    right(
        Feature::Membership,
        "logs:FilterLogEvents",
        Target::Register,
    ),
    right(Feature::Membership, "logs:PutLogEvents", Target::Register),
    right(
        Feature::Group,
        "autoscaling:DescribeAutoScalingGroups",
        Target::Reads,
    ),
    right(
        Feature::Group,
        "autoscaling:DescribeLifecycleHooks",
        Target::Reads,
    ),
    right(Feature::Membership, "ec2:DescribeInstances", Target::Reads),
    right(
        Feature::Group,
        "autoscaling:CompleteLifecycleAction",
        Target::Group,
    ),
    right(
        Feature::Group,
        "autoscaling:RecordLifecycleActionHeartbeat",
        Target::Group,
    ),
    right(
        Feature::Health,
        "autoscaling:SetInstanceHealth",
        Target::Group,
    ),
    right(
        Feature::Protection,
        "autoscaling:SetInstanceProtection",
        Target::Group,
    ),
    right(Feature::Membership, "ec2:CreateTags", Target::OwnTags),
    right(Feature::Figures, "logs:CreateLogStream", Target::Figures),
    right(Feature::Figures, "logs:PutLogEvents", Target::Figures),
];

/// The tag of an instance with its server id, as zookeeper-on-aws wrote it.
pub const ID_TAG: &str = "zookeeper_id";
/// The one with the time at which its server first served as a voter, as zookeeper-on-aws wrote it.
pub const FINISHED_TAG: &str = "bootstrap_finished_time";
/// All tags that the agent writes.
const TAGS: [&str; 2] = [ID_TAG, FINISHED_TAG];

/// How the instances of an ensemble are told from others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peers {
    /// By their Auto Scaling group's name.
    Group(String),
    /// By a tag.
    Tag {
        /// Its key.
        key: String,
        /// Its value.
        value: String,
    },
}

/// The features that are switched on, and the names of what they work on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The region, where it is known; otherwise every one.
    pub region: Option<String>,
    /// The account's number, where it is known; otherwise every one, of which a policy of an
    /// identity reaches only its own.
    pub account: Option<String>,
    /// How the instances are told from others.
    pub peers: Peers,
    /// The log group with the claims.
    pub register: String,
    /// The log group of the figures, where they are published.
    pub figures: Option<String>,
    /// Whether voters are protected from scale-in.
    pub protects: bool,
    /// Whether an instance reports itself as unhealthy.
    pub reports: bool,
}

impl Scope {
    /// Whether a feature is switched on.
    pub fn has(&self, feature: Feature) -> bool {
        let in_group = matches!(self.peers, Peers::Group(_));
        match feature {
            Feature::Membership => true,
            Feature::Group => in_group,
            Feature::Protection => in_group && self.protects,
            Feature::Health => in_group && self.reports,
            Feature::Figures => self.figures.is_some(),
        }
    }

    /// The calls of the features that are switched on.
    pub fn rights(&self) -> impl Iterator<Item = &'static Right> {
        RIGHTS.iter().filter(|right| self.has(right.feature))
    }

    /// The least policy that allows these calls.
    pub fn policy(&self) -> Policy {
        let mut calls: BTreeMap<Target, Vec<&'static str>> = BTreeMap::new();
        for right in self.rights() {
            calls.entry(right.on).or_default().push(right.call);
        }
        let statement = |(target, actions)| self.statement(target, actions);
        Policy {
            version: "2012-10-17",
            statements: calls.into_iter().map(statement).collect(),
        }
    }

    fn statement(&self, target: Target, actions: Vec<&'static str>) -> Statement {
        let log_group = |name: &str| {
            let group = self.arn("logs", &format!("log-group:{}", literal(name)));
            vec![group.clone(), format!("{group}:*")]
        };
        let (sid, resources) = match target {
            Target::Register => ("ServerIds", log_group(&self.register)),
            Target::Reads => ("Peers", vec!["*".to_owned()]),
            Target::Group => ("ComingAndGoing", vec![self.group()]),
            Target::OwnTags => ("OwnTags", vec![self.arn("ec2", "instance/*")]),
            Target::Figures => {
                let name = self.figures.as_deref().unwrap_or_default();
                ("Figures", log_group(name))
            }
        };
        Statement {
            sid,
            effect: "Allow",
            actions,
            resources,
            condition: self.condition(target),
        }
    }

    fn group(&self) -> String {
        let name = match &self.peers {
            Peers::Group(name) => literal(name),
            Peers::Tag { .. } => String::new(),
        };
        let path = format!("autoScalingGroup:*:autoScalingGroupName/{name}");
        self.arn("autoscaling", &path)
    }

    fn condition(&self, target: Target) -> Condition {
        let one = |key: &str, value: &str| (key.to_owned(), vec![value.to_owned()]);
        match target {
            Target::Reads => {
                let region = self.region.as_deref();
                let region = region.map(|region| one("aws:RequestedRegion", region));
                let conditions = region.map(|region| ("StringEquals", [region].into()));
                conditions.into_iter().collect()
            }
            Target::OwnTags => {
                let (key, value) = match &self.peers {
                    Peers::Group(name) => ("aws:autoscaling:groupName", name),
                    Peers::Tag { key, value } => (key.as_str(), value),
                };
                let peers = one(&format!("aws:ResourceTag/{key}"), &literal(value));
                let tags = TAGS.map(str::to_owned).to_vec();
                let tags = ("aws:TagKeys".to_owned(), tags);
                [
                    ("StringEquals", [peers].into()),
                    ("ForAllValues:StringEquals", [tags].into()),
                ]
                .into()
            }
            Target::Register | Target::Group | Target::Figures => Condition::new(),
        }
    }

    fn arn(&self, service: &str, resource: &str) -> String {
        let region = self.region.as_deref().unwrap_or("*");
        let account = self.account.as_deref().unwrap_or("*");
        let partition = partition(region);
        format!("arn:{partition}:{service}:{region}:{account}:{resource}")
    }
}

/// The part of AWS that a region belongs to.
fn partition(region: &str) -> &'static str {
    match region.split('-').next() {
        Some("cn") => "aws-cn",
        Some("us") if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    }
}

/// A name in which IAM finds neither wildcards nor variables.
fn literal(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        match letter {
            '*' | '?' | '$' => text.extend(["${", letter.encode_utf8(&mut [0; 4]), "}"]),
            letter => text.push(letter),
        }
    }
    text
}

/// Operator, key, values.
type Condition = BTreeMap<&'static str, BTreeMap<String, Vec<String>>>;

/// An identity's policy, as IAM takes it in JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Policy {
    version: &'static str,
    #[serde(rename = "Statement")]
    statements: Vec<Statement>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Statement {
    sid: &'static str,
    effect: &'static str,
    #[serde(rename = "Action")]
    actions: Vec<&'static str>,
    #[serde(rename = "Resource")]
    resources: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    condition: Condition,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(name: &str) -> Scope {
        Scope {
            region: None,
            account: None,
            peers: Peers::Group(name.to_owned()),
            register: "/zookeeper/zk".to_owned(),
            figures: None,
            protects: false,
            reports: false,
        }
    }

    #[test]
    fn a_group_whose_name_has_wildcards_is_the_only_one_that_is_meant() {
        let arn = scope("zk-*-$?").group();
        let name = arn.rsplit('/').next();
        assert_eq!(name, Some("zk-${*}-${$}${?}"));
    }

    #[test]
    fn each_part_of_aws_has_names_of_its_own() {
        for (region, begins) in [
            ("eu-central-1", "arn:aws:ec2:eu-central-1:"),
            ("cn-north-1", "arn:aws-cn:ec2:cn-north-1:"),
            ("us-gov-west-1", "arn:aws-us-gov:ec2:us-gov-west-1:"),
        ] {
            let region = Some(region.to_owned());
            let scope = Scope {
                region,
                ..scope("zk")
            };
            let arn = scope.arn("ec2", "instance/*");
            assert!(arn.starts_with(begins), "{arn}");
        }
    }

    #[test]
    fn no_call_on_the_same_target_stands_twice_in_the_table() {
        for (n, right) in RIGHTS.iter().enumerate() {
            let same = |other: &&Right| (other.call, other.on) == (right.call, right.on);
            assert_eq!(RIGHTS[n + 1..].iter().find(same), None);
        }
    }
}
