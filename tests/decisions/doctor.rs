//! What the doctor says: its findings as sentences. All is well at first; each test says what is
//! not, and what is found then besides.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::SignedDuration;
use zk_bootstrap::doctor::{Finding, Report, Topic, Verdict, examine};
use zk_bootstrap::model::facts::{
    AwsFacts, Difference, Directory, Facts, FileSystem, Fsync, HookFacts, Knock, MetadataOptions,
    Purpose, SecretFacts, ServerFacts, Tried, ZooCfgFacts,
};
use zk_bootstrap::model::fleet::Transition;
use zk_bootstrap::model::probe::{Mode, Probe};
use zk_bootstrap::model::snapshot::Answer;

use crate::given::{THREE, address, config, given, instance, noon, serving, unknown};

const ZOOKEEPER: u32 = 105;
const GIB: u64 = 1 << 30;

fn known<T>(value: T) -> Answer<T> {
    Answer::Known { at: noon(), value }
}

fn released(probe: Probe, release: &str) -> Probe {
    match probe {
        Probe::Serving(mut serving) => {
            serving.release = release.to_owned();
            Probe::Serving(serving)
        }
        other => other,
    }
}

/// Member 1 of three, on `a`, the leader; all is well.
fn well() -> Facts {
    let says = |mode| released(serving(mode, config(&THREE)), "3.9.5");
    let given = given('a', "abc")
        .three_joined()
        .files_of(1, &THREE)
        .runs(says(Mode::Leader))
        .peer('b', says(Mode::Follower))
        .peer('c', says(Mode::Follower));
    let (snapshot, policy) = (given.snapshot, given.policy);
    let ports = policy.ports;
    let open = BTreeMap::from([
        (ports.client, Knock::Open),
        (ports.quorum, Knock::Refused),
        (ports.election, Knock::Open),
    ]);
    let all: BTreeSet<u16> = open.keys().copied().collect();
    Facts {
        policy,
        snapshot,
        aws: aws(),
        ways: BTreeMap::from([(instance('b'), open.clone()), (instance('c'), open)]),
        arrivals: known(BTreeMap::from([
            (address('b'), all.clone()),
            (address('c'), all),
        ])),
        server: ServerFacts {
            words: ["conf", "mntr"].map(|word| (word.to_owned(), true)).into(),
            fsync: Some(Fsync {
                count: 1000,
                mean: Duration::from_millis(2),
                longest: Duration::from_millis(30),
            }),
        },
        zoo_cfg: ZooCfgFacts {
            differences: known(Some(Vec::new())),
            jvm_flags: Some("-XX:+UseG1GC -Dzookeeper.snapCount=1000".to_owned()),
            tick: Duration::from_secs(2),
            init: Duration::from_secs(20),
            sync: Duration::from_secs(10),
            longest_session: Duration::from_secs(40),
        },
        directories: vec![
            directory("/var/lib/zookeeper", Purpose::Data, false),
            directory("/etc/zookeeper/conf", Purpose::Configuration, true),
        ],
        user: known(ZOOKEEPER),
        newest_snapshot: Some(100_000_000),
        secret: SecretFacts {
            path: "/etc/zk-bootstrap/super".into(),
            found: known(Some((0o600, true))),
        },
    }
}

fn aws() -> AwsFacts {
    let hook = |name: &str, transition, abandons| HookFacts {
        name: name.to_owned(),
        transition,
        heartbeat: Duration::from_secs(300),
        longest: Duration::from_secs(30_000),
        abandons,
    };
    AwsFacts {
        rights: BTreeMap::from([
            ("ec2:CreateTags", Tried::Allowed),
            ("ec2:DescribeInstances", Tried::Allowed),
            ("logs:CreateLogGroup", Tried::Untried),
            ("logs:CreateLogStream", Tried::Untried),
        ]),
        clock: known(SignedDuration::ZERO),
        clocks: ['b', 'c']
            .map(|letter| {
                (
                    instance(letter),
                    (noon(), SignedDuration::from_millis(-120)),
                )
            })
            .into(),
        metadata: known(MetadataOptions {
            enabled: Some(true),
            tokens_required: Some(true),
            hop_limit: Some(1),
        }),
        hooks: known(vec![
            hook("in", Transition::Launching, true),
            hook("out", Transition::Terminating, false),
        ]),
        retention: known(None),
    }
}

fn directory(path: &str, purpose: Purpose, on_root: bool) -> Directory {
    Directory {
        path: path.into(),
        purpose,
        found: known(Some(FileSystem {
            mount: if on_root { "/" } else { path }.into(),
            on_root,
            owner: ZOOKEEPER,
            mode: 0o750,
            free: 40 * GIB,
            size: 50 * GIB,
            read_only: false,
            out_of_inodes: false,
        })),
    }
}

/// What is found that is neither well nor found when all is well, as it is printed.
#[track_caller]
fn finds(change: impl FnOnce(&mut Facts), expected: &[&str]) {
    let mut facts = well();
    change(&mut facts);
    let found: Vec<String> = examine(&facts)
        .findings
        .iter()
        .filter(|finding| finding.verdict != Verdict::Ok)
        .map(|finding| format!("{} {}: {}", finding.verdict, finding.topic, finding.what))
        .collect();
    assert_eq!(found, expected);
    for finding in examine(&facts).findings {
        let needs = finding.verdict != Verdict::Ok;
        assert_eq!(finding.remedy.is_some(), needs, "{finding:?}");
    }
}

fn disk(facts: &mut Facts) -> &mut FileSystem {
    match &mut facts.directories[0].found {
        Answer::Known {
            value: Some(found), ..
        } => found,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_healthy_member_has_nothing_but_ok_on_every_topic() {
    finds(|_| {}, &[]);
    let report = examine(&well());
    let topics: BTreeSet<Topic> = report.findings.iter().map(|f| f.topic).collect();
    assert_eq!(topics.len(), 12, "{topics:?}");
    assert_eq!(report.worst(), Verdict::Ok);
    let text = report.to_string();
    assert!(
        text.ends_with("error: 0, warning: 0, unknown: 0, ok: 22\n"),
        "{text}"
    );
}

#[test]
fn the_worst_verdict_is_the_reports() {
    let finding = |verdict| Finding {
        topic: Topic::Disks,
        verdict,
        what: String::new(),
        remedy: None,
    };
    for (verdicts, worst) in [
        (vec![], Verdict::Ok),
        (vec![Verdict::Ok, Verdict::Unknown], Verdict::Unknown),
        (vec![Verdict::Warning, Verdict::Unknown], Verdict::Warning),
        (vec![Verdict::Error, Verdict::Warning], Verdict::Error),
    ] {
        let findings = verdicts.into_iter().map(finding).collect();
        assert_eq!(Report { findings }.worst(), worst);
    }
}

#[test]
fn where_aws_is_not_seen_that_is_the_error_and_what_rests_on_it_is_unknown() {
    finds(
        |facts| {
            facts.snapshot.fleet = unknown();
            facts.snapshot.register = unknown();
            facts.aws = AwsFacts {
                rights: BTreeMap::new(),
                clock: unknown(),
                clocks: BTreeMap::new(),
                metadata: unknown(),
                hooks: unknown(),
                retention: unknown(),
            };
            facts.ways = BTreeMap::new();
        },
        &[
            "error sight: EC2 and the group cannot be seen: throttled",
            "error sight: CloudWatch Logs cannot be seen: throttled",
            "unknown rights: no right could be tried: AWS was not reached",
            "unknown ports: the peers are not known, so that none could be knocked at",
            "unknown clocks: this instance's clock could not be compared with AWS's: throttled",
            "unknown time-outs: the group's lifecycle hooks are not known: throttled",
            "unknown metadata: the metadata service's options are not known: throttled",
            "unknown register: whether the log group has a retention is not known: throttled",
        ],
    );
}

#[test]
fn an_instance_that_its_group_does_not_list_is_told() {
    let other = given('f', "f").snapshot.me;
    let mut facts = well();
    facts.snapshot.me = other;
    let sight: Vec<Finding> = examine(&facts).findings;
    assert_eq!(sight[0].what, "i-0000000f is not listed in asg:zk");
}

#[test]
fn a_missing_right_is_an_error_and_one_that_cannot_be_tried_is_unknown() {
    let denied = ("ec2:CreateTags", Tried::Denied);
    let throttled = (
        "ec2:DescribeInstances",
        Tried::Failed("throttled".to_owned()),
    );
    let health = ("autoscaling:SetInstanceHealth", Tried::Untried);
    finds(
        |facts| facts.aws.rights.extend([denied, throttled, health]),
        &[
            "error rights: ec2:CreateTags is denied",
            "unknown rights: whether ec2:DescribeInstances is allowed could not be tried: throttled",
            "unknown rights: these cannot be tried without changing something: \
             autoscaling:SetInstanceHealth",
        ],
    );
}

#[test]
fn what_this_instance_once_did_shows_its_right_and_what_is_switched_off_needs_none() {
    let mut facts = well();
    let more = [
        "autoscaling:SetInstanceHealth",
        "autoscaling:SetInstanceProtection",
    ];
    facts
        .aws
        .rights
        .extend(more.map(|call| (call, Tried::Untried)));
    facts.policy.report_unhealthy = false;
    facts.policy.protect_voters = false;
    let findings = examine(&facts).findings;
    let rights = findings
        .iter()
        .filter(|finding| finding.topic == Topic::Rights);
    let said: Vec<&str> = rights.map(|finding| finding.what.as_str()).collect();
    assert_eq!(
        said,
        [
            "allowed, as tried just now: ec2:CreateTags, ec2:DescribeInstances",
            "autoscaling:SetInstanceHealth is not needed: policy.report_unhealthy = false",
            "autoscaling:SetInstanceProtection is not needed: policy.protect_voters = false",
            "logs:CreateLogGroup is not needed any more: the log group exists",
            "logs:CreateLogStream was used by this instance for log stream 1 at \
             2026-03-01T11:59:00Z",
        ]
    );
}

#[test]
fn a_port_that_is_silent_is_closed_and_one_that_refuses_is_reached() {
    let ports = well().policy.ports;
    finds(
        |facts| {
            let knocks = facts.ways.get_mut(&instance('b')).expect("b");
            knocks.insert(ports.election, Knock::Silent);
            let knocks = facts.ways.get_mut(&instance('c')).expect("c");
            knocks.insert(ports.client, Knock::Refused);
        },
        &[
            "error ports: i-0000000b at 10.0.0.2 cannot be reached on 3888",
            "error ports: i-0000000c at 10.0.0.3 runs a server, and refuses 2181",
        ],
    );
}

#[test]
fn a_peer_without_a_server_is_reached_where_it_refuses_and_a_silent_one_is_not() {
    let ports = well().policy.ports;
    let all = |knock: Knock| {
        let ports = [ports.client, ports.quorum, ports.election];
        ports.map(|port| (port, knock.clone())).into()
    };
    finds(
        |facts| {
            facts.snapshot.peers.insert(
                instance('b'),
                Probe::Unreachable {
                    why: "connection refused".to_owned(),
                },
            );
            facts.ways.insert(instance('b'), all(Knock::Refused));
            facts.ways.insert(instance('c'), all(Knock::Silent));
        },
        &["error ports: i-0000000c at 10.0.0.3 answers on none of its ports (2181, 2888, 3888)"],
    );
}

#[test]
fn a_leader_that_refuses_followers_is_told() {
    finds(
        |facts| {
            let leads = released(serving(Mode::Leader, config(&THREE)), "3.9.5");
            facts.snapshot.peers.insert(instance('b'), leads);
        },
        &["error ports: i-0000000b at 10.0.0.2 runs a server, and refuses 2888"],
    );
}

#[test]
fn the_way_back_is_shown_by_connections_or_not_known() {
    let ports = well().policy.ports;
    finds(
        |facts| {
            let seen = BTreeSet::from([ports.client]);
            facts.arrivals = known(BTreeMap::from([(address('b'), seen)]));
        },
        &[
            "unknown ports: whether i-0000000b at 10.0.0.2 reaches this instance on 3888, 2888 is \
             not known: no connection of the last minute shows it (it does on 2181)",
            "unknown ports: whether i-0000000c at 10.0.0.3 reaches this instance on 2181, 3888, \
             2888 is not known: no connection of the last minute shows it",
        ],
    );
}

#[test]
fn a_follower_is_not_asked_for_followers() {
    finds(
        |facts| {
            let follower = serving(Mode::Follower, config(&THREE));
            facts.snapshot.server = released(follower, "3.9.5");
            let ports = facts.policy.ports;
            let seen = BTreeSet::from([ports.client, ports.election]);
            facts.arrivals = known(['b', 'c'].map(|l| (address(l), seen.clone())).into());
        },
        &[],
    );
}

#[test]
fn a_clock_is_judged_by_what_the_grace_of_claims_allows() {
    let ahead = |seconds| {
        move |facts: &mut Facts| facts.aws.clock = known(SignedDuration::from_secs(seconds))
    };
    finds(ahead(4), &[]);
    finds(
        ahead(-30),
        &["warning clocks: this instance's clock is 30 s behind AWS's"],
    );
    finds(
        ahead(240),
        &[
            "error clocks: this instance's clock is 240 s ahead of AWS's: from 4m on, claims may \
             be taken for vacant, or calls be refused",
        ],
    );
    finds(
        |facts| {
            let wrong = (noon(), SignedDuration::from_secs(90));
            facts.aws.clocks = BTreeMap::from([(instance('b'), wrong)]);
        },
        &[
            "warning clocks: the clock of i-0000000b was 90 s ahead of CloudWatch Logs' when it \
             last wrote, 2026-03-01T12:00:00Z",
            "unknown clocks: nothing tells of the clocks of i-0000000c",
        ],
    );
}

#[test]
fn releases_that_lose_data_are_told_with_their_ticket_and_who_runs_them() {
    finds(
        |facts| {
            let old = released(serving(Mode::Follower, config(&THREE)), "3.9.3");
            facts.snapshot.peers.insert(instance('c'), old);
        },
        &[
            "error releases: ZooKeeper 3.9.3 (i-0000000c) can lose acknowledged writes, \
             ZOOKEEPER-4925: a server that caught up and then leads does not pass on all it has",
            "warning releases: servers of different releases: 3.9.3, 3.9.5",
        ],
    );
    finds(
        |facts| {
            facts.snapshot.server = Probe::NotServing;
            facts.snapshot.peers.clear();
        },
        &["unknown releases: no server that serves tells its release"],
    );
}

#[test]
fn words_that_are_not_whitelisted_are_told() {
    finds(
        |facts| {
            facts.server.words.insert("conf".to_owned(), false);
            let mut silent = serving(Mode::Follower, config(&THREE));
            if let Probe::Serving(serving) = &mut silent {
                serving.ensemble = None;
            }
            facts
                .snapshot
                .peers
                .insert(instance('b'), released(silent, "3.9.5"));
        },
        &[
            "error words: this instance's server does not answer conf: not whitelisted",
            "warning words: i-0000000b serves, and does not tell its config",
        ],
    );
    finds(
        |facts| facts.server.words.clear(),
        &["unknown words: this instance's server does not answer, so that no word could be tried"],
    );
}

#[test]
fn a_key_on_which_the_promises_rest_is_an_error_and_another_one_a_warning() {
    let difference = |key: &str, is: Option<&str>, should: Option<&str>| Difference {
        key: key.to_owned(),
        is: is.map(str::to_owned),
        should: should.map(str::to_owned),
    };
    finds(
        |facts| {
            facts.zoo_cfg.differences = known(Some(vec![
                difference("db.autocreate", Some("true"), Some("false")),
                difference("skipACL", Some("yes"), None),
                difference("syncLimit", None, Some("5")),
            ]));
            facts.zoo_cfg.jvm_flags = Some("-Xss1m -Dzookeeper.forceSync=no".to_owned());
        },
        &[
            "error zoo.cfg: db.autocreate is \"true\", and should be \"false\": db.autocreate is \
             always false: an empty disk that votes loses acknowledged writes",
            "error zoo.cfg: skipACL is \"yes\", and should not be there: skipACL would open the \
             whole tree to everybody, the membership included",
            "warning zoo.cfg: syncLimit is missing, and should be \"5\"",
            "error zoo.cfg: zookeeper.jvm_flags sets zookeeper.forceSync, which would acknowledge \
             writes that are on no disk yet",
        ],
    );
}

#[test]
fn times_that_do_not_go_together_are_told() {
    finds(
        |facts| {
            facts.zoo_cfg.longest_session = Duration::from_secs(8);
            facts.policy.restart_after = Duration::from_secs(15);
            facts.newest_snapshot = Some(4_000_000_000);
        },
        &[
            "warning time-outs: the longest session, 8s, is over when a silent leader is left, \
             after 10s: every client loses its session with a leader's machine",
            "error time-outs: policy.restart_after is 15s: a server that gets its data for up to \
             20s (tickTime × initLimit) would be restarted meanwhile",
            "warning time-outs: the newest snapshot has 4000 MB: to send it takes about 80s, and a \
             newcomer has 20s for it (tickTime × initLimit)",
        ],
    );
}

#[test]
fn hooks_are_judged_by_the_patience_of_who_leaves() {
    finds(
        |facts| {
            facts.aws.hooks = known(vec![HookFacts {
                name: "out".to_owned(),
                transition: Transition::Terminating,
                heartbeat: Duration::from_secs(30),
                longest: Duration::from_secs(600),
                abandons: true,
            }]);
        },
        &[
            "warning time-outs: lifecycle hook out waits 30s for a heartbeat",
            "error time-outs: lifecycle hook out waits 600s at most, and policy.leave_patience is \
             900s: the group goes on before the agent does",
            "warning time-outs: lifecycle hook out has ABANDON as its default: a time-out would \
             skip the hooks that follow",
            "warning time-outs: the group has no lifecycle hook for EC2_INSTANCE_LAUNCHING: a \
             refresh does not wait for the ensemble",
        ],
    );
}

#[test]
fn disks_are_judged_by_their_room_their_owner_and_their_device() {
    finds(
        |facts| disk(facts).owner = 0,
        &[
            "error disks: /var/lib/zookeeper is of user 0 (mode 750), and the server runs as user \
             105",
        ],
    );
    finds(
        |facts| disk(facts).read_only = true,
        &["error disks: the file system of /var/lib/zookeeper is read-only"],
    );
    finds(
        |facts| disk(facts).out_of_inodes = true,
        &["error disks: the file system of /var/lib/zookeeper is full"],
    );
    finds(
        |facts| {
            disk(facts).free = 4 * GIB;
            disk(facts).on_root = true;
        },
        &[
            "warning disks: the file system of /var/lib/zookeeper has 4096 of 51200 MiB free",
            "warning disks: /var/lib/zookeeper is on the device of /: whatever fills that stops \
             the server",
        ],
    );
    finds(
        |facts| facts.directories[0].found = known(None),
        &["error disks: /var/lib/zookeeper is missing"],
    );
}

#[test]
fn an_fsync_that_takes_long_is_told_and_one_that_was_not_measured_is_unknown() {
    let measured = |mean, longest| {
        move |facts: &mut Facts| {
            facts.server.fsync = Some(Fsync {
                count: 7,
                mean: Duration::from_millis(mean),
                longest: Duration::from_millis(longest),
            });
        }
    };
    finds(measured(49, 999), &[]);
    finds(
        measured(2, 1000),
        &[
            "warning disks: 7 fsyncs of the log took 2ms in the mean, 1s at most: every write \
             waits for one",
        ],
    );
    finds(
        |facts| facts.server.fsync = None,
        &[
            "unknown disks: how long an fsync takes is not known: this instance's server does not \
             tell",
        ],
    );
}

#[test]
fn a_secret_is_there_is_one_and_nobody_else_reads_it() {
    let found =
        |found: Option<(u32, bool)>| move |facts: &mut Facts| facts.secret.found = known(found);
    let path = "/etc/zk-bootstrap/super";
    let missing = format!("error secret: {path} is missing: the agent does not start without it");
    finds(found(None), &[&missing]);
    let everybody = format!("error secret: {path} is readable by everybody (mode 644)");
    let none = format!("error secret: {path} holds no secret");
    finds(found(Some((0o644, false))), &[&none, &everybody]);
    let group = format!("warning secret: {path} is readable by its group (mode 640)");
    finds(found(Some((0o640, true))), &[&group]);
}

#[test]
fn the_metadata_service_is_for_this_machine_and_with_tokens() {
    let options = |enabled, tokens_required, hop_limit| {
        move |facts: &mut Facts| {
            facts.aws.metadata = known(MetadataOptions {
                enabled,
                tokens_required,
                hop_limit,
            });
        }
    };
    finds(
        options(Some(false), Some(false), Some(2)),
        &[
            "error metadata: the metadata service is switched off: the agent learns nothing of \
             itself",
            "warning metadata: the metadata service answers without a token (IMDSv1): a request \
             that a program on this instance is tricked into gets the role's credentials",
            "warning metadata: its answers travel 2 hops: containers here get the role's \
             credentials",
        ],
    );
    finds(
        options(None, None, None),
        &[
            "unknown metadata: EC2 does not tell whether the metadata service requires tokens, or \
             its hop limit",
        ],
    );
}

#[test]
fn a_retention_on_the_register_is_an_error() {
    finds(
        |facts| facts.aws.retention = known(Some(30)),
        &[
            "error register: the log group forgets its events after 30 days: a claim without its \
             record is nobody's, and its id is given to another",
        ],
    );
}
