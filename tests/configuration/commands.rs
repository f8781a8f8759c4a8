//! The binary with a configuration that is right, wrong, or not there.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use zk_bootstrap::config::load;

use crate::mistakes::BROKEN;
use crate::{directory, loaded};

fn zk_bootstrap(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zk-bootstrap"))
        .arg("--config")
        .arg(directory.join("config.toml"))
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8], directory: &Path) -> String {
    String::from_utf8_lossy(bytes).replace(&format!("{}/", directory.display()), "")
}

#[test]
fn every_command_refuses_a_wrong_configuration_with_exit_code_78() {
    let (broken, line) = BROKEN[0];
    let directory = directory("refused", &[("config.toml", broken)]);
    for command in [
        "check-config",
        "may-start",
        "run",
        "plan",
        "observe",
        "status",
    ] {
        let output = zk_bootstrap(&directory, &[command]);
        assert_eq!(output.status.code(), Some(78), "{command}");
        assert_eq!(text(&output.stdout, &directory), "", "{command}");
        let said = text(&output.stderr, &directory);
        assert_eq!(said, format!("zk-bootstrap: {line}\n"), "{command}");
    }
}

#[test]
fn a_server_may_start_where_its_files_were_laid_out_and_it_was_not_withdrawn() {
    let directory = directory("may-start", &[("config.toml", "")]);
    let config = format!("[zookeeper]\ndata_dir = \"{}\"\n", directory.display());
    fs::write(directory.join("config.toml"), config).expect("a file");
    let identity = |more: &str| {
        format!(
            r#"{{"lineage":{{"generation":1,"founder":"i-0123456789abcdef0"}},"server":1,
               "instance":"i-0123456789abcdef0"{more}}}"#
        )
    };
    let (laid_out, withdrawn) = (identity(""), identity(r#","withdrawn":true"#));
    for (file, code, said) in [
        (None, 69, "nothing here says whose data this is"),
        (Some("{\"torn"), 69, "nothing here says whose data this is"),
        (Some(&*withdrawn), 69, "the server was withdrawn"),
        (Some(&*laid_out), 0, ""),
    ] {
        let path = directory.join("zk-bootstrap.json");
        if let Some(text) = file {
            fs::write(path, text).expect("a file");
        }
        let output = zk_bootstrap(&directory, &["may-start"]);
        let heard = text(&output.stderr, &directory);
        assert_eq!(output.status.code(), Some(code), "{file:?}: {heard}");
        assert!(heard.contains(said), "{file:?}: {heard}");
    }
}

#[test]
fn the_file_may_be_named_before_or_behind_the_command() {
    let directory = directory("either-place", &[("config.toml", "")]);
    let before = zk_bootstrap(&directory, &["check-config"]);
    assert_eq!(before.status.code(), Some(0));
    let behind = Command::new(env!("CARGO_BIN_EXE_zk-bootstrap"))
        .args(["check-config", "--config"])
        .arg(directory.join("config.toml"))
        .output();
    assert_eq!(behind.expect("the binary runs").stdout, before.stdout);
}

#[test]
fn a_dry_run_beside_a_command_is_refused_and_nothing_runs() {
    let directory = directory("ambiguous", &[("config.toml", "")]);
    for arguments in [
        ["--dry-run", "run"],
        ["--output=json", "run"],
        ["--from=x", "run"],
    ] {
        let output = zk_bootstrap(&directory, &arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named_with_the_reason() {
    let missing = directory("missing", &[("another.toml", "")]);
    let output = zk_bootstrap(&missing, &["check-config"]);
    assert_eq!(output.status.code(), Some(78));
    let said =
        "zk-bootstrap: config.toml: cannot be read: No such file or directory (os error 2)\n";
    assert_eq!(text(&output.stderr, &missing), said);

    let no_directory = directory("no-directory", &[("config.toml", ""), ("config.d", "")]);
    let output = zk_bootstrap(&no_directory, &["check-config"]);
    assert_eq!(output.status.code(), Some(78));
    let said = "zk-bootstrap: config.d: cannot be read: Not a directory (os error 20)\n";
    assert_eq!(text(&output.stderr, &no_directory), said);

    let binary = directory("binary", &[("config.toml", "")]);
    fs::write(binary.join("config.toml"), [0xff, 0xfe]).expect("a file");
    let output = zk_bootstrap(&binary, &["check-config"]);
    assert_eq!(output.status.code(), Some(78));
    let said = "zk-bootstrap: config.toml: cannot be read: stream did not contain valid UTF-8\n";
    assert_eq!(text(&output.stderr, &binary), said);
}

#[test]
fn check_config_prints_every_value_with_the_file_and_line_that_set_it() {
    let files = [
        (
            "config.toml",
            "region = \"eu-central-1\"\n\n[zookeeper]\nheap = \"1g\"\nclient_port = 2182\n",
        ),
        (
            "config.d/50-fleet.toml",
            "# The fleet's.\n[zookeeper]\nheap = \"4g\"\n[zookeeper.extra]\nmaxClientCnxns = 0\n",
        ),
    ];
    let directory = directory("golden", &files);
    let output = zk_bootstrap(&directory, &["check-config"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr, &directory), "");
    assert_eq!(text(&output.stdout, &directory), GOLDEN);
    // What is printed is a configuration itself, and the same one.
    let again = loaded("golden-again", &[("config.toml", GOLDEN)]);
    let first = load(&directory.join("config.toml")).expect("it is right");
    assert_eq!(again.settings, first.settings);
}

const GOLDEN: &str = include_str!("golden.toml");
