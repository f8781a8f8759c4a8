//! Directories, file systems, and the secret's file.

use std::time::Duration;

use super::{Finding, Topic};
use crate::model::disk::LEAST_SPACE;
use crate::model::facts::{Directory, Facts, FileSystem, Fsync, Purpose, SecretFacts};

/// Below so many bytes, or this part of the whole, a file system counts as nearly full: a snapshot
/// and a log of preallocated blocks of 64 MiB are always under way.
const LITTLE: u64 = 1 << 30;
const PART: u64 = 10;
/// A write is acknowledged after an `fsync`; SSDs and EBS need some milliseconds.
const SLOW: Duration = Duration::from_millis(50);
/// ZooKeeper itself warns from here on (`fsync.warningthresholdms`).
const STALLED: Duration = Duration::from_secs(1);
const OTHERS_READ: u32 = 0o004;
const GROUP_READS: u32 = 0o040;

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let directories = facts.directories.iter();
    let mut findings: Vec<Finding> = directories
        .flat_map(|each| directory(facts, each))
        .collect();
    findings.push(fsync(facts.server.fsync));
    findings
}

fn directory(facts: &Facts, directory: &Directory) -> Vec<Finding> {
    let path = directory.path.display();
    let found = match directory.found.get() {
        Ok(Some(found)) => found,
        Ok(None) => {
            let what = format!("{path} is missing");
            let remedy = "make it, and give it to the server's user (systemd-tmpfiles --create)";
            return vec![Topic::Disks.error(what, remedy)];
        }
        Err(why) => {
            let what = format!("{path} cannot be looked at: {why}");
            return vec![Topic::Disks.unknown(what, "ask as root, or as the server's user")];
        }
    };
    let mut findings = space(directory, found);
    findings.extend(ownership(facts, directory, found));
    if directory.purpose != Purpose::Configuration && found.on_root {
        let what = format!("{path} is on the device of /: whatever fills that stops the server");
        let remedy = "mount a volume of its own there, which the units wait for by themselves";
        findings.push(Topic::Disks.warning(what, remedy));
    }
    if findings.is_empty() {
        let (mount, gigabytes) = (found.mount.display(), found.free >> 30);
        let what = format!("{path}, on {mount}, is the server's, and has {gigabytes} GiB free");
        findings.push(Topic::Disks.ok(what));
    }
    findings
}

fn space(directory: &Directory, found: &FileSystem) -> Vec<Finding> {
    let path = directory.path.display();
    if found.read_only {
        let what = format!("the file system of {path} is read-only");
        let remedy = "look at the kernel's log for the device's errors, and mount it for writing";
        return vec![Topic::Disks.error(what, remedy)];
    }
    let make_room = "free space, or make it larger";
    if found.free < LEAST_SPACE || found.out_of_inodes {
        let what = format!("the file system of {path} is full");
        return vec![Topic::Disks.error(what, make_room)];
    }
    let little = found.free < LITTLE || found.free < found.size / PART;
    if little && directory.purpose != Purpose::Configuration {
        let (free, size) = (found.free >> 20, found.size >> 20);
        let what = format!("the file system of {path} has {free} of {size} MiB free");
        return vec![Topic::Disks.warning(what, make_room)];
    }
    Vec::new()
}

/// The configuration's directory may be root's, if its group may write there and the user is in it,
/// which the mode alone does not show.
fn ownership(facts: &Facts, directory: &Directory, found: &FileSystem) -> Option<Finding> {
    let path = directory.path.display();
    let (owner, mode) = (found.owner, found.mode);
    let user = match facts.user.get() {
        Ok(user) => *user,
        Err(why) => {
            let what = format!("whether {path} is the server's is not known: {why}");
            let remedy = "look at service.unit, and its User=";
            return Some(Topic::Disks.unknown(what, remedy));
        }
    };
    let by_group = directory.purpose == Purpose::Configuration && mode & 0o020 != 0;
    if owner == user || user == 0 || by_group {
        return None;
    }
    let what =
        format!("{path} is of user {owner} (mode {mode:o}), and the server runs as user {user}");
    let remedy = "give it to the server's user: `chown -R`, or systemd-tmpfiles --create";
    Some(Topic::Disks.error(what, remedy))
}

fn fsync(measured: Option<Fsync>) -> Finding {
    let Some(Fsync {
        count,
        mean,
        longest,
    }) = measured.filter(|fsync| fsync.count > 0)
    else {
        let what = "how long an fsync takes is not known: this instance's server does not tell";
        return Topic::Disks.unknown(what, "ask again when it serves and has written");
    };
    let took = format!("{count} fsyncs of the log took {mean:?} in the mean, {longest:?} at most");
    let remedy = "give the transaction log a disk of its own (zookeeper.data_log_dir), and one with \
                  more IOPS";
    if mean >= SLOW || longest >= STALLED {
        return Topic::Disks.warning(format!("{took}: every write waits for one"), remedy);
    }
    Topic::Disks.ok(took)
}

/// The file with the super user's secret.
pub(super) fn secret(facts: &Facts) -> Vec<Finding> {
    let SecretFacts { path, found } = &facts.secret;
    let path = path.display();
    let (mode, sound) = match found.get() {
        Ok(Some(found)) => *found,
        Ok(None) => {
            let what = format!("{path} is missing: the agent does not start without it");
            let remedy = "write one line of at least 8 characters there, the same on every instance, \
                          readable by root only";
            return vec![Topic::Secret.error(what, remedy)];
        }
        Err(why) => {
            let what = format!("the secret cannot be looked at: {why}");
            return vec![Topic::Secret.unknown(what, "ask as root")];
        }
    };
    let mut findings = Vec::new();
    if !sound {
        let what = format!("{path} holds no secret");
        let remedy = "write one line of 8 to 1024 printable characters without spaces there";
        findings.push(Topic::Secret.error(what, remedy));
    }
    let close = format!("chmod 600 {path}, and change the secret if somebody may have read it");
    if mode & OTHERS_READ != 0 {
        let what = format!("{path} is readable by everybody (mode {mode:o})");
        findings.push(Topic::Secret.error(what, &close));
    } else if mode & GROUP_READS != 0 {
        let what = format!("{path} is readable by its group (mode {mode:o})");
        findings.push(Topic::Secret.warning(what, &close));
    }
    if findings.is_empty() {
        let what = format!("{path} is there, and nobody else reads it (mode {mode:o})");
        findings.push(Topic::Secret.ok(what));
    }
    findings
}
