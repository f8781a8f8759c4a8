//! One instance: its files, its agent, its server.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use super::client;
use super::cloud::Listed;
use super::process;

/// The super user's secret, the same on every instance.
pub const SECRET: &str = "correct-horse-battery-staple";
/// ZooKeeper's main class: how a server is told from the scripts around it.
const MAIN: &str = "org.apache.zookeeper.server.quorum.QuorumPeerMain";

/// Agents in a hurry: those of all tests.
pub const HURRY: &str = "tick = \"1s\"\naws = \"2s\"\nbackoff_max = \"2s\"";

/// What every instance of a world is made of.
#[derive(Debug, Clone)]
pub struct Image {
    /// The binary.
    pub agent: PathBuf,
    /// The directory with ZooKeeper's `bin` and `lib`.
    pub zookeeper: PathBuf,
    /// The lines of the configuration's section `pace`.
    pub pace: &'static str,
    /// More lines for the configuration file.
    pub settings: String,
}

/// An instance of the group, alive or not.
pub struct Instance {
    /// Its EC2 id.
    pub id: String,
    /// Its loopback address.
    pub address: Ipv4Addr,
    /// Its directory: `config.toml`, `conf`, `data`, `logs`.
    pub home: PathBuf,
    /// The group id of its processes, if not this one's.
    pub group: Option<u32>,
    image: Image,
    environment: Vec<(String, String)>,
    agent: Option<Child>,
}

impl Instance {
    /// Lays an instance's files out below `world`, whose mark its processes carry too.
    pub fn new(launched: &Listed, world: &Path, endpoint: &str, image: &Image) -> Self {
        let home = world.join(&launched.id);
        for directory in ["conf", "data", "logs"] {
            fs::create_dir_all(home.join(directory)).expect("a directory");
        }
        fs::write(home.join("secret"), format!("{SECRET}\n")).expect("a file");
        fs::write(home.join("config.toml"), configuration(&home, image)).expect("a file");
        let environment = [
            ("AWS_ENDPOINT_URL", endpoint.to_owned()),
            ("AWS_EC2_METADATA_SERVICE_ENDPOINT", launched.imds.clone()),
            ("ZOO_LOG_DIR", home.join("logs").display().to_string()),
            ("ZK_WORLD", world.display().to_string()),
            ("ZK_INSTANCE", home.display().to_string()),
        ];
        Instance {
            id: launched.id.clone(),
            address: launched.address,
            home,
            group: None,
            image: image.clone(),
            environment: environment.map(|(k, v)| (k.to_owned(), v)).to_vec(),
            agent: None,
        }
    }

    /// The environment of its agent, and of nothing else on a real machine.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment[..2]
    }

    /// A command of the agent's binary on this instance.
    pub fn command<S: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(&self.image.agent);
        command
            .args(arguments)
            .arg("--config")
            .arg(self.home.join("config.toml"))
            .env_clear()
            .envs(self.environment.iter().map(|(k, v)| (k, v)))
            .envs(inherited())
            .stdin(Stdio::null());
        command
    }

    /// Runs a command of the agent's binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the binary runs")
    }

    /// Boots: starts the agent, unless it runs.
    pub fn start_agent(&mut self) {
        self.start_agent_with(&[]);
    }

    /// Starts the agent, unless it runs, with more environment.
    pub fn start_agent_with(&mut self, environment: &[(&str, &OsStr)]) {
        if self.agent.is_some() {
            return;
        }
        let log = || -> File {
            let mut options = OpenOptions::new();
            let path = self.home.join("logs/agent.log");
            options.create(true).append(true).open(path).expect("a log")
        };
        let mut command = self.command(["run"]);
        command.envs(environment.iter().copied());
        command.stdout(log()).stderr(log()).process_group(0);
        if let Some(group) = self.group {
            command.gid(group);
        }
        self.agent = Some(command.spawn().expect("the agent starts"));
    }

    /// Kills the agent with SIGKILL; the server goes on.
    pub fn kill_agent(&mut self) {
        if let Some(mut agent) = self.agent.take() {
            let _ = agent.kill();
            let _ = agent.wait();
        }
    }

    /// Ends the agent with SIGTERM, and returns its exit code.
    pub fn stop_agent(&mut self) -> Option<i32> {
        let mut agent = self.agent.take()?;
        process::signal("TERM", &[agent.id()]);
        agent.wait().expect("it ends").code()
    }

    /// The agent's process.
    pub fn agent_pid(&self) -> Option<u32> {
        self.agent.as_ref().map(Child::id)
    }

    /// The server's process.
    pub fn server_pid(&self) -> Option<u32> {
        let pids = process::marked(&self.mark());
        pids.into_iter()
            .find(|pid| process::has_argument(*pid, MAIN))
    }

    /// Kills the server with SIGKILL.
    pub fn kill_server(&self) {
        process::signal("KILL", &Vec::from_iter(self.server_pid()));
    }

    /// The server alone stands still: it holds its ports, and answers nothing.
    pub fn freeze_server(&self) {
        process::signal("STOP", &Vec::from_iter(self.server_pid()));
    }

    /// Loses power: nothing that ran on it goes on; its disk is as it was.
    pub fn power_off(&mut self) {
        self.kill_agent();
        process::kill_all(|| process::marked(&self.mark()));
    }

    /// Everything on it stands still.
    pub fn freeze(&self) {
        process::signal("STOP", &process::marked(&self.mark()));
    }

    /// Everything on it goes on.
    pub fn thaw(&self) {
        process::signal("CONT", &process::marked(&self.mark()));
    }

    /// Empties ZooKeeper's disk. Only when it is powered off.
    pub fn wipe(&self) {
        let data = self.home.join("data");
        fs::remove_dir_all(&data).expect("a directory");
        fs::create_dir_all(&data).expect("a directory");
    }

    /// Changes its settings: what they say is replaced. An agent reads them when it starts.
    ///
    /// # Panics
    /// When they do not say so.
    pub fn set(&self, before: &str, after: &str) {
        let path = self.home.join("config.toml");
        let text = fs::read_to_string(&path).expect("readable");
        assert!(text.contains(before), "{text}");
        fs::write(path, text.replace(before, after)).expect("a file");
    }

    /// `leader`, `follower` or `observer`, if its server serves.
    pub fn mode(&self) -> Option<String> {
        client::mode(self.address)
    }

    /// The last lines of the agent's log.
    pub fn log_tail(&self, lines: usize) -> String {
        let log = fs::read(self.home.join("logs/agent.log")).unwrap_or_default();
        let log = String::from_utf8_lossy(&log).into_owned();
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    fn mark(&self) -> String {
        format!("ZK_INSTANCE={}", self.home.display())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.kill_agent();
    }
}

/// The group id that an instance's processes may have: another one for each address of 127.*.0.0/16.
pub fn group_id(address: Ipv4Addr) -> u32 {
    let [.., third, last] = address.octets();
    100_000 + 256 * u32::from(third) + u32::from(last)
}

/// The few variables that every process gets.
pub fn inherited() -> impl Iterator<Item = (&'static str, std::ffi::OsString)> {
    let names = ["PATH", "JAVA_HOME"].into_iter();
    names.filter_map(|name| Some((name, std::env::var_os(name)?)))
}

/// An agent whose server is on this instance's address alone.
fn configuration(home: &Path, image: &Image) -> String {
    let home = home.display();
    let zookeeper = image.zookeeper.display();
    let Image { pace, settings, .. } = image;
    format!(
        r#"[zookeeper]
client_bind = "instance"
data_dir = "{home}/data"
conf_dir = "{home}/conf"
super_secret_file = "{home}/secret"

[service]
manager = "zkserver"
zkserver = "{zookeeper}/bin/zkServer.sh"

[pace]
{pace}
{settings}"#
    )
}
