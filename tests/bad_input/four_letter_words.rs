//! Answers to four-letter words.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

use zk_bootstrap::model::probe::Probe;
use zk_bootstrap::zookeeper::four_letter::{self, Depth};
use zk_bootstrap::zookeeper::reply;

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
