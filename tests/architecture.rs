//! The layout is the architecture: who may name whom, what stays where, how much one file holds.
//!
//! Each rule is shown to notice an offence before it is trusted with the real sources.

use std::fs;
use std::path::{Path, PathBuf};

/// Each module and those of ours that it may name.
const ARROWS: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("clock", &[]),
    ("decide", &["model"]),
    ("doctor", &["model"]),
    ("agent", &["decide", "model"]),
    ("aws", &["clock", "model"]),
    ("zookeeper", &["model"]),
    ("host", &["model"]),
    ("config", &["model"]),
    (
        "world",
        &[
            "agent",
            "aws",
            "clock",
            "config",
            "host",
            "model",
            "zookeeper",
        ],
    ),
    (
        "cli",
        &[
            "agent", "config", "decide", "doctor", "host", "model", "world",
        ],
    ),
    ("main", &["cli"]),
    ("lib", &[]),
];

/// Words of the code and the modules in which they may stand.
const PLACES: &[(&[&str], &[&str])] = &[
    (&["aws_config", "aws_smithy", "aws_sdk"], &["aws"]),
    (
        &[
            "zookeeper_client",
            "\"stat\"",
            "\"srvr\"",
            "\"mntr\"",
            "\"ruok\"",
        ],
        &["zookeeper"],
    ),
    (
        &["zk_peer_state", "superDigest=", "\"myid\""],
        &["zookeeper"],
    ),
    (&["2181", "2888", "3888"], &["zookeeper", "config"]),
    (&["systemctl", "sd_notify", "process::Command"], &["host"]),
    // Besides: the configuration's own files, and a recording named on the command line.
    (&["std::fs", "tokio::fs"], &["host", "config", "cli"]),
    (
        &[
            "Instant::now",
            "SystemTime::now",
            "Timestamp::now",
            "Zoned::now",
        ],
        &["clock"],
    ),
];

/// Single files that break a rule of [`PLACES`] with a reason.
const EXCEPTIONS: &[(&str, &str, &str)] = &[(
    "aws/mod.rs",
    "std::fs",
    "AWS_CA_BUNDLE is the SDK's own variable, which the Rust SDK does not read",
)];

/// What a pure function cannot use. The model is data, the decisions and the doctor's findings are
/// functions of it.
const IMPURE: &[&str] = &[
    "async",
    "await",
    "tokio",
    "tracing",
    "fastrand",
    "std::env",
    "std::fs",
    "std::io",
    "std::process",
    "std::sync",
    "std::thread",
    "std::cell",
    "TcpStream",
    "UdpSocket",
    "ToSocketAddrs",
    "Instant",
    "SystemTime",
    "now()",
    "print!",
    "println!",
    "eprintln!",
    "dbg!",
    "unsafe",
    "static",
    "thread_local!",
];

/// What `model`, `decide` and `doctor` may use beside our own.
const PLAIN_CRATES: &[&str] = &[
    "std",
    "serde",
    "jiff",
    "thiserror",
    "crate",
    "self",
    "super",
];

/// The vocabulary has other words for these.
const NOT_OUR_WORDS: &[&str] = &["node", "nodes", "cluster", "clusters", "host", "hosts"];

/// In these, `host` is the module of this name.
const THE_MODULE: &[&str] = &["crate::host", "pub mod host;", "[`host`]"];

const LINES_OF_A_FILE: usize = 300;
const LINES_OF_A_FUNCTION: usize = 70;

/// A source file, without its tests.
struct Source {
    /// Below `src`: `config/judge/mod.rs`.
    path: String,
    lines: Vec<String>,
}

impl Source {
    fn new(path: &str, text: &str) -> Self {
        let lines = text.lines().take_while(|line| *line != "#[cfg(test)]");
        Source {
            path: path.to_owned(),
            lines: lines.map(str::to_owned).collect(),
        }
    }

    /// `config` for `config/judge/mod.rs`, `agent` for `agent.rs`.
    fn module(&self) -> &str {
        let first = self.path.split('/').next().unwrap_or_default();
        first.strip_suffix(".rs").unwrap_or(first)
    }

    /// How many `super::` lead from this file to the crate's root.
    fn depth(&self) -> usize {
        let parts = self.path.split('/').count();
        parts - usize::from(self.path.ends_with("/mod.rs"))
    }

    /// The lines that are neither blank nor comments, with their numbers.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let numbered = self.lines.iter().enumerate();
        let numbered = numbered.map(|(index, line)| (index + 1, line.trim()));
        numbered.filter(|(_, line)| !line.is_empty() && !line.starts_with("//"))
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!("src/{}:{line}: {what}", self.path)
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    let mut directories = vec![root.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).expect("a directory of sources") {
            let path: PathBuf = entry.expect("an entry").path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|e| e == "rs") {
                let below = path.strip_prefix(&root).expect("it is below src");
                let text = fs::read_to_string(&path).expect("a source");
                sources.push(Source::new(below.to_str().expect("UTF-8"), &text));
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(sources.len() > 30, "the sources were not found");
    sources
}

/// Whether `word` stands in `line` as a word of its own.
fn has_word(line: &str, word: &str) -> bool {
    let part = |c: char| c.is_alphanumeric() || c == '_';
    line.match_indices(word).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + word.len()..].chars().next();
        let joined = |neighbour: Option<char>, own: Option<char>| {
            neighbour.is_some_and(part) && own.is_some_and(part)
        };
        !joined(before, word.chars().next()) && !joined(after, word.chars().next_back())
    })
}

fn wrong_arrows(source: &Source) -> Vec<String> {
    let arrows = ARROWS.iter().find(|(module, _)| *module == source.module());
    let Some((module, may_name)) = arrows else {
        return vec![source.at(1, "a module without arrows")];
    };
    let mut wrong = Vec::new();
    for (number, line) in source.code() {
        for prefix in ["crate::", "zk_bootstrap::"] {
            for (start, _) in line.match_indices(prefix) {
                let rest = &line[start + prefix.len()..];
                let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_');
                let named = &rest[..end.unwrap_or(rest.len())];
                if named != *module && !may_name.contains(&named) {
                    wrong.push(source.at(number, &format!("{module} names {prefix}{rest}")));
                }
            }
        }
        if line.contains(&"super::".repeat(source.depth())) {
            wrong.push(source.at(number, "super:: leads out of the module: write crate::"));
        }
    }
    wrong
}

fn misplaced_words(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    for (number, line) in source.code() {
        for (words, modules) in PLACES {
            let here = modules.contains(&source.module());
            for word in words.iter().filter(|word| !here && line.contains(*word)) {
                let excepted = EXCEPTIONS
                    .iter()
                    .any(|(path, except, _)| *path == source.path && except == word);
                if !excepted {
                    wrong.push(source.at(number, &format!("{word} belongs in {modules:?}")));
                }
            }
        }
    }
    wrong
}

fn impurities(source: &Source) -> Vec<String> {
    if !["model", "decide", "doctor"].contains(&source.module()) {
        return Vec::new();
    }
    let mut wrong = Vec::new();
    for (number, line) in source.code() {
        // A lifetime is no variable, and a text may say what it wants.
        let outside = line.split('"').step_by(2);
        let line = outside.collect::<String>().replace("'static", "");
        for word in IMPURE.iter().filter(|word| has_word(&line, word)) {
            wrong.push(source.at(number, &format!("{word} is not pure")));
        }
        if let Some(path) = line.strip_prefix("use ") {
            let name = path.split([':', ';', ' ']).next().unwrap_or_default();
            let module = source.path.ends_with("mod.rs") && path.contains("::");
            if !PLAIN_CRATES.contains(&name) && !module {
                wrong.push(source.at(number, &format!("{name} is none of {PLAIN_CRATES:?}")));
            }
        }
    }
    wrong
}

fn foreign_words(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, line) in source.lines.iter().enumerate() {
        let mut line = line.clone();
        for module in THE_MODULE {
            line = line.replace(module, "");
        }
        let mut words = line.split(|c: char| !c.is_alphanumeric());
        if let Some(word) = words.find(|w| NOT_OUR_WORDS.contains(&w.to_lowercase().as_str())) {
            wrong.push(source.at(index + 1, &format!("{word:?} is not in the vocabulary")));
        }
    }
    wrong
}

/// A function ends at the first brace that is indented as it is: rustfmt sees to that.
fn long_functions(source: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    for (index, line) in source.lines.iter().enumerate() {
        let indent = line.len() - line.trim_start().len();
        let header = line.trim_start();
        let head = header.split('(').next().unwrap_or_default();
        if header.starts_with("//") || !has_word(head, "fn") {
            continue;
        }
        let end = format!("{}}}", &line[..indent]);
        let rest = &source.lines[index..];
        // A function without a body, of a trait, ends with its first semicolon at this depth.
        let ends = rest.iter().position(|l| {
            *l == end || l.ends_with(';') && l.len() == l.trim_start().len() + indent
        });
        let length = ends.map_or(rest.len(), |position| position + 1);
        if length > LINES_OF_A_FUNCTION {
            wrong.push(source.at(index + 1, &format!("{header} has {length} lines")));
        }
    }
    wrong
}

fn long_files(source: &Source) -> Vec<String> {
    let count = source.code().count();
    match count > LINES_OF_A_FILE {
        true => vec![source.at(1, &format!("{count} lines of code"))],
        false => Vec::new(),
    }
}

fn all(rule: impl Fn(&Source) -> Vec<String>) -> String {
    let wrong: Vec<String> = sources().iter().flat_map(rule).collect();
    wrong.join("\n")
}

#[test]
fn modules_name_only_what_their_arrows_allow() {
    let offences = [
        ("model/id.rs", "use crate::decide::plan;"),
        ("decide/fate.rs", "    crate::clock::now()"),
        ("host/files.rs", "use crate::zookeeper::disk;"),
        ("aws/fleet.rs", "use crate::config::Settings;"),
        ("zookeeper/disk.rs", "use crate::{model, host};"),
        ("agent.rs", "use super::world::RealWorld;"),
        ("host/files.rs", "use super::super::decide;"),
        ("main.rs", "use zk_bootstrap::world::RealWorld;"),
        ("invented.rs", ""),
    ];
    for (path, text) in offences {
        assert_eq!(
            wrong_arrows(&Source::new(path, text)).len(),
            1,
            "{path}: {text}"
        );
    }
    assert_eq!(all(wrong_arrows), "");
}

#[test]
fn what_belongs_to_one_adapter_stands_in_no_other_module() {
    let offences = [
        ("world/mod.rs", "use aws_config::SdkConfig;"),
        ("world/mod.rs", "ask(address, \"mntr\")"),
        ("decide/mod.rs", "let port = 2181;"),
        ("zookeeper/disk.rs", "Command::new(\"systemctl\")"),
        ("world/apply.rs", "std::fs::remove_file(path)"),
        ("aws/register.rs", "std::fs::read(path)"),
        ("agent.rs", "let begin = Instant::now();"),
    ];
    for (path, text) in offences {
        assert_eq!(
            misplaced_words(&Source::new(path, text)).len(),
            1,
            "{path}: {text}"
        );
    }
    assert_eq!(all(misplaced_words), "");
}

#[test]
fn model_and_judgements_are_pure() {
    let offences = [
        "pub async fn plan() {}",
        "static SEEN: AtomicBool = AtomicBool::new(false);",
        "let at = Timestamp::now();",
        "tracing::info!(\"planned\");",
        "use proptest::prelude::*;",
        "let home = std::env::var(\"HOME\");",
    ];
    for text in offences {
        assert!(
            !impurities(&Source::new("decide/fate.rs", text)).is_empty(),
            "{text}"
        );
    }
    let lifetime = Source::new("model/id.rs", "pub expected: &'static str,");
    assert_eq!(impurities(&lifetime), Vec::<String>::new());
    assert_eq!(all(impurities), "");
}

#[test]
fn the_sources_speak_the_vocabulary() {
    for text in [
        "/// A node of the ensemble.",
        "fn host_of() {}",
        "let cluster = 1;",
        "Host",
    ] {
        assert_eq!(
            foreign_words(&Source::new("agent.rs", text)).len(),
            1,
            "{text}"
        );
    }
    let module = Source::new("agent.rs", "use crate::host::files;");
    assert_eq!(foreign_words(&module), Vec::<String>::new());
    assert_eq!(all(foreign_words), "");
}

#[test]
fn files_and_functions_are_short() {
    let function = |lines: usize| {
        let body = "    x();\n".repeat(lines - 2);
        Source::new("agent.rs", &format!("pub async fn f() {{\n{body}}}\n"))
    };
    assert_eq!(
        long_functions(&function(LINES_OF_A_FUNCTION)),
        Vec::<String>::new()
    );
    assert_eq!(long_functions(&function(LINES_OF_A_FUNCTION + 1)).len(), 1);
    assert_eq!(long_files(&function(LINES_OF_A_FILE)), Vec::<String>::new());
    assert_eq!(long_files(&function(LINES_OF_A_FILE + 1)).len(), 1);
    assert_eq!(all(long_functions), "");
    assert_eq!(all(long_files), "");
}

#[test]
fn every_exception_is_still_needed() {
    for (path, word, reason) in EXCEPTIONS {
        let sources = sources();
        let source = sources.iter().find(|s| s.path == *path).expect(path);
        assert!(
            source.code().any(|(_, l)| l.contains(word)),
            "{path}, {word}: {reason}"
        );
    }
}
