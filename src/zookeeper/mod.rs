//! ZooKeeper: its four-letter words, its files, its reconfig.

pub mod disk;
pub mod four_letter;
pub mod history;
pub mod java_env;
pub mod knock;
pub mod reconfig;
pub mod reply;
pub mod secret;
pub mod session;
pub mod words;
pub mod zoo_cfg;
