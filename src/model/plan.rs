//! What is to be done, in order, and what is waited for.

mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde::Serialize;

use super::claim::{ClaimName, Milestone, Slot};
use super::disk::{Identity, Stuck};
use super::ensemble::Ensemble;
use super::figures::Figures;
use super::fleet::Transition;
use super::history::Testimony;
use super::id::{ConfigVersion, InstanceId, ServerId};
use super::names::Names;
use super::server::Server;

/// What to do now. An empty list of actions and of waits is a settled instance.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Where this instance stands.
    pub situation: Situation,
    /// What to do, in this order. If one does not take place, those behind it are dropped and
    /// the world is looked at again.
    pub actions: Vec<Action>,
    /// What must happen elsewhere before this instance can go on.
    pub waiting: Vec<Waiting>,
    /// What an operator should know, although nothing can be done about it from here.
    pub warnings: Vec<String>,
    /// When to look next, and at what.
    pub next: Next,
}

/// When to look next, and at what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Next {
    /// This instance only, at once: its server is on its way.
    Here,
    /// Everything, soon, backing off: something elsewhere is waited for.
    Everywhere,
    /// Here and the peers regularly, AWS now and then: all is well.
    AtLeisure,
}

/// Where an instance stands, derived afresh from every snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Situation {
    /// Something without which nothing can be decided could not be seen.
    Blind,
    /// Not one of the group's instances in service (standby, warm pool, detached, terminating).
    NotPeer,
    /// Two groups share one register, or an ensemble lives and its marker is missing: an
    /// operator's mistake that must not be made worse.
    Halted,
    /// Without a server id.
    Unclaimed,
    /// The claim is made, and not yet read back.
    Claiming,
    /// Holds an id; no ensemble exists.
    Unfounded,
    /// This instance founds the ensemble.
    Founding,
    /// Holds an id, is not a member yet; the server is not running, or not synced.
    Joining,
    /// The server is synced and not yet a member.
    Synced,
    /// A member whose server is down.
    Stopped,
    /// A member whose server runs and does not serve.
    NotServing,
    /// A member that serves.
    Member,
    /// The instance is about to go, and its server leaves the ensemble.
    Leaving,
    /// Its server has left.
    Left,
    /// Every copy of the data is provably gone.
    AllLost,
    /// The quorum is lost for good; this instance is a survivor that has not testified yet.
    QuorumLost,
    /// A survivor that has testified: the ensemble is being recovered.
    Recovering,
}

/// One step. Each can be repeated without harm, and leaves the executor no choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// Create the ensemble's log group.
    CreateLogGroup,
    /// Create the stream, which only one instance can, and write the owner's record into it.
    Claim {
        /// The stream.
        claim: ClaimName,
        /// The server id that the owner's record names.
        server: ServerId,
    },
    /// Note a milestone in the journal.
    Journal {
        /// The stream.
        claim: ClaimName,
        /// What has happened, or is about to.
        milestone: Milestone,
    },
    /// Testify, as a survivor of a lost quorum, in this instance's own stream.
    Testify {
        /// The stream.
        claim: ClaimName,
        /// What is said.
        testimony: Testimony,
    },
    /// Take back what this instance has testified in its own stream.
    TakeBack {
        /// The stream.
        claim: ClaimName,
    },
    /// Tag this instance.
    Tag {
        /// Tags to set; a value of `None` is the time of the call (RFC 3339, UTC).
        tags: BTreeMap<String, Option<String>>,
    },
    /// Rename the data directory's content to a dated folder beside it.
    MoveDataAside {
        /// Why it may not be used.
        why: String,
    },
    /// Write `myid`.
    WriteMyId {
        /// The id.
        server: ServerId,
    },
    /// Write the suffix-less dynamic file, and zoo.cfg pointing at it.
    WriteMembership {
        /// Its members.
        ensemble: Ensemble,
    },
    /// Render zoo.cfg anew, carrying over its live pointer to the dynamic file.
    WriteZooCfg,
    /// Write whose data this is.
    WriteIdentity {
        /// The ensemble and the server.
        identity: Identity,
    },
    /// Create `initialize`: this one server may serve an empty database, once.
    AllowEmptyDatabase,
    /// Note that this server runs and does not serve although it could, or that it serves again.
    NoteStuck {
        /// The note; `None` takes it away.
        stuck: Option<Stuck>,
    },
    /// Start ZooKeeper.
    StartServer,
    /// Stop ZooKeeper.
    StopServer,
    /// Add this server as a voter or as an observer, and remove another, in one transaction.
    AddServer {
        /// The newcomer.
        server: Server,
        /// The member whose place it takes: one that is proven terminated, or a voter that is leaving
        /// or gives way, so that its zone no longer holds a majority.
        remove: Option<ServerId>,
        /// The config that was seen.
        expected: ConfigVersion,
    },
    /// Remove members whose termination is proven, or this server: it is leaving, or it changes
    /// from an observer to a voter or back.
    RemoveServers {
        /// Their ids.
        servers: BTreeSet<ServerId>,
        /// The config that was seen.
        expected: ConfigVersion,
    },
    /// Commit one write through the ensemble, so that whatever was committed before is known to the
    /// quorum of the config that counts now. (A new session is such a write.)
    AwaitCommit,
    /// Let the group go on with this instance.
    CompleteHook {
        /// The hook.
        hook: String,
        /// What it held up.
        transition: Transition,
    },
    /// Tell the group that it takes longer.
    Heartbeat {
        /// The hook.
        hook: String,
    },
    /// Say whether the group may choose these instances when it scales in or refreshes.
    Protect {
        /// The instances.
        instances: BTreeSet<InstanceId>,
        /// Whether they are protected.
        protected: bool,
    },
    /// Publish the names by which clients find the servers.
    Publish {
        /// The names.
        names: Names,
        /// The generation and version of those that were seen published; only they are replaced.
        replaces: Option<(u32, ConfigVersion)>,
    },
    /// Report this instance as unhealthy: the group terminates and replaces it.
    ReportUnhealthy {
        /// What cannot be mended here.
        why: String,
    },
    /// Publish figures of the ensemble.
    PublishFigures {
        /// The figures.
        figures: Figures,
    },
}

impl Action {
    /// Whether this claims the right to found.
    pub fn founds(&self) -> bool {
        matches!(self, Action::Claim { claim, .. } if claim.slot == Slot::Ensemble)
    }
}

/// What must happen elsewhere first, in the operator's nouns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Waiting {
    /// A question to be answered.
    Answer {
        /// Who is asked.
        whom: &'static str,
        /// Why there is no answer yet.
        why: String,
    },
    /// The group to list this instance among those in service.
    Service {
        /// What it says instead.
        now: String,
    },
    /// An operator.
    Operator {
        /// What is wrong, and what to do.
        remedy: String,
    },
    /// A claim's record to become readable.
    OwnerRecord {
        /// The claim.
        claim: ClaimName,
    },
    /// An ownerless claim to be vacant.
    Grace {
        /// The claim.
        claim: ClaimName,
        /// What is left of the grace period.
        left: Duration,
    },
    /// A free server id.
    FreeId,
    /// This instance's server to come up.
    OwnServer {
        /// What it answers now.
        now: String,
    },
    /// This instance's server to sync with its leader.
    Sync,
    /// Any member to serve and tell the config.
    ServingMember {
        /// The peers that were asked, with what they answered.
        asked: Vec<String>,
    },
    /// The other survivors of a lost quorum to testify.
    Testimony {
        /// Those who have not, with what is known of their instances.
        missing: Vec<String>,
    },
    /// Whoever may still hold a copy to be terminated, or to have lost it.
    LastCopies {
        /// Who that is, with what is known of their instances.
        holders: Vec<String>,
    },
    /// The survivor with the most advanced history to begin the next generation.
    NextGeneration {
        /// Its instance.
        instance: InstanceId,
    },
    /// Enough voters to make a quorum.
    Quorum {
        /// The voters that do not answer, with what is known of their instances.
        missing: Vec<String>,
    },
    /// A newcomer to take the place of a terminated voter.
    Replacement {
        /// The voter.
        server: ServerId,
        /// Its instance.
        instance: InstanceId,
    },
    /// Another observer, or a newcomer, to become a voter in an open place.
    Candidate {
        /// Its instance.
        instance: InstanceId,
    },
    /// A newcomer to take this server's place before it leaves.
    Successor {
        /// The newcomer's instance.
        instance: InstanceId,
        /// How long it is waited for.
        left: Duration,
    },
    /// The others to be able to spare this server.
    Spare {
        /// Why they cannot, and who is missing.
        why: String,
        /// How long it is waited for.
        left: Duration,
    },
    /// The group to terminate this instance.
    Termination,
}

impl Waiting {
    /// Whether nothing but an operator can end it.
    pub fn is_for_operator(&self) -> bool {
        matches!(self, Waiting::Operator { .. })
    }
}
