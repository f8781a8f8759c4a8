//! Processes, by their ids, and the packet filter.

use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use super::wait::wait_for;

/// The living processes whose environment has exactly `mark` (`NAME=value`).
pub fn marked(mark: &str) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("/proc");
    let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    pids.filter(|pid| is_marked(*pid, mark)).collect()
}

fn is_marked(pid: u32, mark: &str) -> bool {
    // A zombie's is empty, one of another user is not readable.
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    environment.split(|b| *b == 0).any(|v| v == mark.as_bytes())
}

/// Whether one of its arguments is `word`.
pub fn has_argument(pid: u32, word: &str) -> bool {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    command.split(|b| *b == 0).any(|v| v == word.as_bytes())
}

/// Sends a signal (`KILL`, `STOP`, `CONT`, `TERM`); a process that is gone is no failure.
pub fn signal(name: &str, pids: &[u32]) {
    if pids.is_empty() {
        return;
    }
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}"))
        .args(pids.iter().map(u32::to_string));
    kill.stderr(Stdio::null()).status().expect("kill runs");
}

/// Kills what `find` finds until it finds nothing: a start under way may add to it.
pub fn kill_all(find: impl Fn() -> Vec<u32>) {
    wait_for("processes to end", Duration::from_secs(10), || {
        let pids = find();
        signal("KILL", &pids);
        pids.is_empty().then_some(())
    });
}

/// Gives these rules to the packet filter of this process's network namespace.
pub fn nft(rules: &str) {
    let mut nft = Command::new("nft")
        .args(["-f", "-"])
        .stdin(Stdio::piped())
        .spawn()
        .expect("nft runs");
    let mut input = nft.stdin.take().expect("piped");
    input.write_all(rules.as_bytes()).expect("nft reads");
    drop(input);
    assert!(
        nft.wait().expect("it ends").success(),
        "nft refuses {rules}"
    );
}
