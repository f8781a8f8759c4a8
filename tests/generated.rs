//! Man pages and completions are the command line's own. To write them anew:
//!
//! ```console
//! $ cargo test --test generated -- --ignored
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap_complete::Shell;
use zk_bootstrap::cli::Cli;

const NAME: &str = "zk-bootstrap";

/// What the command line does not know of itself.
const SECTIONS: &str = r#".SH "EXIT STATUS"
.TP
0
All is well; of a dry run: there is nothing to do.
.TP
2
Of a dry run: there is something to do. Of \fBdoctor\fR: there are errors.
.TP
3
Of a dry run: it waits for something. Of \fBdoctor\fR: there are warnings.
.TP
64, 65, 66
The command line is wrong; the snapshot file is malformed, or missing.
.TP
69, 70, 78
Nobody answers; a defect; the configuration is wrong.
.SH FILES
.TP
/etc/zk\-bootstrap/config.toml, /etc/zk\-bootstrap/config.d/*.toml
The configuration; \fBzk\-bootstrap check\-config\fR prints what holds.
.TP
/etc/zk\-bootstrap/super
The super user's secret, the same on every instance.
.SH ENVIRONMENT
.TP
ZK_BOOTSTRAP_LOG
How much is logged: \fBdebug\fR, or directives as of tracing.
.TP
HTTPS_PROXY, NO_PROXY, AWS_CA_BUNDLE, AWS_ENDPOINT_URL
How AWS is reached.
"#;

fn shipped(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("packaging")
        .join(kind)
}

fn files(directory: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(directory).expect("a directory");
    let text = |path: PathBuf| fs::read_to_string(path).expect("text");
    let named = entries.map(|entry| {
        let entry = entry.expect("an entry");
        let name = entry.file_name().into_string().expect("UTF-8");
        (name, text(entry.path()))
    });
    named.collect()
}

fn fresh(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    // What an earlier run left would be taken for this one's.
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory");
    directory
}

fn man_pages() -> BTreeMap<String, String> {
    let directory = fresh("man");
    let command = Cli::command().disable_help_subcommand(true);
    clap_mangen::generate_to(command, &directory).expect("pages");
    let mut pages = files(&directory);
    let first = pages.get_mut("zk-bootstrap.1").expect("the first page");
    first.push_str(SECTIONS);
    pages
}

fn completions() -> BTreeMap<String, String> {
    let directory = fresh("completions");
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        let mut command = Cli::command();
        clap_complete::generate_to(shell, &mut command, NAME, &directory).expect("a completion");
    }
    files(&directory)
}

#[track_caller]
fn is_shipped(kind: &str, generated: &BTreeMap<String, String>) {
    let there = files(&shipped(kind));
    let advice = "write them anew: cargo test --test generated -- --ignored";
    let names = |files: &BTreeMap<String, String>| files.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&there), names(generated), "{advice}");
    for (name, text) in generated {
        assert!(
            there[name] == *text,
            "packaging/{kind}/{name} is not what it says; {advice}"
        );
    }
}

#[test]
fn man_pages_are_those_of_the_command_line() {
    let pages = man_pages();
    for command in Cli::command().get_subcommands() {
        let page = format!("{NAME}-{}.1", command.get_name());
        assert!(pages.contains_key(&page), "{page}");
    }
    is_shipped("man", &pages);
}

#[test]
fn completions_are_those_of_the_command_line() {
    let completions = completions();
    for command in Cli::command().get_subcommands() {
        for (name, text) in &completions {
            assert!(
                text.contains(command.get_name()),
                "{name}: {}",
                command.get_name()
            );
        }
    }
    is_shipped("completions", &completions);
}

#[test]
#[ignore = "writes man pages and completions anew"]
fn write_them_anew() {
    for (kind, generated) in [("man", man_pages()), ("completions", completions())] {
        let directory = shipped(kind);
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory).expect("a directory");
        for (name, text) in generated {
            fs::write(directory.join(name), text).expect("a file");
        }
    }
}
