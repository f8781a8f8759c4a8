//! A plan as an operator reads it: in the log, in the status line, in the dry run.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{Action, Plan, Situation, Waiting};
use crate::model::fleet::Transition;
use crate::model::id::{ConfigVersion, InstanceId};
use crate::model::names::Names;

impl fmt::Display for Situation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Situation::Blind => "cannot see enough to decide",
            Situation::NotPeer => "not in service in its group",
            Situation::Halted => "stopped by a contradiction",
            Situation::Unclaimed => "without a server id",
            Situation::Claiming => "claiming a server id",
            Situation::Unfounded => "no ensemble exists",
            Situation::Founding => "founding the ensemble",
            Situation::Joining => "joining the ensemble",
            Situation::Synced => "synced, not yet a member",
            Situation::Stopped => "a member whose server is down",
            Situation::NotServing => "a member whose server does not serve",
            Situation::Member => "a serving member",
            Situation::Leaving => "leaving the ensemble",
            Situation::Left => "has left the ensemble",
            Situation::AllLost => "every copy of the data is gone",
            Situation::QuorumLost => "the quorum is lost for good",
            Situation::Recovering => "recovering the ensemble from its survivors",
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::CreateLogGroup => f.write_str("create the log group"),
            Action::Claim { claim, server } => {
                write!(f, "create log stream {claim} as server {server}")
            }
            Action::Journal { claim, milestone } => {
                write!(f, "note \"{milestone}\" in log stream {claim}")
            }
            Action::Testify { claim, testimony } => {
                write!(f, "testify in log stream {claim}: {testimony}")
            }
            Action::TakeBack { claim } => {
                write!(f, "take back the testimony in log stream {claim}")
            }
            Action::Tag { tags } => write!(f, "tag this instance {}", tags_text(tags)),
            Action::MoveDataAside { why } => write!(f, "move the data aside: {why}"),
            Action::WriteMyId { server } => write!(f, "write myid: {server}"),
            Action::WriteMembership { ensemble } => {
                let servers = listed(ensemble.servers.values(), " ");
                write!(f, "write the dynamic file and zoo.cfg: {servers}")
            }
            Action::WriteZooCfg => f.write_str("write zoo.cfg"),
            Action::WriteIdentity { identity } => write!(f, "write identity: {identity}"),
            Action::AllowEmptyDatabase => {
                f.write_str("create initialize: serve an empty database, once")
            }
            Action::NoteStuck { stuck: None } => f.write_str("note that the server serves again"),
            Action::NoteStuck { stuck: Some(stuck) } => {
                write!(f, "note that the server is {stuck}")
            }
            Action::StartServer => f.write_str("start ZooKeeper"),
            Action::StopServer => f.write_str("stop ZooKeeper"),
            Action::AddServer {
                server,
                remove,
                expected,
            } => {
                write!(f, "reconfig at version {expected}: add {server}")?;
                remove.map_or(Ok(()), |id| write!(f, ", remove server {id}"))
            }
            Action::RemoveServers { servers, expected } => {
                let ids = listed(servers, ", ");
                write!(f, "reconfig at version {expected}: remove server {ids}")
            }
            Action::AwaitCommit => f.write_str("commit a write through the ensemble"),
            Action::CompleteHook { hook, transition } => {
                let what = match transition {
                    Transition::Launching => "take this instance into service",
                    Transition::Terminating => "terminate this instance",
                };
                write!(f, "complete lifecycle hook {hook}: the group may {what}")
            }
            Action::Heartbeat { hook } => write!(f, "send a heartbeat for lifecycle hook {hook}"),
            Action::Protect {
                instances,
                protected,
            } => protect(f, instances, *protected),
            Action::Publish { names, replaces } => publish(f, names, *replaces),
            Action::ReportUnhealthy { why } => {
                write!(f, "report this instance as unhealthy: {why}")
            }
            Action::PublishFigures { figures } => write!(f, "publish figures: {figures}"),
        }
    }
}

fn protect(
    f: &mut fmt::Formatter<'_>,
    instances: &BTreeSet<InstanceId>,
    protected: bool,
) -> fmt::Result {
    let what = match protected {
        true => "protect from scale-in",
        false => "take the protection from scale-in off",
    };
    write!(f, "{what}: {}", listed(instances, ", "))
}

fn publish(
    f: &mut fmt::Formatter<'_>,
    names: &Names,
    replaces: Option<(u32, ConfigVersion)>,
) -> fmt::Result {
    write!(f, "publish the names of {names}")?;
    replaces.map_or(Ok(()), |(generation, version)| {
        write!(
            f,
            ", in place of generation {generation}, version {version}"
        )
    })
}

fn listed(items: impl IntoIterator<Item = impl fmt::Display>, separator: &str) -> String {
    let texts: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
    texts.join(separator)
}

fn tags_text(tags: &BTreeMap<String, Option<String>>) -> String {
    let value = |value: &Option<String>| value.clone().unwrap_or("(now)".to_owned());
    let tags = tags.iter().map(|(key, v)| format!("{key}={}", value(v)));
    listed(tags, ", ")
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Waiting::Answer { whom, why } => write!(f, "an answer from {whom}: {why}"),
            Waiting::Service { now } => {
                write!(f, "the group to list this instance in service; now {now}")
            }
            Waiting::Operator { remedy } => write!(f, "an operator: {remedy}"),
            Waiting::OwnerRecord { claim } => write!(
                f,
                "the owner's record of log stream {claim} to become readable"
            ),
            Waiting::Grace { claim, left } => {
                write!(
                    f,
                    "log stream {claim}, which has no owner, to be vacant in {} s",
                    left.as_secs()
                )
            }
            Waiting::FreeId => f.write_str("a free server id: all 254 are taken"),
            Waiting::OwnServer { now } => write!(f, "this instance's server, now {now}"),
            Waiting::Sync => f.write_str("this instance's server to sync with its leader"),
            Waiting::ServingMember { asked } => {
                f.write_str("a member that serves and tells the config")?;
                match asked.is_empty() {
                    true => Ok(()),
                    false => write!(f, "; asked: {}", asked.join(", ")),
                }
            }
            Waiting::Testimony { missing } => {
                let of = "the testimony of every survivor; without it";
                write!(f, "{of}: {}", missing.join(", "))
            }
            Waiting::LastCopies { holders } => {
                let of = "the end of whoever may hold a last copy";
                write!(f, "{of}: {}", holders.join(", "))
            }
            Waiting::NextGeneration { instance } => {
                write!(
                    f,
                    "{instance}, which has the most advanced data, to begin the next generation"
                )
            }
            Waiting::Quorum { missing } => {
                write!(f, "a quorum; without an answer: {}", missing.join(", "))
            }
            Waiting::Replacement { server, instance } => {
                write!(
                    f,
                    "a newcomer in place of server {server}, whose instance {instance} is terminated"
                )
            }
            Waiting::Candidate { instance } => {
                write!(f, "{instance}, whose turn it is, to become a voter")
            }
            Waiting::Successor { instance, left } => write!(
                f,
                "{instance} to take this server's place, for {} s at most",
                left.as_secs()
            ),
            Waiting::Spare { why, left } => write!(
                f,
                "the others to be able to spare this server, for {} s at most: {why}",
                left.as_secs()
            ),
            Waiting::Termination => f.write_str("the group to terminate this instance"),
        }
    }
}

impl fmt::Display for Plan {
    /// The text of the dry run.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Plan {
            situation,
            actions,
            waiting,
            warnings,
            next: _,
        } = self;
        writeln!(f, "situation: {situation}")?;
        for (n, action) in actions.iter().enumerate() {
            writeln!(f, "{:>3}. {action}", n + 1)?;
        }
        for waiting in waiting {
            writeln!(f, "waiting for {waiting}")?;
        }
        for warning in warnings {
            writeln!(f, "warning: {warning}")?;
        }
        if actions.is_empty() && waiting.is_empty() {
            writeln!(f, "nothing to do")?;
        }
        Ok(())
    }
}
