//! What each mistake is answered with.

use crate::refusal;

/// A configuration with one mistake, and the one line that answers it.
pub const BROKEN: &[(&str, &str)] = &[
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
