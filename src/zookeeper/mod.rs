//! ZooKeeper: its four-letter words, its files, its reconfig.

pub mod four_letter;
pub mod reply;
