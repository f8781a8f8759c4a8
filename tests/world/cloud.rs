//! The emulated AWS: dev/cloud/cloud.py as a child, one JSON line for each command and answer.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use serde::Deserialize;
use serde_json::{Value, json};

/// The child; it ends when it is dropped.
pub struct Cloud {
    child: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// The URL of every AWS service.
    pub endpoint: String,
}

/// An instance as the cloud tells of it.
#[derive(Debug, Clone, Deserialize)]
pub struct Listed {
    /// Its EC2 id.
    pub id: String,
    /// Its loopback address.
    pub address: Ipv4Addr,
    /// Its availability zone.
    pub zone: String,
    /// The URL of its metadata service.
    pub imds: String,
    /// EC2's state: `running`.
    pub state: String,
    /// The group's state: `Pending:Wait`; none outside the group, and once it is terminated.
    pub lifecycle: Option<String>,
    /// Whether it is protected from scale-in.
    pub protected: bool,
}

impl Cloud {
    /// Starts an AWS with one empty group of the name `zk` in this /24 (`127.40.1`).
    pub fn start(project: &Path, net: &str, log: &Path) -> Self {
        Cloud::start_with(project, net, log, json!({}))
    }

    /// Starts an AWS with one group of the name `zk` in this /24, and with more arguments of the
    /// command `start`.
    pub fn start_with(project: &Path, net: &str, log: &Path, mut arguments: Value) -> Self {
        (arguments["net"], arguments["machines"]) = (json!(net), json!(true));
        let python = project.join("target/dev/python/bin/python3");
        let mut child = Command::new(python)
            .arg(project.join("dev/cloud/cloud.py"))
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(log).expect("a log file"))
            .spawn()
            .expect("the emulated AWS starts (dev/setup.sh installs it)");
        let commands = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("piped"));
        let endpoint = String::new();
        let mut cloud = Cloud {
            child,
            commands,
            answers,
            endpoint,
        };
        let started = cloud.tell("start", arguments);
        cloud.endpoint = started["endpoint"].as_str().expect("a URL").to_owned();
        cloud
    }

    /// Carries out one command; cloud.py documents them.
    pub fn tell(&mut self, command: &str, mut arguments: Value) -> Value {
        arguments["cmd"] = json!(command);
        let pipe = self.commands.as_mut().expect("open until dropped");
        writeln!(pipe, "{arguments}").expect("the cloud takes commands");
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("an answer");
        let mut answer: Value = serde_json::from_str(&line).expect("the cloud answers in JSON");
        assert!(answer.get("error").is_none(), "{command}: {answer}");
        answer["ok"].take()
    }

    /// Carries out a command that launches instances, and tells which.
    pub fn launching(&mut self, command: &str, arguments: Value) -> Vec<Listed> {
        let answer = self.tell(command, arguments);
        serde_json::from_value(answer["instances"].clone()).expect("instances")
    }

    /// Every instance that EC2 lists, terminated ones too, in the order of their launch.
    pub fn listed(&mut self) -> Vec<Listed> {
        self.launching("instances", json!({}))
    }

    /// A call of any service, named as in Python's SDK, by an operator with every right.
    pub fn call(&mut self, service: &str, action: &str, arguments: Value) -> Value {
        let call = json!({ "service": service, "action": action, "arguments": arguments });
        self.tell("call", call)
    }

    /// Calls to AWS since the start, retries included, by instance.
    pub fn calls(&mut self) -> Value {
        self.tell("calls", json!({}))
    }
}

impl Drop for Cloud {
    fn drop(&mut self) {
        self.commands = None;
        let _ = self.child.wait();
    }
}
