//! When a server that does not serve may be restarted.

use jiff::SignedDuration;

use super::Rules;
use crate::decide::view::View;
use crate::decide::{fate, succession};
use crate::model::claim::Slot;
use crate::model::ensemble::Ensemble;
use crate::model::history::Testimony;
use crate::model::plan::Action;
use crate::model::probe::Probe;
use crate::model::server::Server;

const STUCK: &str = "a server that serves is not stuck";
const TIME: &str = "a server is restarted only when it had its time, as it was noted";
const NEEDED: &str = "a voter is not restarted while others serve who could not without it";
const RIVALS: &str = "a change of the config is not dropped where a quorum of the old one could elect \
                      beside that of the new one";

pub fn rules(view: View, before: &[Action], action: &Action) -> Rules {
    let noted = |action: &Action| matches!(action, Action::NoteStuck { stuck: Some(_) });
    let serves = view.snapshot.server.serving().is_some();
    match action {
        Action::NoteStuck { stuck } => vec![(stuck.is_none() || !serves, STUCK)],
        Action::StopServer if before.iter().any(noted) => vec![
            (!serves, STUCK),
            (had_its_time(view), TIME),
            (!holds_up_others(view), NEEDED),
            (!has_rivals(view), RIVALS),
        ],
        _ => Vec::new(),
    }
}

/// Whether the server runs for long, and is known not to serve for as long.
fn had_its_time(view: View) -> bool {
    let Ok(patience) = SignedDuration::try_from(view.policy.restart_after) else {
        return false;
    };
    let noted = view.disk.stuck.map(|stuck| stuck.since);
    let since = [view.snapshot.running_since, noted];
    let mut ages = since
        .into_iter()
        .map(|since| Some(view.snapshot.at.duration_since(since?)));
    ages.all(|age| age.is_some_and(|age| age >= patience))
}

fn is_mine(view: View, server: &Server) -> bool {
    server.is_at(view.address())
}

/// Whether others serve who have no quorum without this voter.
fn holds_up_others(view: View) -> bool {
    view.committed_by_peers().is_some_and(|config| {
        let mut votes = config.voters().filter(|s| is_mine(view, s));
        let serving = config
            .voters()
            .filter(|s| view.serves(s) && !is_mine(view, s));
        votes.next().is_some() && serving.count() < config.quorum()
    })
}

/// Whether voters of the config that this server starts with could elect without those who serve, or
/// who might serve unseen.
fn has_rivals(view: View) -> bool {
    let Some(file) = &view.disk.dynamic else {
        return false;
    };
    match view.committed_by_peers() {
        Some(committed) => {
            let strange = |s: &Server| committed.get(s.id).is_none_or(|c| c.address != s.address);
            let stale = file
                .servers
                .values()
                .all(|s| is_mine(view, s) || strange(s));
            let idle = file.voters().filter(|s| !view.serves(s)).count();
            !stale && idle >= file.quorum()
        }
        None => view.anybody_serves() || !all_told(view, file),
    }
}

/// Whether every other voter says that it does not serve, is gone for good, or has lost its data.
fn all_told(view: View, file: &Ensemble) -> bool {
    let gone = fate::terminated_members(view, file);
    let told = |s: &Server| view.heard(s) == Some(&Probe::NotServing);
    let mut voters = file.voters();
    voters.all(|s| {
        let terminated = gone.iter().any(|(id, _)| *id == s.id);
        is_mine(view, s) || told(s) || terminated || is_emptied(view, s)
    })
}

/// Whether the claims as they are now say that a voter has no data, and is stopped. Its server votes for
/// nobody before it has synced, and takes that back before it starts.
fn is_emptied(view: View, voter: &Server) -> bool {
    let Some(register) = view.register().ok().filter(|_| view.register_is_fresh()) else {
        return false;
    };
    let newest = succession::newest(view)(register);
    let mut claims = register.of(Slot::Server(voter.id));
    claims.any(|(_, claim)| {
        let owns = claim.valid_owner().is_some_and(|o| voter.is_at(o.address));
        let said = claim.testimony.as_ref();
        let empty = |t: &Testimony| t.withdrawn && t.history.is_none();
        owns && said.is_some_and(|t| empty(t) && Some(t.generation) == newest)
    })
}
