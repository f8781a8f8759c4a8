//! The metadata service.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use zk_bootstrap::model::fleet::Notice;
use zk_bootstrap::model::snapshot::{Recording, Snapshot};

use crate::{directory, zk_bootstrap};

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

/// What is known of a notice, or how the reason begins for which nothing is.
type Known = Result<Option<Notice>, &'static str>;

/// What one path says of a notice, and what is known then.
const NOTICES: &[(&str, Reply, Known)] = &[
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
