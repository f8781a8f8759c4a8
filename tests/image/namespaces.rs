//! Namespaces in which the test runs: whatever it mounts, starts and connects ends with it, even
//! when it is killed.

use std::env;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Command, ExitStatus};

/// Which part of the test this process is.
const STAGE: &str = "ZK_IMAGE_STAGE";

/// The parts of the test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Where it was started.
    Outside,
    /// Mounts and processes of its own, in the machine's network: packages are downloaded.
    Bake,
    /// A network of its own, too.
    Play,
}

/// The part that this process is.
pub fn stage() -> Stage {
    match env::var(STAGE).as_deref() {
        Ok("bake") => Stage::Bake,
        Ok("play") => Stage::Play,
        _ => Stage::Outside,
    }
}

/// Checks what the test takes.
///
/// # Panics
/// With what is missing.
pub fn check() {
    let root = fs::metadata("/proc/self").expect("/proc").uid() == 0;
    assert!(root, "make test-image boots machines, which takes root");
    for program in ["unshare", "systemd-nspawn", "mmdebstrap", "nft", "ip"] {
        let found = Command::new(program).arg("--version").output().is_ok();
        assert!(
            found,
            "{program} is missing: dev/image/setup.sh installs it"
        );
    }
}

/// Runs this program once more, as this part of the test.
pub fn again(stage: Stage) -> ExitStatus {
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    if stage == Stage::Play {
        unshare.arg("--net");
    }
    let name = if stage == Stage::Play { "play" } else { "bake" };
    unshare.env(STAGE, name);
    unshare
        .arg(env::current_exe().expect("/proc"))
        .args(env::args_os().skip(1));
    unshare.status().expect("unshare runs")
}

/// Runs a program to its end.
///
/// # Panics
/// When it fails; what it said is shown.
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(
        output.status.success(),
        "{program} {}: {said}",
        arguments.join(" ")
    );
    String::from_utf8_lossy(&output.stdout).into_owned()
}
