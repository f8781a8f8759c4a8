//! The local world: an emulated AWS with one Auto Scaling group, and for each of its instances a
//! loopback address, a directory, the real agent and a real ZooKeeper server. It needs no rights,
//! and nothing of it outlives the program that made it.

pub mod bare;
pub mod client;
pub mod cloud;
pub mod group;
pub mod instance;
pub mod process;
mod user_data;
pub mod wait;
pub mod writer;

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::PoisonError;
use std::time::Duration;

use serde_json::{Value, json};

use self::client::Config;
use self::cloud::{Cloud, Listed};
use self::instance::{Image, Instance, group_id};
use self::wait::within;
use self::writer::{Servers, Writer, Written};

/// A world. Instances are spoken of by their EC2 ids.
pub struct World {
    /// Its AWS.
    pub cloud: Cloud,
    /// Its directory.
    pub root: PathBuf,
    /// What its instances are made of.
    pub image: Image,
    /// Whether the processes of each instance run with a group id of their own,
    /// [`instance::group_id`], by which the kernel can tell their packets apart. That takes root.
    pub group_ids: bool,
    /// Whether its instances have user data, which their first boot carries out.
    has_user_data: bool,
    instances: BTreeMap<String, Instance>,
    servers: Servers,
    reaper: Child,
}

impl World {
    /// An AWS with an empty group, whose instances get addresses of this /24 (`127.40.1`). Worlds
    /// side by side have different nets.
    pub fn empty(net: &str, image: Image) -> Self {
        let mut world = World::unrestricted(net, image, json!({}));
        world.restrict();
        world
    }

    /// A world whose group is made by the shipped CloudFormation template with these parameters. Its
    /// instances have not booted yet; when they do, they are what their user data makes of them.
    pub fn of_stack(net: &str, image: Image, parameters: Value) -> Self {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let template = project.join("cloudformation/zk-bootstrap.yaml");
        let template = fs::read_to_string(template).expect("the template");
        let stack = json!({ "template": template, "parameters": parameters });
        let mut world = World::unrestricted(net, image, stack);
        world.has_user_data = true;
        let launched = world.cloud.listed();
        world.receive(&launched);
        world
    }

    fn unrestricted(net: &str, image: Image, start: Value) -> Self {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = World::root(net);
        let _ = fs::remove_dir_all(&root);
        fs::create_dir_all(&root).expect("a directory");
        let reaper = Command::new(project.join("tests/world/reaper.sh"))
            .arg(format!("ZK_WORLD={}", root.display()))
            .stdin(Stdio::piped())
            .spawn()
            .expect("bash runs");
        World {
            cloud: Cloud::start_with(project, net, &root.join("cloud.log"), start),
            root,
            image,
            group_ids: false,
            has_user_data: false,
            instances: BTreeMap::new(),
            servers: Servers::default(),
            reaper,
        }
    }

    /// From now on the agents may do what `iam-policy` grants for the image's settings, and nothing else.
    pub fn restrict(&mut self) {
        let settings = self.root.join("policy.toml");
        fs::write(&settings, &self.image.settings).expect("a file");
        let scope = ["--region", "eu-west-1", "--account", "123456789012"];
        let group = match self.image.settings.contains("scheme = \"tags\"") {
            true => &[][..],
            false => &["--group", "zk"],
        };
        let mut command = Command::new(&self.image.agent);
        command.arg("iam-policy").arg("--config").arg(&settings);
        let output = command.args(scope).args(group).output();
        let output = output.expect("the binary runs");
        let policy: Value = serde_json::from_slice(&output.stdout).expect("a policy");
        self.cloud.tell("restrict", json!({ "policy": policy }));
    }

    /// The directory of the world in this net.
    pub fn root(net: &str) -> PathBuf {
        let project = Path::new(env!("CARGO_MANIFEST_DIR"));
        project.join("target/worlds").join(net)
    }

    /// A world whose group has launched this many instances at once.
    pub fn start(net: &str, size: usize, image: Image) -> Self {
        let mut world = World::empty(net, image);
        world.launch(size);
        world
    }

    /// Lets the group grow; the new instances boot. Returns their ids.
    pub fn launch(&mut self, count: usize) -> Vec<String> {
        let ids = self.launch_without_boot(count);
        for id in &ids {
            self.at(id).start_agent();
        }
        ids
    }

    /// Lets the group grow by instances that have not booted yet.
    pub fn launch_without_boot(&mut self, count: usize) -> Vec<String> {
        let launched = self.cloud.launching("launch", json!({ "count": count }));
        self.receive(&launched)
    }

    /// Terminates an instance at once, as by a failure of its machine. The group replaces it, and
    /// the replacement boots; its id is returned.
    pub fn terminate(&mut self, id: &str) -> String {
        let replacement = self.terminate_without_boot(id);
        self.at(&replacement).start_agent();
        replacement
    }

    /// Terminates an instance; its replacement has not booted yet.
    pub fn terminate_without_boot(&mut self, id: &str) -> String {
        self.at(id).power_off();
        let launched = self.cloud.launching("terminate", json!({ "instance": id }));
        self.instances.remove(id);
        self.receive(&launched).remove(0)
    }

    /// Terminates an instance that the group does not replace.
    pub fn shrink(&mut self, id: &str) {
        self.at(id).power_off();
        let arguments = json!({ "instance": id, "decrement": true });
        self.cloud.tell("terminate", arguments);
        self.instances.remove(id);
        self.publish();
    }

    /// Boots an instance again, with its disk.
    pub fn reboot(&mut self, id: &str) {
        self.at(id).power_off();
        self.at(id).start_agent();
    }

    /// The instance with this id.
    pub fn at(&mut self, id: &str) -> &mut Instance {
        self.instances.get_mut(id).expect("an instance that lives")
    }

    /// Every instance that is not terminated.
    pub fn instances(&mut self) -> impl Iterator<Item = &mut Instance> {
        self.instances.values_mut()
    }

    /// The ids of all instances that are not terminated.
    pub fn ids(&self) -> Vec<String> {
        self.instances.keys().cloned().collect()
    }

    /// The addresses of all instances that are not terminated.
    pub fn addresses(&self) -> Vec<Ipv4Addr> {
        self.instances.values().map(|i| i.address).collect()
    }

    /// The id of the leader's instance.
    pub fn leader(&self) -> String {
        self.with_mode("leader").remove(0)
    }

    /// The ids of the followers' instances.
    pub fn followers(&self) -> Vec<String> {
        self.with_mode("follower")
    }

    fn with_mode(&self, mode: &str) -> Vec<String> {
        let found = self
            .instances
            .values()
            .filter(|i| i.mode().as_deref() == Some(mode));
        found.map(|i| i.id.clone()).collect()
    }

    /// The addresses of all instances that are not terminated, kept current.
    pub fn servers(&self) -> Servers {
        self.servers.clone()
    }

    /// A client that writes from now on, whatever happens.
    pub fn writer(&self) -> Writer {
        Writer::start(self.servers.clone())
    }

    /// Waits until every instance's server serves, one as the leader, and all of them say that
    /// exactly they are the members, with [`World::wanted_voters`] voters among them. What the group
    /// does by itself goes on meanwhile.
    ///
    /// # Panics
    /// When that is not so by the deadline; the agents' last words are shown.
    pub fn await_ensemble(&mut self, deadline: Duration) -> Config {
        let settled = within(deadline, || {
            self.sync();
            self.ensemble()
        });
        settled.unwrap_or_else(|| {
            let seconds = deadline.as_secs();
            panic!(
                "no ensemble of all instances within {seconds} s\n{}",
                self.describe()
            )
        })
    }

    /// The config, if the world is as [`World::await_ensemble`] wants it.
    pub fn ensemble(&self) -> Option<Config> {
        client::agreed(&self.addresses(), self.wanted_voters())
    }

    /// How many of the instances are to vote: the largest odd number up to five, and no fewer than the
    /// floor of the image's settings.
    fn wanted_voters(&self) -> usize {
        let floor = |line: &str| line.strip_prefix("floor = ")?.parse().ok();
        let floor = self.image.settings.lines().find_map(floor);
        let all = self.instances.len();
        let odd = [0, 1, 1, 3, 3].get(all).copied().unwrap_or(5);
        odd.max(all.min(floor.unwrap_or(3)))
    }

    /// Asserts that every instance's own server has each acknowledged write.
    pub fn assert_nothing_lost(&self, written: &Written) {
        written.assert_at(&self.addresses());
    }

    /// The world as it is, for people: who serves as what, and the agents' last words.
    pub fn describe(&self) -> String {
        let mut text = format!("world {}\n", self.root.display());
        for each in self.instances.values() {
            let mode = each.mode().unwrap_or_else(|| "not serving".to_owned());
            let tail = each.log_tail(12);
            text += &format!("{} {} {mode}\n{tail}\n", each.id, each.address);
        }
        text
    }

    /// Every file of every instance, and all that AWS holds: what a dry run must leave as it is.
    /// Logs are left out, and so is the content of what the servers write all the time.
    pub fn dump(&mut self) -> (Value, BTreeMap<PathBuf, Vec<u8>>) {
        let mut files = BTreeMap::new();
        for instance in self.instances.values() {
            collect(&instance.home, &mut files);
        }
        (self.cloud.tell("dump", json!({})), files)
    }

    fn receive(&mut self, launched: &[Listed]) -> Vec<String> {
        for each in launched {
            let mut instance = Instance::new(each, &self.root, &self.cloud.endpoint, &self.image);
            instance.group = self.group_ids.then(|| group_id(each.address));
            if self.has_user_data {
                instance.carry_out_user_data(each, &self.cloud.endpoint);
            }
            self.instances.insert(each.id.clone(), instance);
        }
        self.publish();
        launched.iter().map(|each| each.id.clone()).collect()
    }

    fn publish(&self) {
        let mut servers = self.servers.lock().unwrap_or_else(PoisonError::into_inner);
        *servers = self.addresses();
    }
}

impl Drop for World {
    fn drop(&mut self) {
        drop(self.reaper.stdin.take());
        let _ = self.reaper.wait();
    }
}

fn collect(directory: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) {
    for entry in fs::read_dir(directory).expect("readable") {
        let path = entry.expect("readable").path();
        if path.is_dir() && !path.ends_with("logs") {
            collect(&path, files);
        } else if directory.ends_with("version-2") {
            files.insert(path, Vec::new());
        } else if path.is_file() {
            files.insert(path.clone(), fs::read(&path).expect("readable"));
        }
    }
}

/// The agent's binary that was built beside this example.
///
/// # Panics
/// When it was not.
pub fn built() -> PathBuf {
    let example = std::env::current_exe().expect("/proc");
    let profile = example.ancestors().nth(2).expect("target/PROFILE/examples");
    let binary = profile.join("zk-bootstrap");
    let advice = "build it first: cargo build --bin zk-bootstrap";
    assert!(binary.exists(), "{} is missing; {advice}", binary.display());
    binary
}

/// The agent's binary as it is released: of the other profile, beside this example's.
///
/// # Panics
/// When it was not built.
pub fn released() -> PathBuf {
    let example = std::env::current_exe().expect("/proc");
    let target = example.ancestors().nth(3).expect("target/PROFILE/examples");
    let binary = target.join("release/zk-bootstrap");
    let advice = "build it first: cargo build --release --bin zk-bootstrap";
    assert!(binary.exists(), "{} is missing; {advice}", binary.display());
    binary
}

/// ZooKeeper as the distribution packages it; dev/setup.sh puts it there.
pub fn packaged() -> PathBuf {
    distribution("packaged").expect("ZooKeeper is set up: run dev/setup.sh")
}

/// A ZooKeeper that dev/setup.sh has set up.
pub fn distribution(name: &str) -> Option<PathBuf> {
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let home = project.join("target/dev/zookeeper").join(name);
    home.join("bin/zkServer.sh").exists().then_some(home)
}
