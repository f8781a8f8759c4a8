//! Planted defects: the simulation is worth what it catches.

use zk_bootstrap::model::snapshot::Snapshot;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutation {
    TrustsItsOwnClaim,
    AddsBeforeSync,
    KeepsForeignData,
    EmptyDisksVote,
    SkipsTheJournal,
    LosesItsMyId,
}

impl Mutation {
    /// What a defective observer would see instead.
    pub fn distort(self, _snapshot: &mut Snapshot) {}
}
