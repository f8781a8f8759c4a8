//! `iam-policy`: the least rights for the features that are switched on.

use std::path::Path;

use clap::Args;

use super::Exit;
use super::commands::{loaded, print_json, refuse_text};
use crate::config::{Scheme, Settings};
use crate::model::rights::{Peers, Scope};

/// Options of `iam-policy`.
#[derive(Debug, Clone, Args)]
pub struct Options {
    /// The Auto Scaling group, where the configuration does not name it.
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
    /// The region, where the configuration does not name it; without it, any.
    #[arg(long, value_name = "REGION", value_parser = region)]
    pub region: Option<String>,
    /// The account's number; without it, the one that the policy belongs to.
    #[arg(long, value_name = "NUMBER", value_parser = account)]
    pub account: Option<String>,
}

/// `iam-policy`. Nobody is asked: it runs anywhere.
pub fn iam_policy(config: &Path, options: &Options) -> Exit {
    let scope = loaded(config).and_then(|loaded| scope(&loaded.settings, options));
    let printed = scope.and_then(|scope| print_json(&scope.policy()));
    printed.err().unwrap_or(Exit::Ok)
}

fn scope(settings: &Settings, options: &Options) -> Result<Scope, Exit> {
    let (peers, name) = peers(settings, options.group.as_deref())?;
    let policy = settings.policy();
    Ok(Scope {
        region: options.region.clone().or(settings.region.clone()),
        account: options.account.clone(),
        peers,
        register: settings.log_group(&name),
        figures: settings.metrics_log_group(&name),
        protects: policy.protect_voters,
        reports: policy.report_unhealthy,
    })
}

/// How the instances are told from others, and the name that stands in log groups for it.
fn peers(settings: &Settings, group: Option<&str>) -> Result<(Peers, String), Exit> {
    let membership = settings.membership.clone();
    match (membership.scheme, group, membership.group) {
        (Scheme::Asg, Some(given), Some(set)) if given != set => {
            let what = format!("--group is {given:?}, but membership.group is {set:?}");
            Err(refuse_text(&what, Exit::Usage))
        }
        (Scheme::Asg, Some(name), _) => Ok((Peers::Group(name.to_owned()), name.to_owned())),
        (Scheme::Asg, None, Some(name)) => Ok((Peers::Group(name.clone()), name)),
        (Scheme::Asg, None, None) => {
            let what = "whose rights? The configuration does not name the Auto Scaling group: add \
                        --group NAME";
            Err(refuse_text(what, Exit::Usage))
        }
        (Scheme::Tags, Some(_), _) => {
            let what = "membership goes by tags, not by a group: remove --group";
            Err(refuse_text(what, Exit::Usage))
        }
        (Scheme::Tags, None, _) => {
            let key = membership.tag_key.unwrap_or_default();
            let value = membership.tag_value.unwrap_or_default();
            let name = value.clone();
            Ok((Peers::Tag { key, value }, name))
        }
    }
}

fn region(text: &str) -> Result<String, &'static str> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let plain = text.split('-').count() >= 3 && text.bytes().all(allowed);
    match plain {
        true => Ok(text.to_owned()),
        false => Err("a region's name is like \"eu-central-1\""),
    }
}

fn account(text: &str) -> Result<String, &'static str> {
    match text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit()) {
        true => Ok(text.to_owned()),
        false => Err("an account's number has twelve digits"),
    }
}
