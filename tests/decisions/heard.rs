//! When what was heard is asked for again.

use std::time::Duration;

use zk_bootstrap::agent::Heard;

use crate::given::{config, given, instance};

const AT_LEISURE: Duration = Duration::from_secs(60);

#[test]
fn a_fleet_without_an_instance_for_each_server_is_older_than_the_config_and_is_asked_again_once() {
    let mut heard = Heard::default();
    let seconds = Duration::from_secs;
    let fleet = given('a', "ab").snapshot.fleet;
    heard.hear_fleet(seconds(0), &instance('a'), fleet.clone());
    heard.hear_config(&config(&[(1, 'a'), (2, 'b')]));
    assert!(!heard.wants_fleet(seconds(10), AT_LEISURE));
    let mut grown = config(&[(1, 'a'), (2, 'b'), (3, 'c')]);
    grown.version.0 += 1;
    heard.hear_config(&grown);
    assert!(heard.wants_fleet(seconds(10), AT_LEISURE));
    // Its instance is gone, it seems: that is asked once.
    heard.hear_fleet(seconds(10), &instance('a'), fleet);
    heard.hear_config(&grown);
    assert!(!heard.wants_fleet(seconds(20), AT_LEISURE));
}

/// Within its health check grace period the group takes the report, and does nothing of the kind.
#[test]
fn what_the_group_was_told_of_an_instance_counts_until_the_group_is_asked_again() {
    let mut heard = Heard::default();
    let me = instance('a');
    let fleet = given('a', "ab").snapshot.fleet;
    heard.hear_fleet(Duration::ZERO, &me, fleet.clone());
    heard.note_unhealthy(&me);
    let is_unhealthy = |heard: &Heard| heard.fleet.get().expect("a fleet").instances[&me].unhealthy;
    assert!(is_unhealthy(&heard));
    let soon = Duration::from_secs(2);
    assert!(heard.wants_fleet(soon, AT_LEISURE));
    heard.hear_fleet(soon, &me, fleet);
    assert!(!is_unhealthy(&heard));
}
