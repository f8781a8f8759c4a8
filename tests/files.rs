//! Files are replaced whole or not at all, and moved rather than deleted.

use std::fs::{self, File};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use zk_bootstrap::clock;
use zk_bootstrap::host::file_systems::space;
use zk_bootstrap::host::files::{list, list_with_begun, move_aside, read, replace, stored};

/// A directory of its own for each test, under the build's.
fn directory(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    fs::create_dir_all(&directory).expect("a directory");
    directory
}

#[test]
fn a_replaced_file_has_its_content_and_mode_and_leaves_nothing_beside() {
    let directory = directory("replaced");
    let path = directory.join("zoo.cfg");
    replace(&path, "a=1\n", 0o640).expect("written");
    replace(&path, "a=2\n", 0o640).expect("replaced");
    assert_eq!(read(&path).expect("readable").as_deref(), Some("a=2\n"));
    assert_eq!(
        fs::metadata(&path).expect("there").permissions().mode() & 0o777,
        0o640
    );
    assert_eq!(fs::read_dir(&directory).expect("readable").count(), 1);
}

#[test]
fn a_file_that_has_its_content_already_is_not_written_again() {
    let path = directory("same").join("myid");
    replace(&path, "3\n", 0o644).expect("written");
    let before = fs::metadata(&path).expect("there").ino();
    replace(&path, "3\n", 0o644).expect("left alone");
    assert_eq!(fs::metadata(&path).expect("there").ino(), before);
}

#[test]
fn a_missing_file_is_no_error_and_a_directory_in_its_place_is_one() {
    let directory = directory("missing");
    assert_eq!(read(&directory.join("none")).expect("no error"), None);
    fs::create_dir(directory.join("myid")).expect("a directory");
    let error = replace(&directory.join("myid"), "3\n", 0o644).expect_err("a directory");
    assert!(error.to_string().contains("myid"), "{error}");
    assert_eq!(
        fs::read_dir(&directory).expect("readable").count(),
        1,
        "nothing is left beside"
    );
}

#[test]
fn an_empty_file_is_not_listed() {
    let directory = directory("listed");
    fs::write(directory.join("snapshot.0"), "").expect("written");
    fs::write(directory.join("log.100000001"), "ZKLG").expect("written");
    assert_eq!(list(&directory).expect("readable"), ["log.100000001"]);
    assert!(list(&directory.join("none")).expect("readable").is_empty());
}

/// A leader writes its snapshot anew as it begins to lead: the file is empty for a moment.
#[test]
fn an_empty_file_that_was_just_begun_is_listed_where_a_server_may_be_writing_it() {
    let directory = directory("begun");
    for name in ["snapshot.0", "snapshot.5"] {
        File::create(directory.join(name)).expect("created");
    }
    let left = File::options()
        .write(true)
        .open(directory.join("snapshot.5"));
    let left = left.expect("open");
    let now = SystemTime::from(clock::now());
    let long_ago = now - Duration::from_secs(3600);
    left.set_modified(long_ago).expect("its time is set");
    let lately = now - Duration::from_secs(60);
    let listed = list_with_begun(&directory, lately).expect("readable");
    assert_eq!(listed, ["snapshot.0"]);
}

#[test]
fn what_gives_way_is_moved_and_not_deleted() {
    let directory = directory("aside");
    fs::create_dir_all(directory.join("version-2")).expect("a directory");
    fs::write(directory.join("version-2/snapshot.0"), "data").expect("a file");
    let aside = directory.join("aside-2026-03-01T12-00-00Z");
    let paths = [directory.join("version-2"), directory.join("myid")];
    move_aside(&paths, &aside).expect("moved");
    move_aside(&paths, &aside).expect("a repetition is harmless");
    assert!(!directory.join("version-2").exists());
    assert_eq!(
        fs::read_to_string(aside.join("version-2/snapshot.0")).expect("kept"),
        "data"
    );
}

#[test]
fn a_file_system_tells_its_free_space_without_being_written_to() {
    let directory = directory("space");
    let said = space(&directory).expect("an answer").expect("it is there");
    assert!(!said.read_only && said.free > 0 && !said.out_of_inodes);
    // Nothing can be stored where the kernel shows its processes.
    let kernel = space("/proc".as_ref())
        .expect("an answer")
        .expect("it is there");
    assert_eq!(kernel.free, 0);
    assert_eq!(space(&directory.join("none")).expect("an answer"), None);
    assert_eq!(fs::read_dir(&directory).expect("readable").count(), 0);
}

#[test]
fn a_directory_tells_when_anything_was_stored_in_it_last_and_empty_files_are_nothing() {
    let directory = directory("stored");
    let now = fs::metadata(&directory).and_then(|found| found.modified());
    let later = now.expect("a time") + Duration::from_secs(60);
    let touch = |path: &Path| {
        let file = File::options().read(true).open(path).expect("there");
        file.set_modified(later).expect("a time");
    };
    touch(&directory);
    assert_eq!(stored(&directory).expect("an answer"), Some(later));
    let log = directory.join("log.1");
    fs::write(&log, "1").expect("written");
    let first = fs::metadata(&log).and_then(|found| found.modified());
    let first = Some(first.expect("a time"));
    // What a server leaves on a full disk with each of its attempts.
    fs::write(directory.join("log.2"), "").expect("written");
    fs::create_dir(directory.join("version-2")).expect("a directory");
    for new in [
        &directory.join("log.2"),
        &directory.join("version-2"),
        &directory,
    ] {
        touch(new);
    }
    assert_eq!(stored(&directory).expect("an answer"), first);
    touch(&log);
    assert_eq!(stored(&directory).expect("an answer"), Some(later));
    assert_eq!(stored(&directory.join("none")).expect("an answer"), None);
}
