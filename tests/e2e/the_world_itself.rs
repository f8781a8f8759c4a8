//! The world keeps its word, on servers that were configured by hand.

use std::collections::BTreeSet;
use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::stage::{SOON, image, image_of_3_9_5, world_of};
use crate::world::bare::{BareServer, line};
use crate::world::client::{Client, mode};
use crate::world::instance::{Image, SECRET};
use crate::world::process;
use crate::world::wait::wait_for;
use crate::world::writer::{PARENT, Writer};

#[test]
fn no_two_worlds_share_a_net() {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/e2e");
    let files = fs::read_dir(tests).expect("readable");
    let text = files.map(|file| fs::read_to_string(file.expect("readable").path()).expect("text"));
    let text: String = text.collect();
    let mut nets = BTreeSet::new();
    for net in text
        .split('"')
        .filter(|literal| literal.starts_with("127."))
    {
        assert!(nets.insert(net), "{net} is of two worlds");
    }
    assert!(nets.len() > 40, "{nets:?}");
}

#[test]
fn a_trio_configured_by_hand_serves_a_writer_and_nothing_outlives_its_world() {
    trio("127.40.1", image());
}

#[test]
fn a_trio_of_zookeeper_3_9_5_does_too() {
    trio("127.40.2", image_of_3_9_5());
}

fn trio(net: &str, image: Image) {
    let world = world_of(net, 0, image);
    let address = |host: u8| -> Ipv4Addr { format!("{net}.{host}").parse().expect("an address") };
    let members = [1, 2, 3].map(|id| (id, address(200 + id), "participant"));
    for id in [1, 2, 3] {
        BareServer::new(&world.root, &world.image, id, &members, true).start();
    }
    let servers: Vec<Ipv4Addr> = members.iter().map(|m| m.1).collect();
    let writer = Writer::start(Arc::new(Mutex::new(servers.clone())));
    writer.await_more(20, SOON);

    let joiner = (4, address(204), "observer");
    let mut with_joiner = members.to_vec();
    with_joiner.push(joiner);
    BareServer::new(&world.root, &world.image, 4, &with_joiner, false).start();
    wait_for("the joiner to follow", SOON, || mode(joiner.1));
    let client = Client::connect(&servers).expect("it serves");
    let config = client.config().expect("a config");
    let joining = [line(4, joiner.1, "participant")];
    client
        .reconfig(SECRET, &joining, &["1".to_owned()], config.version)
        .expect("swapped");
    let config = Client::connect(&[joiner.1]).and_then(|c| c.config());
    let voters = config.expect("a config").voters;
    assert_eq!(voters.into_keys().collect::<Vec<_>>(), [2, 3, 4]);

    writer.await_more(20, SOON);
    let written = writer.finish();
    assert!(written.longest_gap < Duration::from_secs(5), "{written:?}");
    let there = Client::connect(&[joiner.1]).and_then(|c| c.children(PARENT));
    assert!(there.expect("readable").is_superset(&written.acknowledged));

    let mark = format!("ZK_WORLD={}", world.root.display());
    assert_eq!(process::marked(&mark).len(), 4);
    drop(world);
    assert!(process::marked(&mark).is_empty());
}
