//! The image: a root of Debian's, turned into one by the real playbook, and kept until the playbook
//! or what it installs has changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use super::machine::{Machine, NAME};
use super::namespaces::run;

/// The Debian release, and what an instance of it has before the playbook.
const SUITE: &str = "bookworm";
const PACKAGES: &str = "systemd,systemd-sysv,dbus,udev,iproute2,procps,python3,python3-apt,\
                        ca-certificates,sudo,openssh-server";

/// The ZooKeeper of the tarball, as dev/setup.sh --all has it.
pub const RELEASE: &str = "3.9.5";

/// Where the image with the tarball has its data: a volume of its own.
pub const DATA: &str = "/data";

/// What the image is baked from, besides the binary.
const SOURCES: [&str; 3] = ["ansible", "systemd", "packaging"];

/// The project's directory.
pub fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directory of all that this test keeps.
pub fn kept() -> PathBuf {
    project().join("target/dev/image")
}

/// What instances boot from: a layer over a layer, the uppermost first. The base is Debian's, over
/// it is what the playbook made of it.
pub fn layers() -> Vec<PathBuf> {
    ["image", "base"].map(|name| kept().join(name)).to_vec()
}

/// The same, with Apache's tarball in the place of Debian's package over it.
pub fn layers_of_tarball() -> Vec<PathBuf> {
    let mut layers = layers();
    layers.insert(0, kept().join("image-of-tarball"));
    layers
}

/// Mounts layers as one root; what is written goes into the directory `written`.
pub fn mount(layers: &[PathBuf], written: &Path, root: &Path) {
    let work = written.with_extension("work");
    for directory in [written, &work, root] {
        fs::create_dir_all(directory).expect("a directory");
    }
    let lower: Vec<String> = layers.iter().map(|l| l.display().to_string()).collect();
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.join(":"),
        written.display(),
        work.display()
    );
    let root = root.display().to_string();
    run(
        "mount",
        &["-t", "overlay", "overlay", "-o", &options, &root],
    );
}

/// Makes the layers what the playbook makes of the base today.
pub fn bake() {
    base();
    let (from, now) = (kept().join("image.from"), sources());
    if fs::read_to_string(&from).ok().as_deref() == Some(&now) {
        println!("image: kept, with today's binary");
        for layer in [&layers()[0], &layers_of_tarball()[0]] {
            let binary = layer.join("usr/bin/zk-bootstrap");
            fs::create_dir_all(binary.parent().expect("a directory")).expect("a directory");
            fs::copy(env!("CARGO_BIN_EXE_zk-bootstrap"), binary).expect("a binary");
        }
        return;
    }
    println!("image: baking it by the playbook (Java and ZooKeeper by apt, inside of it)");
    let _ = fs::remove_file(&from);
    let packaged = json!({ "zk_bootstrap_package": package() });
    in_machine(&layers(), |machine| twice(machine, packaged));
    println!("image: baking it with a tarball in the place of the package");
    in_machine(&layers_of_tarball(), with_tarball);
    fs::write(from, now).expect("a file");
}

/// The .deb of the debug build, which `make test-image` makes first.
fn package() -> PathBuf {
    let directory = project().join("target/packages/dev");
    let entries = fs::read_dir(&directory).expect("dev/packages.sh dev makes it");
    let mut paths = entries.map(|entry| entry.expect("readable").path());
    let deb = paths.find(|path| path.extension().is_some_and(|ending| ending == "deb"));
    deb.expect("dev/packages.sh dev makes a .deb")
}

/// Takes the package away, and plays again with a tarball; first with a wrong hash.
fn with_tarball(machine: &Machine) {
    let packages = ["zookeeper", "libzookeeper-java", "libslf4j-java"];
    let purge = ["apt-get", "purge", "-qq", "-y"];
    machine.run(&[&purge[..], &packages[..]].concat());
    machine.run(&["rm", "-rf", "/etc/zookeeper", "/usr/share/zookeeper"]);
    let sha512 = tarball(&machine.root.join("root/release.tar.gz"));
    let variables = |sha512: &str| {
        json!({
            "zookeeper_install": "tarball",
            "zookeeper_version": RELEASE,
            "zookeeper_tarball_url": "file:///root/release.tar.gz",
            "zookeeper_tarball_sha512": sha512,
            "zk_bootstrap_binary": env!("CARGO_BIN_EXE_zk-bootstrap"),
            "zk_bootstrap_data_dir": DATA,
            "zk_bootstrap_data_log_dir": "/data-log",
        })
    };
    let (well, said) = playbook(machine, variables(&"0".repeat(sha512.len())));
    assert!(!well && said.contains("checksum"), "{said}");
    twice(machine, variables(&sha512));
}

/// Something like Apache's release: its jars as dev/setup.sh has them, and for its scripts Debian's
/// and a stand-in. The SHA-512 of it.
fn tarball(path: &Path) -> String {
    let name = format!("apache-zookeeper-{RELEASE}-bin");
    let tree = kept().join("release").join(&name);
    remove(&tree);
    for directory in ["bin", "lib", "conf"] {
        fs::create_dir_all(tree.join(directory)).expect("a directory");
    }
    let jars = project()
        .join("target/dev/zookeeper")
        .join(RELEASE)
        .join("lib");
    for jar in fs::read_dir(jars).expect("run dev/setup.sh --all") {
        let jar = jar.expect("readable").path();
        let to = tree.join("lib").join(jar.file_name().expect("a name"));
        fs::copy(jar, to).expect("a jar");
    }
    let scripts = Path::new("/usr/share/zookeeper/bin");
    for script in ["zkServer.sh", "zkCli.sh"] {
        fs::copy(scripts.join(script), tree.join("bin").join(script)).expect("a script");
    }
    let stand_in = project().join("tests/image/zkEnv.sh");
    fs::copy(stand_in, tree.join("bin/zkEnv.sh")).expect("a script");
    let (from, to) = (kept().join("release"), path.display().to_string());
    run(
        "tar",
        &["-czf", &to, "-C", &from.display().to_string(), &name],
    );
    let sum = run("sha512sum", &[&to]);
    sum.split(' ').next().expect("a sum").to_owned()
}

/// Makes the base, once.
fn base() {
    let (base, done) = (kept().join("base"), kept().join("base.from"));
    let wanted = format!("{SUITE} {PACKAGES}");
    if fs::read_to_string(&done).ok().as_deref() == Some(&wanted) {
        return;
    }
    println!("image: making a root of Debian {SUITE} by mmdebstrap, once");
    fs::create_dir_all(kept()).expect("a directory");
    remove(&base);
    let include = format!("--include={PACKAGES}");
    // Nobody needs these disks after a loss of power. An instance is named by who boots it; who wants
    // sshd starts it, for the machine may share its network with this one.
    let as_an_image = "--customize-hook=echo force-unsafe-io >$1/etc/dpkg/dpkg.cfg.d/unsafe-io; \
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
}

/// Makes the uppermost layer anew: boots a machine over the others, does this, and leaves nothing of
/// the one machine that it was.
fn in_machine(layers: &[PathBuf], bake: impl FnOnce(&Machine)) {
    let [layer, below @ ..] = layers else {
        unreachable!("there is a base")
    };
    remove(layer);
    let (console, root) = (kept().join("bake.console"), kept().join("bake"));
    mount(below, layer, &root);
    let mut machine = Machine::boot(
        &format!("{NAME}bake"),
        &root,
        &console,
        &["--resolv-conf=copy-host"],
    );
    machine.await_systemd();
    bake(&machine);
    machine.shut_down();
    for left in ["etc/machine-id", "etc/resolv.conf", "var/log/journal"] {
        remove(&root.join(left));
    }
    fs::write(root.join("etc/machine-id"), "").expect("a file");
    run("umount", &[&root.display().to_string()]);
}

/// Runs the playbook twice: the second time it must find nothing to do.
fn twice(machine: &Machine, variables: Value) {
    let (well, first) = playbook(machine, variables.clone());
    assert!(well && !first.contains("changed=0 "), "{first}");
    let (well, second) = playbook(machine, variables);
    assert!(
        well && second.contains("changed=0 "),
        "the second run is no other:\n{second}"
    );
}

/// Runs the playbook on a machine; whether it went well, and what it printed.
fn playbook(machine: &Machine, mut variables: Value) -> (bool, String) {
    let leader = machine.leader().expect("the machine runs").to_string();
    variables["ansible_ssh_executable"] = json!(project().join("tests/image/enter.sh"));
    variables["ansible_ssh_transfer_method"] = json!("piped");
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
    (output.status.success(), said)
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

fn remove(path: &Path) {
    run(
        "rm",
        &["-rf", "--one-file-system", &path.display().to_string()],
    );
}
