//! Who runs ZooKeeper: systemd, or ZooKeeper's own `zkServer.sh` where there is none. The agent
//! is never its parent: it may be killed and ZooKeeper goes on.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;

use jiff::Timestamp;
use tokio::process::Command;
use tokio::time::{sleep, timeout};

use crate::model::snapshot::Service;

/// The manager of ZooKeeper's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Manager {
    /// A systemd unit.
    Systemd {
        /// Its name: `zookeeper.service`.
        unit: String,
    },
    /// ZooKeeper's script.
    Script {
        /// `zkServer.sh`.
        script: PathBuf,
        /// The zoo.cfg that it is started with.
        zoo_cfg: PathBuf,
        /// The file in which the script notes the process (`ZOOPIDFILE`). It is no evidence: the
        /// process may be gone, its number may be another's by now, and the script may have been
        /// killed before it wrote.
        pid_file: PathBuf,
        /// More environment: `SERVER_JVMFLAGS` and the like.
        environment: BTreeMap<String, String>,
    },
}

/// The manager could not be asked, or refused.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// The program could not be run.
    #[error("could not run {program}")]
    Run {
        /// `systemctl` or the script.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// It did not come to an end.
    #[error("{program} took longer than {} s", deadline.as_secs())]
    Late {
        /// `systemctl` or the script.
        program: String,
        /// What it was given.
        deadline: Duration,
    },
    /// It ended with an error.
    #[error("{program} says: {output}")]
    Refused {
        /// `systemctl` or the script.
        program: String,
        /// What it printed.
        output: String,
    },
}

/// How long a manager may take to answer; a stop waits for the server to end.
const DEADLINE: Duration = Duration::from_secs(10);
/// How long a server may take to end before it is killed: it has a snapshot to finish at most.
const STOP_DEADLINE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(20);
/// How a server is told from the scripts around it.
const MAIN: &[u8] = b"org.apache.zookeeper.server.quorum.QuorumPeerMain";

impl Manager {
    /// Whether the process is there, and since when, as far as the manager can tell.
    ///
    /// # Errors
    /// When the manager could not be asked.
    pub async fn state(&self) -> Result<(Service, Option<Timestamp>), ServiceError> {
        match self {
            Manager::Systemd { unit } => {
                let properties = "--property=ActiveState,ExecMainStartTimestamp";
                let output = systemctl(&["show", "--timestamp=unix", properties, unit]).await?;
                let told = String::from_utf8_lossy(&output.stdout);
                unit_state(&told).ok_or_else(|| refused("systemctl", &output))
            }
            Manager::Script { .. } => Ok(match self.process() {
                Some(pid) => (Service::Running, started(pid)),
                None => (Service::Stopped, None),
            }),
        }
    }

    /// The user that the server runs as, by its number; by a script, whoever asks.
    ///
    /// # Errors
    /// When the manager could not be asked, or names a user that this machine does not have.
    pub async fn user(&self) -> Result<u32, ServiceError> {
        let Manager::Systemd { unit } = self else {
            return Ok(std::fs::metadata("/proc/self").map_or(0, |own| own.uid()));
        };
        let output = systemctl(&["show", "--property=User", "--value", unit]).await?;
        let name = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        match name.as_str() {
            "" => Ok(0),
            name => number(&users, name).ok_or_else(|| refused("systemctl", &output)),
        }
    }

    /// Starts the server and returns when its process is there, not when it serves.
    ///
    /// # Errors
    /// When the manager refuses.
    pub async fn start(&self) -> Result<(), ServiceError> {
        match self {
            Manager::Systemd { unit } => checked(
                "systemctl",
                systemctl(&["start", "--no-block", unit]).await?,
            ),
            Manager::Script {
                script, pid_file, ..
            } => {
                if self.process().is_some() {
                    return Ok(());
                }
                let program = script.display().to_string();
                forget(pid_file).map_err(|source| ServiceError::Run {
                    program: program.clone(),
                    source,
                })?;
                let mut child =
                    self.command("start")
                        .spawn()
                        .map_err(|source| ServiceError::Run {
                            program: program.clone(),
                            source,
                        })?;
                // The script sleeps for a second after it has forked; there is no need to.
                let up = async {
                    while self.process().is_none() {
                        if let Ok(Some(status)) = child.try_wait() {
                            return status.success();
                        }
                        sleep(POLL).await;
                    }
                    true
                };
                let started = timeout(DEADLINE, up).await;
                let started = started.map_err(|_| ServiceError::Late {
                    program: program.clone(),
                    deadline: DEADLINE,
                })?;
                tokio::spawn(async move { child.wait().await });
                if started {
                    return Ok(());
                }
                let output = "it could not be started; see ZooKeeper's own log".to_owned();
                Err(ServiceError::Refused { program, output })
            }
        }
    }

    /// Stops the server and returns when its process is gone.
    ///
    /// # Errors
    /// When it could not be stopped.
    pub async fn stop(&self) -> Result<(), ServiceError> {
        match self {
            Manager::Systemd { unit } => checked("systemctl", systemctl(&["stop", unit]).await?),
            Manager::Script { script, .. } => {
                let Some(pid) = self.process() else {
                    return Ok(());
                };
                let program = script.display().to_string();
                let gone = async {
                    while self.process() == Some(pid) {
                        sleep(POLL).await;
                    }
                };
                signal("TERM", pid).await?;
                if timeout(STOP_DEADLINE, gone).await.is_ok() {
                    return Ok(());
                }
                tracing::warn!(pid, "ZooKeeper did not stop when asked to, and is killed");
                signal("KILL", pid).await?;
                let output = format!("process {pid} had to be killed");
                sleep(POLL).await;
                match self.process() {
                    None => Ok(()),
                    Some(_) => Err(ServiceError::Refused { program, output }),
                }
            }
        }
    }

    fn command(&self, verb: &str) -> Command {
        let Manager::Script {
            script,
            zoo_cfg,
            pid_file,
            environment,
        } = self
        else {
            unreachable!("systemd's units are not started by a script")
        };
        let mut command = Command::new(script);
        command
            .arg(verb)
            .arg(zoo_cfg)
            .envs(environment)
            .env("ZOOPIDFILE", pid_file);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        // A group of its own: what interrupts the agent in a terminal does not reach ZooKeeper.
        command.process_group(0);
        command
    }

    /// The living server of this zoo.cfg. Whether there is one decides whether others may begin a
    /// generation without it, so all processes are looked at, not the noted one alone.
    fn process(&self) -> Option<u32> {
        let Manager::Script { zoo_cfg, .. } = self else {
            return None;
        };
        let entries = std::fs::read_dir("/proc").ok()?;
        let mut pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
        pids.find(|pid| is_server(*pid, zoo_cfg))
    }
}

/// What `systemctl show` tells of a unit. The time is that of its main process, which may be an
/// earlier one's while the unit is on its way up or down.
fn unit_state(told: &str) -> Option<(Service, Option<Timestamp>)> {
    let value = |key: &str| {
        let mut lines = told.lines().filter_map(|line| line.split_once('='));
        lines.find(|(k, _)| *k == key).map(|(_, value)| value)
    };
    let since = || {
        let seconds = value("ExecMainStartTimestamp")?.strip_prefix('@')?;
        Timestamp::from_second(seconds.parse().ok()?).ok()
    };
    match value("ActiveState")? {
        "active" => Some((Service::Running, since())),
        "activating" | "reloading" | "deactivating" => Some((Service::Running, None)),
        "inactive" | "failed" => Some((Service::Stopped, None)),
        _ => None,
    }
}

/// A user's number, by its name or itself, in the form of passwd(5).
fn number(users: &str, name: &str) -> Option<u32> {
    let mut users = users
        .lines()
        .map(|line| line.split(':').collect::<Vec<_>>());
    let user = users.find(|user| user.first() == Some(&name));
    user.map_or(Some(name), |user| user.get(2).copied())?
        .parse()
        .ok()
}

/// The kernel counts a process's start in these parts of a second since the boot (`USER_HZ`, which
/// is 100 wherever Linux tells user space of it).
const TICKS: i64 = 100;

/// When a process was started: the machine's boot and the ticks until then (proc(5)).
fn started(pid: u32) -> Option<Timestamp> {
    let kernel = std::fs::read_to_string("/proc/stat").ok()?;
    let boot = kernel
        .lines()
        .find_map(|line| line.strip_prefix("btime "))?;
    let process = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses, which may hold anything; the 22nd is the start.
    let (_, fields) = process.rsplit_once(") ")?;
    let ticks: i64 = fields.split(' ').nth(22 - 3)?.parse().ok()?;
    Timestamp::from_second(boot.trim().parse::<i64>().ok()? + ticks / TICKS).ok()
}

/// Whether this process is the server of `zoo_cfg`. The command line of a zombie is empty.
fn is_server(pid: u32, zoo_cfg: &Path) -> bool {
    let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let has = |word: &[u8]| command.split(|b| *b == 0).any(|argument| argument == word);
    has(MAIN) && has(zoo_cfg.as_os_str().as_encoded_bytes())
}

/// Removes the note of a process that is gone, as the script's own `stop` does. The script starts
/// nothing while anything has that number, even a zombie that nobody has buried yet.
fn forget(pid_file: &Path) -> std::io::Result<()> {
    match std::fs::remove_file(pid_file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

async fn signal(name: &str, pid: u32) -> Result<(), ServiceError> {
    let mut kill = Command::new("kill");
    kill.arg(format!("-{name}")).arg(pid.to_string());
    // It may have ended by itself in between.
    run("kill", kill).await.map(|_| ())
}

async fn systemctl(arguments: &[&str]) -> Result<Output, ServiceError> {
    let mut command = Command::new("systemctl");
    command.arg("--no-ask-password").args(arguments);
    run("systemctl", command).await
}

async fn run(program: &str, mut command: Command) -> Result<Output, ServiceError> {
    command.stdin(Stdio::null()).kill_on_drop(true);
    let deadline = STOP_DEADLINE * 2;
    let program = program.to_owned();
    match timeout(deadline, command.output()).await {
        Err(_) => Err(ServiceError::Late { program, deadline }),
        Ok(Err(source)) => Err(ServiceError::Run { program, source }),
        Ok(Ok(output)) => Ok(output),
    }
}

fn checked(program: &str, output: Output) -> Result<(), ServiceError> {
    if output.status.success() {
        return Ok(());
    }
    Err(refused(program, &output))
}

fn refused(program: &str, output: &Output) -> ServiceError {
    let text = [&output.stderr[..], &output.stdout[..]].concat();
    let output = String::from_utf8_lossy(&text).trim().replace('\n', " / ");
    ServiceError::Refused {
        program: program.to_owned(),
        output,
    }
}

#[cfg(test)]
mod tests;
