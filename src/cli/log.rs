//! The log: to stderr, for people; the journal adds the time by itself.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// The SDK and the clients speak of their retries; what matters of them is in our errors.
const DEFAULT: &str = "error,zk_bootstrap=info";

/// Starts logging. `ZK_BOOTSTRAP_LOG` sets what is logged (`debug`, or tracing's directives).
pub fn start() {
    let filter = EnvFilter::builder()
        .with_env_var("ZK_BOOTSTRAP_LOG")
        .from_env_lossy();
    let filter = match std::env::var_os("ZK_BOOTSTRAP_LOG") {
        Some(_) => filter,
        None => EnvFilter::new(DEFAULT),
    };
    let layer = fmt::layer()
        .with_writer(std::io::stderr)
        .with_target(false)
        .with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none());
    let registry = tracing_subscriber::registry().with(filter);
    match std::env::var_os("JOURNAL_STREAM") {
        Some(_) => registry.with(layer.without_time()).init(),
        None => registry.with(layer).init(),
    }
}
