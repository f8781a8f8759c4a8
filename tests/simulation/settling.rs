//! How histories end: when trouble stops, the fleet settles, and a settled fleet plans nothing.

use zk_bootstrap::model::fleet::Lifecycle;
use zk_bootstrap::model::plan::Situation;

use super::history::History;
use super::region::{MINUTE, Ms, SECOND, Weather};

/// A fleet is settled when no agent has acted for so long.
const QUIET: Ms = 70 * SECOND;
/// What could not be recovered for so long is given up: a change under way is forgotten at the second
/// restart, a quarter of an hour after the loss.
const HOPE: Ms = 30 * MINUTE;

/// How a history ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Settled { after: Ms },
    Excused(&'static str),
    Restless(String),
    Broken(String),
}

impl History {
    /// Ends all trouble and waits for the fleet to settle.
    pub fn settle(&mut self, most: Ms) -> End {
        let start = {
            let region = &mut *self.region.borrow_mut();
            region.weather = Weather::default();
            region.heal();
            region.now
        };
        self.thaw();
        let (mut acts, mut since, mut judged, mut hoped) = (0, start, start, start);
        let settled = self.run_until(most, |history| {
            let (now, done) = {
                let region = history.region.borrow();
                (region.now, region.acts)
            };
            if done != acts {
                (acts, since) = (done, now);
            }
            if now < judged + SECOND {
                return false;
            }
            judged = now;
            if history.region.borrow().unrecoverable().is_none() {
                hoped = now;
            }
            now > hoped + HOPE || (now > since + QUIET && history.unsettled().is_none())
        });
        let region = self.region.borrow();
        if let Some(broken) = region.broken.first() {
            return End::Broken(broken.clone());
        }
        match region.unrecoverable() {
            Some(why) => End::Excused(why),
            None if settled => End::Settled {
                after: since - start,
            },
            None => End::Restless(self.unsettled().unwrap_or("it never rests".to_owned())),
        }
    }

    /// What keeps the fleet from being settled: every instance of the group in service, a serving member that
    /// plans nothing, nobody else in the config, as many voters as are wanted, and no zone with a
    /// majority of them where there is a choice.
    pub fn unsettled(&self) -> Option<String> {
        let region = self.region.borrow();
        let counted = region.counted();
        let desired = region.group.desired as usize;
        if counted.len() != desired {
            return Some(format!("{} instances of {desired}", counted.len()));
        }
        if region.group.refresh.is_some() {
            return Some("instances are refreshed".to_owned());
        }
        for m in &counted {
            let Some(plan) = self.last_plan(*m) else {
                return Some(format!("{m} has no plan yet"));
            };
            let rests = plan.situation == Situation::Member
                && plan.actions.is_empty()
                && plan.waiting.is_empty();
            if !rests {
                return Some(format!("{m} plans: {plan}"));
            }
            if region.machines[*m].lifecycle.now() != Lifecycle::InService {
                return Some(format!("{m} is not in service"));
            }
        }
        let config = region.truth.config.as_ref();
        let Some(config) = config else {
            return Some("no ensemble".to_owned());
        };
        let member = |m: &usize| {
            let machine = &region.machines[*m];
            let id = machine.disk.myid;
            id.is_some_and(|id| config.lists(id, machine.address)) && region.serves(*m)
        };
        let members = &config.members;
        if members.len() != counted.len() || !counted.iter().all(member) {
            return Some(format!("the members for {counted:?} are {members:?}"));
        }
        let wanted = region.policy.wanted_voters(Some(region.group.desired));
        if config.voters().count() != wanted {
            return Some(format!("{wanted} voters are wanted: {members:?}"));
        }
        region
            .is_crowded(config)
            .or_else(|| region.outdated_names())
    }
}
