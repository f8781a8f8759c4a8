//! The image: a root of Debian's, turned into one by the real playbook, and kept until the playbook
//! or what it installs has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::machine::Machine;
use super::namespaces::run;

/// The Debian release, and what an instance of it has before the playbook.
const SUITE: &str = "bookworm";
const PACKAGES: &str = "systemd,systemd-sysv,dbus,udev,iproute2,procps,python3,python3-apt,\
                        ca-certificates,sudo,openssh-server";

/// What the image is baked from, besides the binary.
const SOURCES: [&str; 2] = ["ansible", "systemd"];

/// The project's directory.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directory of all that this test keeps.
pub fn kept() -> PathBuf {
    project().join("target/dev/image")
}

/// The root that instances boot from.
pub fn root() -> PathBuf {
    kept().join("root")
}

/// Makes [`root`] what the playbook makes of the base today.
pub fn bake() {
    let base = base();
    let (from, now) = (kept().join("root.from"), sources());
    if fs::read_to_string(&from).ok().as_deref() == Some(&now) {
        println!("image: kept, with today's binary");
        let binary = root().join("usr/bin/zk-bootstrap");
        fs::copy(env!("CARGO_BIN_EXE_zk-bootstrap"), binary).expect("a binary");
        return;
    }
    println!("image: baking it by the playbook (Java and ZooKeeper by apt, inside of it)");
    let _ = fs::remove_file(&from);
    copy(&base, &root());
    play(&root());
    fs::write(from, now).expect("a file");
}

/// The base, which is made once.
fn base() -> PathBuf {
    let (base, done) = (kept().join("base"), kept().join("base.from"));
    let wanted = format!("{SUITE} {PACKAGES}");
    if fs::read_to_string(&done).ok().as_deref() == Some(&wanted) {
        return base;
    }
    println!("image: making a root of Debian {SUITE} by mmdebstrap, once");
    fs::create_dir_all(kept()).expect("a directory");
    remove(&base);
    let include = format!("--include={PACKAGES}");
    // Apt's lists are emptied, and must not look fresh; an instance is named by who boots it; who
    // wants sshd starts it, for the machine may share its network with this one.
    let as_an_image = "--customize-hook=touch -d @0 $1/var/lib/apt/lists; \
                       rm -f $1/etc/hostname $1/etc/resolv.conf; \
                       chroot $1 systemctl disable --quiet ssh";
    let path = base.display().to_string();
    run(
        "mmdebstrap",
        &[
            "--quiet",
            "--variant=minbase",
            &include,
            as_an_image,
            SUITE,
            &path,
        ],
    );
    fs::write(done, wanted).expect("a file");
    base
}

/// Boots the root, and runs the playbook twice: the second time it must find nothing to do.
fn play(root: &Path) {
    let console = kept().join("bake.console");
    let mut machine = Machine::boot("zki-bake", root, &console, &["--resolv-conf=copy-host"]);
    machine.await_systemd();
    let first = playbook(&machine);
    assert!(
        !first.contains("changed=0 "),
        "the first run changed nothing"
    );
    let second = playbook(&machine);
    assert!(
        second.contains("changed=0 "),
        "the second run is no other:\n{second}"
    );
    machine.shut_down();
    for left in ["etc/machine-id", "etc/resolv.conf", "var/log/journal"] {
        remove(&root.join(left));
    }
    fs::write(root.join("etc/machine-id"), "").expect("a file");
}

/// Runs the playbook on a machine; what it printed.
fn playbook(machine: &Machine) -> String {
    let leader = machine.leader().expect("the machine runs").to_string();
    let enter = project().join("tests/image/enter.sh");
    let variables = serde_json::json!({
        "ansible_ssh_executable": enter,
        "ansible_ssh_transfer_method": "piped",
        "zk_bootstrap_binary": env!("CARGO_BIN_EXE_zk-bootstrap"),
    });
    let output = Command::new(kept().join("python/bin/ansible-playbook"))
        .args([
            "--inventory",
            "image,",
            "--extra-vars",
            &variables.to_string(),
        ])
        .arg("playbook.yml")
        .current_dir(project().join("ansible"))
        .env("ZK_MACHINE", leader)
        .env("ANSIBLE_NOCOLOR", "1")
        .stdin(Stdio::null())
        .output()
        .expect("Ansible is set up: run dev/image/setup.sh");
    let said = [&output.stdout[..], &output.stderr[..]].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{said}");
    said
}

/// Every file that the image is baked from, with its text.
fn sources() -> String {
    let mut text = String::new();
    let mut directories: Vec<PathBuf> = SOURCES.map(|name| project().join(name)).to_vec();
    while let Some(directory) = directories.pop() {
        let entries = fs::read_dir(&directory).expect("a directory");
        let mut paths: Vec<PathBuf> = entries.map(|e| e.expect("readable").path()).collect();
        paths.sort();
        for path in paths {
            if path.is_dir() {
                directories.push(path);
            } else {
                let content = fs::read(&path).expect("readable");
                text += &format!(
                    "{}\n{}\n",
                    path.display(),
                    String::from_utf8_lossy(&content)
                );
            }
        }
    }
    text
}

fn copy(from: &Path, to: &Path) {
    remove(to);
    let (from, to) = (from.display().to_string(), to.display().to_string());
    run("cp", &["--archive", "--reflink=auto", &from, &to]);
}

fn remove(path: &Path) {
    run(
        "rm",
        &["-rf", "--one-file-system", &path.display().to_string()],
    );
}
