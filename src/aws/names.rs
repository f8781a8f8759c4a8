//! Where the names for clients are published: records of Route 53, or a parameter of Systems Manager.

mod parameter;
mod records;
mod route53;

use std::time::Duration;

use super::{AwsError, SdkConfig};
use crate::model::id::ConfigVersion;
use crate::model::names::Names;

/// Where clients look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A domain in a hosted zone of Route 53.
    Route53 {
        /// The hosted zone's id.
        zone: String,
        /// The name that all servers have; each one has a name of its own below it.
        domain: String,
        /// How long resolvers keep an answer.
        ttl: Duration,
    },
    /// A parameter of Systems Manager.
    Parameter {
        /// Its name.
        name: String,
    },
}

/// What came of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// It holds.
    Now,
    /// Something else is published than what was seen.
    Overtaken(String),
}

/// The calls of either place.
#[derive(Debug)]
pub struct Publisher(Client);

#[derive(Debug)]
enum Client {
    Route53(route53::Zone),
    Parameter(parameter::Parameter),
}

impl Publisher {
    /// A publisher that has asked nothing yet.
    pub fn new(configuration: &SdkConfig, place: Place) -> Self {
        Publisher(match place {
            Place::Route53 { zone, domain, ttl } => {
                Client::Route53(route53::Zone::new(configuration, zone, domain, ttl))
            }
            Place::Parameter { name } => {
                Client::Parameter(parameter::Parameter::new(configuration, name))
            }
        })
    }

    /// What is published; `None` when nothing is.
    ///
    /// # Errors
    /// When a call, or a page of one, failed.
    pub async fn read(&self) -> Result<Option<Names>, AwsError> {
        match &self.0 {
            Client::Route53(zone) => zone.read().await,
            Client::Parameter(parameter) => parameter.read().await,
        }
    }

    /// Publishes names in place of those of this generation and version.
    ///
    /// # Errors
    /// When a call failed.
    pub async fn publish(
        &self,
        names: &Names,
        replaces: Option<(u32, ConfigVersion)>,
    ) -> Result<Published, AwsError> {
        match &self.0 {
            Client::Route53(zone) => zone.publish(names, replaces).await,
            Client::Parameter(parameter) => parameter.publish(names, replaces).await,
        }
    }
}

/// What was found, for the log.
fn overtaken(found: Option<&Names>) -> Published {
    Published::Overtaken(match found {
        None => "nothing is published any more".to_owned(),
        Some(names) => format!("published by now: {names}"),
    })
}
