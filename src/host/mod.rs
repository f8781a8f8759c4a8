//! The machine: its files, its services, its connections.

pub mod connections;
pub mod directories;
pub mod file_systems;
pub mod files;
pub mod notify;
pub mod services;
