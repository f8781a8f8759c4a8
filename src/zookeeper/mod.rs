//! ZooKeeper: its four-letter words, its files, its reconfig.

pub mod four_letter;
pub mod reply;
pub mod zoo_cfg;
