//! The decisions: pure functions of a snapshot. No clock, no IO, nothing remembered.

use crate::model::plan::Plan;
use crate::model::policy::Policy;
use crate::model::snapshot::Snapshot;

/// What this instance should do now.
pub fn plan(snapshot: &Snapshot, policy: &Policy) -> Plan {
    let _ = (snapshot, policy);
    todo!()
}
