//! An instance refresh: the group replaces its instances one after the other. The next one has its turn
//! when all that there shall be are in service, and who is protected from scale-in is waited for.

use std::collections::BTreeSet;

use zk_bootstrap::model::fleet::Lifecycle;

use super::fleet::{Change, Group};
use super::region::{MINUTE, Region, SECOND};

/// One that is under way.
#[derive(Debug)]
pub struct Refresh {
    /// The machines that are still to be replaced.
    pub old: BTreeSet<usize>,
    /// Whether the replacement is launched before its predecessor is terminated.
    pub ahead: bool,
}

impl Group {
    /// How many instances there shall be for now.
    pub fn target(&self) -> usize {
        let refresh = self.refresh.as_ref();
        let extra = refresh.is_some_and(|r| r.ahead && !r.old.is_empty());
        self.desired as usize + usize::from(extra)
    }
}

impl Region {
    /// Begins to replace every instance, unless that is under way.
    pub fn refresh(&mut self, ahead: bool) {
        if self.group.refresh.is_none() {
            let old = self.counted().into_iter().collect();
            self.group.refresh = Some(Refresh { old, ahead });
            self.later(0..1, Change::Refresh);
            self.later(0..1, Change::Scale);
        }
    }

    /// Replaces the next one when its turn has come.
    pub fn go_on_refreshing(&mut self) {
        let counted = self.counted();
        let Some(refresh) = &mut self.group.refresh else {
            return;
        };
        refresh.old.retain(|m| counted.contains(m));
        if refresh.old.is_empty() {
            self.group.refresh = None;
            self.coverage.happened("a refresh ends");
            return self.later(0..SECOND, Change::Scale);
        }
        let serves = |m: &&usize| self.machines[**m].lifecycle.now() == Lifecycle::InService;
        let free = |m: &&usize| serves(m) && !self.machines[**m].protected;
        let next = refresh.old.iter().find(free).copied();
        let ready = counted.iter().filter(serves).count() >= self.group.target();
        if let Some(m) = next.filter(|_| ready) {
            self.retire(m);
            self.later(SECOND..20 * SECOND, Change::Scale);
        }
        self.later(5 * SECOND..MINUTE / 2, Change::Refresh);
    }
}
