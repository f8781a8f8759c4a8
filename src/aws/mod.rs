//! AWS: one file for each service, and the SDK's configuration in one place.

pub mod checkup;
pub mod figures;
pub mod fleet;
pub mod group;
mod hooks;
pub mod imds;
mod instance;
pub mod names;
pub mod record;
pub mod register;
pub mod tags;

use std::path::PathBuf;
use std::time::Duration;

use aws_config::default_provider::credentials::DefaultCredentialsChain;
use aws_config::provider_config::ProviderConfig;
use aws_config::retry::RetryConfig;
use aws_config::timeout::TimeoutConfig;
use aws_config::{BehaviorVersion, Region};
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};

pub use aws_config::SdkConfig;
pub use aws_config::imds::client::Client as Metadata;

/// AWS could not be asked, or refused.
#[derive(Debug, thiserror::Error)]
pub enum AwsError {
    /// The file named by `AWS_CA_BUNDLE` is of no use.
    #[error("AWS_CA_BUNDLE: {}", path.display())]
    CaBundle {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A service answered with an error, after the SDK's retries.
    #[error("{call}: {code}: {message}")]
    Refused {
        /// The call, as its IAM action names it: `logs:CreateLogStream`.
        call: &'static str,
        /// The error's code: `ThrottlingException`.
        code: String,
        /// What it says of it.
        message: String,
    },
    /// There was no answer, or none that could be read.
    #[error("{call}")]
    Call {
        /// The call, as its IAM action names it: `logs:CreateLogStream`.
        call: &'static str,
        /// Why.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A right is missing.
    #[error(
        "{call} is denied: the instance's role needs this right (see \"IAM permissions\" in docs/secure.md)"
    )]
    Denied {
        /// The missing right.
        call: &'static str,
    },
    /// An answer that makes no sense.
    #[error("{what} answers {answer:?}")]
    Senseless {
        /// Who was asked for what.
        what: String,
        /// What it said.
        answer: String,
    },
}

/// What the SDK is configured with, beyond its own environment variables.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// The region of all calls.
    pub region: String,
    /// An endpoint for all services (`AWS_ENDPOINT_URL` does the same).
    pub endpoint: Option<String>,
    /// How long one call may take, with its retries.
    pub deadline: Duration,
}

/// The SDK's configuration for all services: two attempts for each call (the agent looks again by
/// itself), one deadline, the proxies of the environment, and the CA bundle of `AWS_CA_BUNDLE`,
/// which the Rust SDK does not read by itself.
///
/// # Errors
/// When the CA bundle cannot be read.
pub async fn configure(access: &Access, metadata: &Metadata) -> Result<SdkConfig, AwsError> {
    let Access {
        region,
        endpoint,
        deadline,
    } = access;
    let timeouts = TimeoutConfig::builder()
        .connect_timeout((*deadline / 3).max(Duration::from_secs(1)))
        .operation_attempt_timeout(*deadline * 2 / 3)
        .operation_timeout(*deadline)
        .build();
    let http_client = http_client(ProxyConfig::from_env())?;
    let region = Region::new(region.clone());
    let provider = ProviderConfig::without_region()
        .with_region(Some(region.clone()))
        .with_http_client(http_client.clone());
    let credentials = DefaultCredentialsChain::builder()
        .imds_client(metadata.clone())
        .configure(provider);
    let loader = aws_config::defaults(BehaviorVersion::latest())
        .region(region)
        .credentials_provider(credentials.build().await)
        .retry_config(RetryConfig::standard().with_max_attempts(2))
        .timeout_config(timeouts)
        .http_client(http_client);
    let loader = match endpoint {
        Some(endpoint) => loader.endpoint_url(endpoint),
        None => loader,
    };
    Ok(loader.load().await)
}

fn http_client(proxy: ProxyConfig) -> Result<aws_config_http_client::Shared, AwsError> {
    let tls = tls_context()?;
    let connector = move |settings: Option<&_>, components: Option<&_>| {
        let builder = Connector::builder().proxy_config(proxy.clone());
        let builder = builder
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .tls_context(tls.clone());
        let mut builder = builder;
        builder.set_connector_settings(settings.cloned());
        let components: Option<&aws_config_http_client::Components> = components;
        builder.set_sleep_impl(components.and_then(aws_config_http_client::Components::sleep_impl));
        builder.build()
    };
    Ok(Builder::new().build_with_connector_fn(connector))
}

/// The SDK's names for what an HTTP client is made of.
mod aws_config_http_client {
    pub use aws_smithy_runtime_api::client::http::SharedHttpClient as Shared;
    pub use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents as Components;
}

fn tls_context() -> Result<TlsContext, AwsError> {
    let Some(path) = std::env::var_os("AWS_CA_BUNDLE").map(PathBuf::from) else {
        return Ok(TlsContext::default());
    };
    let failed = |source| AwsError::CaBundle {
        path: path.clone(),
        source,
    };
    let pem = std::fs::read(&path).map_err(|error| failed(error.into()))?;
    let store = TrustStore::empty().with_pem_certificate(pem);
    TlsContext::builder()
        .with_trust_store(store)
        .build()
        .map_err(|error| failed(error.into()))
}

/// Makes one kind of error of the many of the SDK.
fn failed<E>(call: &'static str) -> impl FnOnce(SdkError<E>) -> AwsError
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    move |error| {
        let Some(code) = error.code() else {
            let source = error.into();
            return AwsError::Call { call, source };
        };
        if code.contains("AccessDenied") || code == "UnauthorizedOperation" {
            return AwsError::Denied { call };
        }
        let message = error.message().unwrap_or_default().to_owned();
        let code = code.to_owned();
        AwsError::Refused {
            call,
            code,
            message,
        }
    }
}
