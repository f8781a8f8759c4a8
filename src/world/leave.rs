//! What an instance that comes or goes tells its group and its ensemble: an arm for each action.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use super::RealWorld;
use super::apply::{Applied, COMMIT_DEADLINE, Failure};
use crate::agent::Outcome;
use crate::aws::group::Told;
use crate::clock;
use crate::model::id::InstanceId;
use crate::zookeeper::session;

impl RealWorld {
    /// Through any of the others, as soon as one serves: a leader that was just removed takes sessions
    /// and answers none for more than a second, with those of clients, until it is stopped.
    pub(super) async fn await_commit(&self) -> Applied {
        let port = self.settings.zookeeper.client_port;
        let others = self.elsewhere.heard.addresses().values();
        let others = others.map(|address| SocketAddr::new(*address, port));
        let mut servers: Vec<SocketAddr> = others.collect();
        if servers.is_empty() {
            servers.push(self.own_server(&self.known_me()?));
        }
        session::open(&servers, COMMIT_DEADLINE).await?;
        Ok(Outcome::Done)
    }

    pub(super) async fn complete_hook(&mut self, hook: &str) -> Applied {
        let me = self.known_me()?.instance;
        let told = self.elsewhere.aws()?.group()?.complete(hook, &me).await?;
        if told == Told::Taken {
            self.elsewhere.heard.note_completed(hook);
        }
        self.outcome(told)
    }

    pub(super) async fn heartbeat(&mut self, hook: &str) -> Applied {
        let me = self.known_me()?.instance;
        let told = self.elsewhere.aws()?.group()?.heartbeat(hook, &me).await?;
        if told == Told::Taken {
            self.elsewhere.heard.note_heartbeat(hook, clock::now());
        }
        self.outcome(told)
    }

    pub(super) async fn protect(
        &mut self,
        instances: &BTreeSet<InstanceId>,
        protected: bool,
    ) -> Applied {
        let group = self.elsewhere.aws()?.group()?;
        let told = group.protect(instances, protected).await?;
        if told == Told::Taken {
            self.elsewhere.heard.note_protection(instances, protected);
        }
        self.outcome(told)
    }

    pub(super) async fn report_unhealthy(&mut self) -> Applied {
        let me = self.known_me()?.instance;
        let told = self.elsewhere.aws()?.group()?.report_unhealthy(&me).await?;
        if told == Told::Taken {
            self.elsewhere.heard.note_unhealthy(&me);
        }
        self.outcome(told)
    }

    /// What came too late was overtaken by the group, which is looked at again.
    fn outcome(&mut self, told: Told) -> Result<Outcome, Failure> {
        Ok(match told {
            Told::Taken => Outcome::Done,
            Told::TooLate(by) => {
                self.elsewhere.heard.fleet_is_outdated();
                Outcome::Overtaken { by }
            }
        })
    }
}
