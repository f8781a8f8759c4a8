//! What operators do, and the boot itself.

use super::fleet::{Fleet, SOON};
use super::troubles;
use crate::world::client;
use crate::world::wait::wait_for;

/// The units, as an operator types them.
pub const AGENT: &str = "zk-bootstrap";
/// The server's.
pub const SERVER: &str = "zookeeper";

/// Something that happens to a fleet, which is whole before and after.
pub struct Act {
    /// What must hold, in a sentence.
    pub sentence: &'static str,
    /// Lets it happen.
    pub play: fn(&mut Fleet),
    /// Whether it is the act that boots the fleet.
    pub boots: bool,
}

const fn act(sentence: &'static str, play: fn(&mut Fleet)) -> Act {
    Act {
        sentence,
        play,
        boots: false,
    }
}

/// All acts, in the order in which they are played.
pub const ACTS: &[Act] = &[
    Act {
        sentence: "an ensemble forms by nothing but the boot of three instances",
        play: boot,
        boots: true,
    },
    act(
        "the server has the heap and the rights that the image gives it",
        rights,
    ),
    act(
        "a restart of the agent leaves its server running, and a member",
        restart_agent,
    ),
    act(
        "a restart of the server gives the same voter",
        restart_server,
    ),
    act(
        "a server that is stopped is started again by its agent",
        stop_server,
    ),
    act(
        "a server that is masked and stopped stays down, until it is unmasked",
        mask_server,
    ),
    act(
        "without its agent a server stays stopped, and starts by hand",
        by_hand,
    ),
    act(
        "no server starts from files that no agent has laid out",
        not_laid_out,
    ),
    act(
        "a server that falls is told on the console, and starts again",
        troubles::fall,
    ),
    act(
        "an agent with a wrong configuration says so, and its server serves on",
        troubles::wrong,
    ),
    act(
        "an agent that hangs is killed and started, and its server serves on",
        troubles::hang,
    ),
    act(
        "an instance that reboots is the member that it was",
        troubles::reboot,
    ),
    act(
        "a leader that is cut off from the others is followed by another",
        troubles::cut_off,
    ),
    act(
        "a leader that freezes is followed by another, and comes back",
        troubles::freeze,
    ),
    act(
        "an instance that is lost at once is replaced",
        troubles::lose,
    ),
    act(
        "without the volume of its data neither the agent nor the server starts",
        troubles::no_volume,
    ),
    act(
        "an instance with a newer ZooKeeper, of Apache's tarball, takes the place of another",
        troubles::upgrade,
    ),
    act(
        "an instance that the group terminates leaves first",
        troubles::retire,
    ),
];

/// The process of a unit.
pub fn pid(fleet: &mut Fleet, id: &str, unit: &str) -> String {
    fleet.at(id).machine.property(unit, "MainPID")
}

/// Waits until a unit has another process than this one.
pub fn await_another(fleet: &mut Fleet, id: &str, unit: &str, before: &str) {
    wait_for(&format!("another process of {unit}"), SOON, || {
        let now = pid(fleet, id, unit);
        (now != "0" && now != before).then_some(())
    });
}

fn boot(fleet: &mut Fleet) {
    fleet.boot();
    assert_eq!(fleet.await_ensemble().voters.len(), 3);
    for id in fleet.ids() {
        let machine = &fleet.at(&id).machine;
        wait_for("the boot to be complete", SOON, || {
            let state = machine.output(&["systemctl", "is-system-running"]).stdout;
            let state = String::from_utf8_lossy(&state).trim().to_owned();
            assert_ne!(
                state,
                "degraded",
                "{}",
                machine.run(&["systemctl", "--failed"])
            );
            (state == "running").then_some(())
        });
        assert_eq!(machine.property(AGENT, "ActiveState"), "active");
    }
}

fn rights(fleet: &mut Fleet) {
    let id = fleet.follower();
    let server = pid(fleet, &id, SERVER);
    let machine = &fleet.at(&id).machine;
    let command = machine.run(&["cat", &format!("/proc/{server}/cmdline")]);
    assert!(command.contains("-XX:MaxRAMPercentage=50"), "{command}");
    let as_user = |words: &[&str]| {
        let user = ["runuser", "--user", "zookeeper", "--"];
        machine
            .output(&[&user[..], words].concat())
            .status
            .success()
    };
    // polkit: this unit, these two verbs.
    assert!(as_user(&[
        "systemctl",
        "--no-ask-password",
        "start",
        SERVER
    ]));
    assert!(!as_user(&[
        "systemctl",
        "--no-ask-password",
        "restart",
        SERVER
    ]));
    assert!(!as_user(&["systemctl", "--no-ask-password", "stop", AGENT]));
    assert!(!as_user(&["cat", "/etc/zk-bootstrap/super"]));
}

fn restart_agent(fleet: &mut Fleet) {
    let before = fleet.await_ensemble();
    let id = fleet.leader();
    let (agent, server) = (pid(fleet, &id, AGENT), pid(fleet, &id, SERVER));
    // It returns when the server is known to serve.
    fleet.at(&id).machine.run(&["systemctl", "restart", AGENT]);
    assert_ne!(pid(fleet, &id, AGENT), agent);
    assert_eq!(pid(fleet, &id, SERVER), server);
    assert_eq!(fleet.await_ensemble(), before);
}

fn restart_server(fleet: &mut Fleet) {
    let before = fleet.await_ensemble();
    let id = fleet.leader();
    let (agent, server) = (pid(fleet, &id, AGENT), pid(fleet, &id, SERVER));
    fleet.at(&id).machine.run(&["systemctl", "restart", SERVER]);
    assert_ne!(pid(fleet, &id, SERVER), server);
    assert_eq!(fleet.await_ensemble(), before);
    assert_eq!(pid(fleet, &id, AGENT), agent);
}

fn stop_server(fleet: &mut Fleet) {
    let before = fleet.await_ensemble();
    let id = fleet.follower();
    let server = pid(fleet, &id, SERVER);
    fleet.at(&id).machine.run(&["systemctl", "stop", SERVER]);
    await_another(fleet, &id, SERVER, &server);
    assert_eq!(fleet.await_ensemble(), before);
}

fn mask_server(fleet: &mut Fleet) {
    let before = fleet.await_ensemble();
    let id = fleet.follower();
    let machine = &fleet.at(&id).machine;
    machine.run(&["systemctl", "mask", "--runtime", SERVER]);
    machine.run(&["systemctl", "stop", SERVER]);
    // The agent says that it waits for a start, and does not get it.
    let status = || machine.property(AGENT, "StatusText");
    wait_for("the agent to see it", SOON, || {
        status().contains("whose server is down").then_some(())
    });
    assert_eq!(
        machine.output(&["zk-bootstrap", "--dry-run"]).status.code(),
        Some(2)
    );
    assert_eq!(machine.property(SERVER, "MainPID"), "0");
    machine.run(&["systemctl", "unmask", "--runtime", SERVER]);
    assert_eq!(fleet.await_ensemble(), before);
}

fn by_hand(fleet: &mut Fleet) {
    let before = fleet.await_ensemble();
    let id = fleet.follower();
    let member = fleet.at(&id);
    let machine = &member.machine;
    machine.run(&["systemctl", "stop", AGENT]);
    assert!(client::mode(member.address).is_some(), "the server goes on");
    machine.run(&["systemctl", "stop", SERVER]);
    assert_eq!(machine.property(SERVER, "ActiveState"), "inactive");
    machine.run(&["systemctl", "start", SERVER]);
    assert_eq!(fleet.await_ensemble(), before);
    let server = pid(fleet, &id, SERVER);
    fleet.at(&id).machine.run(&["systemctl", "start", AGENT]);
    assert_eq!(pid(fleet, &id, SERVER), server);
}

fn not_laid_out(fleet: &mut Fleet) {
    let before = fleet.await_ensemble();
    let id = fleet.follower();
    let machine = &fleet.at(&id).machine;
    machine.run(&["systemctl", "stop", AGENT, SERVER]);
    let (identity, away) = ("/var/lib/zookeeper/zk-bootstrap.json", "/root/away.json");
    machine.run(&["mv", identity, away]);
    assert!(
        !machine
            .output(&["systemctl", "start", SERVER])
            .status
            .success()
    );
    assert_eq!(machine.property(SERVER, "MainPID"), "0");
    machine.run(&["mv", away, identity]);
    machine.run(&["systemctl", "start", AGENT]);
    assert_eq!(fleet.await_ensemble(), before);
}
