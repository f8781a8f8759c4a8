//! The protocols as small models of which every history is gone through: all interleavings of
//! looks, single acts and servers' steps, with a bounded number of troubles at any moment.
//!
//! `ZKB_TROUBLES=n` lets n more of them happen in each history than the tests' names say.
//!
//! - The agents are the daemon's: a look is a snapshot, and `decide::plan` and `decide::safety`
//!   say what follows. The plan is carried out call by call, and between any two calls anything
//!   else may happen: who is frozen is not scheduled.
//! - A lost reply and a death are one step: the rest of the plan is dropped. A claim is two calls,
//!   so that either can be lost.
//! - A stale read misses the newest event of one stream, or a stream with no more than its owner's
//!   record; the rest of the look is true. A deaf look hears no peer.
//! - Time is one bit for each claim: whether its grace has passed before its record was taken.
//! - An instance is terminated with its disk, or stopped and perhaps started again with it.
//! - ZooKeeper is what the protocols rest on (`zookeeper`). Left out: disks that are wiped,
//!   followers that lag behind a change of the config, partitions between servers, and answers of
//!   EC2 that are old. The simulation has those.

mod agent;
mod checks;
mod claims;
mod founding;
mod look;
mod mutations;
mod protocol;
mod recovery;
mod state;
mod streams;
mod zookeeper;
