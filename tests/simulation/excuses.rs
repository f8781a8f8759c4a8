//! What an agent cannot mend: the only excuses for a fleet that does not settle.

use zk_bootstrap::model::claim::Slot;

use super::disk::Config;
use super::fleet::Machine;
use super::region::Region;

impl Region {
    /// Why nothing that an agent may do brings the ensemble back: the exact list of what excuses
    /// a fleet that does not settle.
    pub fn unrecoverable(&self) -> Option<&'static str> {
        if self.all_is_gone() {
            return None;
        }
        let Some(config) = &self.truth.config else {
            return self.founder_is_lost();
        };
        if self.is_lost_for_good(config) {
            return None;
        }
        self.lacks_who_knows(config)
            .then_some("a voter is needed that went down before it learned that it is one")
    }

    /// Whether those of its voters who know that they are, and have their data, are no quorum.
    fn lacks_who_knows(&self, config: &Config) -> bool {
        let voters = self.intact_voters(config);
        let knows = |m: &&usize| {
            let machine = &self.machines[**m];
            // Who follows hears of it in a moment; who looks is told by those who know it.
            let (up, follows) = (machine.server.is_some(), self.leader_of(**m).is_some());
            let lists = |c: &Config| {
                let id = machine.disk.myid;
                let votes = |id| c.is_voter(id, machine.address);
                id.is_some_and(|id| votes(id) || (up && c.lists(id, machine.address)))
            };
            follows || machine.disk.dynamic.as_deref().is_some_and(lists)
        };
        voters.iter().filter(knows).count() < config.quorum()
    }

    /// Whether everybody who ever noted that a server was about to start is terminated: then the
    /// next generation is due.
    fn all_is_gone(&self) -> bool {
        let started = self.streams.streams.values().filter(|s| s.has_started());
        let mut owners = started.filter_map(|s| s.owner());
        owners.all(|owner| {
            let machine = self.machines.iter().find(|m| m.id == owner.instance);
            machine.is_some_and(Machine::is_gone)
        })
    }

    /// A founder noted that it was about to start, and lost its disk before it led.
    fn founder_is_lost(&self) -> Option<&'static str> {
        let (_, marker) = self.streams.newest(Slot::Ensemble)?;
        let founder = marker.owner()?;
        let found = self.machines.iter().find(|m| m.id == founder.instance)?;
        let emptied = !found.is_gone() && found.disk.identity.is_none();
        (marker.has_started() && emptied)
            .then_some("the founder's disk was emptied before it led, and it is not terminated")
    }

    /// The voters that have their data, on machines that are not terminated.
    pub fn intact_voters(&self, config: &Config) -> Vec<usize> {
        let lineage = Some(self.truth.lineages);
        let living = config.voters().filter_map(|voter| self.living(voter));
        living
            .filter(|m| self.machines[*m].disk.store.lineage == lineage)
            .collect()
    }
}
