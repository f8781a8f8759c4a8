//! The protocols as small models, gone through exhaustively.
mod agent;
mod claims;
mod look;
mod mutations;
mod protocol;
mod state;
mod zookeeper;
