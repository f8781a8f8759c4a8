//! What is on an instance's disk: ZooKeeper's history, and the files beside it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use zk_bootstrap::model::disk::{self as model, Identity, Stuck, ZooCfg};
use zk_bootstrap::model::ensemble::Ensemble;
use zk_bootstrap::model::history::History;
use zk_bootstrap::model::id::{ConfigVersion, ServerId, Zxid};
use zk_bootstrap::model::policy::Policy;
use zk_bootstrap::model::server::Role;

/// A config as the model of ZooKeeper needs it: quicker to compare than server lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub version: u64,
    pub members: BTreeMap<ServerId, (IpAddr, Role)>,
}

impl Config {
    pub fn of(ensemble: &Ensemble) -> Rc<Config> {
        let member = |server: &zk_bootstrap::model::server::Server| {
            let address = server
                .address
                .parse()
                .expect("servers are listed by address");
            (server.id, (address, server.role))
        };
        Rc::new(Config {
            version: ensemble.version.0,
            members: ensemble.servers.values().map(member).collect(),
        })
    }

    pub fn ensemble(&self, policy: &Policy) -> Ensemble {
        let server = |(id, (at, role)): (&ServerId, &_)| policy.server(*id, *at).with_role(*role);
        Ensemble {
            version: ConfigVersion(self.version),
            ..Ensemble::unversioned(self.members.iter().map(server))
        }
    }

    pub fn lists(&self, id: ServerId, address: IpAddr) -> bool {
        self.members.get(&id).is_some_and(|(at, _)| *at == address)
    }

    pub fn voters(&self) -> impl Iterator<Item = (ServerId, IpAddr)> {
        let voting = |(_, (_, role)): &(&ServerId, &(IpAddr, Role))| *role == Role::Participant;
        let members = self.members.iter().filter(voting);
        members.map(|(id, (address, _))| (*id, *address))
    }

    pub fn is_voter(&self, id: ServerId, address: IpAddr) -> bool {
        self.voters().any(|voter| voter == (id, address))
    }

    pub fn quorum(&self) -> usize {
        self.voters().count() / 2 + 1
    }
}

/// A transaction: a client's write, or a change of the config.
#[derive(Debug, Clone)]
pub struct Txn {
    pub zxid: u64,
    /// Unlike a zxid, no other transaction ever has it: a leader's, or a dead one's of another
    /// generation in the same epoch.
    pub serial: u64,
    pub config: Option<Rc<Config>>,
}

/// Snapshot and log: the history that this disk holds.
#[derive(Debug, Clone, Default)]
pub struct Store {
    /// Which beginning of an ensemble, empty or with data, it goes back to; absent while there is
    /// neither snapshot nor log.
    pub lineage: Option<u32>,
    /// The generation of that beginning, as the agent counts.
    pub generation: u32,
    pub txns: Vec<Txn>,
    /// The last leader's that it acknowledged.
    pub epoch: u32,
    /// The last that it promised to follow.
    pub accepted: u32,
}

impl Store {
    /// Whether everything here is there, too, in the same order.
    pub fn is_prefix_of(&self, other: &Store) -> bool {
        let serials = |store: &Store| store.txns.iter().map(|t| t.serial).collect::<Vec<_>>();
        serials(other).starts_with(&serials(self))
    }

    pub fn last(&self) -> u64 {
        self.txns.last().map_or(0, |txn| txn.zxid)
    }
}

#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub store: Store,
    pub myid: Option<ServerId>,
    pub identity: Option<Identity>,
    pub initialize: bool,
    pub dynamic: Option<Rc<Config>>,
    /// The change in flight that a server has taken up: the file `.next` (4).
    pub next: Option<Rc<Config>>,
    pub stuck: Option<Stuck>,
    pub zoo_cfg: ZooCfg,
    /// What was moved aside.
    pub aside: Vec<Store>,
}

impl Disk {
    /// What an agent sees; how far the data goes only when the server is withdrawn and `stopped`.
    pub fn look(&self, policy: &Policy, stopped: bool) -> model::Disk {
        let withdrawn = self.identity.as_ref().filter(|i| i.withdrawn && stopped);
        let history = withdrawn.map(|identity| History {
            generation: identity.lineage.generation,
            epoch: self.store.epoch,
            zxid: Zxid(self.store.last()),
        });
        model::Disk {
            data: self.store.lineage.is_some(),
            initialize: self.initialize,
            myid: self.myid,
            identity: self.identity.clone(),
            history: history.filter(|_| self.store.lineage.is_some()),
            zoo_cfg: self.zoo_cfg,
            dynamic: self.dynamic.as_ref().map(|c| c.ensemble(policy)),
            stuck: self.stuck,
            ..model::Disk::default()
        }
    }

    /// ZooKeeper's data directory is moved aside whole.
    pub fn move_aside(&mut self) {
        self.aside.push(std::mem::take(&mut self.store));
        self.myid = None;
        self.identity = None;
        self.initialize = false;
        self.stuck = None;
    }
}
