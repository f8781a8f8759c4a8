//! End to end: the real agent and real ZooKeeper servers, in an emulated AWS. What is asserted is
//! what ZooKeeper says, and what a client that writes all the while was promised.

#[path = "../world/mod.rs"]
#[allow(dead_code, reason = "the demo and the bench use other parts of it")]
mod world;

mod aws;
mod disks;
mod doctor;
mod dry_run;
mod founding;
mod leaving;
mod names;
mod recovery;
mod replacement;
mod seats;
mod service_manager;
mod stack;
mod stage;
mod the_group_itself;
mod the_world_itself;
mod trouble;
mod upgrade;
mod volume;
