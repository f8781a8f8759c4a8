//! What an operator may write, what each mistake is answered with, and what is documented.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use zk_bootstrap::config::{Loaded, load};

/// A directory of its own with these files in it.
fn directory(name: &str, files: &[(&str, &str)]) -> PathBuf {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("configuration")
        .join(name);
    // What an earlier run left would be read as well.
    let _ = fs::remove_dir_all(&directory);
    for (file, text) in files {
        let path = directory.join(file);
        fs::create_dir_all(path.parent().expect("it is in a directory")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    directory
}

fn loaded(name: &str, files: &[(&str, &str)]) -> Loaded {
    let path = directory(name, files).join("config.toml");
    load(&path).unwrap_or_else(|error| panic!("{error}"))
}

/// What is said of these files, with paths from their directory on.
fn refusal(name: &str, files: &[(&str, &str)]) -> String {
    let directory = directory(name, files);
    let error = load(&directory.join("config.toml")).expect_err("it is wrong");
    error
        .to_string()
        .replace(&format!("{}/", directory.display()), "")
}

fn shipped() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/config.toml");
    fs::read_to_string(path).expect("the shipped configuration")
}

/// A configuration with one mistake, and the one line that answers it.
const BROKEN: &[(&str, &str)] = &[
    // Keys.
    (
        "[zookeeper]\nclientPort = 2181",
        "config.toml:2: zookeeper.clientPort is unknown; did you mean zookeeper.client_port?",
    ),
    (
        "client_port = 2181",
        "config.toml:1: client_port is unknown; did you mean zookeeper.client_port?",
    ),
    (
        "[zokeeper]\n\nclient_port = 2181",
        "config.toml:3: zokeeper.client_port is unknown; did you mean zookeeper.client_port?",
    ),
    (
        "[zookeeper]\nsuper_secret = \"correct-horse\"",
        "config.toml:2: zookeeper.super_secret is unknown; did you mean zookeeper.super_secret_file?",
    ),
    (
        "[pace.tick]\nleast = \"1s\"",
        "config.toml:2: pace.tick.least is unknown; did you mean pace.tick?",
    ),
    (
        "[zookeper]",
        "config.toml:1: zookeper is unknown; did you mean zookeeper.heap?",
    ),
    (
        "[pace]\n\"ti\\nck\" = \"1s\"",
        "config.toml:2: pace.ti?ck is unknown; did you mean pace.tick?",
    ),
    (
        "zookeeper = 5",
        "config.toml:1: zookeeper is a table: write [zookeeper] and its keys below",
    ),
    (
        "[zookeeper]\nextra = \"tickTime=2000\"",
        "config.toml:2: zookeeper.extra is a table: write [zookeeper.extra] and its keys below",
    ),
    // TOML itself.
    (
        "[zookeeper\nclient_port = 2181",
        "config.toml:1: is not TOML: unclosed table, expected `]`",
    ),
    (
        "[pace]\ntick = \"10s\"\ntick = \"20s\"",
        "config.toml:3: is not TOML: duplicate key",
    ),
    // The region.
    (
        "region = \"eu-central-1a\"",
        "config.toml:1: region is \"eu-central-1a\", a zone; its region is \"eu-central-1\"",
    ),
    (
        "region = \"us-west-2-lax-1a\"",
        "config.toml:1: region is \"us-west-2-lax-1a\", a zone; its region is \"us-west-2\"",
    ),
    (
        "region = \"Frankfurt\"",
        "config.toml:1: region is \"Frankfurt\", but must be a region's name like \"eu-central-1\"",
    ),
    // Who belongs to the ensemble.
    (
        "[membership]\nscheme = \"ASG\"",
        "config.toml:2: membership.scheme is \"ASG\", but must be \"asg\" or \"tags\"",
    ),
    (
        "[membership]\nscheme = \"tags\"\ntag_key = \"ensemble\"",
        "config.toml:2: membership.scheme is \"tags\", which needs membership.tag_value",
    ),
    (
        "[membership]\ntag_key = \"ensemble\"",
        "config.toml:2: membership.tag_key is of the scheme \"tags\": set membership.scheme, or remove it",
    ),
    (
        "[membership]\nscheme = \"tags\"\ntag_key = \"a\"\ntag_value = \"b\"\ngroup = \"zk\"",
        "config.toml:5: membership.group is of the scheme \"asg\": remove it, or membership.scheme",
    ),
    (
        "[membership]\nscheme = \"tags\"\ntag_key = \"a\"\ntag_value = \"b\"\nsecurity_group = \"zk\"",
        "config.toml:5: membership.security_group is \"zk\", but must be a security group's id like \"sg-0123456789abcdef0\"",
    ),
    (
        "[membership]\ngroup = \" zk\"",
        "config.toml:2: membership.group must not be empty, nor begin or end with a space",
    ),
    // The register.
    (
        "[register]\nlog_group = \"/zookeeper/{asg}\"",
        "config.toml:2: register.log_group is \"/zookeeper/{asg}\", but {group} is all that it may have in braces",
    ),
    (
        "[register]\nlog_group = \"/zookeeper/my group\"",
        "config.toml:2: register.log_group is \"/zookeeper/my group\", but CloudWatch Logs takes 1 to 512 letters, digits and _-/.# only",
    ),
    (
        "[register]\nlog_group = \"aws/zookeeper\"",
        "config.toml:2: register.log_group is \"aws/zookeeper\", but AWS keeps \"aws/\" for itself",
    ),
    (
        "[metrics]\nlog_group = \"/zookeeper/{group}\"",
        "config.toml:2: metrics.log_group is the register's, which must never expire: figures need a log group of their own",
    ),
    (
        "[register]\nclaim_grace = \"60s\"",
        "config.toml:2: register.claim_grace is \"60s\", but must be from \"90s\" to \"1h\"",
    ),
    (
        "[register]\nabsence_proof = 3",
        "config.toml:2: register.absence_proof is 3, but must be a text like \"90s\"",
    ),
    // Ports, paths, the JVM.
    (
        "[zookeeper]\nelection_port = 2181",
        "config.toml:2: zookeeper.election_port and zookeeper.client_port are both 2181: each needs a port of its own",
    ),
    (
        "[zookeeper]\nclient_port = 70000",
        "config.toml:2: zookeeper.client_port is 70000, but must be a number from 1 to 65535",
    ),
    (
        "[zookeeper]\nclient_port = 99999999999999999999",
        "config.toml:2: zookeeper.client_port is a number that is too large, but must be a number from 1 to 65535",
    ),
    (
        "[zookeeper]\nclient_bind = \"0.0.0.0\"",
        "config.toml:2: zookeeper.client_bind is \"0.0.0.0\", but must be \"all\" or \"instance\"",
    ),
    (
        "[zookeeper]\ndata_dir = \"/var/lib/../zookeeper\"",
        "config.toml:2: zookeeper.data_dir is \"/var/lib/../zookeeper\", but must be an absolute path without \"..\"",
    ),
    (
        "[zookeeper]\nconf_dir = \"/etc/zoo keeper\"",
        "config.toml:2: zookeeper.conf_dir is \"/etc/zoo keeper\", but zoo.cfg and zkServer.sh take letters, digits and _-.,@%+ only",
    ),
    (
        "[zookeeper]\nheap = 512",
        "config.toml:2: zookeeper.heap is 512, but must be a size like \"512m\" or \"4g\"",
    ),
    (
        "[zookeeper]\nheap = \"1m\"",
        "config.toml:2: zookeeper.heap is \"1m\", but must be from \"64m\" to \"1024g\"",
    ),
    (
        "[zookeeper]\nheap = \"2g\"\njvm_flags = \"-Xmx1g\"",
        "config.toml:3: zookeeper.jvm_flags has -Xmx while zookeeper.heap is set, too: remove one of them",
    ),
    (
        "[zookeeper]\njvm_flags = \"-Da=$(id)\"",
        "config.toml:2: zookeeper.jvm_flags must have no quotes, backslashes, $ or `: zkServer.sh splits it at its spaces",
    ),
    // zoo.cfg.
    (
        "[zookeeper.extra]\nskipACL = \"yes\"",
        "config.toml:2: zookeeper.extra.skipACL would open the whole tree to everybody, the membership included",
    ),
    (
        "[zookeeper.extra]\n\"db.autocreate\" = true",
        "config.toml:2: zookeeper.extra.db.autocreate is always false: an empty disk that votes loses acknowledged writes",
    ),
    (
        "[zookeeper.extra]\nlocalSessionsEnabled = true",
        "config.toml:2: zookeeper.extra.localSessionsEnabled would open sessions without a write: by one the agent knows that a change is committed",
    ),
    (
        "[zookeeper.extra]\n\"server.1\" = \"10.0.0.1:2888:3888\"",
        "config.toml:2: zookeeper.extra.server.1 is membership, which is changed by reconfig alone",
    ),
    (
        "[zookeeper.extra]\n\"ssl.keyStore.password\" = \"correct-horse\"",
        "config.toml:2: zookeeper.extra.ssl.keyStore.password is a secret: name a file that holds it with the key's passwordPath",
    ),
    (
        "[zookeeper.extra]\ntickTime = [2000]",
        "config.toml:2: zookeeper.extra.tickTime is an array, but must be a text, a number, true or false",
    ),
    (
        "[zookeeper.extra]\ntickTime = \"2000\\nskipACL=yes\"",
        "config.toml:2: zookeeper.extra.tickTime must be one line of at most 4096 bytes",
    ),
    (
        "[zookeeper.extra]\n\"tickTime=1\\nskipACL\" = \"yes\"",
        "config.toml:2: zookeeper.extra.tickTime=1?skipACL is no key of zoo.cfg: those are letters, digits and ._- only",
    ),
    // The service, what is decided, the pace, AWS.
    (
        "[service]\nunit = \"zk-bootstrap.service\"",
        "config.toml:2: service.unit is \"zk-bootstrap.service\", the agent's own unit; name ZooKeeper's",
    ),
    (
        "[service]\nunit = \"--all.service\"",
        "config.toml:2: service.unit is \"--all.service\", but must be a unit's name like \"zookeeper.service\"",
    ),
    (
        "[policy]\nfloor = 0",
        "config.toml:2: policy.floor is 0, but must be a number from 1 to 254",
    ),
    (
        "[policy]\nvoters = 4",
        "config.toml:2: policy.voters is 4, but 4 voters survive no more losses than 3: set 3 or 5",
    ),
    (
        "[policy]\nvoters = 9",
        "config.toml:2: policy.voters is 9, but must be a number from 1 to 7",
    ),
    (
        "[policy]\nleave_on_rebalance = \"yes\"",
        "config.toml:2: policy.leave_on_rebalance is \"yes\", but must be true or false",
    ),
    (
        "[policy]\nprotect_voters = 1",
        "config.toml:2: policy.protect_voters is 1, but must be true or false",
    ),
    (
        "[names]\npublish = \"dns\"",
        "config.toml:2: names.publish is \"dns\", but must be \"off\" or \"route53\" or \"ssm\"",
    ),
    (
        "[names]\npublish = \"route53\"\nzone_id = \"Z1\"",
        "config.toml:2: names.publish is \"route53\", which needs names.domain",
    ),
    (
        "[names]\npublish = \"ssm\"\ndomain = \"zk.example.com\"",
        "config.toml:3: names.domain is of names.publish = \"route53\": set that, or remove it",
    ),
    (
        "[names]\npublish = \"route53\"\ndomain = \"zk.example.com\"\nzone_id = \"/hostedzone/Z1\"",
        "config.toml:4: names.zone_id is \"/hostedzone/Z1\", but must be a hosted zone's id like \
         \"Z0123456789ABCDEFGHIJ\"",
    ),
    (
        "[names]\npublish = \"route53\"\nzone_id = \"Z1\"\ndomain = \"Zk.example.com.\"",
        "config.toml:4: names.domain is \"Zk.example.com.\", but must be a name in lower case \
         without a last dot, like \"zk.example.com\"",
    ),
    (
        "[names]\npublish = \"ssm\"\nparameter = \"zookeeper\"",
        "config.toml:3: names.parameter is \"zookeeper\", but must be a path like \
         \"/zookeeper/{group}/connection-string\" of letters, digits and _.-",
    ),
    (
        "[names]\npublish = \"ssm\"\nparameter = \"/aws/zookeeper\"",
        "config.toml:3: names.parameter is \"/aws/zookeeper\", but AWS keeps names that begin with \
         \"aws\" or \"ssm\" for itself",
    ),
    (
        "[names]\nttl = \"0s\"",
        "config.toml:2: names.ttl is \"0s\", but must be from \"1s\" to \"24h\"",
    ),
    (
        "[policy]\nleave_patience = \"30s\"",
        "config.toml:2: policy.leave_patience is \"30s\", but must be from \"1m\" to \"2h\"",
    ),
    (
        "[policy]\nleave_patience = \"121m\"",
        "config.toml:2: policy.leave_patience is \"121m\", but must be from \"1m\" to \"2h\"",
    ),
    (
        "[pace]\ntick = \"10\"",
        "config.toml:2: pace.tick is \"10\", but must be a duration like \"90s\", \"5m\" or \"3h\"",
    ),
    (
        "[pace]\naws = \"5s\"",
        "config.toml:2: pace.aws is shorter than pace.tick: AWS is asked at ticks only",
    ),
    (
        "[aws]\nendpoint = \"vpce-1.example.com\"",
        "config.toml:2: aws.endpoint is \"vpce-1.example.com\", but must be an address like \"https://vpce-1.example.com\"",
    ),
    (
        "[aws]\nendpoint = \"https://me:correct-horse@example.com\"",
        "config.toml:2: aws.endpoint has a password in it; AWS's credentials come from the instance",
    ),
];

#[test]
fn each_mistake_is_answered_by_one_line_with_its_place() {
    for (n, (text, line)) in BROKEN.iter().enumerate() {
        let said = refusal(&format!("broken-{n}"), &[("config.toml", text)]);
        assert_eq!(said, *line, "{text}");
    }
}

#[test]
fn no_answer_repeats_a_secret() {
    for (_, line) in BROKEN {
        assert!(!line.contains("correct-horse"), "{line}");
    }
}

#[test]
fn all_mistakes_of_all_files_are_told_at_once_in_their_order() {
    let files = [
        ("config.d/10-image.toml", "[policy]\nflor = 3\nfloor = 0\n"),
        ("config.toml", "regoin = \"eu-west-1\"\n"),
    ];
    let expected = "\
config.d/10-image.toml:2: policy.flor is unknown; did you mean policy.floor?
config.d/10-image.toml:3: policy.floor is 0, but must be a number from 1 to 254
config.toml:1: regoin is unknown; did you mean region?";
    let mut lines: Vec<String> = refusal("all", &files).lines().map(str::to_owned).collect();
    lines.sort();
    assert_eq!(lines.join("\n"), expected);
}

#[test]
fn drop_ins_win_over_the_file_and_the_later_over_the_earlier_key_by_key() {
    let files = [
        (
            "config.toml",
            "[zookeeper]\nheap = \"1g\"\nclient_port = 2182\n",
        ),
        ("config.d/50-fleet.toml", "[zookeeper]\nheap = \"4g\"\n"),
        (
            "config.d/10-image.toml",
            "[zookeeper]\nheap = \"2g\"\nquorum_port = 2889\n",
        ),
        ("config.d/.60-hidden.toml", "not even TOML"),
        ("config.d/70-old.toml.dpkg-old", "not even TOML"),
        ("config.d/README", "not even TOML"),
    ];
    let loaded = loaded("drop-ins", &files);
    let zookeeper = loaded.settings.zookeeper;
    assert_eq!(zookeeper.heap.as_deref(), Some("4g"));
    assert_eq!((zookeeper.client_port, zookeeper.quorum_port), (2182, 2889));
    let names: Vec<&str> = loaded
        .files
        .iter()
        .filter_map(|file| file.file_name()?.to_str())
        .collect();
    assert_eq!(names, ["config.toml", "10-image.toml", "50-fleet.toml"]);
}

#[test]
fn voters_are_protected_only_where_there_is_a_group_to_tell() {
    let asg = loaded("protected", &[("config.toml", "")])
        .settings
        .policy();
    assert!(asg.protect_voters && !asg.leave_on_rebalance);
    let of_tags = "[membership]\nscheme = \"tags\"\ntag_key = \"a\"\ntag_value = \"b\"\n\
                   [policy]\nprotect_voters = true\nleave_on_rebalance = true\n\
                   leave_patience = \"20m\"\n";
    let tags = loaded("unprotected", &[("config.toml", of_tags)]);
    let tags = tags.settings.policy();
    assert!(!tags.protect_voters && tags.leave_on_rebalance);
    assert_eq!(tags.leave_patience, Duration::from_secs(1200));
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

fn zk_bootstrap(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_zk-bootstrap"))
        .arg("--config")
        .arg(directory.join("config.toml"))
        .args(arguments)
        .output()
        .expect("the binary runs")
}

fn text(bytes: &[u8], directory: &Path) -> String {
    String::from_utf8_lossy(bytes).replace(&format!("{}/", directory.display()), "")
}

#[test]
fn every_command_refuses_a_wrong_configuration_with_exit_code_78() {
    let (broken, line) = BROKEN[0];
    let directory = directory("refused", &[("config.toml", broken)]);
    for command in [
        "check-config",
        "may-start",
        "run",
        "plan",
        "observe",
        "status",
    ] {
        let output = zk_bootstrap(&directory, &[command]);
        assert_eq!(output.status.code(), Some(78), "{command}");
        assert_eq!(text(&output.stdout, &directory), "", "{command}");
        let said = text(&output.stderr, &directory);
        assert_eq!(said, format!("zk-bootstrap: {line}\n"), "{command}");
    }
}

#[test]
fn a_server_may_start_where_its_files_were_laid_out_and_it_was_not_withdrawn() {
    let directory = directory("may-start", &[("config.toml", "")]);
    let config = format!("[zookeeper]\ndata_dir = \"{}\"\n", directory.display());
    fs::write(directory.join("config.toml"), config).expect("a file");
    let identity = |more: &str| {
        format!(
            r#"{{"lineage":{{"generation":1,"founder":"i-0123456789abcdef0"}},"server":1,
               "instance":"i-0123456789abcdef0"{more}}}"#
        )
    };
    let (laid_out, withdrawn) = (identity(""), identity(r#","withdrawn":true"#));
    for (file, code, said) in [
        (None, 69, "nothing here says whose data this is"),
        (Some("{\"torn"), 69, "nothing here says whose data this is"),
        (Some(&*withdrawn), 69, "the server was withdrawn"),
        (Some(&*laid_out), 0, ""),
    ] {
        let path = directory.join("zk-bootstrap.json");
        if let Some(text) = file {
            fs::write(path, text).expect("a file");
        }
        let output = zk_bootstrap(&directory, &["may-start"]);
        let heard = text(&output.stderr, &directory);
        assert_eq!(output.status.code(), Some(code), "{file:?}: {heard}");
        assert!(heard.contains(said), "{file:?}: {heard}");
    }
}

#[test]
fn the_file_may_be_named_before_or_behind_the_command() {
    let directory = directory("either-place", &[("config.toml", "")]);
    let before = zk_bootstrap(&directory, &["check-config"]);
    assert_eq!(before.status.code(), Some(0));
    let behind = Command::new(env!("CARGO_BIN_EXE_zk-bootstrap"))
        .args(["check-config", "--config"])
        .arg(directory.join("config.toml"))
        .output();
    assert_eq!(behind.expect("the binary runs").stdout, before.stdout);
}

#[test]
fn a_dry_run_beside_a_command_is_refused_and_nothing_runs() {
    let directory = directory("ambiguous", &[("config.toml", "")]);
    for arguments in [
        ["--dry-run", "run"],
        ["--output=json", "run"],
        ["--from=x", "run"],
    ] {
        let output = zk_bootstrap(&directory, &arguments);
        assert_eq!(output.status.code(), Some(64), "{arguments:?}");
    }
}

#[test]
fn files_that_cannot_be_read_are_named_with_the_reason() {
    let missing = directory("missing", &[("another.toml", "")]);
    let output = zk_bootstrap(&missing, &["check-config"]);
    assert_eq!(output.status.code(), Some(78));
    let said =
        "zk-bootstrap: config.toml: cannot be read: No such file or directory (os error 2)\n";
    assert_eq!(text(&output.stderr, &missing), said);

    let no_directory = directory("no-directory", &[("config.toml", ""), ("config.d", "")]);
    let output = zk_bootstrap(&no_directory, &["check-config"]);
    assert_eq!(output.status.code(), Some(78));
    let said = "zk-bootstrap: config.d: cannot be read: Not a directory (os error 20)\n";
    assert_eq!(text(&output.stderr, &no_directory), said);

    let binary = directory("binary", &[("config.toml", "")]);
    fs::write(binary.join("config.toml"), [0xff, 0xfe]).expect("a file");
    let output = zk_bootstrap(&binary, &["check-config"]);
    assert_eq!(output.status.code(), Some(78));
    let said = "zk-bootstrap: config.toml: cannot be read: stream did not contain valid UTF-8\n";
    assert_eq!(text(&output.stderr, &binary), said);
}

#[test]
fn check_config_prints_every_value_with_the_file_and_line_that_set_it() {
    let files = [
        (
            "config.toml",
            "region = \"eu-central-1\"\n\n[zookeeper]\nheap = \"1g\"\nclient_port = 2182\n",
        ),
        (
            "config.d/50-fleet.toml",
            "# The fleet's.\n[zookeeper]\nheap = \"4g\"\n[zookeeper.extra]\nmaxClientCnxns = 0\n",
        ),
    ];
    let directory = directory("golden", &files);
    let output = zk_bootstrap(&directory, &["check-config"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(text(&output.stderr, &directory), "");
    assert_eq!(text(&output.stdout, &directory), GOLDEN);
    // What is printed is a configuration itself, and the same one.
    let again = loaded("golden-again", &[("config.toml", GOLDEN)]);
    let first = load(&directory.join("config.toml")).expect("it is right");
    assert_eq!(again.settings, first.settings);
}

const GOLDEN: &str = r##"region = "eu-central-1"                            # config.toml:1

[membership]
scheme = "asg"                                     # default
# group is not set                                 # default
# tag_key is not set                               # default
# tag_value is not set                             # default
# security_group is not set                        # default
# size is not set                                  # default

[register]
log_group = "/zookeeper/{group}"                   # default
claim_grace = "5m"                                 # default
absence_proof = "3h"                               # default

[zookeeper]
client_port = 2182                                 # config.toml:5
quorum_port = 2888                                 # default
election_port = 3888                               # default
client_bind = "all"                                # default
data_dir = "/var/lib/zookeeper"                    # default
# data_log_dir is not set                          # default
conf_dir = "/etc/zookeeper/conf"                   # default
heap = "4g"                                        # config.d/50-fleet.toml:3
# jvm_flags is not set                             # default
super_secret_file = "/run/credentials/zk-bootstrap.service/super" # default

[zookeeper.extra]
"maxClientCnxns" = 0                               # config.d/50-fleet.toml:5

[service]
manager = "systemd"                                # default
unit = "zookeeper.service"                         # default
zkserver = "/usr/share/zookeeper/bin/zkServer.sh"  # default

[policy]
floor = 3                                          # default
voters = 5                                         # default
recovery = "auto"                                  # default
when_all_is_lost = "wait"                          # default
leave_on_rebalance = false                         # default
leave_patience = "15m"                             # default
protect_voters = true                              # default
restart_after = "5m"                               # default
report_unhealthy = true                            # default

[names]
publish = "off"                                    # default
# zone_id is not set                               # default
# domain is not set                                # default
ttl = "30s"                                        # default
parameter = "/zookeeper/{group}/connection-string" # default

[pace]
tick = "10s"                                       # default
aws = "60s"                                        # default
probe_deadline = "1s"                              # default
aws_deadline = "10s"                               # default
backoff_max = "30s"                                # default

[metrics]
# log_group is not set                             # default

[aws]
# endpoint is not set                              # default
"##;
