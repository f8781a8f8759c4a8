//! After a recovery, or after all: who joins with what, and takes back what it said.

use zk_bootstrap::model::claim::Milestone::{Joined, Started};
use zk_bootstrap::model::plan::{Action, Plan, Situation};
use zk_bootstrap::model::probe::Mode;
use zk_bootstrap::model::snapshot::Answer;

use crate::given::{Given, THREE, config, given, serving, unknown};
use crate::recovery::{FIVE, one_of_three, two_of_five};

fn when_the_next_generation_serves(mine: (u32, u64)) -> Given {
    two_of_five('a')
        .testifies("1", &FIVE, Some(mine))
        .testifies("2", &FIVE, Some((2, 7)))
        .withdrawn(mine.0, mine.1)
        .claim("ensemble.2", 'b', &[Started])
        .peer('b', serving(Mode::Leader, config(&[(2, 'b')])))
}

#[test]
fn a_survivor_whose_data_is_a_part_of_the_chosen_ones_joins_with_it() {
    when_the_next_generation_serves((2, 5)).prints(
        "situation: joining the ensemble
         1. write the dynamic file and zoo.cfg: server.1=10.0.0.1:2888:3888:observer;2181 server.2=10.0.0.2:2888:3888:participant;2181
         2. write identity: server 1 on i-0000000a of generation 2, founded by i-0000000b
         3. start ZooKeeper",
    );
}

#[test]
fn a_survivor_with_another_history_moves_its_data_aside() {
    let plan = when_the_next_generation_serves((1, 9)).plan();
    assert_eq!(
        plan.actions[0].to_string(),
        "move the data aside: it is not a part of what generation 2 began with"
    );
}

#[test]
fn a_withdrawn_server_does_not_start_by_itself_after_a_reboot() {
    let plan = one_of_three()
        .withdrawn(1, 9)
        .with(|s, _| {
            s.fleet = unknown();
            s.register = unknown();
        })
        .plan();
    assert_eq!(plan.actions, [], "{plan}");
}

/// It said that it has nothing; then the quorum came back, and it joins again.
#[test]
fn who_joins_after_all_takes_back_that_it_has_withdrawn() {
    given('c', "abc")
        .three_joined()
        .testifies("3", &THREE, None)
        .peer('a', serving(Mode::Leader, config(&THREE)))
        .prints(
            "situation: joining the ensemble
             1. write myid: 3
             2. write the dynamic file and zoo.cfg: server.1=10.0.0.1:2888:3888:participant;2181 server.2=10.0.0.2:2888:3888:participant;2181 server.3=10.0.0.3:2888:3888:participant;2181
             3. write identity: server 3 on i-0000000c of generation 1, founded by i-0000000a
             4. take back the testimony in log stream 3
             5. start ZooKeeper",
        );
}

/// The list of claims is older than that testimony, and would be read again in a minute only.
#[test]
fn who_joins_again_with_an_empty_disk_takes_back_what_it_may_have_said_of_it() {
    let joins = given('c', "abc")
        .three_joined()
        .peer('a', serving(Mode::Leader, config(&THREE)));
    let last_two = |plan: &Plan| plan.actions[plan.actions.len() - 2..].to_vec();
    let claim = "3".parse().expect("a claim");
    let taken_back = [Action::TakeBack { claim }, Action::StartServer];
    assert_eq!(last_two(&joins.plan()), taken_back);
    let for_the_first_time = joins.claim("3", 'c', &[]).plan();
    assert!(!for_the_first_time.actions.contains(&taken_back[0]));
}

/// Its list of claims has that testimony already, and not the record of the marker that it is of.
#[test]
fn who_joins_takes_back_what_it_said_of_a_generation_later_than_its_list_of_claims_has() {
    let joiner = given('c', "abc")
        .three_joined()
        .testifies("3", &THREE, None)
        .with(|snapshot, _| {
            let Answer::Known { value, .. } = &mut snapshot.register else {
                panic!("a register")
            };
            let claims = value.claims.values_mut();
            let said = claims.filter_map(|claim| claim.testimony.as_mut());
            said.for_each(|testimony| testimony.generation = 2);
        })
        .peer('a', serving(Mode::Leader, config(&THREE)));
    let claim = "3".parse().expect("a claim");
    let plan = joiner.plan();
    assert!(plan.actions.contains(&Action::TakeBack { claim }), "{plan}");
}

/// The list is from before the second generation, whose marker this very disk follows.
#[test]
fn a_list_of_claims_that_is_older_than_the_own_data_is_no_answer() {
    for signed in [false, true] {
        let second = given('b', "abc").three_joined().files_of(2, &THREE);
        let second = second.disk(|disk| {
            let identity = disk.identity.as_mut().expect("an identity");
            identity.lineage.generation = 2;
            identity.withdrawn = true;
        });
        match signed {
            true => second.claim_at("ensemble.2", None, 1, &[]),
            false => second,
        }
        .prints(
            "situation: cannot see enough to decide
             waiting for an answer from CloudWatch Logs: without the record in log stream ensemble.2, under which the data here began",
        );
    }
}

#[test]
fn a_list_of_claims_without_the_generation_that_a_peer_serves_is_no_answer() {
    let newcomer = given('d', "abcd")
        .three_joined()
        .claim("4", 'd', &[])
        .testifies("1", &THREE, Some((1, 9)))
        .peer('a', serving(Mode::Leader, config(&[(1, 'a')])));
    newcomer.clone().prints(
        "situation: cannot see enough to decide
         waiting for an answer from CloudWatch Logs: without the generation that i-0000000a serves, which began after its server was withdrawn",
    );
    let plan = newcomer.claim("ensemble.2", 'a', &[Started]).plan();
    assert_eq!(plan.situation, Situation::Joining, "{plan}");
}

/// It was started from a list of claims that did not have the second generation yet.
#[test]
fn a_member_that_names_an_older_generation_learns_whose_data_it_has() {
    let member = given('c', "abc")
        .three_joined()
        .claim("ensemble.2", 'b', &[Started])
        .files_of(3, &THREE)
        .tagged(3);
    let here = config(&THREE);
    member.clone().runs(serving(Mode::Follower, here)).prints(
        "situation: a serving member
             1. write identity: server 3 on i-0000000c of generation 2, founded by i-0000000b",
    );
    let plan = member.plan();
    assert!(!plan.actions.contains(&Action::StartServer), "{plan}");
}

/// It founded once, and was frozen before it started; the next generation was begun without it.
#[test]
fn a_joiner_does_not_take_a_leave_to_serve_an_empty_database_with_it() {
    let joiner = given('a', "abc")
        .claim("ensemble", 'a', &[])
        .claim("ensemble.2", 'b', &[Started])
        .claim("1", 'a', &[])
        .claim("2", 'b', &[Started, Joined])
        .files_of(1, &[(1, 'a')])
        .disk(|disk| (disk.data, disk.initialize) = (false, true))
        .peer('b', serving(Mode::Leader, config(&[(2, 'b')])));
    joiner.prints(
        "situation: joining the ensemble
         1. move the data aside: a leave to serve an empty database is there, of a founding that never took place
         2. write myid: 1
         3. write the dynamic file and zoo.cfg: server.1=10.0.0.1:2888:3888:observer;2181 server.2=10.0.0.2:2888:3888:participant;2181
         4. write identity: server 1 on i-0000000a of generation 2, founded by i-0000000b
         5. note \"started\" in log stream 1
         6. take back the testimony in log stream 1
         7. start ZooKeeper",
    );
    let mut plan = joiner.plan();
    plan.actions.remove(0);
    let broken = zk_bootstrap::decide::safety::violations(&joiner.snapshot, &joiner.policy, &plan);
    assert!(
        broken.iter().any(|v| v.rule.contains("empty database")),
        "{broken:?}"
    );
}

#[test]
fn who_serves_again_takes_back_that_the_quorum_is_lost() {
    given('a', "abc")
        .three_joined()
        .files_of(1, &THREE)
        .tagged(1)
        .says("1", &THREE)
        .runs(serving(Mode::Follower, config(&THREE)))
        .prints(
            "situation: a serving member
             1. take back the testimony in log stream 1",
        );
}

#[test]
fn a_member_takes_back_nothing_that_an_earlier_owner_of_its_id_has_said() {
    let three = [(1, 'a'), (2, 'b'), (3, 'c')];
    let member = given('a', "abc")
        .three_joined()
        .claim("1", 'd', &[Started, Joined])
        .says("1", &three)
        .files_of(1, &three)
        .tagged(1)
        .runs(serving(Mode::Follower, config(&three)));
    let plan = member.plan();
    let taken_back = |action: &Action| matches!(action, Action::TakeBack { .. });
    assert!(!plan.actions.iter().any(taken_back), "{plan}");
}
