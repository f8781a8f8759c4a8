//! What is asked of ZooKeeper: four-letter words, and an ordinary client's requests.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use zookeeper_client::{Acls, CreateMode, Error, MultiWriteResult};

/// The client port of every server.
pub const PORT: u16 = 2181;
/// How long a server may take to answer.
const DEADLINE: Duration = Duration::from_secs(2);
const SESSION: Duration = Duration::from_secs(6);

/// A server's answer to a four-letter word, if it answers.
pub fn ask(address: Ipv4Addr, word: &str) -> Option<String> {
    let address = SocketAddr::from((address, PORT));
    let mut stream = TcpStream::connect_timeout(&address, DEADLINE).ok()?;
    stream.set_read_timeout(Some(DEADLINE)).ok()?;
    stream.write_all(word.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    Some(answer)
}

/// `leader`, `follower` or `observer`, if it serves.
pub fn mode(address: Ipv4Addr) -> Option<String> {
    let answer = ask(address, "srvr")?;
    let mode = answer.lines().find_map(|l| l.strip_prefix("Mode: "))?;
    Some(mode.to_owned())
}

/// What `/zookeeper/config` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Its version.
    pub version: u64,
    /// The voters' addresses by their ids.
    pub voters: BTreeMap<u8, Ipv4Addr>,
    /// The addresses, by their ids, of the members that do not vote.
    pub observers: BTreeMap<u8, Ipv4Addr>,
}

impl Config {
    /// The voters' addresses.
    pub fn addresses(&self) -> BTreeSet<Ipv4Addr> {
        self.voters.values().copied().collect()
    }

    /// The addresses of all members.
    pub fn members(&self) -> BTreeSet<Ipv4Addr> {
        let members = self.voters.values().chain(self.observers.values());
        members.copied().collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut config = Config {
            version: 0,
            voters: BTreeMap::new(),
            observers: BTreeMap::new(),
        };
        for line in text.lines() {
            let (key, value) = line.split_once('=')?;
            match key.strip_prefix("server.") {
                None => config.version = u64::from_str_radix(value, 16).ok()?,
                Some(id) => {
                    let address = value.split(':').next()?.parse().ok()?;
                    let members = match value.contains(":observer;") {
                        true => &mut config.observers,
                        false => &mut config.voters,
                    };
                    members.insert(id.parse().ok()?, address);
                }
            }
        }
        Some(config)
    }
}

/// The config, if every one of these servers serves, one as the leader, and all of them say that
/// exactly they are the members, so many of them voters.
pub fn agreed(servers: &[Ipv4Addr], voters: usize) -> Option<Config> {
    let modes: Vec<String> = servers.iter().map(|a| mode(*a)).collect::<Option<_>>()?;
    if modes.iter().filter(|mode| *mode == "leader").count() != 1 {
        return None;
    }
    let configs = servers
        .iter()
        .map(|a| Client::connect(&[*a]).ok()?.config().ok());
    let mut configs = configs.collect::<Option<Vec<Config>>>()?;
    configs.dedup();
    let everybody: BTreeSet<Ipv4Addr> = servers.iter().copied().collect();
    match &configs[..] {
        [one] if one.members() == everybody => {
            let each_once = one.voters.len() + one.observers.len() == everybody.len();
            (each_once && one.voters.len() == voters).then(|| one.clone())
        }
        _ => None,
    }
}

/// A session, driven only while it is asked something.
pub struct Client {
    runtime: Runtime,
    session: zookeeper_client::Client,
}

impl Client {
    /// Connects to one of these servers.
    ///
    /// # Errors
    /// When none of them serves.
    pub fn connect(servers: &[Ipv4Addr]) -> Result<Self, Error> {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime");
        let hosts: Vec<String> = servers.iter().map(|a| format!("{a}:{PORT}")).collect();
        let connector = zookeeper_client::Client::connector()
            .with_session_timeout(SESSION)
            .with_fail_eagerly();
        let hosts = hosts.join(",");
        let session = bounded(&runtime, connector.connect(&hosts))?;
        Ok(Client { runtime, session })
    }

    /// Creates an empty persistent znode.
    ///
    /// # Errors
    /// When it is refused; unless the error says so, it may have been created all the same.
    pub fn create(&self, path: &str) -> Result<(), Error> {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        let created = self.session.create(path, b"", &options);
        bounded(&self.runtime, created).map(drop)
    }

    /// Creates an empty persistent znode and sets another one's data, if that has this version, in
    /// one transaction. Returns the version that it has then.
    ///
    /// # Errors
    /// When it is refused; unless the error says so, it may have taken place all the same.
    pub fn create_and_set(
        &self,
        created: &str,
        set: &str,
        data: &[u8],
        version: i32,
    ) -> Result<i32, Error> {
        let options = CreateMode::Persistent.with_acls(Acls::anyone_all());
        let mut writer = self.session.new_multi_writer();
        writer.add_create(created, b"", &options)?;
        writer.add_set_data(set, data, Some(version))?;
        let written = async { writer.commit().await.map_err(Error::from) };
        match bounded(&self.runtime, written)?.pop() {
            Some(MultiWriteResult::SetData { stat }) => Ok(stat.version),
            other => panic!("ZooKeeper answers a set with {other:?}"),
        }
    }

    /// A znode's data and their version.
    ///
    /// # Errors
    /// When the server does not tell.
    pub fn read(&self, path: &str) -> Result<(Vec<u8>, i32), Error> {
        let (data, stat) = bounded(&self.runtime, self.session.get_data(path))?;
        Ok((data, stat.version))
    }

    /// Lets the server catch up with the leader.
    ///
    /// # Errors
    /// When it does not.
    pub fn sync(&self, path: &str) -> Result<(), Error> {
        bounded(&self.runtime, self.session.sync(path))
    }

    /// The children of a znode, after a sync.
    ///
    /// # Errors
    /// When the server does not tell.
    pub fn children(&self, path: &str) -> Result<BTreeSet<String>, Error> {
        self.sync(path)?;
        let children = bounded(&self.runtime, self.session.list_children(path))?;
        Ok(children.into_iter().collect())
    }

    /// `/zookeeper/config`, after a sync.
    ///
    /// # Errors
    /// When the server does not tell.
    pub fn config(&self) -> Result<Config, Error> {
        self.sync("/zookeeper/config")?;
        let (data, _) = bounded(&self.runtime, self.session.get_config())?;
        let text = String::from_utf8(data).expect("text");
        Ok(Config::parse(&text).expect("ZooKeeper's own format"))
    }

    /// Conditionally adds and removes members, as the super user with this secret.
    ///
    /// # Errors
    /// When it is refused, or its outcome is unknown.
    pub fn reconfig(
        &self,
        secret: &str,
        joining: &[String],
        leaving: &[String],
        version: u64,
    ) -> Result<(), Error> {
        let credentials = format!("super:{secret}");
        let allowed = self.session.auth("digest", credentials.as_bytes());
        bounded(&self.runtime, allowed)?;
        let update = zookeeper_client::EnsembleUpdate::Incremental {
            joinings: joining.iter().map(String::as_str),
            leavings: leaving.iter().map(String::as_str),
        };
        let version = i64::try_from(version).expect("a zxid");
        let changed = self.session.update_ensemble(update, Some(version));
        bounded(&self.runtime, changed).map(drop)
    }
}

fn bounded<T>(
    runtime: &Runtime,
    request: impl Future<Output = Result<T, Error>>,
) -> Result<T, Error> {
    runtime.block_on(async {
        timeout(DEADLINE, request)
            .await
            .unwrap_or(Err(Error::Timeout))
    })
}
