//! Files in ZooKeeper's directories.

use std::collections::BTreeMap;
use std::path::Path;

use zk_bootstrap::model::disk::{Disk, ZooCfg};
use zk_bootstrap::model::ensemble::Ensemble;
use zk_bootstrap::zookeeper::disk::{self, Paths};
use zk_bootstrap::zookeeper::zoo_cfg;

/// A dynamic file, and what is said of it.
const DYNAMIC: &[(&str, &str)] = &[
    ("", "\"\" is not a config with at least one server"),
    (
        "# a comment\n\n",
        "\"# a comment\\n\\n\" is not a config with at least one server",
    ),
    (
        "server.1=10.0.0.1:2888:3888;2181\nserver.1=10.0.0.2:2888:3888;2181\n",
        "\"server.1=10.0.0.2:2888:3888;2181\" is not a server with an id and an address of its own",
    ),
    (
        "server.1=10.0.0.1:2888:3888;2181\nserver.2=10.0.0.1:2888:3888;2181\n",
        "\"server.2=10.0.0.1:2888:3888;2181\" is not a server with an id and an address of its own",
    ),
    ("version=x\n", "\"x\" is not a config version (hexadecimal)"),
];

/// Lines that are no server's.
const LINES: &[&str] = &[
    "server.1",
    "server.=10.0.0.1:2888:3888;2181",
    "server.255=10.0.0.1:2888:3888;2181",
    "server.01=10.0.0.1:2888:3888;2181",
    "server.1=10.0.0.1",
    "server.1=10.0.0.1:2888",
    "server.1=10.0.0.1:2888:x;2181",
    "server.1=:2888:3888;2181",
    "server.1=10.0.0.1:2888:3888:participant:more;2181",
    "server.1=10.0.0.1:2888:3888;",
    "server.1=10.0.0.1:2888:3888|10.0.0.2:2888:3888;2181",
    "group.1=1:2:3",
    "weight.1=2",
    "\u{0}\u{0}\u{0}",
];

#[test]
fn a_dynamic_file_that_makes_no_sense_is_refused_with_the_line() {
    for (text, expected) in DYNAMIC {
        let error = text.parse::<Ensemble>().expect_err(text);
        assert_eq!(error.to_string(), *expected);
    }
    let whole = "server.9=10.0.0.9:2888:3888;2181\n";
    for line in LINES {
        let error = format!("{whole}{line}\n")
            .parse::<Ensemble>()
            .expect_err(line);
        let expected = format!(
            "{line:?} is not a server line \
             (server.N=address:quorumPort:electionPort[:role];[address:]clientPort)"
        );
        assert_eq!(error.to_string(), expected);
    }
    let long = "x"
        .repeat(100_000)
        .parse::<Ensemble>()
        .expect_err("one line");
    assert!(long.to_string().len() < 250, "{long}");
}

fn paths() -> Paths {
    Paths {
        data_dir: "/data".into(),
        log_dir: "/data".into(),
        conf_dir: "/conf".into(),
    }
}

fn settings() -> zoo_cfg::Settings {
    zoo_cfg::Settings {
        data_dir: "/data".into(),
        data_log_dir: None,
        super_digest: None,
        extra: BTreeMap::new(),
    }
}

/// What a look at these files sees.
pub fn look(files: &[(&str, &str)]) -> Disk {
    let files: BTreeMap<&Path, &str> = files.iter().map(|(p, t)| (Path::new(*p), *t)).collect();
    let read = |path: &Path| Ok::<_, String>(files.get(path).map(|text| (*text).to_owned()));
    disk::observe(&paths(), &settings(), read, |_| Ok(Vec::new())).expect("all can be read")
}

pub const IDENTITY: &str = r#"{"lineage":{"generation":1,"founder":"i-0123456789abcdef0"},"server":3,"instance":"i-0123456789abcdef0"}"#;

#[test]
fn a_torn_file_counts_as_missing() {
    let sound = look(&[("/data/myid", "3\n"), ("/data/zk-bootstrap.json", IDENTITY)]);
    assert!(sound.myid.is_some() && sound.identity.is_some());
    for myid in [
        "",
        "\n",
        "0",
        "255",
        "03",
        "+3",
        "3 4",
        "three",
        "\u{0}\u{0}",
    ] {
        assert_eq!(look(&[("/data/myid", myid)]).myid, None, "{myid:?}");
    }
    let server = IDENTITY.replace("\"server\":3", "\"server\":300");
    let founder = IDENTITY.replacen("i-0123456789abcdef0", "", 1);
    for identity in [
        "",
        "{}",
        "null",
        "\u{0}",
        &IDENTITY[..60],
        &server,
        &founder,
    ] {
        let disk = look(&[("/data/zk-bootstrap.json", identity)]);
        assert_eq!(disk.identity, None, "{identity:?}");
    }
}

#[test]
fn a_torn_zoo_cfg_is_stale_and_points_nowhere() {
    for text in [
        "",
        "\u{0}\u{0}",
        "tickTime",
        "dataDir=/data\n",
        "dynamicConfigFile=\n",
    ] {
        let disk = look(&[("/conf/zoo.cfg", text)]);
        assert_eq!(
            (disk.zoo_cfg, disk.dynamic),
            (ZooCfg::Stale, None),
            "{text:?}"
        );
    }
    let zoo_cfg = zoo_cfg::render(&settings(), Path::new("/conf/zoo.cfg.dynamic"));
    let disk = look(&[
        ("/conf/zoo.cfg", &zoo_cfg),
        ("/conf/zoo.cfg.dynamic", "server.1="),
    ]);
    assert_eq!((disk.zoo_cfg, disk.dynamic), (ZooCfg::Current, None));
}

#[test]
fn a_file_that_cannot_be_read_makes_the_whole_look_fail() {
    let whole = |_: &Path| Ok(None);
    let refused = |path: &Path| Err(path.display().to_string());
    for file in [
        "/data/myid",
        "/data/zk-bootstrap.json",
        "/conf/zoo.cfg",
        "/data/initialize",
    ] {
        let read = |path: &Path| match path == Path::new(file) {
            true => Err(file.to_owned()),
            false => Ok(None),
        };
        let seen = disk::observe(&paths(), &settings(), read, |_| Ok(Vec::new()));
        assert_eq!(seen, Err(file.to_owned()));
    }
    let seen = disk::observe(&paths(), &settings(), whole, refused);
    assert_eq!(seen, Err("/data/version-2".to_owned()));
}
