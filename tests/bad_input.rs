//! What comes from outside and makes no sense is an "unknown" or one clear error, never a panic
//! and never taken for an absence.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::thread;
use std::time::Duration;

use jiff::Timestamp;
use proptest::prelude::*;
use zk_bootstrap::aws::record::{Event, fold};
use zk_bootstrap::model::claim::ClaimName;
use zk_bootstrap::model::disk::{Disk, ZooCfg};
use zk_bootstrap::model::ensemble::Ensemble;
use zk_bootstrap::model::fleet::Notice;
use zk_bootstrap::model::probe::Probe;
use zk_bootstrap::model::server::Server;
use zk_bootstrap::model::snapshot::{Recording, Snapshot};
use zk_bootstrap::zookeeper::disk::{self, Paths};
use zk_bootstrap::zookeeper::four_letter::{self, Depth};
use zk_bootstrap::zookeeper::{reply, zoo_cfg};

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

// The metadata service.

/// What a metadata service answers to one path.
#[derive(Clone, Copy)]
enum Reply {
    Says(&'static str),
    Repeats(&'static str, usize),
    Status(u16),
    Nothing,
    Garbage,
    Hangs,
}

/// What each path is answered by a metadata service in order.
const SOUND: &[(&str, Reply)] = &[
    ("/latest/api/token", Reply::Says("token")),
    (
        "/latest/meta-data/instance-id",
        Reply::Says("i-0123456789abcdef0"),
    ),
    ("/latest/meta-data/local-ipv4", Reply::Says("10.0.0.1")),
    (
        "/latest/meta-data/placement/availability-zone",
        Reply::Says("eu-west-1a"),
    ),
    (
        "/latest/meta-data/placement/region",
        Reply::Says("eu-west-1"),
    ),
];

const HTML: &str = "<html><body>Blocked by the proxy</body></html>";
const ID: &str = "/latest/meta-data/instance-id";
const ADDRESS: &str = "/latest/meta-data/local-ipv4";
const ZONE: &str = "/latest/meta-data/placement/availability-zone";
const REGION: &str = "/latest/meta-data/placement/region";
const TOKEN: &str = "/latest/api/token";

/// One path that is answered wrongly, and how the reason begins for which nothing is known.
const METADATA: &[(&str, Reply, &str)] = &[
    (
        ID,
        Reply::Says(HTML),
        "instance metadata's instance-id answers \"<html><body>Blocked by the proxy</body></html>\"",
    ),
    (
        ID,
        Reply::Says(""),
        "instance metadata's instance-id answers \"\"",
    ),
    (
        ID,
        Reply::Says("i-XYZ"),
        "instance metadata's instance-id answers \"i-XYZ\"",
    ),
    (
        ID,
        Reply::Repeats("i-0", 100_000),
        "instance metadata's instance-id answers \"i-0i-0",
    ),
    (
        ID,
        Reply::Status(404),
        "instance metadata: 404: no answer to instance-id",
    ),
    (
        ID,
        Reply::Status(500),
        "instance metadata: 500: no answer to instance-id",
    ),
    (ID, Reply::Nothing, "instance metadata"),
    (ID, Reply::Garbage, "instance metadata"),
    (ID, Reply::Hangs, "instance metadata"),
    (
        ADDRESS,
        Reply::Says("10.0.0.256"),
        "instance metadata's local-ipv4 answers \"10.0.0.256\"",
    ),
    (
        ADDRESS,
        Reply::Says("10.0.0.1, 10.0.0.2"),
        "instance metadata's local-ipv4 answers \"10.0.0.1, 10.0.0.2\"",
    ),
    (
        ZONE,
        Reply::Says("us-east-1a"),
        "instance metadata's placement/availability-zone answers \"us-east-1a\"",
    ),
    (
        ZONE,
        Reply::Says("eu-west-1a\nX"),
        "instance metadata's placement/availability-zone answers \"eu-west-1a\\nX\"",
    ),
    (
        REGION,
        Reply::Says("eu-west-1a"),
        "instance metadata's placement/region answers \"eu-west-1a\"",
    ),
    (
        REGION,
        Reply::Says("unavailable"),
        "instance metadata's placement/region answers \"unavailable\"",
    ),
    (TOKEN, Reply::Says("to\u{7}ken"), "instance metadata"),
    (
        TOKEN,
        Reply::Status(403),
        "instance metadata: failed to load IMDS session token",
    ),
];

/// Answers on a thread of its own until the test's process ends.
fn metadata_service(path: &'static str, wrong: Reply) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || answer(stream, path, wrong));
        }
    });
    address
}

/// Reads one request and answers it. A client that has gone is none of our concern.
fn answer(mut stream: TcpStream, path: &str, wrong: Reply) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?).lines();
    let request = lines.next()?.ok()?;
    while !lines.next()?.ok()?.is_empty() {}
    let asked = request.split(' ').nth(1)?;
    let sound = SOUND.iter().find(|(path, _)| *path == asked);
    let reply = match asked == path {
        true => wrong,
        false => sound.map_or(Reply::Status(404), |(_, reply)| *reply),
    };
    let (status, body) = match reply {
        Reply::Says(text) => (200, text.to_owned()),
        Reply::Repeats(text, times) => (200, text.repeat(times)),
        Reply::Status(status) => (status, HTML.to_owned()),
        Reply::Nothing => return Some(()),
        Reply::Garbage => return stream.write_all(b"\x00\x01 no HTTP\r\n\r\n").ok(),
        Reply::Hangs => {
            // Until the client closes.
            let _ = stream.read_to_end(&mut Vec::new());
            return Some(());
        }
    };
    let head = format!(
        "HTTP/1.1 {status} -\r\ncontent-length: {}\r\nconnection: close\r\n\
         x-aws-ec2-metadata-token-ttl-seconds: 21600\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    stream.write_all(body.as_bytes()).ok()
}

/// What an agent sees whose metadata service answers one path so.
fn observed(name: &str, path: &'static str, wrong: Reply) -> Snapshot {
    let service = metadata_service(path, wrong);
    let output = zk_bootstrap(&directory(name))
        .arg("observe")
        .env(
            "AWS_EC2_METADATA_SERVICE_ENDPOINT",
            format!("http://{service}"),
        )
        .output()
        .expect("the binary runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{name}: {said}");
    let recording: Recording = serde_json::from_slice(&output.stdout).expect("a recording");
    recording.snapshot
}

#[test]
fn a_metadata_service_that_talks_nonsense_leaves_the_instance_unknown() {
    let cases: Vec<_> = METADATA.iter().enumerate().collect();
    for some in cases.chunks(6) {
        thread::scope(|scope| {
            for (n, (path, wrong, expected)) in some {
                scope.spawn(move || {
                    let seen = observed(&format!("metadata-{n}"), path, *wrong);
                    let why = seen.me.get().expect_err("it is not known");
                    assert!(why.starts_with(expected), "case {n}: {why}");
                    assert!(why.len() < 600 && !why.contains('\n'), "case {n}: {why}");
                });
            }
        });
    }
}

const TARGET: &str = "/latest/meta-data/autoscaling/target-lifecycle-state";
const SPOT: &str = "/latest/meta-data/spot/instance-action";
const REBALANCE: &str = "/latest/meta-data/events/recommendations/rebalance";

/// What one path says of a notice, and what is known then: what it tells, or why nothing.
const NOTICES: &[(&str, Reply, Result<Option<Notice>, &str>)] = &[
    (TARGET, Reply::Status(404), Ok(None)),
    (TARGET, Reply::Says("InService"), Ok(None)),
    (TARGET, Reply::Says("Terminated\n"), Ok(Some(Notice::Group))),
    (
        TARGET,
        Reply::Says(HTML),
        Err("instance metadata's autoscaling/target-lifecycle-state answers \"<html>"),
    ),
    (
        TARGET,
        Reply::Says(""),
        Err("instance metadata's autoscaling/target-lifecycle-state answers \"\""),
    ),
    (
        TARGET,
        Reply::Status(500),
        Err("instance metadata: 500: no answer to autoscaling/target-lifecycle-state"),
    ),
    (TARGET, Reply::Garbage, Err("instance metadata")),
    (TARGET, Reply::Hangs, Err("instance metadata")),
    (
        SPOT,
        Reply::Says(r#"{"action": "hibernate", "time": "2026-07-01T12:00:00Z"}"#),
        Ok(Some(Notice::Spot)),
    ),
    (
        SPOT,
        Reply::Says(r#"{"action": "terminate", "time": "#),
        Err("instance metadata's spot/instance-action answers \"{"),
    ),
    (
        SPOT,
        Reply::Says(HTML),
        Err("instance metadata's spot/instance-action answers \"<html>"),
    ),
    (
        SPOT,
        Reply::Status(403),
        Err("instance metadata: 403: no answer to spot/instance-action"),
    ),
    (
        REBALANCE,
        Reply::Says(r#"{"noticeTime": "2026-07-01T12:00:00Z"}"#),
        Ok(Some(Notice::Rebalance)),
    ),
    (
        REBALANCE,
        Reply::Says("null"),
        Err("instance metadata's events/recommendations/rebalance answers \"null\""),
    ),
];

#[test]
fn a_notice_that_makes_no_sense_makes_nobody_leave() {
    let cases: Vec<_> = NOTICES.iter().enumerate().collect();
    for some in cases.chunks(6) {
        thread::scope(|scope| {
            for (n, (path, reply, expected)) in some {
                scope.spawn(move || {
                    let seen = observed(&format!("notice-{n}"), path, *reply);
                    assert!(seen.me.known().is_some(), "case {n}");
                    match (seen.notice.get(), expected) {
                        (Ok(told), Ok(expected)) => assert_eq!(told, expected, "case {n}"),
                        (Err(why), Err(expected)) => {
                            assert!(why.starts_with(expected), "case {n}: {why}");
                            assert!(why.len() < 600 && !why.contains('\n'), "case {n}: {why}");
                        }
                        (told, _) => panic!("case {n}: {told:?}"),
                    }
                });
            }
        });
    }
}

// Four-letter words.

const SRVR: &str = "Zookeeper version: 3.8.0-5a02a05, built on 2022\nZxid: 0x1\nMode: follower\n";

/// What a server said to `stat` or `srvr`, and what is known of it then.
const STATES: &[(&str, &str)] = &[
    ("", "unknown (a garbled answer: \"\")"),
    (
        "SSH-2.0-OpenSSH_9.2\r\n",
        "unknown (a garbled answer: \"SSH-2.0-OpenSSH_9.2\\r\\n\")",
    ),
    (
        "HTTP/1.1 400 Bad Request\r\n\r\n",
        "unknown (a garbled answer: \"HTTP/1.1 400 Bad Request\\r\\n\\r\\n\")",
    ),
    (
        "Mode: leader\n",
        "unknown (a garbled answer: \"Mode: leader\\n\")",
    ),
    (
        "Zxid: 0x1\n",
        "unknown (a garbled answer: \"Zxid: 0x1\\n\")",
    ),
    (
        "Mode: leader\nZxid: 0xzz\n",
        "unknown (mode \"leader\" at zxid \"0xzz\")",
    ),
    (
        "Mode: leader\nZxid: 0x11112222333344445\n",
        "unknown (mode \"leader\" at zxid \"0x11112222333344445\")",
    ),
    (
        "Mode: leader\nZxid: -1\n",
        "unknown (mode \"leader\" at zxid \"-1\")",
    ),
    (
        "Mode: Leader\nZxid: 0x1\n",
        "unknown (mode \"Leader\" at zxid \"0x1\")",
    ),
    (
        "Mode: leader follower\nZxid: 0x1\n",
        "unknown (mode \"leader follower\" at zxid \"0x1\")",
    ),
    (
        "stat is not executed because it is not in the whitelist.\n",
        "unknown (stat is not executed because it is not in the whitelist.)",
    ),
];

/// Answers to `conf` that tell no config.
const CONFS: &[&str] = &[
    "clientPort=2181\n",
    "membership: \nversion=1\n",
    "membership: \nserver.1=10.0.0.1:2888:3888;2181\n",
    "membership: \nserver.1=10.0.0.1:2888:3888;2181\nversion=zz\n",
    "membership: \nserver.1=10.0.0.1:2888:3888;2181\nserver.1=10.0.0.2:2888:3888;2181\nversion=1\n",
    "membership: \nserver.0=10.0.0.1:2888:3888;2181\nversion=1\n",
    "membership: \nserver.1=10.0.0.1:2888:3888:king;2181\nversion=1\n",
    "membership: \nserver.1=10.0.0.1:2888:70000;2181\nversion=1\n",
];

#[test]
fn an_answer_that_makes_no_sense_is_unknown_and_not_dead() {
    for (state, expected) in STATES {
        let probe = reply::probe(state, None, None);
        assert!(matches!(probe, Probe::Unknown { .. }), "{state:?}");
        assert_eq!(probe.to_string(), *expected, "{state:?}");
    }
    for conf in CONFS {
        let probe = reply::probe(SRVR, Some(conf), None);
        assert_eq!(probe.ensemble(), None, "{conf:?}");
    }
    for mntr in [
        "",
        "zk_peer_state",
        "zk_peer_state\tbroadcast",
        "zk_peer_state\t\u{fffd}",
    ] {
        let synced = reply::probe(SRVR, None, Some(mntr));
        let synced = synced.serving().and_then(|serving| serving.synced);
        assert_ne!(synced, Some(true), "{mntr:?}");
    }
}

/// A server that answers each connection with these bytes, and closes it unless it `hangs`.
fn server(bytes: Vec<u8>, hangs: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("its address");
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let bytes = bytes.clone();
            thread::spawn(move || {
                let _ = stream.read_exact(&mut [0; 4]);
                let _ = stream.write_all(&bytes);
                if hangs {
                    let _ = stream.read_to_end(&mut Vec::new());
                }
            });
        }
    });
    address
}

async fn probed(bytes: &[u8], hangs: bool) -> String {
    let address = server(bytes.to_vec(), hangs);
    let deadline = Duration::from_millis(if hangs { 100 } else { 5000 });
    four_letter::probe(address, Depth::Own, deadline)
        .await
        .to_string()
}

#[tokio::test]
async fn a_port_that_is_no_zookeeper_is_unknown_or_unreachable() {
    assert_eq!(probed(b"", false).await, "unknown (a garbled answer: \"\")");
    let bytes = [0xff, 0xfe, 0x00];
    let expected = "unknown (a garbled answer: \"\u{fffd}\u{fffd}\\0\")";
    assert_eq!(probed(&bytes, false).await, expected);
    let endless = vec![b'x'; 5 << 20];
    let said = probed(&endless, false).await;
    assert!(said.starts_with("un") && said.len() < 120, "{said}");
    assert_eq!(
        probed(b"", true).await,
        "unreachable (no answer within 100 ms)"
    );
    assert_eq!(
        probed(b"Mode: leader\n", true).await,
        "unreachable (no answer within 100 ms)"
    );
}

// Events of a claim's stream.

const RECORD: &str = r#"{"v":1,"event":"claimed","instance":"i-0123456789abcdef0","address":"10.0.0.1","zone":"eu-west-1a","group":"asg:zk","server":3}"#;

/// A text in the record, and what stands there instead.
const EVENTS: &[(&str, &str)] = &[
    ("\"v\":1", "\"v\":2"),
    ("\"v\":1", "\"v\":\"1\""),
    ("\"claimed\"", "\"seized\""),
    ("i-0123456789abcdef0", "i-0123"),
    ("i-0123456789abcdef0", "I-0123456789ABCDEF0"),
    ("10.0.0.1", "10.0.0"),
    ("10.0.0.1", "zk1.example.com"),
    ("\"server\":3", "\"server\":0"),
    ("\"server\":3", "\"server\":255"),
    ("\"server\":3", "\"server\":-3"),
    ("\"server\":3", "\"server\":3.0"),
    ("\"zone\":\"eu-west-1a\",", ""),
    ("}", ""),
    ("}", "}}"),
    ("{", "\u{0}{"),
];

fn event(message: &str) -> Vec<Event> {
    vec![Event {
        taken: Timestamp::UNIX_EPOCH,
        message: message.to_owned(),
    }]
}

#[test]
fn an_event_that_is_no_record_names_no_owner() {
    let created = Timestamp::UNIX_EPOCH;
    assert!(fold(created, event(RECORD)).owner.is_some());
    for (text, instead) in EVENTS {
        let broken = RECORD.replacen(text, instead, 1);
        assert_ne!(broken, RECORD, "{text} is not in the record");
        assert_eq!(fold(created, event(&broken)).owner, None, "{broken}");
        // It stands in nobody's way, either.
        let both = [event(&broken), event(RECORD)].concat();
        assert!(fold(created, both).owner.is_some(), "{broken}");
    }
}

// Files.

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
fn look(files: &[(&str, &str)]) -> Disk {
    let files: BTreeMap<&Path, &str> = files.iter().map(|(p, t)| (Path::new(*p), *t)).collect();
    let read = |path: &Path| Ok::<_, String>(files.get(path).map(|text| (*text).to_owned()));
    disk::observe(&paths(), &settings(), read, |_| Ok(Vec::new())).expect("all can be read")
}

const IDENTITY: &str = r#"{"lineage":{"generation":1,"founder":"i-0123456789abcdef0"},"server":3,"instance":"i-0123456789abcdef0"}"#;

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

// Recordings.

fn planned(name: &str, text: &str) -> Output {
    let directory = directory(name);
    fs::write(directory.join("snapshot.json"), text).expect("a file");
    zk_bootstrap(&directory)
        .current_dir(&directory)
        .args(["plan", "--from", "snapshot.json"])
        .stdin(Stdio::null())
        .output()
        .expect("the binary runs")
}

/// A recording, and what is said of it behind the file's name.
const RECORDINGS: &[(&str, &str)] = &[
    ("", "EOF while parsing a value at line 1 column 0"),
    ("{}", "missing field `v` at line 1 column 2"),
    (
        "[]",
        "invalid length 0, expected struct Recording with 3 elements at line 1 column 2",
    ),
    (
        "null",
        "invalid type: null, expected struct Recording at line 1 column 4",
    ),
    ("\u{feff}{}", "expected value at line 1 column 1"),
    (
        "{\"v\":-1}",
        "invalid value: integer `-1`, expected u32 at line 1 column 7",
    ),
    (
        "situation: a serving member\n",
        "expected value at line 1 column 1",
    ),
];

#[test]
fn a_recording_that_is_none_is_refused_with_exit_code_65() {
    for (n, (text, expected)) in RECORDINGS.iter().enumerate() {
        let output = planned(&format!("recording-{n}"), text);
        assert_eq!(output.status.code(), Some(65), "{text}");
        assert!(output.stdout.is_empty(), "{text}");
        let said = String::from_utf8_lossy(&output.stderr);
        let expected = format!(
            "zk-bootstrap: snapshot.json: not a snapshot as `zk-bootstrap observe` records it: {expected}\n"
        );
        assert_eq!(said, expected);
    }
    let missing = zk_bootstrap(&directory("no-recording"))
        .current_dir(directory("no-recording"))
        .args(["plan", "--from", "none.json"])
        .output()
        .expect("the binary runs");
    assert_eq!(missing.status.code(), Some(66));
    let said = String::from_utf8_lossy(&missing.stderr);
    assert_eq!(
        said,
        "zk-bootstrap: none.json: No such file or directory (os error 2)\n"
    );
}

// No parser panics. Those of the replies and of the events are tried where they stand.

/// Something like the text, or nothing like it.
fn like(text: &'static str) -> impl Strategy<Value = String> {
    let cut = (0..=text.len(), "\\PC{0,12}", 0..=text.len()).prop_map(move |(from, more, to)| {
        let (head, tail) = (text.get(..from), text.get(to..));
        format!("{}{more}{}", head.unwrap_or(text), tail.unwrap_or(text))
    });
    prop_oneof![cut, any::<String>()]
}

proptest! {
    #[test]
    fn a_server_line_is_refused_or_says_the_same_again(
        text in like("server.12=[2001:db8::1]:2888:3888:observer;[::]:2181"),
    ) {
        if let Ok(server) = text.parse::<Server>() {
            prop_assert_eq!(server.to_string().parse::<Server>(), Ok(server));
        }
    }

    #[test]
    fn a_config_is_refused_or_says_the_same_again(
        text in like("# a\nserver.1=10.0.0.1:2888:3888:participant;2181\nserver.2=10.0.0.2:2888:3888:observer;0.0.0.0:2181\nversion=100000003\n"),
    ) {
        if let Ok(ensemble) = text.parse::<Ensemble>() {
            let again: Ensemble = ensemble.dynamic_file().parse().expect("its own text");
            prop_assert_eq!(again.servers, ensemble.servers);
        }
    }

    #[test]
    fn the_name_of_a_claim_has_one_spelling(text in like("ensemble.12")) {
        if let Ok(name) = text.parse::<ClaimName>() {
            prop_assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn no_file_makes_a_look_panic(
        zoo in like("tickTime=2000\ndataDir=/data\ndynamicConfigFile=/conf/zoo.cfg.dynamic.100000003\n"),
        dynamic in like("server.1=10.0.0.1:2888:3888:participant;2181\n"),
        identity in like(IDENTITY),
        myid in any::<String>(),
    ) {
        look(&[
            ("/conf/zoo.cfg", &zoo),
            ("/conf/zoo.cfg.dynamic.100000003", &dynamic),
            ("/data/zk-bootstrap.json", &identity),
            ("/data/myid", &myid),
        ]);
    }

    #[test]
    fn no_recording_makes_the_reader_panic(text in like("{\"v\":1,\"policy\":{},\"snapshot\":{}}")) {
        let _ = serde_json::from_str::<Recording>(&text);
    }

    #[test]
    fn no_configuration_makes_the_reader_panic(
        text in like("region = \"eu-west-1\"\n[zookeeper]\nclient_port = 2181\nheap = \"1g\"\n[zookeeper.extra]\n\"a.b\" = 1\n[pace]\ntick = \"10s\"\n"),
    ) {
        let directory = directory("any-configuration");
        let path = directory.join("config.toml");
        fs::write(&path, &text).expect("a file");
        if let Err(error) = zk_bootstrap::config::load(&path) {
            let lines = error.to_string();
            prop_assert!(!lines.is_empty() && !lines.contains("\n\n"), "{}", lines);
        }
    }
}
