use std::os::unix::fs::PermissionsExt as _;

use super::*;
use crate::clock;

/// What zkServer.sh does, with something that is as patient as a server in its place.
const SCRIPT: &str = r#"#!/bin/bash
[ -f "$ZOOPIDFILE" ] && kill -0 "$(cat "$ZOOPIDFILE")" && exit 1
bash -c 'while true; do sleep 0.05; done' \
    org.apache.zookeeper.server.quorum.QuorumPeerMain "$2" &
echo -n $! > "$ZOOPIDFILE"
"#;

#[tokio::test]
async fn neither_a_stranger_with_the_noted_number_nor_a_lost_note_misleads_it() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tmp/services");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).expect("a directory");
    let (script, pid_file) = (directory.join("zkServer.sh"), directory.join("pid"));
    std::fs::write(&script, SCRIPT).expect("a file");
    let executable = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&script, executable).expect("executable");
    let manager = Manager::Script {
        script,
        zoo_cfg: directory.join("zoo.cfg"),
        pid_file: pid_file.clone(),
        environment: BTreeMap::new(),
    };

    std::fs::write(&pid_file, std::process::id().to_string()).expect("a file");
    let look = async || manager.state().await.expect("a state");
    let state = async || look().await.0;
    let before = clock::now();
    assert_eq!(state().await, Service::Stopped);
    manager.start().await.expect("it starts");
    assert_eq!(state().await, Service::Running);
    let since = look().await.1.expect("a time").duration_since(before);
    assert!(since.abs().as_secs() <= 2, "started {since:?} from now");
    std::fs::remove_file(&pid_file).expect("it was noted");
    assert_eq!(state().await, Service::Running);
    manager.stop().await.expect("it stops");
    assert_eq!(state().await, Service::Stopped);
}

#[test]
fn what_systemd_tells_of_a_unit_is_its_state_and_its_main_process_time() {
    let at = |seconds| Timestamp::from_second(seconds).expect("a time");
    let told = "ExecMainStartTimestamp=@1772366400\nActiveState=active\n";
    let up = Some((Service::Running, Some(at(1_772_366_400))));
    assert_eq!(unit_state(told), up);
    let again = "ExecMainStartTimestamp=@1772366400\nActiveState=activating\n";
    assert_eq!(unit_state(again), Some((Service::Running, None)));
    let never = "ExecMainStartTimestamp=\nActiveState=inactive\n";
    assert_eq!(unit_state(never), Some((Service::Stopped, None)));
    assert_eq!(unit_state("Failed to connect to bus"), None);
}
