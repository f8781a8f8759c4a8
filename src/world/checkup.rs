//! What `zk-bootstrap doctor` gathers: every question with its deadline, side by side where they
//! are many, and nothing is changed.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{RealWorld, answer};
use crate::agent::{Look, World as _, chain};
use crate::aws::checkup::{self, Subject};
use crate::clock;
use crate::host::{connections, directories, files};
use crate::model::facts::{
    AwsFacts, Directory, Facts, Knock, Purpose, SecretFacts, ServerFacts, ZooCfgFacts,
};
use crate::model::fleet::Fleet;
use crate::model::id::InstanceId;
use crate::model::policy::Ports;
use crate::model::snapshot::{Answer, Snapshot};
use crate::zookeeper::secret::Secret;
use crate::zookeeper::{disk, knock, words, zoo_cfg};

/// Who asks waits for an answer: no call takes longer, whatever `[pace]` allows the daemon.
const CALL: Duration = Duration::from_secs(3);
const PROBE: Duration = Duration::from_secs(1);
/// And all of AWS not longer than this.
const AWS: Duration = Duration::from_secs(6);
/// What systemd hands to the agent's unit is here on the disk.
const SECRET_OF_THE_UNIT: &str = "/etc/zk-bootstrap/super";

impl RealWorld {
    /// Looks at everything that `zk-bootstrap doctor` judges. What cannot be seen is an unknown
    /// answer, never an error.
    pub async fn examine(&mut self) -> Facts {
        let pace = &mut self.settings.pace;
        pace.aws_deadline = pace.aws_deadline.min(CALL);
        pace.probe_deadline = pace.probe_deadline.min(PROBE);
        let snapshot = self.look_briefly().await;
        let policy = self.settings.policy();
        let (aws, ways, server, user) = tokio::join!(
            self.ask_aws(&snapshot),
            self.knock_at_peers(&snapshot, policy.ports),
            self.ask_own_server(&snapshot),
            self.manager.user(),
        );
        let Ports {
            client,
            quorum,
            election,
        } = policy.ports;
        Facts {
            aws,
            ways,
            arrivals: answer(connections::arrivals(&[client, quorum, election])),
            server,
            zoo_cfg: self.zoo_cfg_facts(),
            directories: self.directories(),
            user: answer(user),
            newest_snapshot: self.newest_snapshot(),
            secret: self.secret_facts(),
            policy,
            snapshot,
        }
    }

    /// Here first: AWS may be silent.
    async fn look_briefly(&mut self) -> Snapshot {
        let here = self.observe(Look::Here).await;
        let everywhere = Look::Everywhere {
            no_older_than: Duration::ZERO,
        };
        let looked = tokio::time::timeout(AWS, self.observe(everywhere)).await;
        looked.unwrap_or(here)
    }

    async fn ask_aws(&self, snapshot: &Snapshot) -> AwsFacts {
        let aws = self.elsewhere.connected();
        let why = [snapshot.me.get().err(), snapshot.fleet.get().err()];
        let why = why.into_iter().flatten().next();
        let (Some(me), Some(aws)) = (snapshot.me.known(), aws) else {
            return checkup::unasked(why.unwrap_or("AWS was not asked"));
        };
        let subject = Subject {
            instance: &me.instance,
            group: aws.group().ok().map(|group| group.name()),
            log_group: aws.log.group(),
        };
        let asked = checkup::examine(&aws.configuration, subject);
        let asked = tokio::time::timeout(AWS, asked).await;
        asked.unwrap_or_else(|_| checkup::unasked("AWS takes too long to answer"))
    }

    async fn knock_at_peers(
        &self,
        snapshot: &Snapshot,
        ports: Ports,
    ) -> BTreeMap<InstanceId, BTreeMap<u16, Knock>> {
        let me = snapshot.me.known().map(|me| &me.instance);
        let mut knocking = tokio::task::JoinSet::new();
        for (id, address) in peers(snapshot.fleet.known(), me) {
            for port in [ports.client, ports.quorum, ports.election] {
                let (id, at) = (id.clone(), SocketAddr::new(address, port));
                knocking.spawn(async move { (id, port, knock::knock(at, PROBE).await) });
            }
        }
        let mut ways: BTreeMap<InstanceId, BTreeMap<u16, Knock>> = BTreeMap::new();
        for (id, port, knock) in knocking.join_all().await {
            ways.entry(id).or_default().insert(port, knock);
        }
        ways
    }

    async fn ask_own_server(&self, snapshot: &Snapshot) -> ServerFacts {
        match snapshot.me.known() {
            Some(me) => words::words(self.own_server(me), PROBE).await,
            None => ServerFacts::default(),
        }
    }

    fn zoo_cfg_facts(&self) -> ZooCfgFacts {
        let text = answer(files::read(&self.paths.zoo_cfg()));
        let [tick, init, sync, longest_session] = zoo_cfg::times(&self.zoo_cfg);
        let differences = |text: &String| zoo_cfg::differences(text, &self.zoo_cfg);
        ZooCfgFacts {
            differences: match text {
                Answer::Known { at, value } => Answer::Known {
                    at,
                    value: value.as_ref().map(differences),
                },
                Answer::Unknown { why } => Answer::Unknown { why },
            },
            jvm_flags: self.settings.zookeeper.jvm_flags.clone(),
            tick,
            init,
            sync,
            longest_session,
        }
    }

    fn directories(&self) -> Vec<Directory> {
        let paths = &self.paths;
        let log = (paths.log_dir != paths.data_dir).then_some((&paths.log_dir, Purpose::Log));
        let data = (&paths.data_dir, Purpose::Data);
        let configuration = (&paths.conf_dir, Purpose::Configuration);
        let all = [data].into_iter().chain(log).chain([configuration]);
        all.map(|(path, purpose)| Directory {
            path: path.clone(),
            purpose,
            found: answer(directories::look(path)),
        })
        .collect()
    }

    fn newest_snapshot(&self) -> Option<u64> {
        let [data, _] = self.paths.versions();
        let files = directories::sizes(&data).ok()?;
        disk::newest_snapshot(&files)
    }

    fn secret_facts(&self) -> SecretFacts {
        let configured = &self.settings.zookeeper.super_secret_file;
        let handed_over = configured.starts_with("/run/credentials");
        let path = match handed_over {
            true => PathBuf::from(SECRET_OF_THE_UNIT),
            false => configured.clone(),
        };
        let found = match secret(&path) {
            Ok(value) => Answer::Known {
                at: clock::now(),
                value,
            },
            Err(error) => Answer::Unknown { why: chain(&error) },
        };
        SecretFacts { path, found }
    }
}

/// A secret's mode, and whether it can be one.
fn secret(path: &Path) -> Result<Option<(u32, bool)>, files::FileError> {
    let Some(mode) = directories::mode(path)? else {
        return Ok(None);
    };
    let text = files::read(path)?.unwrap_or_default();
    Ok(Some((mode, Secret::new(&text).is_ok())))
}

/// The other instances of the group that may have a server, with their addresses.
fn peers<'a>(
    fleet: Option<&'a Fleet>,
    me: Option<&'a InstanceId>,
) -> impl Iterator<Item = (&'a InstanceId, IpAddr)> {
    let instances = fleet.into_iter().flat_map(|fleet| &fleet.instances);
    let others = instances.filter(move |(id, _)| Some(*id) != me);
    let staying = others.filter(|(_, instance)| instance.is_staying());
    staying.filter_map(|(id, instance)| Some((id, instance.address?)))
}
