//! What clients may be told.

use std::net::IpAddr;

use super::Rules;
use crate::decide::view::View;
use crate::model::id::ConfigVersion;
use crate::model::names::Names;
use crate::model::server::Server;

const SERVES: &str = "names are published by a serving member alone";
const COMMITTED: &str = "names are those of members of the committed config";
const QUORUM: &str = "clients are told of a quorum of the committed config at least";
const NEWER: &str = "names replace what was seen, and nothing newer";

pub fn rules(view: View, names: &Names, replaces: Option<(u32, ConfigVersion)>) -> Rules {
    let committed = view.committed_here();
    let is_member = committed.is_some_and(|config| config.at(view.address()).is_some());
    let are_members = committed.is_some_and(|config| {
        let mut told = names.servers.iter();
        let is_one = told.all(|(id, at)| config.get(*id).is_some_and(|s| lives_at(s, at.ip())));
        is_one && names.version == config.version
    });
    let voters = committed.map(|config| {
        let told = config
            .voters()
            .filter(|s| names.servers.contains_key(&s.id));
        told.count() >= config.quorum()
    });
    let seen = view.snapshot.names.known();
    let seen = seen.map(|there| there.as_ref().map(Names::age));
    let own = view.generation() == names.generation;
    let newest = replaces.is_none_or(|there| there <= names.age());
    vec![
        (
            is_member && view.snapshot.server.serving().is_some(),
            SERVES,
        ),
        (are_members && own, COMMITTED),
        (voters == Some(true), QUORUM),
        (seen == Some(replaces) && newest, NEWER),
    ]
}

/// Whether clients meet a server at this address.
fn lives_at(server: &Server, address: IpAddr) -> bool {
    let bound = server
        .client
        .as_ref()
        .and_then(|client| client.bind.as_ref());
    server.is_at(address) || bound.is_some_and(|bound| bound.parse() == Ok(address))
}
