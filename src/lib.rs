//! zk-bootstrap turns an AWS Auto Scaling group into a ZooKeeper ensemble and keeps it one.
//!
//! The agent on every instance does the same thing over and over: it *observes* the world into a
//! [`model::snapshot::Snapshot`], [`decide::plan`]s from it as a pure function, lets
//! [`decide::safety`] judge the plan, and *applies* the actions in their order. Nothing is
//! remembered that could be recognised, so a restart at any point is not a special case.
//!
//! | module | what it is |
//! | --- | --- |
//! | [`model`] | the nouns |
//! | [`decide`] | a snapshot in, a plan out; and the checker that judges plans |
//! | [`doctor`] | facts in, findings out |
//! | [`agent`] | the loop, its pace, and the [`agent::World`] it acts on |
//! | [`world`] | the real world: observes and applies through the adapters |
//! | [`aws`] [`zookeeper`] [`host`] | the adapters |
//! | [`config`] | drop-ins to settings |
//! | [`clock`] | the one place that looks at the clock |

pub mod agent;
pub mod aws;
pub mod cli;
pub mod clock;
pub mod config;
pub mod decide;
pub mod doctor;
pub mod host;
pub mod model;
pub mod world;
pub mod zookeeper;
