//! What an operator reads: in the journal, and in the service's status line.

use std::mem::Discriminant;

use jiff::{SignedDuration, Timestamp};

use super::Look;
use crate::model::ensemble::Ensemble;
use crate::model::plan::{Next, Plan, Situation, Waiting};
use crate::model::snapshot::Snapshot;

/// What the log said last of where this instance stands.
#[derive(Debug)]
struct Told {
    situation: Situation,
    /// The kinds of what is waited for; their texts count down and flicker.
    waiting: Vec<Discriminant<Waiting>>,
    /// Since when it has been so.
    since: Timestamp,
    at: Timestamp,
}

/// How long the log is silent while the same is waited for.
const REMINDER: SignedDuration = SignedDuration::from_secs(60);

/// What was told, so that only what is new is told again.
#[derive(Debug, Default)]
pub(super) struct Telling {
    told: Option<Told>,
    warned: Vec<String>,
    members: Option<Ensemble>,
}

impl Telling {
    /// What an operator reads in the journal: each change of situation or of what is waited for,
    /// each new warning, each member that came or went.
    pub(super) fn tell(&mut self, look: Look, snapshot: &Snapshot, plan: &Plan) {
        self.tell_situation(look, snapshot.at, plan);
        // Who was not asked gives no reason to warn.
        if look != Look::Here {
            for warning in &plan.warnings {
                if !self.warned.contains(warning) {
                    tracing::warn!("{warning}");
                }
            }
            self.warned.clone_from(&plan.warnings);
        }
        self.tell_members(snapshot);
    }

    /// The same wait is told again each minute, since what is known of its reasons changes.
    fn tell_situation(&mut self, look: Look, at: Timestamp, plan: &Plan) {
        let kinds: Vec<_> = plan.waiting.iter().map(std::mem::discriminant).collect();
        // What is waited for elsewhere is told when those elsewhere have been asked.
        let is_early = look == Look::Here && plan.next == Next::Everywhere;
        if is_early && plan.actions.is_empty() {
            return;
        }
        let same = self.told.as_ref();
        let same = same.filter(|told| told.situation == plan.situation);
        // One's own server takes seconds to come up, as a rule.
        let same = same.filter(|told| told.waiting == kinds || plan.next == Next::Here);
        let line = match same {
            None => waits(plan.situation.to_string(), plan),
            Some(told) => {
                if kinds.is_empty() || at.duration_since(told.at) < REMINDER {
                    return;
                }
                let seconds = at.duration_since(told.since).as_secs();
                waits(format!("{}, for {seconds} s now", plan.situation), plan)
            }
        };
        let since = same.map_or(at, |told| told.since);
        match plan.waiting.iter().any(Waiting::is_for_operator) {
            true => tracing::warn!("{line}"),
            false => tracing::info!("{line}"),
        }
        self.told = Some(Told {
            situation: plan.situation,
            waiting: kinds,
            since,
            at,
        });
    }

    fn tell_members(&mut self, snapshot: &Snapshot) {
        let Some(seen) = snapshot.server.ensemble() else {
            return;
        };
        if let Some(before) = &self.members {
            for (ensemble, other, what) in [
                (seen, before, "member joined"),
                (before, seen, "member left"),
            ] {
                for server in ensemble
                    .beyond(other)
                    .iter()
                    .filter_map(|id| ensemble.get(*id))
                {
                    let (server_id, address, version) = (server.id, &server.address, seen.version);
                    tracing::info!(%server_id, %address, %version, "{what}");
                }
            }
        }
        self.members = Some(seen.clone());
    }
}

/// Where this instance stands, on one line: what `systemctl status` shows.
pub fn story(snapshot: &Snapshot, plan: &Plan) -> String {
    let mut story = plan.situation.to_string();
    if let (Some(serving), Some(ensemble)) = (snapshot.server.serving(), snapshot.server.ensemble())
    {
        let (mode, voters, version) = (serving.mode, ensemble.voter_count(), ensemble.version);
        story.push_str(&format!(
            ": {mode}, {voters} voters, config version {version}"
        ));
    }
    waits(story, plan)
}

/// `text`, and all that is waited for.
fn waits(mut text: String, plan: &Plan) -> String {
    for (n, waiting) in plan.waiting.iter().enumerate() {
        text.push_str(if n == 0 {
            "; waiting for "
        } else {
            "; and for "
        });
        text.push_str(&waiting.to_string());
    }
    text
}
