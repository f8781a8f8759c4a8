//! Takes each key once: its value or its default, judged; what nobody takes is unknown.

use std::collections::{BTreeMap, BTreeSet};

use super::error::{ConfigError, Origin, Problem};
use super::files::{Found, Literal};

/// What is wrong with a value: the rest of a sentence that begins with its key.
pub(super) type Judged<T> = Result<T, String>;

/// The values that were found, handed out key by key.
pub(super) struct Reader {
    found: BTreeMap<String, Found>,
    known: BTreeSet<String>,
    origins: BTreeMap<String, Origin>,
    problems: Vec<Problem>,
    effective: Effective,
}

impl Reader {
    pub(super) fn new(found: BTreeMap<String, Found>) -> Self {
        Reader {
            found,
            known: BTreeSet::new(),
            origins: BTreeMap::new(),
            problems: Vec::new(),
            effective: Effective::default(),
        }
    }

    /// A key with a default, which is written and judged as an operator's value is.
    pub(super) fn value<T>(
        &mut self,
        key: &str,
        default: Literal,
        judge: impl Fn(&Literal) -> Judged<T>,
    ) -> T {
        if let Some(value) = self.take(key, &judge) {
            return value;
        }
        self.effective.line(key, Some(&default), &Origin::Default);
        judge(&default).expect("a default is a valid value of its key")
    }

    /// A key that need not be set.
    pub(super) fn optional<T>(
        &mut self,
        key: &str,
        judge: impl Fn(&Literal) -> Judged<T>,
    ) -> Option<T> {
        let value = self.take(key, &judge);
        if value.is_none() {
            self.effective.line(key, None, &Origin::Default);
        }
        value
    }

    /// All keys of a table whose names are the operator's own.
    pub(super) fn table<T>(
        &mut self,
        table: &str,
        judge: impl Fn(&str, &Literal) -> Judged<T>,
    ) -> BTreeMap<String, T> {
        let prefix = format!("{table}.");
        let keys: Vec<String> = self.found.keys().cloned().collect();
        let names = keys.iter().filter_map(|key| key.strip_prefix(&prefix));
        let mut values = BTreeMap::new();
        self.known.insert(format!("{prefix}*"));
        for name in names {
            let judge = |literal: &Literal| judge(name, literal);
            if let Some(value) = self.take(&format!("{prefix}{name}"), &judge) {
                values.insert(name.to_owned(), value);
            }
        }
        values
    }

    /// Whether nobody set a key.
    pub(super) fn is_default(&self, key: &str) -> bool {
        !self.origins.contains_key(key)
    }

    /// Notes that a key's value does not go with others.
    pub(super) fn wrong(&mut self, key: &str, what: impl Into<String>) {
        self.problems.push(Problem {
            origin: self.origins.get(key).cloned().unwrap_or(Origin::Default),
            key: key.to_owned(),
            what: what.into(),
        });
    }

    /// Whether nothing is wrong so far: only then can values be compared.
    pub(super) fn sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// The effective configuration, if nothing was wrong and no key is left over.
    pub(super) fn finish(mut self) -> Result<String, ConfigError> {
        for (key, Found { literal, origin }) in std::mem::take(&mut self.found) {
            let what = match (self.is_table(&key), literal) {
                (true, Literal::EmptyTable) => continue,
                (true, _) => format!("is a table: write [{key}] and its keys below"),
                (false, _) => format!("is unknown; did you mean {}?", self.nearest(&key)),
            };
            self.problems.push(Problem { origin, key, what });
        }
        if self.problems.is_empty() {
            return Ok(self.effective.text);
        }
        self.problems.sort_by_key(|problem| place(&problem.origin));
        Err(ConfigError::Wrong(self.problems))
    }

    fn take<T>(&mut self, key: &str, judge: &impl Fn(&Literal) -> Judged<T>) -> Option<T> {
        self.known.insert(key.to_owned());
        let Found { literal, origin } = self.found.remove(key)?;
        self.origins.insert(key.to_owned(), origin.clone());
        match judge(&literal) {
            Ok(value) => {
                self.effective.line(key, Some(&literal), &origin);
                Some(value)
            }
            Err(what) => {
                self.wrong(key, what);
                None
            }
        }
    }

    fn is_table(&self, key: &str) -> bool {
        let prefix = format!("{key}.");
        self.known.iter().any(|known| known.starts_with(&prefix))
    }

    /// The known key with the most similar name.
    fn nearest(&self, key: &str) -> &str {
        let likeness = |known: &&String| {
            // A key in a wrong table is nearer than a similar one.
            let name = |key: &str| key.rsplit('.').next().map(str::to_owned);
            let same_name = name(known) == name(key);
            let similar = strsim::normalized_damerau_levenshtein(known, key);
            (similar * 1000.0) as u32 + if same_name { 1000 } else { 0 }
        };
        let nearest = self.known.iter().max_by_key(likeness);
        nearest.map_or("", String::as_str)
    }
}

fn place(origin: &Origin) -> Option<(std::path::PathBuf, usize)> {
    match origin {
        Origin::Default => None,
        Origin::File { path, line } => Some((path.clone(), *line)),
    }
}

/// The configuration as a TOML document with origins.
#[derive(Default)]
struct Effective {
    text: String,
    table: String,
}

impl Effective {
    fn line(&mut self, key: &str, literal: Option<&Literal>, origin: &Origin) {
        let extra = super::keys::EXTRA;
        let (table, name) = match key.strip_prefix(extra).and_then(|k| k.strip_prefix('.')) {
            Some(name) => (extra, format!("{name:?}")),
            None => {
                let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
                (table, name.to_owned())
            }
        };
        if self.table != table {
            self.table = table.to_owned();
            self.text.push_str(&format!("\n[{table}]\n"));
        }
        let line = match literal {
            Some(literal) => format!("{name} = {literal}"),
            None => format!("# {name} is not set"),
        };
        self.text.push_str(&format!("{line:<50} # {origin}\n"));
    }
}
