//! No parser panics. Those of the replies and of the events are tried where they stand.

use std::fs;

use proptest::prelude::*;
use zk_bootstrap::model::claim::ClaimName;
use zk_bootstrap::model::ensemble::Ensemble;
use zk_bootstrap::model::server::Server;
use zk_bootstrap::model::snapshot::Recording;

use crate::directory;
use crate::files::{IDENTITY, look};

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
