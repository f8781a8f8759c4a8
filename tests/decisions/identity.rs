use jiff::ToSpan;
use zk_bootstrap::model::claim::Milestone::{Joined, Started};
use zk_bootstrap::model::fleet::InstanceState;
use zk_bootstrap::model::plan::{Action, Situation};
use zk_bootstrap::model::probe::Mode;
use zk_bootstrap::model::snapshot::Answer;

use crate::given::{Given, address, config, given, instance, noon, serving};

fn claimed(given: &Given) -> Vec<String> {
    let actions = given.plan().actions;
    let claims = actions.iter().filter_map(|action| match action {
        Action::Claim { claim, .. } => Some(claim.to_string()),
        _ => None,
    });
    claims.collect()
}

#[test]
fn many_at_once_with_the_same_list_each_ask_for_another_id() {
    let peers = "abcdef";
    let ids: Vec<_> = peers
        .chars()
        .map(|me| claimed(&given(me, peers))[0].clone())
        .collect();
    assert_eq!(ids, ["1", "2", "3", "4", "5", "6"]);
}

#[test]
fn a_taken_place_leads_to_the_next_free_id() {
    let given = given('a', "ad").claim("1", 'd', &[]);
    assert_eq!(claimed(&given), ["2"]);
}

#[test]
fn an_id_without_an_owner_is_left_alone_until_its_grace_is_over() {
    assert_eq!(
        claimed(&given('a', "a").claim_at("1", None, 299, &[]))[0],
        "2"
    );
    assert_eq!(
        claimed(&given('a', "a").claim_at("1", None, 300, &[]))[0],
        "1.2"
    );
}

#[test]
fn an_id_that_an_agent_of_a_later_release_holds_is_left_alone_for_ever() {
    let later = given('a', "a").claim_at("1", None, 300, &[]).foreign("1");
    assert_eq!(claimed(&later)[0], "2");
}

#[test]
fn nobody_founds_beside_a_marker_of_a_later_release() {
    let newcomer = given('b', "ab").claim_at("ensemble", None, 300, &[]);
    newcomer.claim("2", 'b', &[]).foreign("ensemble").prints(
        "situation: no ensemble exists
         waiting for an operator: log stream ensemble is of a later release of zk-bootstrap, which this one cannot read: bring this instance to that release",
    );
}

#[test]
fn an_id_of_a_terminated_owner_is_taken_up_again_only_when_the_config_shows_that_it_is_free() {
    let dead = given('d', "abcd")
        .three_joined()
        .state('a', InstanceState::Terminated);
    assert_eq!(claimed(&dead), ["4"]);
    let listed = dead.clone().peer(
        'b',
        serving(Mode::Leader, config(&[(1, 'a'), (2, 'b'), (3, 'c')])),
    );
    assert_eq!(claimed(&listed), ["4"]);
    let removed = dead.fleet(|f| {
        f.instances.remove(&instance('a'));
        f.instances.remove(&instance('b'));
        f.instances.remove(&instance('c'));
    });
    let removed = removed.peer('b', serving(Mode::Leader, config(&[(2, 'b'), (3, 'c')])));
    assert_eq!(
        claimed(&removed),
        ["4"],
        "the owner of 1 was not found, which proves nothing"
    );
}

#[test]
fn a_vacant_id_is_claimed_in_its_next_term() {
    let given = given('b', "ab")
        .claim("ensemble", 'b', &[Started])
        .claim("1", 'a', &[Started, Joined])
        .state('a', InstanceState::Terminated)
        .claim("2", 'c', &[])
        .fleet(|f| {
            f.asked.insert(instance('c'));
        });
    let given = given.peer('c', serving(Mode::Leader, config(&[(2, 'c')])));
    assert_eq!(claimed(&given), ["1.2"]);
}

#[test]
fn an_id_is_not_taken_up_again_at_the_address_at_which_it_was_held() {
    let given = given('b', "ab")
        .claim("ensemble", 'a', &[Started])
        .claim("1", 'a', &[Started, Joined])
        .state('a', InstanceState::Terminated)
        .peer('c', serving(Mode::Leader, config(&[(2, 'c')])))
        .claim("2", 'c', &[Started, Joined]);
    assert_eq!(claimed(&given), ["1.2"]);
    let at_the_same_address = given.with(|s, _| {
        if let Answer::Known { value, .. } = &mut s.me {
            value.address = address('a');
        }
    });
    assert_eq!(claimed(&at_the_same_address), ["3"]);
}

#[test]
fn a_claimant_that_froze_before_its_record_has_lost_the_claim() {
    let given = given('a', "a")
        .claim_at("1", Some('a'), 200, &[])
        .with(|s, _| {
            if let Answer::Known { value, .. } = &mut s.register {
                let claim = value.claims.values_mut().next().expect("the claim");
                claim.owner.as_mut().expect("its owner").written = claim.created + 61.seconds();
            }
        });
    assert_eq!(claimed(&given)[0], "2");
}

#[test]
fn a_claim_that_is_not_readable_yet_is_waited_for() {
    given('a', "a")
        .with(|s, _| {
            s.claiming.insert("1".parse().expect("a claim"));
        })
        .prints(
            "situation: claiming a server id
         waiting for the owner's record of log stream 1 to become readable",
        );
}

#[test]
fn an_instance_that_lost_its_memory_finds_its_claim() {
    let plan = given('a', "abc").claim("7", 'a', &[]).plan();
    assert_eq!(plan.situation, Situation::Unfounded);
    assert_eq!(plan.actions.len(), 1, "the marker alone: {plan}");
}

#[test]
fn absence_proves_a_termination_only_when_asked_for_by_id_and_long_ago() {
    let absent = |asked: bool, hours: i64| {
        let given = given('b', "b")
            .claim_at("1", Some('f'), hours * 3600, &[Started, Joined])
            .claim_at("2", Some('b'), 3600, &[Started, Joined])
            .files_of(2, &[(1, 'f'), (2, 'b'), (3, 'e'), (4, 'd')]);
        let given = given.tagged(2).with(|_, p| p.floor = 1);
        let given = given.fleet(|f| {
            if asked {
                f.asked.insert(instance('f'));
            }
        });
        let given = given.runs(serving(
            Mode::Leader,
            config(&[(1, 'f'), (2, 'b'), (3, 'e'), (4, 'd')]),
        ));
        assert_eq!(given.snapshot.at, noon());
        given
            .plan()
            .actions
            .iter()
            .any(|a| matches!(a, Action::RemoveServers { .. }))
    };
    assert!(absent(true, 4), "asked, four hours ago");
    assert!(!absent(true, 2), "asked, two hours ago");
    assert!(!absent(false, 4), "not asked");
}
