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
