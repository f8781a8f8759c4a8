//! The machine: its files, its services.

pub mod files;
pub mod notify;
pub mod services;
