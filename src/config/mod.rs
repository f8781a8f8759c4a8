//! Drop-ins to settings: what the operator wrote, judged, with the origin of each value.
//!
//! The main file and then `config.d/*.toml` beside it, in the order of their names, are laid over
//! the defaults key by key. Every key, and every value that no later file replaces, is judged
//! before anything starts, and all that is wrong is told at once.

mod error;
mod files;
mod judge;
mod keys;
mod reader;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

pub use error::{ConfigError, Origin, Problem};

use crate::model::policy::{ClientBind, Policy, Ports, Recovery, WhenAllIsLost};

/// Where the configuration is unless told otherwise. Here alone may the main file be absent.
pub const DEFAULT_PATH: &str = "/etc/zk-bootstrap/config.toml";

/// Everything that can be set; the names are those of the TOML keys. `config/config.toml`
/// documents each of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The AWS region; without it, the instance's own.
    pub region: Option<String>,
    /// Who belongs to the ensemble.
    pub membership: Membership,
    /// The register of claims.
    pub register: Register,
    /// ZooKeeper's ports, directories and its own configuration.
    pub zookeeper: ZooKeeper,
    /// Who runs ZooKeeper's process.
    pub service: Service,
    /// What the agent may decide.
    pub policy: Choices,
    /// Intervals and deadlines.
    pub pace: Pacing,
    /// Figures for CloudWatch.
    pub metrics: Metrics,
    /// How AWS is reached.
    pub aws: Aws,
}

/// `[membership]`: who belongs to the ensemble.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// How peers are found.
    pub scheme: Scheme,
    /// The Auto Scaling group; without it, the one that this instance is in.
    pub group: Option<String>,
    /// The tag that all instances carry (`tags` only, and then required).
    pub tag_key: Option<String>,
    /// Its value (`tags` only, and then required).
    pub tag_value: Option<String>,
    /// The id of a security group that they must be in, too (`tags` only).
    pub security_group: Option<String>,
    /// How many servers are wanted (`tags` only; an Auto Scaling group knows by itself).
    pub size: Option<usize>,
}

/// How peers are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// The instances of one Auto Scaling group.
    Asg,
    /// The instances that carry one tag.
    Tags,
}

/// `[register]`: where server ids are claimed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Register {
    /// The log group, with `{group}` where the group's name goes: see [`Settings::log_group`].
    pub log_group: String,
    /// How long a stream may stay without a valid owner's record.
    pub claim_grace: Duration,
    /// How long ago an instance must have been recorded for its absence to prove its termination.
    pub absence_proof: Duration,
}

/// `[zookeeper]`: its ports, directories and its own configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ZooKeeper {
    /// For clients and four-letter words.
    pub client_port: u16,
    /// For followers.
    pub quorum_port: u16,
    /// For elections.
    pub election_port: u16,
    /// Which addresses the client port is bound to.
    pub client_bind: ClientBind,
    /// Snapshots, `myid`, the identity.
    pub data_dir: PathBuf,
    /// The transaction log, when it has a disk of its own.
    pub data_log_dir: Option<PathBuf>,
    /// zoo.cfg and the dynamic files.
    pub conf_dir: PathBuf,
    /// The server's largest heap, as Java's `-Xmx` takes it: `512m`.
    pub heap: Option<String>,
    /// More flags for the server's JVM, split at spaces.
    pub jvm_flags: Option<String>,
    /// The file with the super user's secret; the secret itself is never a setting.
    pub super_secret_file: PathBuf,
    /// More keys for zoo.cfg. Those of [`crate::model::zoo_keys`] are not among them.
    pub extra: BTreeMap<String, String>,
}

/// `[service]`: who runs ZooKeeper's process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// systemd or the script.
    pub manager: Manager,
    /// The unit that systemd starts and stops.
    pub unit: String,
    /// ZooKeeper's `zkServer.sh`.
    pub zkserver: PathBuf,
}

/// Who runs ZooKeeper's process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// systemd, by [`Service::unit`].
    Systemd,
    /// [`Service::zkserver`], where there is no systemd.
    Zkserver,
}

/// `[policy]`: what the agent may decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choices {
    /// Pruning never leaves fewer voters than this.
    pub floor: usize,
    /// The most voters that there are to be, an odd number.
    pub voters: usize,
    /// Who begins the recovery of a quorum that is lost for good.
    pub recovery: Recovery,
    /// What to do when every copy of the data is provably gone.
    pub when_all_is_lost: WhenAllIsLost,
    /// Whether a rebalance recommendation for a spot instance makes its server leave.
    pub leave_on_rebalance: bool,
    /// How long a server stays that is to leave and cannot be spared.
    pub leave_patience: Duration,
    /// Whether the group may choose no voter while none can be spared (`asg` only).
    pub protect_voters: bool,
    /// How long a server may run without serving before it is restarted.
    pub restart_after: Duration,
    /// Whether an instance whose server is beyond help reports itself as unhealthy (`asg` only).
    pub report_unhealthy: bool,
}

/// `[pace]`: intervals and deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pacing {
    /// Between looks when all is well.
    pub tick: Duration,
    /// How old AWS's answers may be then.
    pub aws: Duration,
    /// For a peer's answer to one four-letter word.
    pub probe_deadline: Duration,
    /// For one call to AWS with its retries.
    pub aws_deadline: Duration,
    /// The longest pause between attempts.
    pub backoff_max: Duration,
}

/// `[metrics]`: figures for CloudWatch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Metrics {
    /// The log group to which they are written, with `{group}` as in [`Register::log_group`];
    /// without it, none are.
    pub log_group: Option<String>,
}

/// `[aws]`: how AWS is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Aws {
    /// The address of all services, in place of the region's own.
    pub endpoint: Option<String>,
}

/// Settings, and where each value is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Loaded {
    /// What holds.
    pub settings: Settings,
    /// The files that were read, in the order in which they were laid over one another.
    pub files: Vec<PathBuf>,
    effective: String,
}

impl Loaded {
    /// The whole configuration as one TOML document, each value with its origin: `default`, or
    /// the file and line that set it.
    pub fn effective(&self) -> String {
        self.effective.clone()
    }
}

/// Reads and judges the configuration: `path`, then `config.d/*.toml` beside it.
///
/// # Errors
/// When a file cannot be read (an absent one counts as empty at [`DEFAULT_PATH`]) or is not TOML,
/// and when a key or a value in it is wrong: all of these at once.
pub fn load(path: &Path) -> Result<Loaded, ConfigError> {
    let files = files::find(path)?;
    let mut found = BTreeMap::new();
    for file in &files {
        found.extend(files::read(file)?);
    }
    let mut reader = reader::Reader::new(found);
    let settings = keys::settings(&mut reader);
    let effective = reader.finish()?;
    Ok(Loaded {
        settings,
        files,
        effective,
    })
}

/// What holds where nothing is set.
impl Default for Settings {
    fn default() -> Self {
        keys::settings(&mut reader::Reader::new(BTreeMap::new()))
    }
}

impl Settings {
    /// What decides.
    pub fn policy(&self) -> Policy {
        Policy {
            ports: Ports {
                client: self.zookeeper.client_port,
                quorum: self.zookeeper.quorum_port,
                election: self.zookeeper.election_port,
            },
            client_bind: self.zookeeper.client_bind,
            floor: self.policy.floor,
            voters: self.policy.voters,
            recovery: self.policy.recovery,
            when_all_is_lost: self.policy.when_all_is_lost,
            leave_on_rebalance: self.policy.leave_on_rebalance,
            leave_patience: self.policy.leave_patience,
            protect_voters: self.policy.protect_voters && self.membership.scheme == Scheme::Asg,
            restart_after: self.policy.restart_after,
            report_unhealthy: self.policy.report_unhealthy && self.membership.scheme == Scheme::Asg,
            claim_grace: self.register.claim_grace,
            absence_proof: self.register.absence_proof,
            figures: self.metrics.log_group.is_some(),
        }
    }

    /// The name of the log group for the group `name` (the Auto Scaling group's name, or the
    /// tag's value), put where `{group}` stands.
    ///
    /// CloudWatch Logs takes letters, digits and `_-/.#`; any other byte of the name becomes `#`
    /// and two hexadecimal digits (`#` itself too), so that two names never meet in one log group.
    pub fn log_group(&self, name: &str) -> String {
        of_group(&self.register.log_group, name)
    }

    /// The name of the log group of the figures for the group `name`, where they are published; it
    /// is made from the name as in [`Settings::log_group`].
    pub fn metrics_log_group(&self, name: &str) -> Option<String> {
        let log_group = self.metrics.log_group.as_deref();
        log_group.map(|log_group| of_group(log_group, name))
    }
}

fn of_group(log_group: &str, name: &str) -> String {
    let mut written = String::new();
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"_-/.".contains(&byte) {
            written.push(char::from(byte));
        } else {
            written.push_str(&format!("#{byte:02X}"));
        }
    }
    log_group.replace(judge::GROUP, &written)
}
