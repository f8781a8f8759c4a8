//! What the world shows of itself: claims as AWS has them, the config as ZooKeeper has it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;
use std::time::Duration;

use serde_json::{Value, json};

use crate::paper::{Act, pause};
use crate::world::World;
use crate::world::client::{Client, Config};
use crate::world::wait::within;

/// What was seen so far.
#[derive(Default)]
pub struct Watch {
    /// The log streams with an owner.
    claims: BTreeSet<String>,
    config: Option<Config>,
    leader: Option<u8>,
    client: Option<Client>,
}

impl Watch {
    /// Tells what happens until every instance's server is a member and serves, and returns how
    /// long that took.
    ///
    /// # Panics
    /// When it takes longer than `patience`.
    pub fn until_all_serve(
        &mut self,
        world: &mut World,
        act: &Act<'_>,
        patience: Duration,
    ) -> String {
        let settled = within(patience, || {
            for line in self.look(world) {
                act.line(&line);
            }
            let config = self.config.as_ref()?;
            let complete = config.members() == world.addresses().into_iter().collect();
            complete.then(|| world.ensemble()).flatten()
        });
        let took = pause(act.elapsed());
        settled.unwrap_or_else(|| panic!("not all serve after {took}\n{}", world.describe()));
        took
    }

    /// What has changed since the last look, a sentence each.
    fn look(&mut self, world: &mut World) -> Vec<String> {
        let mut changes = self.new_claims(world.cloud.tell("streams", json!({})));
        changes.extend(self.membership(world));
        let leader = self.leader_among(world);
        if let Some(id) = leader.filter(|_| leader != self.leader) {
            changes.push(format!("server {id} leads"));
            self.leader = leader;
        }
        changes
    }

    fn new_claims(&mut self, groups: Value) -> Vec<String> {
        let groups = groups.as_object().into_iter().flatten();
        let streams = groups.filter_map(|(_, streams)| streams.as_object());
        let mut changes = Vec::new();
        for (name, stream) in streams.flatten() {
            let Some((owner, server)) = record(stream).filter(|_| !self.claims.contains(name))
            else {
                continue;
            };
            let what = match name.starts_with("ensemble") {
                true => "may found".to_owned(),
                false => format!("is server {server}"),
            };
            changes.push(format!("{owner} {what}: it created log stream \"{name}\""));
            self.claims.insert(name.clone());
        }
        changes
    }

    fn membership(&mut self, world: &World) -> Option<String> {
        let config = self.ask(world)?;
        let before = self.config.replace(config.clone());
        let what = match &before {
            None => "an ensemble begins".to_owned(),
            Some(before) if before.voters == config.voters => {
                differences(&before.observers, &config.observers)
            }
            Some(before) => differences(&before.voters, &config.voters),
        };
        let voters: Vec<String> = config.voters.keys().map(u8::to_string).collect();
        let (voters, version) = (list(&voters), config.version);
        let observers: Vec<String> = config.observers.keys().map(u8::to_string).collect();
        let observers = match &observers[..] {
            [] => String::new(),
            some => format!(", observers {}", list(some)),
        };
        let now = format!("{what}: config version {version:x}, voters {voters}{observers}");
        let same = before.is_some_and(|before| {
            (before.voters, before.observers) == (config.voters, config.observers)
        });
        (!same).then_some(now)
    }

    /// The config, over one session for as long as it lasts.
    fn ask(&mut self, world: &World) -> Option<Config> {
        if self.client.is_none() {
            let servers: Vec<Ipv4Addr> = world.addresses();
            self.client = Client::connect(&servers).ok();
        }
        let config = self.client.as_ref()?.config().ok();
        if config.is_none() {
            self.client = None;
        }
        config
    }

    fn leader_among(&self, world: &World) -> Option<u8> {
        let voters = &self.config.as_ref()?.voters;
        let living = world.addresses();
        let mut living = voters.iter().filter(|(_, a)| living.contains(a));
        let leads = |address| crate::world::client::mode(address).as_deref() == Some("leader");
        living
            .find(|(_, address)| leads(**address))
            .map(|(id, _)| *id)
    }
}

fn differences(before: &BTreeMap<u8, Ipv4Addr>, after: &BTreeMap<u8, Ipv4Addr>) -> String {
    let joined = after.keys().filter(|id| !before.contains_key(id));
    let left = before.keys().filter(|id| !after.contains_key(id));
    let joined = joined.map(|id| format!("server {id} joined"));
    let left = left.map(|id| format!("server {id} left"));
    joined.chain(left).collect::<Vec<_>>().join(", ")
}

/// The instance that wrote the first record into a log stream, and the server id in it.
fn record(stream: &Value) -> Option<(String, u64)> {
    let message = stream["events"].get(0)?["message"].as_str()?;
    let record: Value = serde_json::from_str(message).ok()?;
    let instance = record["instance"].as_str()?.to_owned();
    Some((instance, record["server"].as_u64()?))
}

/// The members' ids and addresses.
pub fn addresses(world: &World) -> BTreeMap<u8, Ipv4Addr> {
    let config = world.ensemble().expect("an ensemble of all instances");
    config.voters.into_iter().chain(config.observers).collect()
}

/// A row for each server: its id, its instance, its address, its role.
pub fn servers(world: &mut World) -> Vec<Vec<String>> {
    let ids = addresses(world);
    let row = |(id, address): (&u8, &Ipv4Addr)| {
        let instance = world.instances().find(|i| i.address == *address);
        let instance = instance.expect("every member is an instance");
        let mode = instance.mode().unwrap_or_default();
        vec![
            format!("server {id}"),
            instance.id.clone(),
            address.to_string(),
            mode,
        ]
    };
    ids.iter().map(row).collect()
}

/// Words, as in a sentence.
pub fn list<S: AsRef<str>>(words: &[S]) -> String {
    let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
    words.join(" ")
}
