//! What is on an instance's disk: ZooKeeper's history, and the files beside it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::rc::Rc;

use zk_bootstrap::model::disk::{self as model, Identity, ZooCfg};
use zk_bootstrap::model::ensemble::Ensemble;
use zk_bootstrap::model::id::{ConfigVersion, ServerId};
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
    pub config: Option<Rc<Config>>,
}

/// Snapshot and log: the history that this disk holds.
#[derive(Debug, Clone, Default)]
pub struct Store {
    /// Which founding it goes back to; absent while there is neither snapshot nor log.
    pub lineage: Option<u32>,
    pub txns: Vec<Txn>,
    pub epoch: u32,
}

impl Store {
    pub fn last(&self) -> u64 {
        self.txns.last().map_or(0, |txn| txn.zxid)
    }

    /// The history's newest config.
    pub fn config(&self) -> Option<&Rc<Config>> {
        self.txns.iter().rev().find_map(|txn| txn.config.as_ref())
    }
}

#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub store: Store,
    pub myid: Option<ServerId>,
    pub identity: Option<Identity>,
    pub initialize: bool,
    pub dynamic: Option<Rc<Config>>,
    pub zoo_cfg: ZooCfg,
    /// What was moved aside.
    pub aside: Vec<Store>,
}

impl Disk {
    pub fn look(&self, policy: &Policy) -> model::Disk {
        model::Disk {
            data: self.store.lineage.is_some(),
            initialize: self.initialize,
            myid: self.myid,
            identity: self.identity.clone(),
            zoo_cfg: self.zoo_cfg,
            dynamic: self.dynamic.as_ref().map(|c| c.ensemble(policy)),
        }
    }

    /// ZooKeeper's data directory is moved aside whole.
    pub fn move_aside(&mut self) {
        self.aside.push(std::mem::take(&mut self.store));
        self.myid = None;
        self.identity = None;
        self.initialize = false;
    }
}
