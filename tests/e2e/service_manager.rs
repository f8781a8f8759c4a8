//! What systemd is told, over a real socket.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use crate::stage::{SOON, world};
use crate::world::wait::wait_for;

/// What was sent until `wanted` came, that included.
fn until(socket: &UnixDatagram, wanted: &str) -> Vec<String> {
    let mut said = Vec::new();
    wait_for(wanted, SOON, || {
        let mut buffer = [0; 4096];
        let length = socket.recv(&mut buffer).ok()?;
        let text = String::from_utf8_lossy(&buffer[..length]);
        said.extend(text.lines().map(str::to_owned));
        said.iter().any(|line| line == wanted).then_some(())
    });
    said
}

#[test]
fn systemd_hears_that_a_member_is_ready_when_it_serves_and_then_that_the_loop_goes_on() {
    let mut world = world("127.51.1", 3);
    world.await_ensemble(SOON);
    let id = world.followers().remove(0);
    let path = world.root.join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket
        .set_read_timeout(Some(Duration::from_millis(100)))
        .expect("a timeout");
    let instance = world.at(&id);
    instance.power_off();
    instance.start_agent_with(&[
        ("NOTIFY_SOCKET", path.as_os_str()),
        ("WATCHDOG_USEC", "2000000".as_ref()),
    ]);

    let before = until(&socket, "READY=1");
    assert!(instance.mode().is_some(), "ready, and does not serve");
    let waiting = "STATUS=a member whose server is down";
    assert!(before.iter().any(|line| line == waiting), "{before:?}");
    let looks = until(&socket, "WATCHDOG=1");
    let after = [looks, until(&socket, "WATCHDOG=1")].concat();
    let story = "STATUS=a serving member: follower, 3 voters, config version ";
    assert!(
        after.iter().any(|line| line.starts_with(story)),
        "{after:?}"
    );

    assert_eq!(instance.stop_agent(), Some(0));
    until(&socket, "STOPPING=1");
    assert!(instance.mode().is_some(), "the server goes on");
}
