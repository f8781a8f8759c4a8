//! The network of the machines: a bridge, and for each machine a namespace with an address of its
//! own, and with the address of its metadata service.

use std::fs;
use std::net::Ipv4Addr;

use super::namespaces::run;
use super::world::process::nft;

/// Where the namespaces are, each named after its address.
pub const NAMESPACES: &str = "/run/netns";
/// The instances' subnets.
pub const NET: &str = "10.90.1";
/// The bridge's address: AWS's endpoint.
pub const BRIDGE: &str = "10.90.0.1";

/// The metadata service's, on every instance.
const METADATA: &str = "169.254.169.254/32";
/// One filter between machines; pairs of their ports come into the set, and go.
const FILTER: &str = "table bridge zki {
  set cut { type ifname . ifname; }
  chain forward {
    type filter hook forward priority 0; policy accept;
    iifname . oifname @cut drop
  }
}";

/// Makes the bridge, in this process's own network namespace.
pub fn set_up() {
    fs::create_dir_all(NAMESPACES).expect("a directory");
    run("mount", &["-t", "tmpfs", "tmpfs", NAMESPACES]);
    run("ip", &["link", "set", "lo", "up"]);
    run("ip", &["link", "add", "zki0", "type", "bridge"]);
    run(
        "ip",
        &["address", "add", &format!("{BRIDGE}/16"), "dev", "zki0"],
    );
    run("ip", &["link", "set", "zki0", "up"]);
    nft(FILTER);
}

/// Makes the namespace of a machine; its path.
pub fn plug_in(address: Ipv4Addr) -> String {
    let (name, port) = (address.to_string(), port(address));
    run("ip", &["netns", "add", &name]);
    run(
        "ip",
        &[
            "link", "add", &port, "type", "veth", "peer", "name", "eth0", "netns", &name,
        ],
    );
    run("ip", &["link", "set", &port, "master", "zki0", "up"]);
    let inside = |words: &[&str]| run("ip", &[&["-netns", &name], words].concat());
    inside(&["address", "add", &format!("{address}/16"), "dev", "eth0"]);
    inside(&["link", "set", "eth0", "up"]);
    inside(&["link", "set", "lo", "up"]);
    inside(&["address", "add", METADATA, "dev", "lo"]);
    format!("{NAMESPACES}/{name}")
}

/// Drops every packet between two machines, both ways, for each pair.
pub fn cut(pairs: &[(Ipv4Addr, Ipv4Addr)]) {
    for (one, other) in pairs {
        let (one, other) = (port(*one), port(*other));
        nft(&format!(
            "add element bridge zki cut {{ {one} . {other}, {other} . {one} }}"
        ));
    }
}

/// Lets everything through again.
pub fn heal() {
    nft("flush set bridge zki cut");
}

/// The bridge's port to which a machine is connected.
fn port(address: Ipv4Addr) -> String {
    let [.., third, last] = address.octets();
    format!("zki-{third}-{last}")
}
