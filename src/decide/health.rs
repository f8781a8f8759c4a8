//! A server that runs and does not serve although it could: given its time, restarted, given up.
//!
//! Its process's age alone is no measure: one that has followed for weeks looks for a leader, too,
//! whenever that changes. So the trouble is noted on the disk when it is seen, and the restart comes
//! when it is still there after the patience. A restart makes the process young; with the
//! note's count of restarts that is the back-off.
//!
//! Besides a server that hangs, a restart heals one that took up a change of the config whose new
//! quorum it does not find: ZooKeeper drops the change (`.next`) at the second start after it. Then it
//! elects by the old config alone, so it must be certain that no quorum of the new one serves
//! anywhere: who was about to leave may be missing in the new one, and alive.

use std::time::Duration;

use super::view::View;
use super::{fate, files, quorum};
use crate::model::disk::{Refusal, Stuck};
use crate::model::ensemble::Ensemble;
use crate::model::plan::{Action, Next, Plan, Situation, Waiting};
use crate::model::probe::Probe;
use crate::model::server::Server;

/// Restarts in vain after which a server is beyond help.
const RESTARTS: u32 = 3;

/// What becomes of a plan that waits for this instance's own server: where it could serve and does
/// not, that is noted, then it is stopped (and started, as every member that is found stopped), and
/// in the end the instance gives itself up.
pub fn mend(view: View, plan: Plan) -> Plan {
    // Whatever ails it then is not mended by a restart, nor could it be noted.
    if view.disk.unwritable.is_some() || !is_stuck(view) {
        return plan;
    }
    let (Some(age), now) = (age(view), view.snapshot.at) else {
        return plan;
    };
    let noted = view.disk.stuck;
    let restarts = noted.map_or(0, |stuck| stuck.restarts);
    if age < view.policy.restart_after * (1 << restarts.min(RESTARTS)) {
        return plan;
    }
    let Some(stuck) = noted else {
        let stuck = Stuck {
            since: now,
            restarts,
        };
        return with(plan, vec![Action::NoteStuck { stuck: Some(stuck) }]);
    };
    if !has_passed(view, stuck.since, view.policy.restart_after) {
        return plan;
    }
    if restarts >= RESTARTS && may_give_up(view) {
        let why = format!("its server is stuck since {}", stuck.since);
        return give_up(view, plan, why);
    }
    let stuck = Some(Stuck {
        restarts: restarts + 1,
        ..stuck
    });
    let actions = vec![Action::NoteStuck { stuck }, Action::StopServer];
    with(plan, actions)
}

/// What a disk that takes nothing adds to any plan: a sentence, and, when it stays so and this
/// server does not serve, the end of the instance.
pub fn judge_disk(view: View, mut plan: Plan) -> Plan {
    let Some(unwritable) = &view.disk.unwritable else {
        return plan;
    };
    let remedy = unwritable.to_string();
    if view.snapshot.server.serving().is_some() {
        plan.warnings.push(remedy);
        return plan;
    }
    let lasts = view
        .disk
        .written
        .is_some_and(|written| has_passed(view, written, view.policy.restart_after));
    let depends = matches!(
        plan.situation,
        Situation::Stopped | Situation::NotServing | Situation::Joining
    );
    if depends && lasts && may_give_up(view) {
        let what = match unwritable.why {
            Refusal::ReadOnly => "read-only",
            Refusal::Full => "full",
        };
        plan = give_up(view, plan, format!("the disk of its server is {what}"));
        plan.next = Next::Everywhere;
    }
    plan.waiting.insert(0, Waiting::Operator { remedy });
    plan
}

/// Takes the note away where the server serves again.
pub fn forget(view: View) -> Option<Action> {
    let noted = view.disk.stuck.is_some() && view.disk.unwritable.is_none();
    noted.then_some(Action::NoteStuck { stuck: None })
}

/// The group is told once, and then has its time: it takes minutes for some of what it does. Within
/// its health check grace period it does not take the report, and is told again.
fn give_up(view: View, mut plan: Plan, why: String) -> Plan {
    if view.instance().is_some_and(|instance| instance.unhealthy) {
        plan.waiting.push(Waiting::Termination);
        return with(plan, Vec::new());
    }
    with(plan, vec![Action::ReportUnhealthy { why }])
}

fn with(mut plan: Plan, actions: Vec<Action>) -> Plan {
    plan.actions = actions;
    plan
}

/// Whether the server is held up by nothing that is waited for, and may be restarted.
fn is_stuck(view: View) -> bool {
    let silent = match view.snapshot.server {
        Probe::Serving(_) | Probe::Unknown { .. } => false,
        Probe::Unreachable { .. } | Probe::NotServing => true,
    };
    silent
        && match view.committed_by_peers() {
            Some(committed) => serve_without(view, committed) && is_left_behind(view),
            None => !view.anybody_serves() && all_are_idle(view),
        }
}

/// Whether those who serve leave no quorum of the config that this server knows, or whether it knows
/// none of them: then it starts from another file (see [`files::is_stale`]).
fn is_left_behind(view: View) -> bool {
    let Some(file) = &view.disk.dynamic else {
        return true;
    };
    let idle = file.voters().filter(|s| !view.serves(s)).count();
    idle < file.quorum() || files::is_stale(view)
}

/// Whether a quorum of the voters that this server knows, itself one of them, is up, and nobody of it
/// serves; whoever else has a vote is terminated, or has lost its data.
fn all_are_idle(view: View) -> bool {
    let Some(file) = &view.disk.dynamic else {
        return false;
    };
    let terminated = fate::terminated_members(view, file).into_iter();
    let mut gone = quorum::emptied_members(view, file);
    gone.extend(terminated.map(|(id, _)| id));
    let is_idle =
        |s: &&Server| s.is_at(view.address()) || view.heard(s) == Some(&Probe::NotServing);
    let votes = file.voters().any(|s| s.is_at(view.address()));
    let (lost, left): (Vec<_>, Vec<_>) = file.voters().partition(|s| gone.contains(&s.id));
    let idle = left.iter().filter(|s| is_idle(s)).count();
    votes && idle >= file.quorum() && idle + lost.len() == file.voter_count()
}

/// Whether a quorum of this config serves without this instance.
fn serve_without(view: View, config: &Ensemble) -> bool {
    let others = config.voters().filter(|s| !s.is_at(view.address()));
    others.filter(|s| view.serves(s)).count() >= config.quorum()
}

fn may_give_up(view: View) -> bool {
    let spared = view
        .committed_by_peers()
        .is_some_and(|config| serve_without(view, config));
    view.policy.report_unhealthy && spared
}

/// How long the server's process runs.
fn age(view: View) -> Option<Duration> {
    let age = view
        .snapshot
        .at
        .duration_since(view.snapshot.running_since?);
    Duration::try_from(age).ok()
}

fn has_passed(view: View, since: jiff::Timestamp, span: Duration) -> bool {
    Duration::try_from(view.snapshot.at.duration_since(since)).is_ok_and(|gone| gone >= span)
}
