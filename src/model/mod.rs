//! The nouns: plain data that every other module speaks in. Nothing here looks at the world.

pub mod claim;
pub mod disk;
pub mod ensemble;
pub mod figures;
pub mod fleet;
pub mod history;
pub mod id;
pub mod plan;
pub mod policy;
pub mod probe;
pub mod rights;
pub mod server;
pub mod snapshot;
pub mod zoo_keys;
