use zk_bootstrap::decide::evidence::evidence;
use zk_bootstrap::model::fleet::InstanceState;
use zk_bootstrap::model::policy::Recovery;
use zk_bootstrap::model::probe::Mode;

use crate::given::{Given, THREE, config, given, serving};

fn lost() -> Given {
    given('a', "abc")
        .three_joined()
        .files_of(1, &THREE)
        .state('c', InstanceState::Terminated)
        .with(|_, policy| policy.recovery = Recovery::Manual)
}

#[track_caller]
fn shows(given: &Given, expected: &[&str]) {
    let evidence = evidence(&given.snapshot, &given.policy);
    let text = evidence
        .expect("all is seen")
        .expect("a lost quorum")
        .to_string();
    assert_eq!(text.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn an_operator_sees_who_has_spoken_and_who_has_not() {
    shows(
        &lost().says("1", &THREE),
        &[
            "the quorum of generation 1 is lost for good",
            "  server 1 on i-0000000a: says that the quorum is lost; still to stop",
            "  server 2 on i-0000000b: has not spoken",
            "  server 3 on i-0000000c: its instance is terminated",
            "without a testimony: server 2 on i-0000000b (running)",
            "nobody can lead yet: every survivor must have stopped and testified",
        ],
    );
}

#[test]
fn an_operator_sees_what_would_be_lost() {
    let given = lost()
        .testifies("1", &THREE, Some((1, 0x1_0000_0009)))
        .testifies("2", &THREE, Some((1, 0x1_0000_0007)));
    shows(
        &given,
        &[
            "the quorum of generation 1 is lost for good",
            "  server 1 on i-0000000a: stopped, data up to zxid 100000009 (generation 1, epoch 1)",
            "  server 2 on i-0000000b: stopped, data up to zxid 100000007 (generation 1, epoch 1)",
            "  server 3 on i-0000000c: its instance is terminated",
            "server 1 has the most advanced data, and would begin generation 2 with it",
            "what only the terminated servers had beyond zxid 100000009 is lost",
        ],
    );
    let evidence = evidence(&given.snapshot, &given.policy)
        .expect("seen")
        .expect("lost");
    assert!(evidence.needs_leave);
    assert_eq!(
        evidence.own_claim.map(|claim| claim.to_string()),
        Some("1".to_owned())
    );
}

#[test]
fn nothing_is_to_be_recovered_while_anybody_serves() {
    let given = lost()
        .says("1", &THREE)
        .peer('b', serving(Mode::Leader, config(&THREE)));
    assert_eq!(evidence(&given.snapshot, &given.policy), Ok(None));
}

/// Its start is noted in the marker, and in its own stream only that it joined.
#[test]
fn a_founder_that_has_not_noted_that_it_joined_is_shown_too() {
    let given = lost()
        .claim("1", 'a', &[])
        .testifies("1", &THREE, Some((1, 9)));
    let evidence = evidence(&given.snapshot, &given.policy)
        .expect("seen")
        .expect("lost");
    let shown: Vec<String> = evidence
        .servers
        .iter()
        .map(|w| w.server.to_string())
        .collect();
    assert_eq!(shown, ["1", "2", "3"]);
}
