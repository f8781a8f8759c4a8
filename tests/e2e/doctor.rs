//! The doctor in a real world: what is well, and what was made ill.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use zk_bootstrap::clock;

use crate::stage::{SOON, world};
use crate::world::World;
use crate::world::group::{Outcome, Transition};

/// However much is silent, an answer comes soon.
const PATIENCE: Duration = Duration::from_secs(20);

fn doctor(world: &mut World, id: &str) -> (Option<i32>, Vec<Value>) {
    let began: Instant = clock::instant();
    let output = world.at(id).run(&["doctor", "--output", "json"]);
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    let report: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}{errors}"));
    let findings = report["findings"].as_array().expect("findings").clone();
    (output.status.code(), findings)
}

/// The sentences of a verdict on a topic.
fn said(findings: &[Value], verdict: &str, topic: &str) -> Vec<String> {
    let found = findings.iter();
    let found = found.filter(|each| each["verdict"] == verdict && each["topic"] == topic);
    let what = found.map(|each| each["what"].as_str().expect("a sentence").to_owned());
    what.collect()
}

fn close_secrets(world: &mut World) {
    for each in world.instances() {
        let secret = each.home.join("secret");
        std::fs::set_permissions(secret, Permissions::from_mode(0o600)).expect("a file");
    }
}

/// The findings once no call came too late, as it does on a busy machine.
fn patient(world: &mut World, id: &str) -> Vec<Value> {
    crate::world::wait::wait_for("AWS to answer in time", SOON, || {
        let (_, findings) = doctor(world, id);
        let late = said(&findings, "unknown", "rights");
        let late = late.iter().any(|what| what.contains("could not be tried"));
        let unseen = !said(&findings, "error", "sight").is_empty();
        (!late && !unseen).then_some(findings)
    })
}

#[test]
fn a_healthy_member_has_no_errors_and_looking_changes_nothing() {
    let mut world = world("127.49.1", 3);
    for (name, transition, default) in [
        ("in", Transition::Launching, Outcome::Abandon),
        ("out", Transition::Terminating, Outcome::Continue),
    ] {
        let heartbeat = Duration::from_secs(300);
        world.cloud.put_hook(name, transition, heartbeat, default);
    }
    close_secrets(&mut world);
    world.await_ensemble(SOON);
    for id in world.ids() {
        crate::world::wait::wait_for("nothing to do", SOON, || {
            let code = world.at(&id).run(&["plan"]).status.code();
            (code == Some(0)).then_some(())
        });
    }
    for id in world.ids() {
        let before = world.dump();
        let findings = patient(&mut world, &id);
        assert!(world.dump() == before, "the doctor changed something");
        let errors: Vec<&Value> = findings
            .iter()
            .filter(|f| f["verdict"] == "error")
            .collect();
        assert!(errors.is_empty(), "{errors:#?}");
        // Whatever file systems and releases this machine has, these are well.
        for topic in [
            "sight", "rights", "ports", "clocks", "words", "zoo-cfg", "secret",
        ] {
            assert!(
                !said(&findings, "ok", topic).is_empty(),
                "{topic}: {findings:#?}"
            );
        }
        let rights = said(&findings, "ok", "rights").concat();
        for call in [
            "ec2:CreateTags",
            "logs:FilterLogEvents",
            "logs:CreateLogStream was used",
        ] {
            assert!(rights.contains(call), "{rights}");
        }
        let clocks = said(&findings, "ok", "clocks").concat();
        let peers = world.ids().into_iter().filter(|other| *other != id);
        assert!(
            peers.into_iter().all(|peer| clocks.contains(&peer)),
            "{clocks}"
        );
        assert_eq!(
            said(&findings, "ok", "register"),
            ["the log group keeps its events for ever"]
        );
        assert_eq!(said(&findings, "unknown", "words"), [""; 0]);
        let disks =
            said(&findings, "ok", "disks").concat() + &said(&findings, "warning", "disks").concat();
        assert!(disks.contains("fsyncs of the log took"), "{findings:#?}");
    }
}

#[test]
fn what_was_made_ill_is_found_with_its_remedy() {
    let mut world = world("127.49.2", 3);
    world.await_ensemble(SOON);
    let [id, silent, stopped] = <[String; 3]>::try_from(world.ids()).expect("three");
    let denied = json!({ "kind": "denied", "action": "CreateTags" });
    world.cloud.tell("fault", denied);
    let group = crate::stage::GROUP;
    world
        .cloud
        .tell("retention", json!({ "group": group, "days": 30 }));
    world.at(&silent).freeze();
    world.at(&stopped).power_off();
    let home = world.at(&id).home.clone();
    world.at(&id).set(
        "[service]",
        "[zookeeper.extra]\nmaxSessionTimeout = 4000\n\n[service]",
    );

    let findings = patient(&mut world, &id);
    assert_eq!(doctor(&mut world, &id).0, Some(2), "{findings:#?}");
    let error = |topic: &str| said(&findings, "error", topic).join("\n");
    assert_eq!(error("rights"), "ec2:CreateTags is denied");
    assert!(error("register").contains("after 30 days"), "{findings:#?}");
    let secret = format!("{}/secret is readable by everybody", home.display());
    assert!(error("secret").starts_with(&secret), "{findings:#?}");
    let warning = |topic: &str| said(&findings, "warning", topic).join("\n");
    assert!(
        warning("timeouts").contains("the longest session, 4s"),
        "{findings:#?}"
    );
    assert!(
        warning("zoo-cfg").contains("maxSessionTimeout is missing"),
        "{findings:#?}"
    );
    let ports = said(&findings, "ok", "ports").join("\n");
    assert!(
        ports.contains(&stopped),
        "a refusal comes from a machine: {ports}"
    );
    for finding in findings.iter().filter(|finding| finding["verdict"] != "ok") {
        let remedy = finding["remedy"].as_str().unwrap_or_default();
        assert!(!remedy.is_empty(), "{finding}");
    }
    world.at(&silent).thaw();
}

#[test]
fn an_aws_that_is_silent_is_told_soon() {
    let mut world = world("127.49.3", 1);
    close_secrets(&mut world);
    world.await_ensemble(SOON);
    let id = world.ids().remove(0);
    world
        .cloud
        .tell("fault", json!({ "kind": "hang", "seconds": 60 }));
    let (code, findings) = doctor(&mut world, &id);
    world.cloud.tell("clear_faults", json!({}));
    assert_eq!(code, Some(2), "{findings:#?}");
    let sight = said(&findings, "error", "sight").join("\n");
    assert!(
        sight.contains("EC2 and the group cannot be seen"),
        "{sight}"
    );
    let words = said(&findings, "ok", "words");
    assert!(!words.is_empty(), "its own server is seen all the same");
}
