//! zoo.cfg, which has two authors: the agent renders it, and ZooKeeper rewrites it at every
//! committed config (comments gone, keys in another order, `dynamicConfigFile=` repointed).

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::model::disk::ZooCfg;
use crate::model::facts::Difference;
use crate::model::id::ConfigVersion;
use crate::model::zoo_keys;

/// What zoo.cfg is rendered from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// ZooKeeper's `dataDir`.
    pub data_dir: PathBuf,
    /// Its `dataLogDir`, if the transaction log has a disk of its own.
    pub data_log_dir: Option<PathBuf>,
    /// The super user's digest (`super:…`), never its secret; absent for those who only look and
    /// may not read the secret: then it is not compared.
    pub super_digest: Option<String>,
    /// The operator's own keys; those of [`zoo_keys`] are refused before they come here.
    pub extra: BTreeMap<String, String>,
}

/// Keys with a default that an operator may override. Times as in ZooKeeper's own sample, ports
/// on loopback (the AdminServer listens on all addresses by default up to 3.9.5). The last two are
/// what a joiner otherwise waits for, 0.2 s each time: it learns of a newer config in the midst of an
/// election, which begins anew at the next check for votes (ZOOKEEPER-3218); and, from the first
/// config that it syncs, that it is no observer, after which it reconnects later than any voter (which
/// spares the leader where observers come by the hundred; `Observer.java`).
const DEFAULTS: &[(&str, &str)] = &[
    ("tickTime", "2000"),
    ("initLimit", "10"),
    ("syncLimit", "5"),
    ("admin.enableServer", "false"),
    ("admin.serverAddress", "127.0.0.1"),
    ("autopurge.snapRetainCount", "3"),
    ("autopurge.purgeInterval", "24"),
    ("fastleader.minNotificationInterval", "50"),
    ("observer.election.DelayMs", "0"),
];

/// The four-letter words that the agent asks; an operator may add others.
pub(super) const WORDS: &[&str] = &["conf", "mntr", "ruok", "srvr", "stat"];
const WHITELIST: &str = "4lw.commands.whitelist";
const POINTER: &str = "dynamicConfigFile";
const DIGEST: &str = "DigestAuthenticationProvider.superDigest";

/// The keys of zoo.cfg, without the pointer to the dynamic file.
fn keys(settings: &Settings) -> BTreeMap<String, String> {
    let Settings {
        data_dir,
        data_log_dir,
        super_digest,
        extra,
    } = settings;
    let own = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
    let mut keys: BTreeMap<String, String> = DEFAULTS.iter().map(own).collect();
    keys.extend(extra.clone());
    for (key, value, _) in zoo_keys::FIXED {
        keys.insert((*key).to_owned(), (*value).to_owned());
    }
    keys.insert("dataDir".to_owned(), data_dir.display().to_string());
    if let Some(log) = data_log_dir {
        keys.insert("dataLogDir".to_owned(), log.display().to_string());
    }
    if let Some(digest) = super_digest {
        keys.insert(DIGEST.to_owned(), digest.clone());
    }
    let more = extra.get(WHITELIST).map_or("", String::as_str);
    keys.insert(WHITELIST.to_owned(), whitelist(more));
    keys
}

fn whitelist(more: &str) -> String {
    let more: Vec<&str> = more
        .split(',')
        .map(str::trim)
        .filter(|w| !w.is_empty())
        .collect();
    if more.contains(&"*") {
        return "*".to_owned();
    }
    let mut words: Vec<&str> = WORDS.iter().copied().chain(more).collect();
    words.sort_unstable();
    words.dedup();
    words.join(",")
}

/// The text of zoo.cfg, pointing at this dynamic file.
pub fn render(settings: &Settings, dynamic_file: &Path) -> String {
    let mut text =
        "# Written by zk-bootstrap; ZooKeeper rewrites it. Settings: /etc/zk-bootstrap\n"
            .to_owned();
    for (key, value) in keys(settings) {
        text.push_str(&format!("{key}={value}\n"));
    }
    text.push_str(&format!("{POINTER}={}\n", dynamic_file.display()));
    text
}

/// Reads a zoo.cfg as ZooKeeper does (a Java properties file in its simple form); the last of
/// equal keys counts.
fn parse(text: &str) -> BTreeMap<String, String> {
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|l| !l.starts_with(['#', '!']));
    let pairs = lines.filter_map(|line| line.split_once('='));
    // ZooKeeper escapes what Java's Properties.store escapes: `\:` and `\=` in values.
    let plain = |value: &str| value.trim().replace('\\', "");
    pairs
        .map(|(key, value)| (key.trim().to_owned(), plain(value)))
        .collect()
}

/// Whether an existing zoo.cfg says what the settings say, wherever it points.
pub fn compare(text: Option<&str>, settings: &Settings) -> ZooCfg {
    let Some(text) = text else {
        return ZooCfg::Missing;
    };
    let mut present = parse(text);
    if present.remove(POINTER).is_none() {
        return ZooCfg::Stale;
    }
    if settings.super_digest.is_none() {
        present.remove(DIGEST);
    }
    if present == keys(settings) {
        ZooCfg::Current
    } else {
        ZooCfg::Stale
    }
}

/// Where an existing zoo.cfg says something else than the settings. Neither digest of a secret is
/// told: whether they are the same is.
pub fn differences(text: &str, settings: &Settings) -> Vec<Difference> {
    let (present, wanted) = (parse(text), keys(settings));
    let names: BTreeSet<&String> = present.keys().chain(wanted.keys()).collect();
    let names = names.into_iter().filter(|name| {
        let unknown = *name == DIGEST && settings.super_digest.is_none();
        *name != POINTER && !unknown && present.get(*name) != wanted.get(*name)
    });
    let told = |name: &str, value: Option<&String>| match name {
        DIGEST => value.map(|_| "a digest".to_owned()),
        _ => value.cloned(),
    };
    let difference = |name: &String| Difference {
        key: name.clone(),
        is: told(name, present.get(name)),
        should: told(name, wanted.get(name)),
    };
    names.map(difference).collect()
}

/// ZooKeeper's own rule: the longest session is this many ticks, unless it is set.
const TICKS_OF_A_SESSION: u64 = 20;

/// The times that follow from the settings: `tickTime`, the limits of `initLimit` and `syncLimit`,
/// and the longest session. ZooKeeper refuses to start with what is not a number.
pub fn times(settings: &Settings) -> [Duration; 4] {
    let keys = keys(settings);
    let number = |key: &str| keys.get(key).and_then(|value| value.parse::<u64>().ok());
    let tick = number("tickTime").unwrap_or_default();
    let limit = |key: &str| tick.saturating_mul(number(key).unwrap_or_default());
    let session = number("maxSessionTimeout").unwrap_or(tick.saturating_mul(TICKS_OF_A_SESSION));
    [tick, limit("initLimit"), limit("syncLimit"), session].map(Duration::from_millis)
}

/// The dynamic file that a zoo.cfg points at: the live membership. A rendering that lost it would
/// be a silent rollback.
pub fn live_pointer(text: &str) -> Option<PathBuf> {
    parse(text)
        .remove(POINTER)
        .filter(|path| !path.is_empty())
        .map(PathBuf::from)
}

/// The version in a dynamic file's name: the hexadecimal suffix, 0 without one.
pub fn version_of(dynamic_file: &Path) -> ConfigVersion {
    let suffix = dynamic_file.extension().and_then(|s| s.to_str());
    let version = suffix
        .filter(|s| *s != "dynamic")
        .and_then(|s| s.parse().ok());
    version.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings() -> Settings {
        Settings {
            data_dir: "/var/lib/zookeeper".into(),
            data_log_dir: None,
            super_digest: Some("super:hash=".to_owned()),
            extra: BTreeMap::new(),
        }
    }

    fn rendered() -> String {
        render(
            &settings(),
            Path::new("/etc/zookeeper/conf/zoo.cfg.dynamic"),
        )
    }

    #[test]
    fn what_was_rendered_is_current_and_what_zookeeper_makes_of_it_too() {
        assert_eq!(compare(Some(&rendered()), &settings()), ZooCfg::Current);
        let mut lines: Vec<String> = rendered().lines().skip(1).map(str::to_owned).collect();
        lines.reverse();
        let rewritten = lines.join("\n").replace(".dynamic", ".dynamic.100000003");
        assert_eq!(compare(Some(&rewritten), &settings()), ZooCfg::Current);
        let pointer = live_pointer(&rewritten).expect("a pointer");
        assert_eq!(version_of(&pointer), ConfigVersion(0x1_0000_0003));
    }

    #[test]
    fn a_difference_in_meaning_or_a_lost_pointer_is_stale() {
        let other = rendered().replace("syncLimit=5", "syncLimit=9");
        assert_eq!(compare(Some(&other), &settings()), ZooCfg::Stale);
        let lost = rendered().replace("dynamicConfigFile", "other");
        assert_eq!(compare(Some(&lost), &settings()), ZooCfg::Stale);
        assert_eq!(compare(Some(""), &settings()), ZooCfg::Stale);
        assert_eq!(compare(None, &settings()), ZooCfg::Missing);
    }

    #[test]
    fn each_difference_is_named_and_no_digest_is() {
        assert_eq!(differences(&rendered(), &settings()), []);
        let other = rendered()
            .replace("syncLimit=5", "skipACL=yes")
            .replace("super:hash=", "super:other=");
        let told = differences(&other, &settings());
        let text = format!("{told:?}");
        let keys: Vec<&str> = told.iter().map(|d| d.key.as_str()).collect();
        assert_eq!(keys, [DIGEST, "skipACL", "syncLimit"]);
        assert!(!text.contains("hash") && !text.contains("other"), "{text}");
        assert_eq!(
            (told[1].is.as_deref(), &told[1].should),
            (Some("yes"), &None)
        );
    }

    #[test]
    fn the_times_are_those_of_the_defaults_and_of_the_operators_keys() {
        let seconds = |settings: &Settings| times(settings).map(|time| time.as_secs());
        let mut settings = settings();
        assert_eq!(seconds(&settings), [2, 20, 10, 40]);
        for (key, value) in [("tickTime", "1000"), ("maxSessionTimeout", "5000")] {
            settings.extra.insert(key.to_owned(), value.to_owned());
        }
        assert_eq!(seconds(&settings), [1, 10, 5, 5]);
    }

    #[test]
    fn an_operator_adds_words_and_keys_but_takes_nothing_away() {
        let mut settings = settings();
        settings
            .extra
            .insert(WHITELIST.to_owned(), "dump, stat".to_owned());
        settings
            .extra
            .insert("maxClientCnxns".to_owned(), "0".to_owned());
        settings
            .extra
            .insert("db.autocreate".to_owned(), "true".to_owned());
        let text = render(&settings, Path::new("/x/zoo.cfg.dynamic"));
        for line in [
            "4lw.commands.whitelist=conf,dump,mntr,ruok,srvr,stat",
            "maxClientCnxns=0",
            "db.autocreate=false",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}:\n{text}");
        }
    }

    #[test]
    fn who_may_not_read_the_secret_compares_all_but_its_digest() {
        let onlooker = Settings {
            super_digest: None,
            ..settings()
        };
        assert_eq!(compare(Some(&rendered()), &onlooker), ZooCfg::Current);
        let other = rendered().replace("super:hash=", "super:other=");
        assert_eq!(compare(Some(&other), &settings()), ZooCfg::Stale);
    }

    #[test]
    fn a_hand_written_dynamic_file_is_version_zero() {
        assert_eq!(
            version_of(Path::new("/x/zoo.cfg.dynamic")),
            ConfigVersion(0)
        );
        assert_eq!(
            version_of(Path::new("/x/zoo.cfg.dynamic.next")),
            ConfigVersion(0)
        );
    }
}
