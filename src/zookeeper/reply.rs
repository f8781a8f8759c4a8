//! Reads the answers to four-letter words. Keys that are not known are passed over; an answer
//! that makes no sense is unknown, and never taken for a dead server.

use crate::model::ensemble::Ensemble;
use crate::model::id::Zxid;
use crate::model::probe::{Mode, Probe, Serving};

/// What a server without a quorum answers, to every word.
const NOT_SERVING: &str = "This ZooKeeper instance is not currently serving requests";

/// Whether the answer says that the word is not whitelisted.
pub fn is_refused(answer: &str) -> bool {
    answer.contains("is not executed because it is not in the whitelist")
}

/// Puts the answers to `stat` or `srvr`, to `conf`, and to `mntr` together.
pub fn probe(state: &str, conf: Option<&str>, mntr: Option<&str>) -> Probe {
    if state.starts_with(NOT_SERVING) {
        return Probe::NotServing;
    }
    let unknown = |why: &str| Probe::Unknown {
        why: why.chars().take(80).collect::<String>().trim().to_owned(),
    };
    if is_refused(state) {
        return unknown(state);
    }
    let value = |key: &str| state.lines().find_map(|line| line.strip_prefix(key));
    let (Some(mode), Some(zxid)) = (value("Mode: "), value("Zxid: ")) else {
        return unknown(&format!("a garbled answer: {state:?}"));
    };
    let (Some(mode), Ok(zxid)) = (mode_of(mode.trim()), zxid.trim().parse::<Zxid>()) else {
        return unknown(&format!("mode {mode:?} at zxid {zxid:?}"));
    };
    let synced = match mode {
        Mode::Leader => Some(true),
        Mode::Follower | Mode::Observer | Mode::Standalone | Mode::ReadOnly => {
            mntr.and_then(synced)
        }
    };
    Probe::Serving(Serving {
        mode,
        zxid,
        release: value("Zookeeper version: ")
            .map(release)
            .unwrap_or_default(),
        synced,
        ensemble: conf.and_then(ensemble),
    })
}

fn mode_of(text: &str) -> Option<Mode> {
    match text {
        "leader" => Some(Mode::Leader),
        "follower" => Some(Mode::Follower),
        "observer" => Some(Mode::Observer),
        "standalone" => Some(Mode::Standalone),
        "read-only" => Some(Mode::ReadOnly),
        _ => None,
    }
}

/// `3.8.0-5a02a05eddb59aee6ac762f7ea82e92a68eb9c0f, built on …` is release `3.8.0`.
fn release(text: &str) -> String {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.');
    text[..end.unwrap_or(text.len())].to_owned()
}

/// `zk_peer_state` has three steps (discovery, synchronization, broadcast); only in the last one
/// has the server all that its leader has.
fn synced(mntr: &str) -> Option<bool> {
    let state = mntr
        .lines()
        .find_map(|line| line.strip_prefix("zk_peer_state"))?;
    Some(state.trim().ends_with("- broadcast"))
}

/// The committed config: the server lines and the version behind `membership:` in `conf`.
fn ensemble(conf: &str) -> Option<Ensemble> {
    let (_, membership) = conf.split_once("membership:")?;
    let lines = membership.lines().map(str::trim);
    let lines = lines.filter(|l| l.starts_with("server.") || l.starts_with("version="));
    let text: Vec<&str> = lines.collect();
    // Without its version nothing could be conditional on it.
    let versioned = text.iter().any(|line| line.starts_with("version="));
    text.join("\n").parse().ok().filter(|_| versioned)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SRVR: &str = "Zookeeper version: 3.8.0-5a02a05, built on 2022-02-25 08:49 UTC\nLatency min/avg/max: 0/0.0/0\nZxid: 0x10000000a\nMode: follower\nNode count: 5\n";
    const CONF: &str = "clientPort=2181\nserverId=1\nmembership: \nserver.1=10.0.0.1:2888:3888:participant;0.0.0.0:2181\nversion=100000003\n";

    #[test]
    fn a_follower_that_broadcasts_has_synced() {
        let probe = probe(
            SRVR,
            Some(CONF),
            Some("zk_peer_state\tfollowing - broadcast\n"),
        );
        let serving = probe.serving().expect("it serves");
        assert_eq!(
            (serving.mode, serving.zxid, serving.synced),
            (Mode::Follower, Zxid(0x1_0000_000a), Some(true))
        );
        assert_eq!(serving.release, "3.8.0");
        let ensemble = serving.ensemble.as_ref().expect("a config");
        assert_eq!(
            (ensemble.version.0, ensemble.voter_count()),
            (0x1_0000_0003, 1)
        );
    }

    #[test]
    fn a_follower_that_still_synchronizes_has_not_synced() {
        let probe = probe(
            SRVR,
            None,
            Some("zk_peer_state\tfollowing - synchronization\n"),
        );
        assert_eq!(probe.serving().and_then(|s| s.synced), Some(false));
    }

    #[test]
    fn what_is_not_said_is_unknown_and_not_dead() {
        assert_eq!(
            probe(
                "This ZooKeeper instance is not currently serving requests\n",
                None,
                None
            ),
            Probe::NotServing
        );
        let refused = "stat is not executed because it is not in the whitelist.\n";
        for text in [
            "",
            "\n",
            refused,
            "Mode: follower\n",
            "Mode: sleeping\nZxid: 0x1\n",
            "Mode: leader\nZxid: zero\n",
            "HTTP/1.1 400 Bad Request\r\n\r\n",
        ] {
            assert!(
                matches!(probe(text, None, None), Probe::Unknown { .. }),
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_config_without_version_or_with_a_strange_line_is_no_config() {
        for conf in [
            "",
            "membership: \nserver.1=10.0.0.1:2888:3888;2181\n",
            "membership: \nserver.300=a:1:2;3\nversion=1\n",
            "membership: \nversion=1\n",
        ] {
            assert_eq!(probe(SRVR, Some(conf), None).ensemble(), None, "{conf:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(state in ".*", conf in "(membership:)?.*", mntr in ".*") {
            let _ = probe(&state, Some(&conf), Some(&mntr));
            let _ = probe(&format!("{SRVR}{state}"), Some(&format!("{CONF}{conf}")), Some(&mntr));
        }
    }
}
