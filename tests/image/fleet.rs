//! The group's instances as machines, their AWS, and the client that writes all the while.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::json;

use super::acts::Act;
use super::bake;
use super::machine::{Machine, NAME};
use super::namespaces::run;
use super::network::{self, BRIDGE, NAMESPACES, NET};
use crate::world::client::{self, Config};
use crate::world::cloud::{Cloud, Listed};
use crate::world::wait::within;
use crate::world::writer::{Servers, Writer};

/// For whatever a healthy ensemble does in seconds; machines that boot side by side are busy.
pub const SOON: Duration = Duration::from_secs(300);
const SIZE: usize = 3;

/// An instance and its machine.
pub struct Member {
    /// Its address.
    pub address: Ipv4Addr,
    /// Its machine.
    pub machine: Machine,
}

/// The group. Instances are spoken of by their EC2 ids.
pub struct Fleet {
    /// Its AWS.
    pub cloud: Cloud,
    /// The layers that instances boot from now on.
    pub image: Vec<PathBuf>,
    /// The client.
    pub writer: Option<Writer>,
    members: BTreeMap<String, Member>,
    servers: Servers,
    /// The directory with the disks, which are in memory.
    disks: PathBuf,
}

impl Fleet {
    /// An AWS with an empty group.
    pub fn new() -> Self {
        network::set_up();
        let disks = bake::kept().join("disks");
        fs::create_dir_all(&disks).expect("a directory");
        run(
            "mount",
            &["-t", "tmpfs", "tmpfs", &disks.display().to_string()],
        );
        let arguments = json!({ "endpoint": BRIDGE, "namespaces": NAMESPACES });
        let log = bake::kept().join("cloud.log");
        Fleet {
            cloud: Cloud::start_with(bake::project(), NET, &log, arguments),
            image: bake::layers(),
            writer: None,
            members: BTreeMap::new(),
            servers: Servers::default(),
            disks,
        }
    }

    /// Sees to it that an act finds a whole ensemble, unless it is the one that makes it.
    pub fn ensure(&mut self, act: &Act) {
        if self.members.is_empty() && !act.boots {
            self.boot();
            self.await_ensemble();
        }
    }

    /// Lets the group launch its instances, which boot, and the client write.
    pub fn boot(&mut self) {
        let launched = self.cloud.launching("launch", json!({ "count": SIZE }));
        self.receive(&launched);
        self.writer = Some(Writer::start(self.servers.clone()));
    }

    /// Lets the machines follow what the group did: who is launched boots; who is to be terminated
    /// shuts down, and only then does EC2 call it terminated.
    pub fn sync(&mut self) {
        for listed in self.cloud.listed() {
            let known = self.members.contains_key(&listed.id);
            match listed.state.as_str() {
                "running" if !known && listed.lifecycle.is_some() => {
                    self.receive(std::slice::from_ref(&listed));
                }
                "shutting-down" if known => {
                    self.at(&listed.id).machine.shut_down();
                    self.forget(&listed.id);
                    let instance = json!({ "instance": listed.id });
                    self.cloud.tell("powered_off", instance);
                }
                _ => {}
            }
        }
    }

    /// Loses an instance at once; the group replaces it.
    pub fn lose(&mut self, id: &str) {
        self.at(id).machine.kill();
        self.forget(id);
        self.cloud.tell("terminate", json!({ "instance": id }));
    }

    /// The instance with this id.
    pub fn at(&mut self, id: &str) -> &mut Member {
        self.members.get_mut(id).expect("an instance that lives")
    }

    /// The ids of all instances.
    pub fn ids(&self) -> Vec<String> {
        self.members.keys().cloned().collect()
    }

    /// The addresses of all instances.
    pub fn addresses(&self) -> Vec<Ipv4Addr> {
        self.members.values().map(|member| member.address).collect()
    }

    /// The id of the leader's instance.
    pub fn leader(&self) -> String {
        self.with_mode("leader")
    }

    /// The id of a follower's instance.
    pub fn follower(&self) -> String {
        self.with_mode("follower")
    }

    fn with_mode(&self, mode: &str) -> String {
        let mut members = self.members.iter();
        let found = members.find(|(_, m)| client::mode(m.address).as_deref() == Some(mode));
        found.expect("an ensemble").0.clone()
    }

    /// Waits until every instance's server serves, and all say that exactly they are the voters.
    ///
    /// # Panics
    /// When that is not so in time.
    pub fn await_ensemble(&mut self) -> Config {
        let config = within(SOON, || {
            self.sync();
            let addresses = self.addresses();
            (addresses.len() == SIZE).then(|| client::agreed(&addresses, SIZE))?
        });
        config.expect("an ensemble of all instances")
    }

    /// Waits until the client gets more writes acknowledged.
    pub fn await_writes(&self) {
        let writer = self.writer.as_ref().expect("it writes");
        writer.await_more(20, SOON);
    }

    /// Asserts that there is a whole ensemble that takes writes and has lost none.
    pub fn assert_whole(&mut self) {
        self.await_ensemble();
        self.await_writes();
        let written = self.writer.as_ref().expect("it writes").so_far();
        written.assert_at(&self.addresses());
    }

    /// For people: every instance, and what its agent said last.
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for (id, member) in &self.members {
            let mode = client::mode(member.address).unwrap_or_else(|| "not serving".to_owned());
            let journal = "journalctl --no-pager --lines=25 --output=short-precise \
                           --unit=zk-bootstrap --unit=zookeeper --unit=zk-bootstrap-failed@*";
            let words: Vec<&str> = journal.split_whitespace().collect();
            let output = member
                .machine
                .command(&words)
                .and_then(|mut c| c.output().ok());
            let said = output.map(|o| String::from_utf8_lossy(&o.stdout).into_owned());
            let said = said.unwrap_or_else(|| "is off\n".to_owned());
            text += &format!("{id} {} {mode}\n{said}\n", member.address);
        }
        text
    }

    fn receive(&mut self, launched: &[Listed]) {
        let namespaces: Vec<String> = launched
            .iter()
            .map(|each| network::plug_in(each.address))
            .collect();
        // A metadata service begins when the cloud is asked, and its network is there.
        self.cloud.listed();
        for (each, namespace) in launched.iter().zip(namespaces) {
            let root = self.disk(&each.id);
            user_data(&root, &self.cloud.endpoint);
            let console = bake::kept().join(format!("{}.console", each.address));
            let network = format!("--network-namespace-path={namespace}");
            let name = format!("{NAME}{}", each.address.to_string().replace('.', "-"));
            let more = [&*network, "--resolv-conf=off"];
            let member = Member {
                address: each.address,
                machine: Machine::boot(&name, &root, &console, &more),
            };
            self.members.insert(each.id.clone(), member);
        }
        self.publish();
    }

    /// A disk with the image on it: what is written is kept for as long as the fleet.
    fn disk(&self, id: &str) -> PathBuf {
        let home = self.disks.join(id);
        let root = home.join("root");
        bake::mount(&self.image, &home.join("written"), &root);
        root
    }

    fn forget(&mut self, id: &str) {
        self.members.remove(id);
        self.publish();
    }

    fn publish(&self) {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        *servers = self.addresses();
    }
}

/// What cloud-init would write by a launch template's user data: where this AWS is, and haste.
fn user_data(root: &Path, endpoint: &str) {
    let settings = format!(
        "[aws]\nendpoint = \"{endpoint}\"\n\n\
         [pace]\ntick = \"1s\"\naws = \"2s\"\nbackoff_max = \"2s\"\n"
    );
    let file = root.join("etc/zk-bootstrap/config.d/50-fleet.toml");
    fs::write(file, settings).expect("a file");
    let unit = root.join("etc/systemd/system/zk-bootstrap.service.d/50-fleet.conf");
    fs::write(unit, "[Service]\nWatchdogSec=15s\n").expect("a file");
}
