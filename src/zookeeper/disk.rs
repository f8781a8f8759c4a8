//! ZooKeeper's directories: where each file is, and what they hold.

use std::path::{Path, PathBuf};

use super::zoo_cfg::{self, Settings};
use crate::model::disk::{Disk, Identity, Stuck};
use crate::model::ensemble::Ensemble;
use crate::model::id::Zxid;

/// Where the files of one server are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// ZooKeeper's `dataDir`: snapshots, `myid`, the identity.
    pub data_dir: PathBuf,
    /// The directory of the transaction log; the same unless `dataLogDir` is set.
    pub log_dir: PathBuf,
    /// The directory of zoo.cfg and the dynamic files.
    pub conf_dir: PathBuf,
}

impl Paths {
    /// `myid`.
    pub fn myid(&self) -> PathBuf {
        self.data_dir.join("myid")
    }

    /// Whose data this is ([`Identity`], as JSON).
    pub fn identity(&self) -> PathBuf {
        self.data_dir.join("zk-bootstrap.json")
    }

    /// That the server runs and does not serve ([`Stuck`], as JSON).
    pub fn stuck(&self) -> PathBuf {
        self.data_dir.join("zk-bootstrap.stuck.json")
    }

    /// ZooKeeper looks for it beside `version-2` of the log directory (its documentation says
    /// `dataDir`), in `FileTxnSnapLog`.
    pub fn initialize(&self) -> PathBuf {
        self.log_dir.join("initialize")
    }

    /// zoo.cfg.
    pub fn zoo_cfg(&self) -> PathBuf {
        self.conf_dir.join("zoo.cfg")
    }

    /// The flags of the server's JVM.
    pub fn java_env(&self) -> PathBuf {
        self.conf_dir.join("java.env")
    }

    /// The dynamic file as the agent writes it: without a suffix, which is version 0.
    pub fn dynamic_file(&self) -> PathBuf {
        self.conf_dir.join("zoo.cfg.dynamic")
    }

    /// The reconfig in flight that a server left behind; it would adopt it at its next start.
    pub fn dynamic_next(&self) -> PathBuf {
        self.conf_dir.join("zoo.cfg.dynamic.next")
    }

    /// The directory with snapshots and epochs, and the one with logs; often the same.
    pub fn versions(&self) -> [PathBuf; 2] {
        [&self.data_dir, &self.log_dir].map(|directory| directory.join("version-2"))
    }

    /// What moves aside together: the data and all that says whose it is. The log directory may
    /// be another file system, and keeps its own folder.
    pub fn moving_aside(&self, stamp: &str) -> Vec<(Vec<PathBuf>, PathBuf)> {
        let aside = format!("aside-{stamp}");
        let with_data = vec![
            self.data_dir.join("version-2"),
            self.myid(),
            self.identity(),
            self.stuck(),
        ];
        let mut moves = vec![(with_data, self.data_dir.join(&aside))];
        let with_log = vec![self.log_dir.join("version-2"), self.initialize()];
        if self.log_dir == self.data_dir {
            moves[0].0.push(self.initialize());
        } else {
            moves.push((with_log, self.log_dir.join(&aside)));
        }
        moves
    }
}

/// Looks at the files; the file systems they are on are the world's to ask. `read` gives a small
/// file's text, or `None` where there is none; `list` gives the names in a directory without empty
/// files, none where there is no directory. (A server that died while it wrote its first snapshot
/// leaves an empty one, and passes over it; one that runs may be about to write it.)
///
/// A file that is torn counts as missing, since it will be written again; a file that cannot be
/// read makes the whole look fail, since nothing is known then.
///
/// # Errors
/// The first file or directory that is there and cannot be read.
pub fn observe<E>(
    paths: &Paths,
    settings: &Settings,
    read: impl Fn(&Path) -> Result<Option<String>, E>,
    list: impl Fn(&Path) -> Result<Vec<String>, E>,
) -> Result<Disk, E> {
    let mut data = false;
    for directory in paths.versions() {
        data |= list(&directory)?.iter().any(|name| is_data(name));
    }
    let myid = read(&paths.myid())?.and_then(|text| text.trim().parse().ok());
    let identity = read(&paths.identity())?;
    let identity = identity.and_then(|text| serde_json::from_str::<Identity>(&text).ok());
    let zoo_cfg = read(&paths.zoo_cfg())?;
    let pointer = zoo_cfg.as_deref().and_then(zoo_cfg::live_pointer);
    let dynamic = match &pointer {
        Some(file) => read(file)?.and_then(|text| dynamic_config(file, &text)),
        None => None,
    };
    let stuck = read(&paths.stuck())?;
    let stuck = stuck.and_then(|text| serde_json::from_str::<Stuck>(&text).ok());
    Ok(Disk {
        data,
        initialize: read(&paths.initialize())?.is_some(),
        history: None,
        myid,
        identity,
        zoo_cfg: zoo_cfg::compare(zoo_cfg.as_deref(), settings),
        dynamic,
        stuck,
        unwritable: None,
        written: None,
    })
}

/// Whether a file of `version-2` is a snapshot or a transaction log.
fn is_data(name: &str) -> bool {
    name.starts_with("snapshot.") || name.starts_with("log.")
}

/// The size of the newest snapshot among files with their sizes; its zxid stands in its name.
pub fn newest_snapshot(files: &[(String, u64)]) -> Option<u64> {
    let snapshots = files.iter().filter_map(|(name, size)| {
        let zxid: Zxid = name.strip_prefix("snapshot.")?.parse().ok()?;
        Some((zxid, *size))
    });
    snapshots.max().map(|(_, size)| size)
}

/// A dynamic file, with the version of its name.
fn dynamic_config(file: &Path, text: &str) -> Option<Ensemble> {
    let ensemble: Ensemble = text.parse().ok()?;
    Some(Ensemble {
        version: zoo_cfg::version_of(file),
        ..ensemble
    })
}
