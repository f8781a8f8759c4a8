//! Names for clients: one who knows a name alone follows the ensemble through its replacement.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::stage::{SOON, Stage, image, world};
use crate::world::World;
use crate::world::client::Client;
use crate::world::instance::Image;

const DOMAIN: &str = "zk.example.com";
const PARAMETER: &str = "/zookeeper/zk/connection-string";

/// A world of three whose names are records of a zone, and the zone's id.
fn world_with_domain(net: &str) -> (Stage, String) {
    let mut world = world(net, 0);
    let made = world
        .cloud
        .tell("hosted_zone", json!({ "name": "example.com" }));
    let zone = made["id"].as_str().expect("an id").to_owned();
    let settings = format!(
        "[names]\npublish = \"route53\"\nzone_id = \"{zone}\"\ndomain = \"{DOMAIN}\"\nttl = \"1s\"\n"
    );
    world.image = Image {
        settings,
        ..image()
    };
    world.restrict();
    world.launch(3);
    (world, zone)
}

/// What a resolver would answer.
fn resolve(world: &mut World, zone: &str, name: &str, kind: &str) -> BTreeSet<String> {
    let records = world.cloud.tell("records", json!({ "zone": zone }))["records"].take();
    let records = records.as_array().into_iter().flatten();
    let mut found = records.filter(|each| each["name"] == name && each["type"] == kind);
    let values = found.next().map(|each| each["values"].clone());
    let values = values
        .as_ref()
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    values
        .map(|value| value.as_str().expect("text").to_owned())
        .collect()
}

fn addresses(texts: &BTreeSet<String>) -> BTreeSet<Ipv4Addr> {
    texts
        .iter()
        .map(|text| text.parse().expect("an address"))
        .collect()
}

/// Waits until the name is that of all instances, and returns what it says of the config.
fn await_names(world: &mut World, zone: &str) -> String {
    world.await_that("names of all instances", SOON, |world| {
        let everybody: BTreeSet<Ipv4Addr> = world.addresses().into_iter().collect();
        let named = addresses(&resolve(world, zone, DOMAIN, "A"));
        (named == everybody).then_some(())
    });
    let note = resolve(world, zone, &format!("_zk-bootstrap.{DOMAIN}"), "TXT");
    note.into_iter().next().expect("the note of the version")
}

/// One write by who knows the name alone, however long it takes.
fn write(world: &mut World, zone: &str, path: &str) {
    world.await_that(&format!("a write of {path}"), SOON, |world| {
        let named = addresses(&resolve(world, zone, DOMAIN, "A"));
        let servers: Vec<Ipv4Addr> = named.into_iter().collect();
        let client = Client::connect(&servers).ok()?;
        client.create(path).ok()
    });
}

#[test]
fn a_client_that_knows_a_name_follows_the_ensemble_through_its_whole_replacement() {
    let (mut world, zone) = world_with_domain("127.48.1");
    world.await_ensemble(SOON);
    let mut notes = vec![await_names(&mut world, &zone)];
    write(&mut world, &zone, "/first");
    let founders = world.ids();
    for (n, id) in founders.iter().enumerate() {
        world.terminate(id);
        world.await_ensemble(SOON);
        notes.push(await_names(&mut world, &zone));
        write(&mut world, &zone, &format!("/after-{n}"));
    }
    let version = |note: &String| {
        let note = note.trim_matches('"').to_owned();
        let (generation, version) = note.split_once(' ').expect("two words");
        assert_eq!(generation, "generation=1");
        let version = version.strip_prefix("version=").expect("a version");
        u64::from_str_radix(version, 16).expect("a number")
    };
    assert!(notes.is_sorted_by_key(version), "{notes:?}");
    let now = world.await_ensemble(SOON);
    assert_eq!(notes.last().map(version), Some(now.version));
    assert!(world.ids().iter().all(|id| !founders.contains(id)));

    // Every server has a name of its own, and nobody else has one.
    let service = resolve(
        &mut world,
        &zone,
        &format!("_zookeeper._tcp.{DOMAIN}"),
        "SRV",
    );
    let server = |id: &u8| format!("server-{id}.{DOMAIN}");
    let expected = now
        .voters
        .keys()
        .map(|id| format!("0 0 2181 {}.", server(id)));
    assert_eq!(service, expected.collect());
    for (id, address) in &now.voters {
        let own = resolve(&mut world, &zone, &server(id), "A");
        assert_eq!(addresses(&own), [*address].into());
    }
    let records = world.cloud.tell("records", json!({ "zone": zone }))["records"].take();
    assert_eq!(records.as_array().map(Vec::len), Some(3 + now.voters.len()));

    // What the first client wrote is what the last one reads.
    let servers = addresses(&resolve(&mut world, &zone, DOMAIN, "A"));
    let servers: Vec<Ipv4Addr> = servers.into_iter().collect();
    let there = Client::connect(&servers).and_then(|client| client.children("/"));
    let there = there.expect("readable");
    for path in ["first", "after-0", "after-1", "after-2"] {
        assert!(there.contains(path), "{path} is not among {there:?}");
    }
}

#[test]
fn a_leader_asks_for_its_names_as_rarely_as_for_its_group_and_a_follower_never_does() {
    let (mut world, zone) = world_with_domain("127.48.2");
    world.await_ensemble(SOON);
    await_names(&mut world, &zone);
    let leader = world.leader();
    world.cloud.tell("reset_calls", json!({}));
    crate::stage::looks(&mut world, &leader, 5);
    let calls = world.cloud.calls();
    let count = |id: &str, call: &str| calls[id][call].as_u64().unwrap_or_default();
    let (names, group) = (
        count(&leader, "route53:ListResourceRecordSets"),
        count(&leader, "ec2:DescribeInstances"),
    );
    assert!(names > 0 && names <= group + 1, "{calls}");
    assert_eq!(
        count(&leader, "route53:ChangeResourceRecordSets"),
        0,
        "{calls}"
    );
    for follower in world.followers() {
        assert_eq!(
            count(&follower, "route53:ListResourceRecordSets"),
            0,
            "{calls}"
        );
    }
}

#[test]
fn records_that_somebody_deleted_are_published_anew() {
    let (mut world, zone) = world_with_domain("127.48.3");
    world.await_ensemble(SOON);
    let note = await_names(&mut world, &zone);
    let everybody = resolve(&mut world, &zone, DOMAIN, "A");
    world.cloud.tell(
        "unpublish",
        json!({ "zone": zone, "name": DOMAIN, "type": "A" }),
    );
    assert_eq!(await_names(&mut world, &zone), note);
    assert_eq!(resolve(&mut world, &zone, DOMAIN, "A"), everybody);
}

#[test]
fn a_parameter_holds_what_connection_string_prints() {
    let mut image = image();
    image.settings = "[names]\npublish = \"ssm\"\n".to_owned();
    let mut world = crate::stage::world_of("127.48.4", 3, image);
    world.await_ensemble(SOON);
    for replaced in [false, true] {
        if replaced {
            let leader = world.leader();
            world.terminate(&leader);
            world.await_ensemble(SOON);
        }
        let everybody: BTreeSet<String> = world
            .addresses()
            .iter()
            .map(|address| format!("{address}:2181"))
            .collect();
        let published = world.await_that("the connection string of all", SOON, |world| {
            let found = world.cloud.tell("parameter", json!({ "name": PARAMETER }));
            let text = found["value"].as_str()?.to_owned();
            let servers: BTreeSet<String> = text.split(',').map(str::to_owned).collect();
            (servers == everybody).then_some(text)
        });
        for id in world.ids() {
            let output = world.at(&id).run(&["connection-string"]);
            assert_eq!(
                String::from_utf8_lossy(&output.stdout),
                format!("{published}\n")
            );
            assert_eq!(output.status.code(), Some(0));
        }
    }
    let id = world.ids().remove(0);
    let servers: Vec<String> = world.ids();
    servers.iter().for_each(|id| world.at(id).power_off());
    let output = world.at(&id).run(&["connection-string"]);
    assert_eq!(output.status.code(), Some(69), "{output:?}");
    assert!(output.stdout.is_empty());
}

#[test]
fn a_route53_that_refuses_keeps_the_ensemble_from_nothing() {
    let (mut world, zone) = world_with_domain("127.48.5");
    let denied = json!({ "kind": "denied", "service": "route53" });
    world.cloud.tell("fault", denied);
    world.await_ensemble(SOON);
    let follower = world.followers().remove(0);
    world.terminate(&follower);
    assert_eq!(world.await_ensemble(SOON).voters.len(), 3);
    assert!(resolve(&mut world, &zone, DOMAIN, "A").is_empty());
    world.cloud.tell("clear_faults", json!({}));
    await_names(&mut world, &zone);
}
