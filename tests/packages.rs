//! The two packages have the same files, which are those of this repository. They are made by
//! `make test-packages`: that takes cargo-deb, cargo-generate-rpm, and cpio to look into the second.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// A file's path in a package, with its mode and the SHA-1 of its content.
type Files = BTreeMap<String, (u32, String)>;

fn project() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The package with this ending.
fn package(ending: &str) -> PathBuf {
    let directory = project().join("target/packages/dev");
    let entries = std::fs::read_dir(&directory);
    let entries = entries.unwrap_or_else(|_| panic!("{}: make test-packages", directory.display()));
    let mut paths = entries.map(|entry| entry.expect("an entry").path());
    let found = paths.find(|path| path.extension().is_some_and(|e| e == ending));
    found.unwrap_or_else(|| panic!("no .{ending} in {}", directory.display()))
}

/// A directory with what a package lays out.
fn unpacked(ending: &str, unpack: &str) -> PathBuf {
    // The tests unpack side by side.
    static UNPACKED: AtomicUsize = AtomicUsize::new(0);
    let n = UNPACKED.fetch_add(1, Ordering::Relaxed);
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("unpacked-{n}"));
    // What an earlier run left would be taken for this one's.
    let _ = std::fs::remove_dir_all(&root);
    std::fs::create_dir_all(&root).expect("a directory");
    let status = Command::new("bash")
        .args(["-euo", "pipefail", "-c", unpack, "bash"])
        .arg(package(ending))
        .current_dir(&root)
        .stdin(Stdio::null())
        .status();
    assert!(status.expect("bash runs").success(), "{ending} is unpacked");
    root
}

fn listed(root: &Path) -> Files {
    let script = "find . -type f -printf '%m %P\\n' | while read -r mode path; do \
                  echo \"$mode $(sha1sum <\"$path\" | cut -c1-40) $path\"; done";
    let output = Command::new("bash")
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(root)
        .output();
    let text = String::from_utf8(output.expect("bash runs").stdout).expect("text");
    let lines = text.lines().map(|line| {
        let fields: Vec<&str> = line.splitn(3, ' ').collect();
        let mode = u32::from_str_radix(fields[0], 8).expect("a mode");
        (fields[2].to_owned(), (mode, fields[1].to_owned()))
    });
    lines.collect()
}

fn deb() -> Files {
    listed(&unpacked("deb", "dpkg-deb --extract \"$1\" ."))
}

/// An .rpm is a compressed cpio archive behind its headers.
fn rpm() -> Files {
    let unpack = format!(
        "python3 {}/dev/rpm2cpio.py \"$1\" | cpio --extract --quiet \
                          --make-directories",
        project().display()
    );
    listed(&unpacked("rpm", &unpack))
}

#[test]
#[ignore = "make test-packages makes the packages first"]
fn both_packages_lay_out_the_same_files() {
    let (mut deb, mut rpm) = (deb(), rpm());
    // Each distribution looks for zsh's completions elsewhere, and Debian wants a copyright.
    let zsh = deb.remove("usr/share/zsh/vendor-completions/_zk-bootstrap");
    assert!(zsh.is_some());
    assert_eq!(
        zsh,
        rpm.remove("usr/share/zsh/site-functions/_zk-bootstrap")
    );
    assert!(deb.remove("usr/share/doc/zk-bootstrap/copyright").is_some());
    assert_eq!(deb, rpm);
    let programs = deb.iter().filter(|(_, (mode, _))| mode & 0o111 != 0);
    let programs: Vec<&str> = programs.map(|(path, _)| path.as_str()).collect();
    assert_eq!(programs, ["usr/bin/zk-bootstrap"]);
    assert!(deb.values().all(|(mode, _)| mode & 0o7022 == 0), "{deb:?}");
}

#[test]
#[ignore = "make test-packages makes the packages first"]
fn units_guide_and_man_pages_are_in_the_packages() {
    let deb = deb();
    let names = |directory: &str| {
        let entries = std::fs::read_dir(project().join(directory)).expect("a directory");
        let names = entries.map(|entry| entry.expect("an entry").file_name());
        names
            .map(|name| name.into_string().expect("UTF-8"))
            .collect::<Vec<_>>()
    };
    for name in names("systemd") {
        let place = match name.rsplit('.').next().expect("an ending") {
            "service" => format!("usr/lib/systemd/system/{name}"),
            "sysusers" => "usr/lib/sysusers.d/zk-bootstrap.conf".to_owned(),
            "tmpfiles" => "usr/lib/tmpfiles.d/zk-bootstrap.conf".to_owned(),
            "rules" => "usr/share/polkit-1/rules.d/zk-bootstrap.rules".to_owned(),
            other => panic!("{name}: where does .{other} go?"),
        };
        assert!(deb.contains_key(&place), "{place}: {:?}", deb.keys());
    }
    for page in names("docs") {
        let place = format!("usr/share/doc/zk-bootstrap/docs/{page}");
        assert!(deb.contains_key(&place), "{place}");
    }
    for page in names("packaging/man") {
        let place = format!("usr/share/man/man1/{page}.gz");
        assert!(deb.contains_key(&place), "{place}");
    }
}

#[test]
#[ignore = "make test-packages makes the packages first"]
fn the_packages_say_what_they_need_and_keep_an_operators_configuration() {
    let field = |name: &str| {
        let mut ask = Command::new("dpkg-deb");
        let output = ask.arg("--field").arg(package("deb")).arg(name).output();
        let text = String::from_utf8(output.expect("dpkg-deb runs").stdout).expect("text");
        text.trim().to_owned()
    };
    assert_eq!(field("Package"), "zk-bootstrap");
    assert!(field("Version").starts_with(env!("CARGO_PKG_VERSION")));
    for needed in ["libc6", "ca-certificates", "polkitd", "systemd"] {
        assert!(field("Depends").contains(needed), "{}", field("Depends"));
    }
    let control = "mkdir control; dpkg-deb --control \"$1\" control";
    let control = unpacked("deb", control).join("control");
    let kept = std::fs::read_to_string(control.join("conffiles")).expect("conffiles");
    assert_eq!(kept.trim(), "/etc/zk-bootstrap/config.toml");
    for script in ["postinst", "prerm", "postrm"] {
        let shipped = project().join("packaging/scripts").join(script);
        let shipped = std::fs::read_to_string(shipped).expect("a script");
        let packed = std::fs::read_to_string(control.join(script)).expect("a script");
        assert_eq!(packed.trim(), shipped.trim(), "{script}");
        assert!(
            !shipped.contains("rm "),
            "nothing of an operator's is removed: {script}"
        );
    }
}
