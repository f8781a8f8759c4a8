//! Every key with its default and what judges it, and which values do not go together.

use super::files::Literal;
use super::judge;
use super::reader::Reader;
use super::{
    Aws, Choices, Manager, Membership, Metrics, Pacing, Register, Scheme, Service, Settings,
    ZooKeeper,
};
use crate::model::policy::{ClientBind, Recovery, WhenAllIsLost};

/// The table of the operator's own keys for zoo.cfg.
pub(super) const EXTRA: &str = "zookeeper.extra";

/// Takes all keys.
pub(super) fn settings(reader: &mut Reader) -> Settings {
    let settings = Settings {
        region: reader.optional("region", judge::region),
        membership: membership(reader),
        register: register(reader),
        zookeeper: zookeeper(reader),
        service: service(reader),
        policy: policy(reader),
        pace: pace(reader),
        metrics: Metrics {
            log_group: reader.optional("metrics.log_group", judge::log_group),
        },
        aws: Aws {
            endpoint: reader.optional("aws.endpoint", judge::endpoint),
        },
    };
    if reader.sound() {
        together(reader, &settings);
    }
    settings
}

fn text(value: &str) -> Literal {
    Literal::Text(value.to_owned())
}

fn membership(reader: &mut Reader) -> Membership {
    let schemes = [("asg", Scheme::Asg), ("tags", Scheme::Tags)];
    let scheme = judge::choice(&schemes);
    Membership {
        scheme: reader.value("membership.scheme", text("asg"), scheme),
        group: reader.optional("membership.group", judge::line(255)),
        tag_key: reader.optional("membership.tag_key", judge::line(128)),
        tag_value: reader.optional("membership.tag_value", judge::line(256)),
        security_group: reader.optional("membership.security_group", judge::security_group),
        size: reader.optional("membership.size", judge::number(1..=254)),
    }
}

fn register(reader: &mut Reader) -> Register {
    let grace = judge::duration("90s", "1h");
    let proof = judge::duration("10m", "168h");
    Register {
        log_group: reader.value(
            "register.log_group",
            text("/zookeeper/{group}"),
            judge::log_group,
        ),
        claim_grace: reader.value("register.claim_grace", text("5m"), grace),
        absence_proof: reader.value("register.absence_proof", text("3h"), proof),
    }
}

fn zookeeper(reader: &mut Reader) -> ZooKeeper {
    let binds = [("all", ClientBind::All), ("instance", ClientBind::Instance)];
    let secret = "/run/credentials/zk-bootstrap.service/super";
    ZooKeeper {
        client_port: port(reader, "zookeeper.client_port", 2181),
        quorum_port: port(reader, "zookeeper.quorum_port", 2888),
        election_port: port(reader, "zookeeper.election_port", 3888),
        client_bind: reader.value("zookeeper.client_bind", text("all"), judge::choice(&binds)),
        data_dir: reader.value(
            "zookeeper.data_dir",
            text("/var/lib/zookeeper"),
            judge::path,
        ),
        data_log_dir: reader.optional("zookeeper.data_log_dir", judge::path),
        conf_dir: reader.value(
            "zookeeper.conf_dir",
            text("/etc/zookeeper/conf"),
            judge::path,
        ),
        heap: reader.optional("zookeeper.heap", judge::heap),
        jvm_flags: reader.optional("zookeeper.jvm_flags", judge::jvm_flags),
        super_secret_file: reader.value("zookeeper.super_secret_file", text(secret), judge::path),
        extra: reader.table(EXTRA, judge::zoo_key),
    }
}

fn port(reader: &mut Reader, key: &str, default: i64) -> u16 {
    reader.value(key, Literal::Number(default), judge::number(1..=65535))
}

fn service(reader: &mut Reader) -> Service {
    let managers = [
        ("systemd", Manager::Systemd),
        ("zkserver", Manager::Zkserver),
    ];
    let script = text("/usr/share/zookeeper/bin/zkServer.sh");
    Service {
        manager: reader.value("service.manager", text("systemd"), judge::choice(&managers)),
        unit: reader.value("service.unit", text("zookeeper.service"), judge::unit),
        zkserver: reader.value("service.zkserver", script, judge::path),
    }
}

fn policy(reader: &mut Reader) -> Choices {
    let recovery = [("auto", Recovery::Auto), ("manual", Recovery::Manual)];
    let lost = [
        ("wait", WhenAllIsLost::Wait),
        ("refound", WhenAllIsLost::Refound),
    ];
    let patience = judge::duration("1m", "2h");
    Choices {
        floor: reader.value("policy.floor", Literal::Number(3), judge::number(1..=254)),
        voters: reader.value("policy.voters", Literal::Number(5), judge::voters),
        recovery: reader.value("policy.recovery", text("auto"), judge::choice(&recovery)),
        when_all_is_lost: reader.value(
            "policy.when_all_is_lost",
            text("wait"),
            judge::choice(&lost),
        ),
        leave_on_rebalance: flag(reader, "policy.leave_on_rebalance", false),
        leave_patience: reader.value("policy.leave_patience", text("15m"), patience),
        protect_voters: flag(reader, "policy.protect_voters", true),
        restart_after: reader.value(
            "policy.restart_after",
            text("5m"),
            judge::duration("10s", "6h"),
        ),
        report_unhealthy: flag(reader, "policy.report_unhealthy", true),
    }
}

fn flag(reader: &mut Reader, key: &str, default: bool) -> bool {
    reader.value(key, Literal::Flag(default), judge::flag)
}

fn pace(reader: &mut Reader) -> Pacing {
    let mut duration = |key: &str, default: &str, least: &'static str, most: &'static str| {
        reader.value(key, text(default), judge::duration(least, most))
    };
    Pacing {
        tick: duration("pace.tick", "10s", "100ms", "5m"),
        aws: duration("pace.aws", "60s", "1s", "1h"),
        probe_deadline: duration("pace.probe_deadline", "1s", "100ms", "10s"),
        aws_deadline: duration("pace.aws_deadline", "10s", "1s", "1m"),
        backoff_max: duration("pace.backoff_max", "30s", "1s", "5m"),
    }
}

/// Values that are right by themselves and wrong with others.
fn together(reader: &mut Reader, settings: &Settings) {
    scheme(reader, &settings.membership);
    if settings.metrics.log_group.as_ref() == Some(&settings.register.log_group) {
        let what =
            "is the register's, which must never expire: figures need a log group of their own";
        reader.wrong("metrics.log_group", what);
    }
    let ZooKeeper {
        client_port,
        quorum_port,
        election_port,
        heap,
        jvm_flags,
        ..
    } = &settings.zookeeper;
    let ports = [
        ("zookeeper.client_port", client_port),
        ("zookeeper.quorum_port", quorum_port),
        ("zookeeper.election_port", election_port),
    ];
    for (i, (key, port)) in ports.iter().enumerate() {
        let other = ports[..i].iter().find(|(_, other)| other == port);
        if let Some((other, _)) = other {
            // The one that was set is told, not the default that it meets.
            let (key, other) = match reader.is_default(key) {
                true => (other, key),
                false => (key, other),
            };
            reader.wrong(
                key,
                format!("and {other} are both {port}: each needs a port of its own"),
            );
        }
    }
    let limits = jvm_flags.as_deref().is_some_and(|f| f.contains("-Xmx"));
    if heap.is_some() && limits {
        let what = "has -Xmx while zookeeper.heap is set, too: remove one of them";
        reader.wrong("zookeeper.jvm_flags", what);
    }
    if settings.pace.aws < settings.pace.tick {
        let (key, what) = match reader.is_default("pace.aws") {
            true => ("pace.tick", "is longer than pace.aws: set both"),
            false => (
                "pace.aws",
                "is shorter than pace.tick: AWS is asked at ticks only",
            ),
        };
        reader.wrong(key, what);
    }
}

fn scheme(reader: &mut Reader, membership: &Membership) {
    let Membership {
        scheme,
        group,
        tag_key,
        tag_value,
        security_group,
        size,
    } = membership;
    match scheme {
        Scheme::Asg => {
            let of_tags = [
                ("membership.tag_key", tag_key.is_some()),
                ("membership.tag_value", tag_value.is_some()),
                ("membership.security_group", security_group.is_some()),
                ("membership.size", size.is_some()),
            ];
            for (key, _) in of_tags.iter().filter(|(_, set)| *set) {
                let what = "is of the scheme \"tags\": set membership.scheme, or remove it";
                reader.wrong(key, what);
            }
        }
        Scheme::Tags => {
            if group.is_some() {
                let what = "is of the scheme \"asg\": remove it, or membership.scheme";
                reader.wrong("membership.group", what);
            }
            for (key, value) in [("tag_key", tag_key), ("tag_value", tag_value)] {
                if value.is_none() {
                    let what = format!("is \"tags\", which needs membership.{key}");
                    reader.wrong("membership.scheme", what);
                }
            }
        }
    }
}
