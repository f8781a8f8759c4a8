//! What an operator may write, what each mistake is answered with, and what is documented.

mod commands;
mod mistakes;
mod shipped;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zk_bootstrap::config::{Loaded, load};

/// A directory of its own with these files in it.
fn directory(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("configuration")
        .join(name);
    // What an earlier run left would be read as well.
    let _ = fs::remove_dir_all(&directory);
    for (file, text) in files {
        let path = directory.join(file);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    directory
}

fn loaded(name: &str, files: &[(&str, &str)]) -> Loaded {
    let path = directory(name, files).join("config.toml");
    load(&path).unwrap_or_else(|error| panic!("{error}"))
}

/// What is said of these files, with paths from their directory on.
fn refusal(name: &str, files: &[(&str, &str)]) -> String {
    let directory = directory(name, files);
    let error = load(&directory.join("config.toml")).expect_err("it is wrong");
    error
        .to_string()
        .replace(&format!("{}/", directory.display()), "")
}

#[test]
fn drop_ins_win_over_the_file_and_the_later_over_the_earlier_key_by_key() {
    let files = [
        (
            "config.toml",
            "[zookeeper]\nheap = \"1g\"\nclient_port = 2182\n",
        ),
        ("config.d/50-fleet.toml", "[zookeeper]\nheap = \"4g\"\n"),
        (
            "config.d/10-image.toml",
            "[zookeeper]\nheap = \"2g\"\nquorum_port = 2889\n",
        ),
        ("config.d/.60-hidden.toml", "not even TOML"),
        ("config.d/70-old.toml.dpkg-old", "not even TOML"),
        ("config.d/README", "not even TOML"),
    ];
    let loaded = loaded("drop-ins", &files);
    let zookeeper = loaded.settings.zookeeper;
    assert_eq!(zookeeper.heap.as_deref(), Some("4g"));
    assert_eq!((zookeeper.client_port, zookeeper.quorum_port), (2182, 2889));
    let names: Vec<&str> = loaded
        .files
        .iter()
        .filter_map(|file| file.file_name()?.to_str())
        .collect();
    assert_eq!(names, ["config.toml", "10-image.toml", "50-fleet.toml"]);
}

#[test]
fn voters_are_protected_only_where_there_is_a_group_to_tell() {
    let asg = loaded("protected", &[("config.toml", "")])
        .settings
        .policy();
    assert!(asg.protect_voters && !asg.leave_on_rebalance);
    let of_tags = "[membership]\nscheme = \"tags\"\ntag_key = \"a\"\ntag_value = \"b\"\n\
                   [policy]\nprotect_voters = true\nleave_on_rebalance = true\n\
                   leave_patience = \"20m\"\n";
    let tags = loaded("unprotected", &[("config.toml", of_tags)]);
    let tags = tags.settings.policy();
    assert!(!tags.protect_voters && tags.leave_on_rebalance);
    assert_eq!(tags.leave_patience, Duration::from_secs(1200));
}
