//! Partitions and loss between the instances of a world, by packet filters.
//!
//! All worlds are in a network namespace that nobody else uses and that ends with its processes,
//! filters included. The instances share its loopback device, where a connection's source is
//! 127.0.0.1 whoever opened it. What tells them apart is the group id of the socket: packets of a
//! connection that an instance opened carry its group id, and so, as connection mark, do those
//! that come back.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use crate::world::instance::group_id;
use crate::world::process::nft;

/// Says that the namespace has been entered.
const ENTERED: &str = "ZK_CHAOS_NAMESPACE";

/// Runs this program in a network namespace of its own; returns there, or tells why not.
///
/// # Errors
/// What is missing for it.
pub fn enter() -> Result<(), String> {
    if env::var_os(ENTERED).is_some() {
        return run("ip", &["link", "set", "lo", "up"]);
    }
    if fs::metadata("/proc/self").expect("/proc").uid() != 0 {
        return Err("they take root".to_owned());
    }
    run("nft", &["--version"])?;
    run("ip", &["-V"])?;
    run("unshare", &["--net", "true"])?;
    let mut again = Command::new("unshare");
    again.arg("--net").arg(env::current_exe().expect("/proc"));
    let failed = again.args(env::args_os().skip(1)).env(ENTERED, "1").exec();
    Err(format!("unshare: {failed}"))
}

fn run(program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    let said = format!("{program} {}: {said}", arguments.join(" "));
    output.status.success().then_some(()).ok_or(said)
}

/// The filters of one world.
pub struct Network {
    table: String,
}

impl Network {
    /// Prepares for the instances of this /24 (`127.46.1`), before the first of them boots.
    pub fn new(net: &str) -> Self {
        let table = format!("zk_{}", net.replace('.', "_"));
        let address = |last: u8| -> Ipv4Addr { format!("{net}.{last}").parse().expect("a net") };
        let ids = (0..=255).map(|last| group_id(address(last)));
        let marks: Vec<String> = ids.map(|id| format!("{id} : {id}")).collect();
        let marks = marks.join(", ");
        nft(&format!(
            "table ip {table} {{
               map openers {{
                 type gid : mark
                 elements = {{ {marks} }}
               }}
               chain opened {{
                 type filter hook output priority -100
                 ct direction original ct mark set meta skgid map @openers
               }}
               chain cut {{
                 type filter hook output priority 0
               }}
             }}"
        ));
        Network { table }
    }

    /// Drops every packet from one instance to another, for each pair.
    pub fn cut(&self, pairs: &[(Ipv4Addr, Ipv4Addr)]) {
        self.add(pairs, "drop");
    }

    /// Drops this share, below 100, of the packets from one instance to another, for each pair.
    pub fn lose(&self, percent: u8, pairs: &[(Ipv4Addr, Ipv4Addr)]) {
        self.add(pairs, &format!("numgen random mod 100 < {percent} drop"));
    }

    fn add(&self, pairs: &[(Ipv4Addr, Ipv4Addr)], verdict: &str) {
        let mut rules = String::new();
        let rule = format!("add rule ip {} cut", self.table);
        for (from, to) in pairs {
            let (opener, accepter) = (group_id(*from), group_id(*to));
            writeln!(rules, "{rule} meta skgid {opener} ip daddr {to} {verdict}").expect("text");
            writeln!(rules, "{rule} ip saddr {from} ct mark {accepter} {verdict}").expect("text");
        }
        nft(&rules);
    }

    /// Lets everything through again.
    pub fn heal(&self) {
        nft(&format!("flush chain ip {} cut\n", self.table));
    }
}
