//! The keys of zoo.cfg that are not an operator's to set, each with the reason.
//!
//! ZooKeeper's names are case-sensitive. A key that it does not know becomes the system property
//! `zookeeper.<key>` (`QuorumPeerConfig.parseProperties`), so that properties stand here, too.

/// Keys that always have one value, with the reason that an operator who sets one is told.
pub const FIXED: &[(&str, &str, &str)] = &[
    (
        "standaloneEnabled",
        "false",
        "is always false: a standalone server cannot grow into an ensemble",
    ),
    (
        "reconfigEnabled",
        "true",
        "is always true: members join and leave by dynamic reconfiguration",
    ),
    (
        "db.autocreate",
        "false",
        "is always false: an empty disk that votes loses acknowledged writes",
    ),
    (
        "electionPortBindRetry",
        "0",
        "is always 0: a server whose election port is taken for a moment must not give up for ever",
    ),
];

/// Keys that the agent writes itself, or that would break what it promises.
const REFUSED: &[(&str, &str)] = &[
    ("dataDir", "is set by zookeeper.data_dir"),
    ("dataLogDir", "is set by zookeeper.data_log_dir"),
    (
        "clientPort",
        "is set by zookeeper.client_port, and stands in the dynamic file",
    ),
    ("clientPortAddress", "is set by zookeeper.client_bind"),
    (
        "dynamicConfigFile",
        "is the live membership, which the agent and ZooKeeper itself point at",
    ),
    (
        "DigestAuthenticationProvider.superDigest",
        "is computed from the secret in zookeeper.super_secret_file",
    ),
    (
        "skipACL",
        "would open the whole tree to everybody, the membership included",
    ),
    (
        "peerType",
        "belongs to a static membership; the agent decides who votes",
    ),
    (
        "snapshot.trust.empty",
        "would let a server start from a log without its snapshot, with a hole in the data",
    ),
    (
        "DigestAuthenticationProvider.enabled",
        "would take the super user away, as whom the agent changes the membership",
    ),
    (
        "DigestAuthenticationProvider.digestAlg",
        "would make the super user's digest, which is of SHA-1, another's",
    ),
    (
        "leaderServes",
        "would make a leader refuse the agent's own session and look as if it did not serve",
    ),
    (
        "localSessionsEnabled",
        "would open sessions without a write: by one the agent knows that a change is committed",
    ),
    (
        "forceSync",
        "would acknowledge writes that are on no disk yet",
    ),
    (
        "syncEnabled",
        "would keep what a joiner was sent off its disk, and then let it vote",
    ),
    (
        "observer.syncEnabled",
        "would keep what a joiner was sent off its disk, and then let it vote",
    ),
    (
        "oraclePath",
        "would let a file decide where a quorum has to",
    ),
    (
        "sessionRequireClientSASLAuth",
        "would refuse the agent's own session, which proves itself by a digest",
    ),
];

/// Everything that begins so.
const REFUSED_PREFIXES: &[(&str, &str)] = &[
    (
        "server.",
        "is membership, which is changed by reconfig alone",
    ),
    (
        "group",
        "needs hierarchical quorums, which reconfig cannot change server by server",
    ),
    (
        "weight",
        "needs hierarchical quorums, which reconfig cannot change server by server",
    ),
    (
        "zookeeper.",
        "would be lost: zoo.cfg takes a property without \"zookeeper.\" before its name",
    ),
];

/// Why an operator may not set `key`: the rest of a sentence that begins with the key. `None` for
/// every other key; `secureClientPort` and the keys of TLS are among those.
pub fn refusal(key: &str) -> Option<&'static str> {
    let fixed = FIXED.iter().map(|(fixed, _, reason)| (*fixed, *reason));
    let mut exact = fixed.chain(REFUSED.iter().copied());
    if let Some((_, reason)) = exact.find(|(refused, _)| *refused == key) {
        return Some(reason);
    }
    let mut tables = REFUSED_PREFIXES.iter();
    if let Some((_, reason)) = tables.find(|(prefix, _)| key.starts_with(prefix)) {
        return Some(reason);
    }
    let secret = key.ends_with(".password");
    secret.then_some("is a secret: name a file that holds it with the key's passwordPath")
}
