//! Events of a claim's stream.

use jiff::Timestamp;
use zk_bootstrap::aws::record::{Event, fold};

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
