//! What comes from outside and makes no sense is an "unknown" or one clear error, never a panic
//! and never taken for an absence.

mod events;
mod files;
mod four_letter_words;
mod metadata;
mod parsers;
mod recordings;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn directory(name: &str) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("bad-input")
        .join(name);
    fs::create_dir_all(&directory).expect("a directory");
    directory
}

fn zk_bootstrap(directory: &Path) -> Command {
    let config = directory.join("config.toml");
    fs::write(&config, "").expect("an empty configuration");
    let mut command = Command::new(env!("CARGO_BIN_EXE_zk-bootstrap"));
    command.arg("--config").arg(config).env_clear();
    command
}
