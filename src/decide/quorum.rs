//! Whether a quorum is lost for good: what the living cannot undo.

use super::survivors::{self, Survivor};
use super::view::View;
use super::{fate, formation};
use crate::model::claim::Owner;
use crate::model::ensemble::Ensemble;
use crate::model::id::{InstanceId, ServerId};

/// Why a voter will never vote again with what it had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gone {
    /// Its instance is proven terminated.
    Terminated,
    /// Its instance testifies that its disk is empty. ZooKeeper does not let such a server vote
    /// before it has synced (`db.autocreate=false`).
    Emptied,
}

fn gone(
    view: View,
    config: &Ensemble,
    survivors: &[Survivor],
) -> Vec<(ServerId, InstanceId, Gone)> {
    let terminated = fate::terminated_members(view, config).into_iter();
    let terminated = terminated.map(|(id, instance)| (id, instance, Gone::Terminated));
    let emptied = emptied(config, survivors).map(|o| (o.server, o.instance.clone(), Gone::Emptied));
    let votes = |id: ServerId| config.voters().any(|s| s.id == id);
    terminated
        .chain(emptied)
        .filter(|(id, ..)| votes(*id))
        .collect()
}

/// The survivors that this config lists, and that testify that they are stopped and without data.
fn emptied<'a>(config: &Ensemble, survivors: &[Survivor<'a>]) -> impl Iterator<Item = &'a Owner> {
    let is_empty = |s: &&Survivor| {
        let said = s.testimony;
        let said = said.is_some_and(|t| t.withdrawn && t.history.is_none());
        said && config.has(s.owner.server, s.owner.address)
    };
    survivors.iter().filter(is_empty).map(|s| s.owner)
}

/// The members that testify, as far as was read in this very look, that their disks are empty and their
/// servers are stopped: nobody is elected by them before they have synced with somebody who is.
pub fn emptied_members(view: View, config: &Ensemble) -> Vec<ServerId> {
    let register = view.register().ok().filter(|_| view.register_is_fresh());
    let newest = register.and_then(|register| formation::markers(view, register).newest);
    let Some((register, marker)) = register.zip(newest) else {
        return Vec::new();
    };
    let survivors = survivors::of(view, register, marker.term);
    emptied(config, &survivors).map(|o| o.server).collect()
}

/// Whether by this config fewer voters than a quorum are neither terminated nor emptied.
pub fn is_lost(view: View, config: &Ensemble, survivors: &[Survivor]) -> bool {
    let gone = gone(view, config, survivors).len();
    config.voter_count() - gone < config.quorum()
}

/// Whether it would be lost without the voter `id`.
pub fn is_lost_without(
    view: View,
    config: &Ensemble,
    survivors: &[Survivor],
    id: ServerId,
) -> bool {
    let gone = gone(view, config, survivors);
    let votes = config.voters().any(|s| s.id == id) && gone.iter().all(|(g, ..)| *g != id);
    votes && config.voter_count() - gone.len() == config.quorum()
}

/// What an operator should know of the loss, by this config.
pub fn loss(view: View, config: &Ensemble, survivors: &[Survivor]) -> Option<String> {
    let gone = gone(view, config, survivors);
    let all = config.voter_count();
    let line = |why: Gone, what: &str| {
        let of = gone.iter().filter(|(.., gone)| *gone == why);
        let named: Vec<String> = of
            .map(|(id, instance, _)| format!("server {id} on {instance}"))
            .collect();
        let count = named.len();
        (count > 0).then(|| format!("{count} of {all} voters {what} ({})", named.join(", ")))
    };
    let lines = [
        line(Gone::Terminated, "are terminated"),
        line(Gone::Emptied, "have lost their data"),
    ];
    let lines: Vec<String> = lines.into_iter().flatten().collect();
    let end = "what was acknowledged by them alone is gone";
    (!lines.is_empty()).then(|| format!("{}: {end}", lines.join(", ")))
}
