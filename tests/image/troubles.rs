//! What goes wrong by itself.

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::json;

use super::acts::{AGENT, SERVER, await_another, pid};
use super::bake;
use super::fleet::{Fleet, SOON};
use super::network;
use crate::world::client;
use crate::world::group::{Outcome, Transition};
use crate::world::wait::wait_for;

/// Waits until an instance has said this on its console.
fn await_on_console(fleet: &mut Fleet, id: &str, said: &str) {
    let console = fleet.at(id).machine.console.clone();
    wait_for(&format!("{said:?} on the console"), SOON, || {
        let text = fs::read(&console).expect("a console");
        String::from_utf8_lossy(&text).contains(said).then_some(())
    });
}

/// Waits until one of the others leads, and the client writes.
fn await_another_leader(fleet: &mut Fleet, former: &str) {
    let former = fleet.at(former).address;
    let mut others = fleet.addresses();
    others.retain(|address| *address != former);
    wait_for("another leader", SOON, || {
        let mut modes = others.iter().map(|address| client::mode(*address));
        modes
            .any(|mode| mode.as_deref() == Some("leader"))
            .then_some(())
    });
    fleet.await_writes();
}

pub fn fall(fleet: &mut Fleet) {
    let before = fleet.await_ensemble();
    let id = fleet.leader();
    let server = pid(fleet, &id, SERVER);
    fleet.at(&id).machine.run(&["kill", "-KILL", &server]);
    await_another(fleet, &id, SERVER, &server);
    await_on_console(fleet, &id, "zookeeper has failed: signal, killed KILL");
    assert_eq!(fleet.await_ensemble(), before);
}

pub fn wrong(fleet: &mut Fleet) {
    let id = fleet.follower();
    let server = pid(fleet, &id, SERVER);
    let machine = &fleet.at(&id).machine;
    let file = machine.root.join("etc/zk-bootstrap/config.d/90-wrong.toml");
    fs::write(&file, "[policy]\nflor = 3\n").expect("a file");
    assert!(
        !machine
            .output(&["systemctl", "restart", AGENT])
            .status
            .success()
    );
    await_on_console(fleet, &id, "zk-bootstrap has failed: exit-code, exited 78");
    await_on_console(fleet, &id, "flor");
    let machine = &fleet.at(&id).machine;
    assert_eq!(machine.property(AGENT, "ActiveState"), "failed");
    assert_eq!(pid(fleet, &id, SERVER), server);
    fleet.assert_whole();
    fs::remove_file(&file).expect("a file");
    fleet.at(&id).machine.run(&["systemctl", "start", AGENT]);
}

pub fn hang(fleet: &mut Fleet) {
    let before = fleet.await_ensemble();
    let id = fleet.leader();
    let (agent, server) = (pid(fleet, &id, AGENT), pid(fleet, &id, SERVER));
    fleet.at(&id).machine.run(&["kill", "-STOP", &agent]);
    await_another(fleet, &id, AGENT, &agent);
    let machine = &fleet.at(&id).machine;
    wait_for("the agent to be ready", SOON, || {
        (machine.property(AGENT, "ActiveState") == "active").then_some(())
    });
    assert_eq!(machine.property(AGENT, "NRestarts"), "1");
    assert_eq!(pid(fleet, &id, SERVER), server);
    assert_eq!(fleet.await_ensemble(), before);
}

pub fn reboot(fleet: &mut Fleet) {
    let before = fleet.await_ensemble();
    let id = fleet.leader();
    let machine = &fleet.at(&id).machine;
    let first = machine.leader().expect("it runs");
    machine.run(&["systemctl", "reboot", "--no-block"]);
    wait_for("another PID 1", SOON, || {
        machine.leader().filter(|leader| *leader != first)
    });
    machine.await_systemd();
    assert_eq!(fleet.await_ensemble(), before);
}

pub fn cut_off(fleet: &mut Fleet) {
    let before = fleet.await_ensemble();
    let id = fleet.leader();
    let leader = fleet.at(&id).address;
    let others = fleet.addresses().into_iter().filter(|each| *each != leader);
    let pairs: Vec<(Ipv4Addr, Ipv4Addr)> = others.map(|other| (leader, other)).collect();
    network::cut(&pairs);
    await_another_leader(fleet, &id);
    wait_for("the former leader to serve nobody", SOON, || {
        client::mode(leader).is_none().then_some(())
    });
    network::heal();
    assert_eq!(fleet.await_ensemble(), before);
}

pub fn freeze(fleet: &mut Fleet) {
    let before = fleet.await_ensemble();
    let id = fleet.leader();
    fleet.at(&id).machine.freeze();
    await_another_leader(fleet, &id);
    fleet.at(&id).machine.thaw();
    assert_eq!(fleet.await_ensemble(), before);
}

pub fn lose(fleet: &mut Fleet) {
    let before = fleet.await_ensemble();
    let id = fleet.leader();
    let lost = fleet.at(&id).address;
    fleet.lose(&id);
    let after = fleet.await_ensemble();
    assert!(!after.addresses().contains(&lost));
    assert_eq!(after.voters.len(), before.voters.len());
}

pub fn no_volume(fleet: &mut Fleet) {
    let before = fleet.await_ensemble();
    let id = fleet.follower();
    let machine = &fleet.at(&id).machine;
    machine.run(&["systemctl", "stop", AGENT, SERVER]);
    let unit = machine
        .root
        .join("etc/systemd/system/var-lib-zookeeper.mount");
    let lost = "[Mount]\nWhat=/lost\nWhere=/var/lib/zookeeper\nType=ext4\nOptions=loop\n";
    fs::write(&unit, lost).expect("a file");
    machine.run(&["systemctl", "daemon-reload"]);
    for unit in [AGENT, SERVER] {
        assert!(
            !machine
                .output(&["systemctl", "start", unit])
                .status
                .success()
        );
        assert_eq!(machine.property(unit, "ActiveState"), "inactive");
    }
    fs::remove_file(&unit).expect("a file");
    machine.run(&["systemctl", "daemon-reload"]);
    machine.run(&["systemctl", "start", AGENT]);
    assert_eq!(fleet.await_ensemble(), before);
}

pub fn upgrade(fleet: &mut Fleet) {
    let before = fleet.ids();
    fleet.image = bake::layers_of_tarball();
    let id = fleet.follower();
    fleet.lose(&id);
    fleet.await_ensemble();
    let new = fleet.ids().into_iter().find(|id| !before.contains(id));
    let newcomer = fleet.at(&new.expect("a newcomer"));
    let answer = client::ask(newcomer.address, "srvr").expect("it serves");
    let version = format!("Zookeeper version: {}", bake::RELEASE);
    assert!(answer.starts_with(&version), "{answer}");
    // The role was told of a volume.
    let machine = &newcomer.machine;
    assert!(
        machine
            .root
            .join(&bake::DATA[1..])
            .join("version-2")
            .exists()
    );
    for unit in [AGENT, SERVER] {
        let mounts = machine.property(unit, "RequiresMountsFor");
        assert!(
            mounts.split(' ').any(|mount| mount == bake::DATA),
            "{unit}: {mounts}"
        );
    }
}

pub fn retire(fleet: &mut Fleet) {
    let hour = Duration::from_secs(3600);
    fleet
        .cloud
        .put_hook("leaving", Transition::Terminating, hour, Outcome::Continue);
    let id = fleet.follower();
    let retired = fleet.at(&id).address;
    let arguments = json!({ "instance": id, "hooks": true });
    fleet.cloud.tell("terminate", arguments);
    let after = fleet.await_ensemble();
    assert!(!after.addresses().contains(&retired));
    assert_eq!(after.voters.len(), 3);
}
