//! The daemon's own ticks in a simulated region: many histories, each from one seed.
//!
//! `ZKB_SEED=n` replays one history and prints what happened; `ZKB_HISTORIES=n` runs so many.

mod coverage;
mod disk;
mod election;
mod elsewhere;
mod excuses;
mod fleet;
mod founding_stories;
mod here;
mod histories;
mod history;
mod hooks;
mod invariants;
mod leader;
mod mutations;
mod names;
mod operator;
mod recovery_stories;
mod refresh;
mod refresh_stories;
mod region;
mod seat_stories;
mod settling;
mod stories;
mod streams;
mod successions;
mod trouble;
mod world;
mod zookeeper;
