//! From one release of ZooKeeper to the next, as operators do it: a new image, and a refresh.

use std::net::Ipv4Addr;

use crate::leaving::refreshed;
use crate::stage::image_of_3_9_5;
use crate::world::client::ask;

/// The release that a server says it is of.
fn release(server: Ipv4Addr) -> String {
    let answer = ask(server, "srvr").expect("it serves");
    let version = answer.lines().next().unwrap_or_default();
    let version = version.strip_prefix("Zookeeper version: ");
    let release = version.and_then(|version| version.split('-').next());
    release.expect("a release").to_owned()
}

#[test]
fn an_ensemble_of_zookeeper_3_8_0_becomes_one_of_3_9_5_and_loses_nothing() {
    let world = refreshed("127.46.8", image_of_3_9_5());
    for server in world.addresses() {
        assert_eq!(release(server), "3.9.5", "at {server}");
    }
}
