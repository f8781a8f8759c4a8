//! Networks that let nothing through, or not everything.

use super::{JOIN, SILENCE, SOON};
use crate::trial::{PATIENCE, Trial};
use crate::world::wait::wait_for;

/// The others choose another leader, and the old one follows it when it is back.
pub fn leader_cut_off(trial: &mut Trial) {
    let leader = trial.world.leader();
    trial.moment(SOON);
    let followers = trial.world.followers();
    cut_off(trial, &leader);
    until_another_leads(trial, &followers);
    trial.moment(JOIN);
    trial.network().heal();
}

/// Its server may be out, or come back before anybody noticed.
pub fn follower_cut_off(trial: &mut Trial) {
    let follower = trial.follower();
    trial.moment(SOON);
    cut_off(trial, &follower);
    trial.moment(SILENCE);
    trial.network().heal();
}

fn cut_off(trial: &mut Trial, id: &str) {
    let out = trial.pairs(id);
    let back: Vec<_> = out.iter().map(|(one, other)| (*other, *one)).collect();
    trial.network().cut(&out);
    trial.network().cut(&back);
}

/// It hears the others, and they do not hear it.
pub fn leader_not_heard(trial: &mut Trial) {
    let leader = trial.world.leader();
    trial.moment(SOON);
    let followers = trial.world.followers();
    let out = trial.pairs(&leader);
    trial.network().cut(&out);
    until_another_leads(trial, &followers);
    trial.moment(JOIN);
    trial.network().heal();
}

/// It follows, and the leader does not know.
pub fn follower_not_heard(trial: &mut Trial) {
    let follower = trial.follower();
    trial.moment(SOON);
    let out = trial.pairs(&follower);
    trial.network().cut(&out);
    trial.moment(SILENCE);
    trial.network().heal();
}

fn until_another_leads(trial: &mut Trial, followers: &[String]) {
    wait_for("another leader", PATIENCE, || {
        let mut modes = followers.iter().map(|id| trial.world.at(id).mode());
        modes
            .any(|mode| mode.as_deref() == Some("leader"))
            .then_some(())
    });
}

/// Everybody loses packets to everybody, and an instance is replaced meanwhile.
pub fn lossy_network(trial: &mut Trial) {
    let percent = trial.dice.u8(10..=40);
    for id in trial.world.ids() {
        let out = trial.pairs(&id);
        trial.network().lose(percent, &out);
    }
    trial.moment(SILENCE);
    let gone = trial.any();
    trial.world.terminate(&gone);
    trial.moment(SILENCE);
    trial.network().heal();
}
