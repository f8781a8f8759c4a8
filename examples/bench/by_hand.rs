//! The operator's side: static files, a raw client, and perfect knowledge.

use std::net::Ipv4Addr;

use zk_bootstrap::clock;

use crate::world::World;
use crate::world::bare::{BareServer, line};
use crate::world::client::{Client, mode};
use crate::world::instance::{Image, SECRET};
use crate::world::process;
use crate::world::wait::wait_for;
use crate::{PATIENCE, Times, until_each_acknowledges, until_each_acknowledges_as};

/// A server's id, address and role.
pub type Member = (u8, Ipv4Addr, &'static str);

/// Founds, joins and swaps once, in a world of its own.
pub fn round(net: &str, image: &Image) -> Times {
    let world = World::empty(net, image.clone());
    let mut members = members(net, 3);
    let trio: Vec<BareServer> = [1, 2, 3]
        .map(|id| BareServer::new(&world.root, &world.image, id, &members, true))
        .into();
    let begun = clock::instant();
    trio.iter().for_each(BareServer::start);
    until_each_acknowledges(&addresses(&members));
    let found = begun.elapsed();

    let gone = follower(&members);
    kill(&world, gone.0);
    let begun = clock::instant();
    add(&world, &members, member(net, 4), Some(gone.0));
    let swap = begun.elapsed();
    members.retain(|m| m.0 != gone.0);
    members.push(member(net, 4));

    let (id, address, _) = member(net, 5);
    let begun = clock::instant();
    add(&world, &members, (id, address, "observer"), None);
    let join = begun.elapsed();
    Times { found, join, swap }
}

/// Three servers that know each other from the start, as soon as each acknowledges a write.
pub fn trio(world: &World, net: &str) -> Vec<Member> {
    let members = members(net, 3);
    let ids = members.iter().map(|m| m.0);
    ids.for_each(|id| BareServer::new(&world.root, &world.image, id, &members, true).start());
    until_each_acknowledges(&addresses(&members));
    members
}

/// Where they are.
pub fn addresses(members: &[Member]) -> Vec<Ipv4Addr> {
    members.iter().map(|m| m.1).collect()
}

/// The server of this id in a /24.
pub fn member(net: &str, id: u8) -> Member {
    let address = format!("{net}.{}", 200 + u16::from(id));
    (id, address.parse().expect("an address"), "participant")
}

/// The first so many servers in a /24.
pub fn members(net: &str, count: u8) -> Vec<Member> {
    (1..=count).map(|id| member(net, id)).collect()
}

/// One of these that follows.
pub fn follower(members: &[Member]) -> Member {
    let follows = |member: &&Member| mode(member.1).as_deref() == Some("follower");
    *members.iter().find(follows).expect("a follower")
}

/// Starts a server as an observer, and adds it in its role as soon as it serves; in the place of
/// another, if one is given.
pub fn add(world: &World, members: &[Member], newcomer: Member, gone: Option<u8>) {
    let (id, address, role) = newcomer;
    let mut file = members.to_vec();
    file.push((id, address, "observer"));
    BareServer::new(&world.root, &world.image, id, &file, false).start();
    wait_for("the observer to serve", PATIENCE, || mode(address));
    // A server that becomes an observer closes its connections.
    let mut living = members.iter().filter(|m| Some(m.0) != gone);
    let other = living.next().expect("a member that lives").1;
    let client = Client::connect(&[other]).expect("it serves");
    let version = client.config().expect("a config").version;
    let leaving: Vec<String> = gone.iter().map(u8::to_string).collect();
    let joining = [line(id, address, role)];
    let changed = client.reconfig(SECRET, &joining, &leaving, version);
    changed.expect("nobody else changes it");
    match role {
        "observer" => until_each_acknowledges_as(&["observer"], &[address]),
        _ => until_each_acknowledges(&[address]),
    }
}

/// Kills a server, as the loss of its machine does.
pub fn kill(world: &World, id: u8) {
    process::kill_all(|| processes(world, id));
}

/// Stops a server as its script does, and does not sleep for a second afterwards.
pub fn stop(world: &World, id: u8) {
    process::signal("TERM", &processes(world, id));
    wait_for("the server to end", PATIENCE, || {
        processes(world, id).is_empty().then_some(())
    });
}

fn processes(world: &World, id: u8) -> Vec<u32> {
    let conf = world.root.join(format!("bare-{id}/conf/zoo.cfg"));
    let conf = conf.display().to_string();
    let mut pids = process::marked(&format!("ZK_WORLD={}", world.root.display()));
    pids.retain(|pid| process::has_argument(*pid, &conf));
    pids
}
