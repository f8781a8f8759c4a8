//! A machine: a root with its own systemd as PID 1, in a cgroup of its own.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use crate::world::wait::{wait_for, within};

/// For the machine's systemd to be there.
const BOOT: Duration = Duration::from_secs(120);
/// For the processes of a namespace that has ended.
const GONE: Duration = Duration::from_secs(10);
/// How the machines' names begin.
pub const NAME: &str = "zki-";
const CGROUPS: &str = "/sys/fs/cgroup";
/// What a shell of root has on the machine.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A machine that was booted, and may be gone.
pub struct Machine {
    /// Its name.
    pub name: String,
    /// Its root directory.
    pub root: PathBuf,
    /// What it wrote on its console.
    pub console: PathBuf,
    /// Its cgroups; the first is of version 2.
    cgroups: Vec<PathBuf>,
    nspawn: Child,
}

impl Machine {
    /// Boots a root; `more` are arguments of systemd-nspawn.
    pub fn boot(name: &str, root: &Path, console: &Path, more: &[&str]) -> Self {
        let cgroups = cgroups(name);
        for cgroup in &cgroups {
            fs::create_dir_all(cgroup).expect("a cgroup; is this root?");
        }
        let log = File::create(console).expect("a file for the console");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/image/boot.sh");
        let nspawn = Command::new(script)
            .arg(name)
            .arg(root)
            .args(&cgroups)
            .arg("--")
            .args(more)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file"))
            .stderr(log)
            .spawn()
            .expect("bash runs");
        Machine {
            name: name.to_owned(),
            root: root.to_owned(),
            console: console.to_owned(),
            cgroups,
            nspawn,
        }
    }

    /// Its PID 1, as it is known outside, if there is one.
    pub fn leader(&self) -> Option<u32> {
        let procs = self.cgroups[0].join("payload/init.scope/cgroup.procs");
        fs::read_to_string(procs).ok()?.lines().next()?.parse().ok()
    }

    /// Waits until its systemd takes orders.
    pub fn await_systemd(&self) {
        let what = format!("systemd on {} (see {})", self.name, self.console.display());
        wait_for(&what, BOOT, || {
            let mut state = self.command(&["systemctl", "is-system-running"])?;
            let state = state.output().expect("nsenter runs").stdout;
            let state = String::from_utf8_lossy(&state).trim().to_owned();
            ["starting", "running", "degraded"]
                .contains(&&*state)
                .then_some(())
        });
    }

    /// A command on the machine, in a root shell's environment, if the machine runs.
    pub fn command(&self, words: &[&str]) -> Option<Command> {
        let mut command = Command::new("nsenter");
        command.args(["--target", &self.leader()?.to_string(), "--all", "--"]);
        command.args(["env", "-i", PATH, "HOME=/root", "LANG=C.UTF-8"]);
        command.args(words).stdin(Stdio::null());
        Some(command)
    }

    /// Runs a command on the machine to its end, however that is.
    ///
    /// # Panics
    /// When the machine does not run.
    pub fn output(&self, words: &[&str]) -> Output {
        let command = self.command(words);
        let mut command = command.unwrap_or_else(|| panic!("{} does not run", self.name));
        command.output().expect("nsenter runs")
    }

    /// Runs a command on the machine, and returns what it printed.
    ///
    /// # Panics
    /// When it fails.
    pub fn run(&self, words: &[&str]) -> String {
        let output = self.output(words);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {words:?}: {error}", self.name);
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// A property of a unit, as systemd tells it.
    pub fn property(&self, unit: &str, property: &str) -> String {
        let property = format!("--property={property}");
        self.run(&["systemctl", "show", "--value", &property, unit])
    }

    /// Everything on it stands still.
    pub fn freeze(&self) {
        self.tell("cgroup.freeze", "1");
    }

    /// Everything on it goes on.
    pub fn thaw(&self) {
        self.tell("cgroup.freeze", "0");
    }

    /// It is gone at once, as by a failure of the hardware.
    pub fn kill(&mut self) {
        self.tell("cgroup.kill", "1");
        let _ = self.nspawn.kill();
        let _ = self.nspawn.wait();
        self.forget();
    }

    /// Shuts down in an orderly way, and returns when it is off.
    pub fn shut_down(&mut self) {
        let _ = self.output(&["systemctl", "poweroff", "--no-block"]);
        let _ = self.nspawn.wait();
        self.forget();
    }

    fn tell(&self, file: &str, what: &str) {
        let path = self.cgroups[0].join(file);
        fs::write(&path, what).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// Removes its cgroups, whose processes end in a moment.
    fn forget(&self) {
        for cgroup in &self.cgroups {
            wait_for("a cgroup to be empty", BOOT, || remove(cgroup));
        }
    }
}

/// Removes a cgroup with those in it, if no process is left.
fn remove(cgroup: &Path) -> Option<()> {
    let entries = fs::read_dir(cgroup).ok().into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.path().is_dir()) {
        remove(&entry.path())?;
    }
    match fs::remove_dir(cgroup) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => None,
        _ => Some(()),
    }
}

/// A machine's cgroups, that of version 2 first.
fn cgroups(name: &str) -> Vec<PathBuf> {
    tops().iter().map(|top| top.join(name)).collect()
}

/// The hierarchies in which machines are, that of version 2 first: the only one on newer machines,
/// one beside those of version 1 on others.
fn tops() -> Vec<PathBuf> {
    let top = Path::new(CGROUPS);
    match top.join("cgroup.procs").exists() {
        true => vec![top.to_owned()],
        false => ["unified", "systemd", "memory"]
            .map(|each| top.join(each))
            .to_vec(),
    }
}

/// Removes the cgroups of machines that ended with their namespace.
pub fn sweep() {
    for top in tops() {
        let entries = fs::read_dir(&top).expect("cgroups are mounted").flatten();
        let ours = entries.filter(|each| each.file_name().to_string_lossy().starts_with(NAME));
        for cgroup in ours.map(|entry| entry.path()) {
            // One that does not become empty is another run's.
            within(GONE, || remove(&cgroup));
        }
    }
}
