//! Clocks: nothing is decided by the order of two instances' times, but claims have a grace, and
//! AWS refuses signatures that are too old.

use std::time::Duration;

use jiff::SignedDuration;

use super::{Finding, Topic};
use crate::model::claim::OWNER_RECORD_LIMIT;
use crate::model::facts::Facts;

/// AWS refuses a call whose signature is further away.
const SIGNATURE: SignedDuration = SignedDuration::from_mins(5);
/// A clock that is kept by NTP is never that wrong; a call takes less.
const KEPT: SignedDuration = SignedDuration::from_secs(5);
const REMEDY: &str = "run chrony or systemd-timesyncd; on EC2 169.254.169.123 serves the time";

pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![own(facts)];
    findings.extend(peers(facts));
    findings
}

fn own(facts: &Facts) -> Finding {
    let ahead = match facts.aws.clock.get() {
        Ok(ahead) => *ahead,
        Err(why) => {
            let what = format!("this instance's clock could not be compared with AWS's: {why}");
            return Topic::Clocks.unknown(what, "see what is said of the sight above");
        }
    };
    let limit = limit(facts.policy.claim_grace);
    let differs = format!("this instance's clock is {} AWS's", apart(ahead));
    if ahead.abs() >= limit {
        let why = format!(
            "{differs}: from {limit:#} on, claims may be taken for vacant, or calls be refused"
        );
        return Topic::Clocks.error(why, REMEDY);
    }
    if ahead.abs() >= KEPT {
        return Topic::Clocks.warning(differs, REMEDY);
    }
    Topic::Clocks.ok("this instance's clock agrees with AWS's, to some seconds at most")
}

/// What is left of the grace when an owner took all its time for its record.
fn limit(claim_grace: Duration) -> SignedDuration {
    let grace = SignedDuration::try_from(claim_grace).unwrap_or(SignedDuration::MAX);
    (grace - OWNER_RECORD_LIMIT).min(SIGNATURE)
}

fn apart(ahead: SignedDuration) -> String {
    let seconds = ahead.as_secs().abs();
    let side = if ahead.is_negative() {
        "behind"
    } else {
        "ahead of"
    };
    format!("{seconds} s {side}")
}

/// The peers', by the last line that each wrote into the register.
fn peers(facts: &Facts) -> Vec<Finding> {
    let Some(fleet) = facts.snapshot.fleet.known() else {
        return Vec::new();
    };
    let me = facts.snapshot.me.known().map(|me| &me.instance);
    let others = fleet.instances.iter();
    let others = others.filter(|(id, i)| Some(*id) != me && i.is_staying());
    let mut findings = Vec::new();
    let (mut agree, mut silent) = (Vec::new(), Vec::new());
    for (id, _) in others {
        match facts.aws.clocks.get(id) {
            None => silent.push(id.to_string()),
            Some((_, ahead)) if ahead.abs() < KEPT => agree.push(id.to_string()),
            Some((at, ahead)) => {
                let apart = apart(*ahead);
                let what = format!(
                    "the clock of {id} was {apart} CloudWatch Logs' when it last wrote, {at}"
                );
                findings.push(Topic::Clocks.warning(what, REMEDY));
            }
        }
    }
    if !agree.is_empty() {
        let whose = agree.join(", ");
        let what = format!("when they last wrote into the register, these clocks agreed: {whose}");
        findings.push(Topic::Clocks.ok(what));
    }
    if !silent.is_empty() {
        let what = format!("nothing tells of the clocks of {}", silent.join(", "));
        findings.push(Topic::Clocks.unknown(what, "`zk-bootstrap doctor` there compares them"));
    }
    findings
}
