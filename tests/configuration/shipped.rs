//! The shipped file documents every key, with its default and its reason.

use std::fs;
use std::path::Path;

use crate::loaded;

fn shipped() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/config.toml");
    fs::read_to_string(path).expect("the shipped configuration")
}

/// The keys with their tables of an effective configuration, and whether a default holds.
fn keys(effective: &str) -> Vec<(String, bool)> {
    let mut table = "";
    let mut keys = Vec::new();
    for line in effective.lines().filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_end_matches(']');
            continue;
        }
        let name = line.trim_start_matches("# ").split(' ').next();
        let name = name.expect("a key");
        let key = match table {
            "" => name.to_owned(),
            table => format!("{table}.{name}"),
        };
        let has_default = !line.starts_with("# ");
        keys.push((key, has_default));
    }
    keys
}

/// The keys that a file sets, and those that it shows in a comment.
fn documented(text: &str) -> (Vec<String>, Vec<(String, String)>) {
    let (mut set, mut shown) = (Vec::new(), Vec::new());
    let mut table = String::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[') {
            table = format!("{}.", name.trim_end_matches(']'));
            continue;
        }
        let code = line.trim_start_matches("# ");
        let Some((name, _)) = code.split_once(" = ") else {
            continue;
        };
        let key = format!("{table}{name}");
        match line == code {
            true => set.push(key),
            false => shown.push((key, code.to_owned())),
        }
    }
    (set, shown)
}

#[test]
fn the_shipped_file_sets_every_default_and_shows_every_other_key() {
    let empty = loaded("empty", &[("config.toml", "")]);
    let as_shipped = loaded("shipped", &[("config.toml", &shipped())]);
    assert_eq!(as_shipped.settings, empty.settings);
    let (set, shown) = documented(&shipped());
    let shown: Vec<&String> = shown.iter().map(|(key, _)| key).collect();
    let keys = keys(&empty.effective());
    assert!(keys.len() > 25, "{keys:?}");
    for (key, has_default) in keys {
        match has_default {
            true => assert!(set.contains(&key), "{key} is not set"),
            false => assert!(shown.contains(&&key), "{key} is not shown"),
        }
    }
}

#[test]
fn every_example_in_a_comment_of_the_shipped_file_is_right() {
    let (_, shown) = documented(&shipped());
    assert!(shown.len() > 8, "{shown:?}");
    let of_tags = ["tag_key", "tag_value", "security_group", "size"];
    for (n, (key, example)) in shown.iter().enumerate() {
        let (table, name) = match key.split_once(".\"") {
            Some(quoted) => quoted,
            None => key.rsplit_once('.').unwrap_or(("", key)),
        };
        let mut text = format!("[{table}]\n{example}\n").replace("[]\n", "");
        if of_tags.contains(&name) {
            for more in ["scheme = \"tags\"", "tag_key = \"a\"", "tag_value = \"b\""] {
                if !more.starts_with(&format!("{name} ")) {
                    text.push_str(&format!("{more}\n"));
                }
            }
        }
        if ["zone_id", "domain"].contains(&name) {
            for more in [
                "publish = \"route53\"",
                "zone_id = \"Z1\"",
                "domain = \"zk.example.com\"",
            ] {
                if !more.starts_with(&format!("{name} ")) {
                    text.push_str(&format!("{more}\n"));
                }
            }
        }
        loaded(&format!("example-{n}"), &[("config.toml", &text)]);
    }
}

#[test]
fn every_key_of_the_shipped_file_has_its_reason_above_it() {
    let text = shipped();
    let lines: Vec<&str> = text.lines().collect();
    let (set, _) = documented(&text);
    assert!(set.len() > 15, "{set:?}");
    for key in set {
        let name = key.rsplit('.').next().expect("a name");
        let at = lines
            .iter()
            .position(|l| l.starts_with(&format!("{name} = ")));
        // Keys that are explained together stand together.
        let before = lines[..at.expect("it is set")].iter().rev();
        let above = before
            .clone()
            .find(|l| !l.contains(" = ") || l.starts_with('#'));
        assert!(above.is_some_and(|l| l.starts_with("# ")), "{key}");
    }
}
