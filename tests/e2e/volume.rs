//! A disk of one instance that can go wrong: a small ext4 on a loop device, mounted at ZooKeeper's data
//! directory in a mount namespace that only the agent and the server of this instance enter. The
//! mount and the device end with the namespace, and that with its last process.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, ErrorKind, Write as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::world::instance::{Instance, inherited};

/// Makes the file system, and keeps the namespace until standard input closes.
const KEEPER: &str = r#"
set -e
truncate -s 64M "$1"
mkfs.ext4 -q -m 0 "$1"
mount -o loop,errors=remount-ro "$1" "$2"
echo mounted
exec cat
"#;
const FILLER: &str = "filler";

/// The disk, from before its instance's first boot.
pub struct Volume {
    keeper: Child,
    directory: PathBuf,
}

impl Volume {
    /// Why none can be made here.
    ///
    /// # Errors
    /// The reason.
    pub fn may_be_made() -> Result<(), String> {
        if fs::metadata("/proc/self").expect("/proc").uid() != 0 {
            return Err("a mount takes root".to_owned());
        }
        let device = File::open("/dev/loop-control");
        device.map_err(|error| format!("/dev/loop-control: {error}"))?;
        Ok(())
    }

    /// The agent of an instance whose disk is to be a volume: it is run in the volume's namespace.
    pub fn agent(world: &Path) -> PathBuf {
        world.join("agent-in-namespace")
    }

    /// Mounts it below an instance of [`Volume::agent`], which runs this agent then.
    ///
    /// # Panics
    /// When it cannot be mounted.
    pub fn below(instance: &Instance, world: &Path, agent: &Path) -> Self {
        let directory = instance.home.join("data");
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", KEEPER, "sh"]);
        command.arg(instance.home.join("disk")).arg(&directory);
        // Of the world, not of the instance: it is there while that has no power.
        command.env_clear().envs(inherited()).env("ZK_WORLD", world);
        let keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut keeper = keeper.expect("unshare runs");
        let mut said = String::new();
        let mut output = BufReader::new(keeper.stdout.take().expect("piped"));
        output.read_line(&mut said).expect("text");
        assert_eq!(said, "mounted\n", "the reason is on standard error");
        let namespace = format!("/proc/{}/ns/mnt", keeper.id());
        let script = format!(
            "#!/bin/sh\nexec nsenter --mount='{namespace}' '{}' \"$@\"\n",
            agent.display()
        );
        let path = Volume::agent(world);
        fs::write(&path, script).expect("a file");
        let executable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(&path, executable).expect("our file");
        Volume { keeper, directory }
    }

    /// Takes all the space that is left.
    pub fn fill(&self) {
        let filler = File::create(self.seen().join(FILLER));
        let mut filler = filler.expect("a file");
        for size in [1 << 16, 1 << 10] {
            let error = loop {
                if let Err(error) = filler.write_all(&vec![1; size]) {
                    break error;
                }
            };
            assert_eq!(error.kind(), ErrorKind::StorageFull, "{error}");
        }
    }

    /// Gives the space back.
    pub fn free(&self) {
        fs::remove_file(self.seen().join(FILLER)).expect("it was filled");
    }

    /// Mounts it again with these options: `ro`, which nobody may write to then, or `rw`.
    pub fn remount(&self, options: &str) {
        self.run(&["mount", "-o", &format!("remount,{options}")]);
    }

    /// Lets the file system find an error of its device; it takes nothing any more.
    pub fn fail(&self) {
        let device = self.run(&["findmnt", "--noheadings", "--output", "SOURCE"]);
        let device = device.trim().trim_start_matches("/dev/");
        let trigger = format!("/sys/fs/ext4/{device}/trigger_fs_error");
        fs::write(trigger, "a test").expect("ext4 takes it");
    }

    /// The names of ZooKeeper's data and of the agent's notes. (The process's id is neither.)
    pub fn files(&self) -> BTreeSet<String> {
        let directories = [self.seen(), self.seen().join("version-2")];
        let entries = directories
            .iter()
            .flat_map(|d| fs::read_dir(d).expect("readable"));
        let names = entries.map(|e| {
            e.expect("readable")
                .file_name()
                .into_string()
                .expect("text")
        });
        names.filter(|name| !name.ends_with(".pid")).collect()
    }

    /// Runs a command on the mount point, in its namespace, and returns what it prints.
    fn run(&self, command: &[&str]) -> String {
        let mut nsenter = Command::new("nsenter");
        nsenter.arg(format!("--mount=/proc/{}/ns/mnt", self.keeper.id()));
        let output = nsenter.args(command).arg(&self.directory).output();
        let output = output.expect("nsenter runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}");
        String::from_utf8(output.stdout).expect("text")
    }

    /// The directory as the namespace sees it.
    fn seen(&self) -> PathBuf {
        let root = PathBuf::from(format!("/proc/{}/root", self.keeper.id()));
        root.join(self.directory.strip_prefix("/").expect("an absolute path"))
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}
