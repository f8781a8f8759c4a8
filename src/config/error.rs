//! What can be wrong with a configuration.

use std::fmt;
use std::io;
use std::path::PathBuf;

/// The configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A file or directory cannot be read.
    #[error("{}: cannot be read", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Keys and values that are wrong: at least one; each is one line.
    #[error("{}", lines(.0))]
    Wrong(Vec<Problem>),
}

fn lines(problems: &[Problem]) -> String {
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    lines.join("\n")
}

/// One thing that is wrong, on one line: where, which key, what, and what to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where it stands; nowhere when a key is missing.
    pub origin: Origin,
    /// The key with its table: `zookeeper.client_port`. Empty when the file is not TOML at all.
    pub key: String,
    /// The rest of the sentence.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Problem { origin, key, what } = self;
        if let Origin::File { .. } = origin {
            write!(f, "{origin}: ")?;
        }
        if !key.is_empty() {
            // A key in quotes may have a line break in it.
            write!(f, "{} ", key.replace(char::is_control, "?"))?;
        }
        f.write_str(what)
    }
}

/// Where a value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nobody set it.
    Default,
    /// A file did.
    File {
        /// Which.
        path: PathBuf,
        /// On which line, counted from 1.
        line: usize,
    },
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Origin::Default => f.write_str("default"),
            Origin::File { path, line } => write!(f, "{}:{line}", path.display()),
        }
    }
}
