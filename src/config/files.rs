//! The files of the configuration, and the values in them.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::DEFAULT_PATH;
use super::error::{ConfigError, Origin, Problem};

/// A value as it was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Literal {
    Text(String),
    Number(i64),
    Flag(bool),
    /// A table with nothing in it: its keys may all be comments.
    EmptyTable,
    /// What no key takes, by its name: `an array`.
    Other(&'static str),
}

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Literal::Text(text) => write!(f, "{}", toml::Value::String(text.clone())),
            Literal::Number(number) => write!(f, "{number}"),
            Literal::Flag(flag) => write!(f, "{flag}"),
            Literal::EmptyTable => f.write_str("an empty table"),
            Literal::Other(what) => f.write_str(what),
        }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub literal: Literal,
    pub origin: Origin,
}

/// The files that there are, in the order in which the later wins.
pub(super) fn find(path: &Path) -> Result<Vec<PathBuf>, ConfigError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| ConfigError::Read { path, source }
    };
    let mut files = Vec::new();
    let optional = path == Path::new(DEFAULT_PATH);
    if !optional || path.try_exists().map_err(failed(path))? {
        files.push(path.to_owned());
    }
    let drop_ins = path.with_file_name("config.d");
    let entries = match std::fs::read_dir(&drop_ins) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(files),
        entries => entries.map_err(failed(&drop_ins))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let file = entry.map_err(failed(&drop_ins))?.path();
        let hidden = file
            .file_name()
            .is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !hidden && file.extension().is_some_and(|e| e == "toml") {
            names.push(file);
        }
    }
    names.sort();
    files.extend(names);
    Ok(files)
}

/// The values of one file by their keys with tables: `zookeeper.client_port`.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, Found>, ConfigError> {
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    let at = |offset: usize| Origin::File {
        path: path.to_owned(),
        line: 1 + text[..offset.min(text.len())].matches('\n').count(),
    };
    let table = DeTable::parse(&text).map_err(|error| {
        ConfigError::Wrong(vec![Problem {
            origin: at(error.span().map_or(0, |span| span.start)),
            key: String::new(),
            what: format!("is not TOML: {}", error.message().replace('\n', ", ")),
        }])
    })?;
    let mut found = BTreeMap::new();
    collect(table.get_ref(), "", &at, &mut found);
    Ok(found)
}

fn collect(
    table: &DeTable,
    prefix: &str,
    at: &impl Fn(usize) -> Origin,
    found: &mut BTreeMap<String, Found>,
) {
    for (name, value) in table {
        let key = format!("{prefix}{}", name.get_ref());
        let literal = match value.get_ref() {
            DeValue::Table(inner) if !inner.is_empty() => {
                collect(inner, &format!("{key}."), at, found);
                continue;
            }
            DeValue::String(text) => Literal::Text(text.to_string()),
            DeValue::Boolean(flag) => Literal::Flag(*flag),
            DeValue::Integer(number) => {
                match i64::from_str_radix(number.as_str(), number.radix()) {
                    Ok(number) => Literal::Number(number),
                    Err(_) => Literal::Other("a number that is too large"),
                }
            }
            DeValue::Float(_) => Literal::Other("a fraction"),
            DeValue::Datetime(_) => Literal::Other("a date"),
            DeValue::Array(_) => Literal::Other("an array"),
            DeValue::Table(_) => Literal::EmptyTable,
        };
        let origin = at(name.span().start);
        found.insert(key, Found { literal, origin });
    }
}
