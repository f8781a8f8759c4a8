//! What the agent beside the leader tells CloudWatch of the ensemble.

use std::fmt;

use serde::Serialize;

/// The figures of one look. Those who watch them need no more than the newest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Figures {
    /// The voters of the committed config.
    pub voters: usize,
    /// The voters that there shall be, where the group's desired capacity is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wanted_voters: Option<usize>,
    /// The voters of the committed config whose servers answered that they serve; absent while EC2
    /// does not tell where they are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serving_voters: Option<usize>,
    /// The generation of the ensemble's data.
    pub generation: u32,
    /// 1 for an hour from the start of a generation that began with a recovery, or anew; else 0.
    pub recovered: u8,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Figures {
            voters,
            wanted_voters,
            serving_voters,
            generation,
            recovered,
        } = self;
        write!(f, "generation {generation}, {voters} voters")?;
        if let Some(wanted) = wanted_voters {
            write!(f, " of {wanted}")?;
        }
        if let Some(serving) = serving_voters {
            write!(f, ", {serving} serve")?;
        }
        match recovered {
            0 => Ok(()),
            _ => f.write_str(", just recovered"),
        }
    }
}
