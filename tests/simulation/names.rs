//! What is published for clients: one place, written on the condition of what was read.

use zk_bootstrap::agent::Outcome;
use zk_bootstrap::model::id::ConfigVersion;
use zk_bootstrap::model::names::Names;

use super::elsewhere::CALL;
use super::mutations::Mutation;
use super::region::{Region, SECOND};
use super::world::{Applied, Simulated, pause};
use super::zookeeper::Phase;

impl Region {
    /// Whether the server of `m` leads, as far as it knows.
    pub fn believes_to_lead(&self, m: usize) -> bool {
        let server = self.machines[m].server.as_ref();
        server.is_some_and(|server| matches!(server.phase, Phase::Leading(_))) && self.serves(m)
    }

    /// Writes names if those of `replaces` are there.
    fn publish(&mut self, m: usize, names: &Names, replaces: Option<(u32, ConfigVersion)>) -> bool {
        let there = self.published.as_ref().map(Names::age);
        if there != replaces {
            return false;
        }
        if there > Some(names.age()) {
            self.broke(format!("{m} lets the published names go back to {names}"));
        }
        self.published = Some(names.clone());
        true
    }

    /// What keeps the published names from being those of the members.
    pub fn outdated_names(&self) -> Option<String> {
        let config = self.truth.config.as_ref();
        let config = config.filter(|_| self.policy.publish_names)?;
        let generation = self.published.as_ref().map_or(0, |names| names.generation);
        let due = Names::of(generation, &config.ensemble(&self.policy));
        match &self.published {
            Some(names) if *names == due => None,
            Some(names) => Some(format!("clients are told of {names}, and not of {due}")),
            None => Some("clients are told of nobody".to_owned()),
        }
    }
}

impl Simulated {
    pub async fn publish(
        &mut self,
        names: &Names,
        replaces: Option<(u32, ConfigVersion)>,
    ) -> Applied {
        self.heard.names_are_outdated();
        let m = self.m;
        let regardless = self.mutates(Mutation::PublishesRegardless);
        if regardless {
            pause(&self.region, 5 * SECOND..60 * SECOND).await;
        }
        pause(&self.region, CALL).await;
        let write = |region: &mut Region| {
            let there = region.published.as_ref().map(Names::age);
            region.publish(m, names, if regardless { there } else { replaces })
        };
        Ok(match self.tell(write).await? {
            true => {
                let at = self.region.borrow().time();
                self.heard.note_names(names.clone(), at);
                Outcome::Done
            }
            false => Outcome::Overtaken {
                by: "others are published".to_owned(),
            },
        })
    }
}
