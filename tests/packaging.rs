//! What is shipped beside the binary is right: the units by systemd's own judgement.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

const AGENT: &str = "zk-bootstrap.service";
const SERVER: &str = "zookeeper.service";
const FAILED: &str = "zk-bootstrap-failed@.service";

fn shipped(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("systemd")
        .join(name)
}

fn text(name: &str) -> String {
    std::fs::read_to_string(shipped(name)).expect(name)
}

/// The units as they are shipped, but for programs that this machine need not have. Written once:
/// systemd calls a file masked that another test has just emptied to write it again.
static HERE: LazyLock<PathBuf> = LazyLock::new(|| {
    let here = Path::new(env!("CARGO_TARGET_TMPDIR")).join("units");
    std::fs::create_dir_all(&here).expect("a directory for the units");
    for name in [AGENT, SERVER, FAILED] {
        let this_binary = env!("CARGO_BIN_EXE_zk-bootstrap");
        let unit = text(name)
            .replace("/usr/bin/zk-bootstrap", this_binary)
            .replace("/usr/share/zookeeper/bin/zkServer.sh", this_binary);
        std::fs::write(here.join(name), unit).expect("the unit");
    }
    here
});

fn run(program: &str, arguments: &[&str]) -> Output {
    let output = Command::new(program).args(arguments).output();
    output.unwrap_or_else(|error| {
        panic!("{program}: {error}; install it: sudo apt-get install systemd")
    })
}

/// The values of a unit's key.
fn values(unit: &str, key: &str) -> Vec<String> {
    let text = text(unit);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pairs = lines.filter_map(|line| line.split_once('='));
    let of_key = pairs.filter(|(name, _)| *name == key);
    of_key.map(|(_, value)| value.to_owned()).collect()
}

/// `systemd-analyze verify` exits with 0 even when it does not know a key: whatever it says counts.
fn complaints(unit: &Path) -> String {
    let unit = unit.to_str().expect("a path in UTF-8");
    let output = run("systemd-analyze", &["verify", unit]);
    let said = [output.stdout, output.stderr].concat();
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn systemd_has_nothing_to_say_about_the_units() {
    for unit in [AGENT, SERVER, FAILED] {
        assert_eq!(complaints(&HERE.join(unit)), "", "{unit}");
    }
}

#[test]
fn a_key_that_systemd_does_not_know_would_be_noticed() {
    let unit = HERE.join(SERVER);
    let typo = unit.with_file_name("typo.service");
    let text = std::fs::read_to_string(&unit).expect("the unit");
    std::fs::write(&typo, text.replace("LimitNOFILE=", "LimitNOFILES=")).expect("the unit");
    assert!(complaints(&typo).contains("LimitNOFILES"));
}

#[test]
fn the_sandboxes_leave_little_exposed() {
    for (unit, tenths) in [(AGENT, 11), (SERVER, 15), (FAILED, 15)] {
        let unit = HERE.join(unit);
        let unit = unit.to_str().expect("a path in UTF-8");
        let threshold = format!("--threshold={tenths}");
        let output = run(
            "systemd-analyze",
            &["security", "--offline=yes", &threshold, unit],
        );
        let report = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{report}");
    }
}

#[test]
fn nothing_that_happens_to_the_agent_stops_the_server() {
    let ties = [
        "Requires",
        "Requisite",
        "BindsTo",
        "PartOf",
        "Upholds",
        "Conflicts",
        "PropagatesStopTo",
        "StopPropagatedFrom",
        "PropagatesReloadTo",
        "JoinsNamespaceOf",
    ];
    for (unit, other) in [(AGENT, SERVER), (SERVER, AGENT)] {
        for key in ties {
            let tied = values(unit, key).iter().any(|value| value.contains(other));
            assert!(!tied, "{unit}: {key}={other}");
        }
    }
}

#[test]
fn the_server_does_not_wait_for_the_agent_which_waits_for_the_server() {
    assert_eq!(values(AGENT, "Type"), ["notify"]);
    for (unit, key, other) in [(SERVER, "After", AGENT), (AGENT, "Before", SERVER)] {
        let waits = values(unit, key).iter().any(|value| value.contains(other));
        assert!(
            !waits,
            "{unit}: {key}={other} would make each wait for the other"
        );
    }
}

#[test]
fn the_agent_and_the_server_may_be_restarted_as_often_as_needed() {
    for unit in [AGENT, SERVER] {
        assert_eq!(values(unit, "StartLimitIntervalSec"), ["0"], "{unit}");
    }
    assert_eq!(values(AGENT, "Restart"), ["always"]);
    // Those of a wrong command line and of a wrong configuration.
    assert_eq!(values(AGENT, "RestartPreventExitStatus"), ["64 78"]);
}

#[test]
fn what_fails_for_good_is_said_aloud_and_nothing_else_is_done() {
    for unit in [AGENT, SERVER] {
        assert_eq!(
            values(unit, "OnFailure"),
            [FAILED.replace('@', "@%N")],
            "{unit}"
        );
    }
    assert_eq!(values(FAILED, "StandardOutput"), ["journal+console"]);
    let commands = values(FAILED, "ExecStart");
    let harmless = ["/bin/echo ", "/bin/journalctl "];
    assert_eq!(commands.len(), harmless.len());
    for (command, start) in commands.iter().zip(harmless) {
        assert!(command.starts_with(start), "{command}");
    }
}

#[test]
fn who_starts_the_server_asks_whether_it_may() {
    assert_eq!(
        values(SERVER, "ExecStartPre"),
        ["/usr/bin/zk-bootstrap may-start"]
    );
}

#[test]
fn the_server_is_started_by_the_agent_alone() {
    assert_eq!(values(SERVER, "Restart"), ["no"]);
    assert_eq!(values(SERVER, "WantedBy"), Vec::<String>::new());
    assert!(!text(SERVER).lines().any(|line| line == "[Install]"));
}

#[test]
fn the_units_use_the_paths_that_the_configuration_has_by_default() {
    let loaded = zk_bootstrap::config::load(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("config/config.toml"),
    );
    let settings = loaded.expect("the shipped configuration").settings;
    let conf = settings.zookeeper.conf_dir.display().to_string();
    let script = settings.service.zkserver.display().to_string();
    let start = format!("{script} start-foreground {conf}/zoo.cfg");
    assert_eq!(values(SERVER, "ExecStart"), [start]);
    assert_eq!(
        values(SERVER, "EnvironmentFile"),
        [format!("-{conf}/java.env")]
    );
    assert_eq!(settings.service.unit, SERVER);
    let secret = settings.zookeeper.super_secret_file;
    assert_eq!(
        secret,
        Path::new("/run/credentials").join(AGENT).join("super")
    );
    assert_eq!(
        values(AGENT, "LoadCredential"),
        ["super:/etc/zk-bootstrap/super"]
    );
    let data = settings.zookeeper.data_dir.display().to_string();
    for unit in [AGENT, SERVER] {
        let writable = values(unit, "ReadWritePaths").join(" ");
        let writable: Vec<&str> = writable
            .split(' ')
            .map(|p| p.trim_start_matches('-'))
            .collect();
        for path in [&data, &conf] {
            let covered = writable
                .iter()
                .any(|base| Path::new(path).starts_with(base));
            assert!(covered, "{unit}: {path} is in none of {writable:?}");
        }
    }
}

#[test]
fn the_polkit_rule_is_for_the_agents_user_and_the_servers_unit() {
    let rule = text("zk-bootstrap.polkit.rules");
    let user = values(AGENT, "User");
    assert_eq!(user, values(SERVER, "User"));
    assert!(rule.contains(&format!("subject.user === {:?}", user[0])));
    assert!(rule.contains(&format!("action.lookup(\"unit\") === {SERVER:?}")));
    assert!(rule.contains("action.id === \"org.freedesktop.systemd1.manage-units\""));
}

#[test]
fn users_and_directories_are_made_in_an_empty_root() {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join("root");
    // What an earlier run left would hide that a line is missing.
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(root.join("etc")).expect("a root");
    let at_root = format!("--root={}", root.display());
    let sysusers = shipped("zk-bootstrap.sysusers");
    let output = run(
        "systemd-sysusers",
        &["--dry-run", &at_root, sysusers.to_str().expect("UTF-8")],
    );
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let tmpfiles = text("zk-bootstrap.tmpfiles");
    let lines = tmpfiles
        .lines()
        .filter(|l| !l.is_empty() && !l.starts_with('#'));
    let kinds: Vec<&str> = lines.filter_map(|line| line.split(' ').next()).collect();
    assert!(!kinds.is_empty());
    // Nothing that removes, empties or ages.
    assert!(
        kinds.iter().all(|kind| ["d", "z"].contains(kind)),
        "{kinds:?}"
    );
}
