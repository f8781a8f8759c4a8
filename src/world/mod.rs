//! The real world: this instance and what can be heard of the others, behind [`agent::World`].

mod apply;
mod checkup;
mod elsewhere;
pub mod guard;
mod leave;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use jiff::Timestamp;

use crate::agent::{self, ApplyError, Look, Outcome, chain};
use crate::aws::{AwsError, Metadata, imds};
use crate::clock;
use crate::config::{Manager, Settings};
use crate::host::file_systems;
use crate::host::files::{self, FileError};
use crate::host::notify;
use crate::host::services;
use crate::model::claim::ClaimName;
use crate::model::disk::{Disk, LEAST_SPACE, Refusal, Unwritable};
use crate::model::fleet::{Me, Notice};
use crate::model::plan::{Action, Plan, Situation};
use crate::model::probe::Probe;
use crate::model::snapshot::{Answer, Service, Snapshot};
use crate::zookeeper::disk::{self, Paths};
use crate::zookeeper::four_letter::{Depth, probe};
use crate::zookeeper::history;
use crate::zookeeper::java_env::server_jvmflags;
use crate::zookeeper::secret::{BadSecret, Secret};
use crate::zookeeper::zoo_cfg;

use self::elsewhere::Elsewhere;

/// How old an answer to whether this instance is about to go may be. AWS warns two minutes ahead, and
/// advises to ask every five seconds ("Spot Instance interruption notices", EC2's user guide).
const NOTICE: Duration = Duration::from_secs(1);
/// How long a claim that was made counts as made while it cannot be read.
const CLAIMING: Duration = Duration::from_secs(60);

/// For so long an empty file of a server that runs is one that it is about to write: a leader truncates
/// its snapshot to write it anew as it begins to lead (`FileSnap.serialize`).
const WRITING: Duration = Duration::from_secs(10);

/// The instance that this process runs on, and what it heard of the rest.
#[derive(Debug)]
pub struct RealWorld {
    settings: Settings,
    /// Absent for those who only look.
    secret: Option<Secret>,
    paths: Paths,
    zoo_cfg: zoo_cfg::Settings,
    manager: services::Manager,
    metadata: Metadata,
    /// Told once; an instance's identity never changes.
    me: Option<Me>,
    /// Whether this instance is about to go, and when that was asked.
    notice: Option<(Instant, Answer<Option<Notice>>)>,
    elsewhere: Elsewhere,
    claiming: BTreeMap<ClaimName, Instant>,
    /// When figures were last published; absent for those who only look.
    published: Option<Timestamp>,
    ready: bool,
}

/// Whether the super user's secret is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrecy {
    /// By who acts.
    Required,
    /// By who only looks: without it, its digest in zoo.cfg is not compared.
    Optional,
}

/// The agent cannot begin.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There is no secret.
    #[error(
        "{}: the super user's secret is missing; write one line of at least 8 characters there \
         (zookeeper.super_secret_file), the same on every instance", .0.display()
    )]
    NoSecret(PathBuf),
    /// The secret is of no use.
    #[error("{}", path.display())]
    BadSecret {
        /// Its file.
        path: PathBuf,
        /// Why.
        #[source]
        source: BadSecret,
    },
    /// Its file cannot be read.
    #[error("the super user's secret cannot be read")]
    Unreadable(#[source] FileError),
    /// The SDK cannot be set up.
    #[error("AWS cannot be asked")]
    Aws(#[source] AwsError),
}

impl RealWorld {
    /// The world as these settings find it. Nothing is asked yet.
    ///
    /// # Errors
    /// When the super user's secret is missing, or the SDK cannot be set up.
    pub fn new(settings: Settings, secrecy: Secrecy) -> Result<Self, StartError> {
        let secret = match (secret(&settings), secrecy) {
            (Ok(secret), _) => Some(secret),
            (Err(_), Secrecy::Optional) => None,
            (Err(error), Secrecy::Required) => return Err(error),
        };
        let paths = paths(&settings);
        let zookeeper = &settings.zookeeper;
        let zoo_cfg = zoo_cfg::Settings {
            data_dir: zookeeper.data_dir.clone(),
            data_log_dir: zookeeper.data_log_dir.clone(),
            super_digest: secret.as_ref().map(Secret::digest),
            extra: zookeeper.extra.clone(),
        };
        Ok(RealWorld {
            manager: manager(&settings, &paths),
            metadata: imds::client().map_err(StartError::Aws)?,
            elsewhere: Elsewhere::default(),
            claiming: BTreeMap::new(),
            published: (secrecy == Secrecy::Required).then(clock::now),
            me: None,
            notice: None,
            ready: false,
            settings,
            secret,
            paths,
            zoo_cfg,
        })
    }

    /// This instance's own server.
    fn own_server(&self, me: &Me) -> SocketAddr {
        SocketAddr::new(me.address, self.settings.zookeeper.client_port)
    }

    /// The files; with how far the data goes, where a server was withdrawn and is down.
    fn disk(&self, stopped: bool) -> Answer<Disk> {
        let lately = SystemTime::from(clock::now()) - WRITING;
        let list = |directory: &Path| match stopped {
            true => files::list(directory),
            false => files::list_with_begun(directory, lately),
        };
        let disk = disk::observe(&self.paths, &self.zoo_cfg, files::read, list);
        let mut disk = answer(disk);
        let Answer::Known { value, .. } = &mut disk else {
            return disk;
        };
        if let Err(error) = self.file_systems(value) {
            return Answer::Unknown { why: chain(&error) };
        }
        if let Some(identity) = value.identity.as_ref().filter(|i| i.withdrawn && stopped) {
            let generation = identity.lineage.generation;
            match history::read(&self.paths, generation, files::list, files::open) {
                Ok(history) => value.history = history,
                Err(error) => return Answer::Unknown { why: chain(&error) },
            }
        }
        disk
    }

    /// Whether the data directories take what is written, and when they did so last.
    fn file_systems(&self, disk: &mut Disk) -> Result<(), FileError> {
        let [data, log] = self.paths.versions();
        for directory in [&self.paths.data_dir, &data, &self.paths.log_dir, &log] {
            let stored = files::stored(directory)?.and_then(|t| Timestamp::try_from(t).ok());
            disk.written = disk.written.max(stored);
            let Some(space) = file_systems::space(directory)? else {
                continue;
            };
            let full = space.free < LEAST_SPACE || space.out_of_inodes;
            let why = match (space.read_only, full) {
                (true, _) => Refusal::ReadOnly,
                (false, true) => Refusal::Full,
                (false, false) => continue,
            };
            let directory = directory.clone();
            disk.unwritable.get_or_insert(Unwritable { directory, why });
        }
        Ok(())
    }

    async fn who_am_i(&mut self) -> Answer<Me> {
        let asked = match &self.me {
            Some(me) => Ok(me.clone()),
            None => imds::identify(&self.metadata).await,
        };
        self.me = asked.as_ref().ok().cloned();
        answer(asked)
    }

    async fn notice(&self) -> (Instant, Answer<Option<Notice>>) {
        match &self.notice {
            Some((asked, told)) if asked.elapsed() < NOTICE => (*asked, told.clone()),
            _ => (clock::instant(), answer(imds::notice(&self.metadata).await)),
        }
    }

    async fn own_probe(&self, me: Option<&Me>) -> Probe {
        let Some(me) = me else {
            let why = "this instance's address is not known".to_owned();
            return Probe::Unreachable { why };
        };
        let deadline = self.settings.pace.probe_deadline;
        probe(self.own_server(me), Depth::Own, deadline).await
    }
}

impl agent::World for RealWorld {
    async fn observe(&mut self, look: Look) -> Snapshot {
        let me = self.who_am_i().await;
        // The process first: what it left on the disk is looked at when it is known to be gone.
        let (service, server, notice) = tokio::join!(
            self.manager.state(),
            self.own_probe(me.known()),
            self.notice(),
        );
        let told = notice.1.clone();
        self.notice = Some(notice);
        let (service, running_since) = match service {
            Ok((service, since)) => (Ok(service), since),
            Err(error) => (Err(error), None),
        };
        let stopped = matches!(service, Ok(Service::Stopped));
        let disk = self.disk(stopped);
        if let (Look::Everywhere { no_older_than }, Some(me)) = (look, me.known()) {
            let settings = &self.settings;
            self.elsewhere
                .look(settings, &self.metadata, me, &server, no_older_than)
                .await;
        }
        self.claiming.retain(|_, made| made.elapsed() < CLAIMING);
        Snapshot {
            at: clock::now(),
            me,
            notice: told,
            fleet: self.elsewhere.heard.fleet.clone(),
            register: self.elsewhere.heard.register.clone(),
            names: self.elsewhere.heard.names.clone(),
            claiming: self.claiming.keys().copied().collect::<BTreeSet<_>>(),
            disk,
            service: answer(service),
            running_since,
            server,
            peers: self.elsewhere.heard.peers.clone(),
            peers_asked: self.elsewhere.heard.peers_asked,
            add_asked: self.elsewhere.heard.add_asked,
            published: self.published,
        }
    }

    async fn apply(&mut self, action: &Action) -> Result<Outcome, ApplyError> {
        apply::apply(self, action)
            .await
            .map_err(|source| ApplyError {
                action: action.to_string(),
                source,
            })
    }

    fn report(&mut self, snapshot: &Snapshot, plan: &Plan) {
        notify::watchdog();
        if plan.situation == Situation::Member && !self.ready {
            self.ready = true;
            notify::ready();
        }
        notify::status(&agent::story(snapshot, plan));
    }
}

/// A result as an answer: whatever failed proves nothing.
fn answer<T, E: std::error::Error>(result: Result<T, E>) -> Answer<T> {
    match result {
        Ok(value) => Answer::Known {
            at: clock::now(),
            value,
        },
        Err(error) => Answer::Unknown { why: chain(&error) },
    }
}

fn secret(settings: &Settings) -> Result<Secret, StartError> {
    let path = &settings.zookeeper.super_secret_file;
    let text = files::read(path).map_err(StartError::Unreadable)?;
    let text = text.ok_or_else(|| StartError::NoSecret(path.clone()))?;
    Secret::new(&text).map_err(|source| StartError::BadSecret {
        path: path.clone(),
        source,
    })
}

fn paths(settings: &Settings) -> Paths {
    let zookeeper = &settings.zookeeper;
    let log_dir = zookeeper.data_log_dir.as_ref();
    Paths {
        data_dir: zookeeper.data_dir.clone(),
        log_dir: log_dir.unwrap_or(&zookeeper.data_dir).clone(),
        conf_dir: zookeeper.conf_dir.clone(),
    }
}

fn manager(settings: &Settings, paths: &Paths) -> services::Manager {
    let service = &settings.service;
    match service.manager {
        Manager::Systemd => services::Manager::Systemd {
            unit: service.unit.clone(),
        },
        Manager::Zkserver => services::Manager::Script {
            script: service.zkserver.clone(),
            zoo_cfg: paths.zoo_cfg(),
            pid_file: paths.data_dir.join("zookeeper_server.pid"),
            environment: environment(settings, paths),
        },
    }
}

/// What `zkServer.sh` is told by its environment. Debian's does not read `java.env`.
fn environment(settings: &Settings, paths: &Paths) -> BTreeMap<String, String> {
    let zookeeper = &settings.zookeeper;
    let flags = server_jvmflags(zookeeper.heap.as_deref(), zookeeper.jvm_flags.as_deref());
    let conf_dir = paths.conf_dir.display().to_string();
    let flags = flags.map(|flags| ("SERVER_JVMFLAGS".to_owned(), flags));
    let conf_dir = ("ZOOCFGDIR".to_owned(), conf_dir);
    flags.into_iter().chain([conf_dir]).collect()
}
