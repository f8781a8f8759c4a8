//! A small vocabulary for situations: three instances, `a`, `b` and `c`, of group `asg:zk`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use jiff::{Timestamp, ToSpan};
use zk_bootstrap::config::Settings;
use zk_bootstrap::decide;
use zk_bootstrap::model::claim::{Claim, ClaimName, Lineage, Milestone, Owner, Register};
use zk_bootstrap::model::disk::{Disk, Identity, Stuck, ZooCfg};
use zk_bootstrap::model::ensemble::Ensemble;
use zk_bootstrap::model::fleet::{Fleet, Instance, InstanceState, Lifecycle, Me};
use zk_bootstrap::model::history::{History, Testimony};
use zk_bootstrap::model::id::{ConfigVersion, InstanceId, ServerId, Zxid};
use zk_bootstrap::model::plan::{Action, Plan};
use zk_bootstrap::model::policy::Policy;
use zk_bootstrap::model::probe::{Mode, Probe, Serving};
use zk_bootstrap::model::server::Role;
use zk_bootstrap::model::snapshot::{Answer, Service, Snapshot};

/// Three members, by their ids and the letters of their instances.
pub const THREE: [(u8, char); 3] = [(1, 'a'), (2, 'b'), (3, 'c')];

/// The time of every look.
pub fn noon() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().expect("a time")
}

/// Instance `n`: a letter and its place in the alphabet make its id and address.
pub fn instance(letter: char) -> InstanceId {
    format!("i-0000000{letter}")
        .parse()
        .expect("an instance id")
}

pub fn address(letter: char) -> IpAddr {
    let place = letter as u8 - b'a' + 1;
    IpAddr::V4(Ipv4Addr::new(10, 0, 0, place))
}

pub fn id(n: u8) -> ServerId {
    n.try_into().expect("a server id")
}

/// The default one.
pub fn policy() -> Policy {
    Settings::default().policy()
}

fn known<T>(value: T) -> Answer<T> {
    Answer::Known { at: noon(), value }
}

pub fn unknown<T>() -> Answer<T> {
    Answer::Unknown {
        why: "throttled".to_owned(),
    }
}

/// A snapshot under construction.
#[derive(Clone)]
pub struct Given {
    pub snapshot: Snapshot,
    pub policy: Policy,
    me: char,
}

/// Instance `me` of a group of `peers`, all in service, without anything else.
pub fn given(me: char, peers: &str) -> Given {
    let member = |letter: char| {
        let instance_of_group = Instance {
            address: Some(address(letter)),
            zone: "eu-west-1a".to_owned(),
            state: InstanceState::Running,
            lifecycle: Lifecycle::InService,
            held: false,
            protected: false,
            unhealthy: false,
            launched: noon() - 5.minutes(),
            tags: BTreeMap::new(),
        };
        (instance(letter), instance_of_group)
    };
    let fleet = Fleet {
        group: "asg:zk".to_owned(),
        desired: Some(peers.len().try_into().expect("a small group")),
        instances: peers.chars().map(member).collect(),
        asked: BTreeSet::new(),
        hooks: Vec::new(),
    };
    let me_by_metadata = Me {
        instance: instance(me),
        address: address(me),
        zone: "eu-west-1a".to_owned(),
        region: "eu-west-1".to_owned(),
    };
    let snapshot = Snapshot {
        at: noon(),
        me: known(me_by_metadata),
        notice: known(None),
        fleet: known(fleet),
        register: known(Register {
            exists: true,
            claims: BTreeMap::new(),
        }),
        names: unknown(),
        claiming: BTreeSet::new(),
        disk: known(Disk::default()),
        service: known(Service::Stopped),
        running_since: None,
        published: None,
        server: Probe::Unreachable {
            why: "connection refused".to_owned(),
        },
        peers: BTreeMap::new(),
        peers_asked: Some(noon()),
        add_asked: None,
    };
    Given {
        snapshot,
        policy: policy(),
        me,
    }
}

pub fn value<T>(answer: &mut Answer<T>) -> &mut T {
    match answer {
        Answer::Known { value, .. } => value,
        Answer::Unknown { .. } => panic!("this part of the snapshot is unknown"),
    }
}

/// A config at version 100000003 of servers `1` at `a`, `2` at `b`, …
pub fn config(members: &[(u8, char)]) -> Ensemble {
    let servers = members
        .iter()
        .map(|(n, at)| policy().server(id(*n), address(*at)));
    Ensemble {
        version: ConfigVersion(0x1_0000_0003),
        ..Ensemble::unversioned(servers)
    }
}

/// The same, with these servers as observers.
pub fn observed(members: &[(u8, char)], observers: &[(u8, char)]) -> Ensemble {
    let mut ensemble = config(members);
    for (n, at) in observers {
        let server = policy().server(id(*n), address(*at));
        let observer = server.with_role(Role::Observer);
        ensemble.servers.insert(id(*n), observer);
    }
    ensemble
}

pub fn serving(mode: Mode, ensemble: Ensemble) -> Probe {
    Probe::Serving(Serving {
        mode,
        zxid: Zxid(0x1_0000_0007),
        release: "3.8.0".to_owned(),
        synced: Some(true),
        ensemble: Some(ensemble),
    })
}

pub fn history(epoch: u32, zxid: u64) -> History {
    History {
        generation: 1,
        epoch,
        zxid: Zxid(zxid),
    }
}

/// Member 1 of three that serve, on `a`.
pub fn one_of_three(mode: Mode) -> Given {
    const THREE: [(u8, char); 3] = [(1, 'a'), (2, 'b'), (3, 'c')];
    let serves = |mode| serving(mode, config(&THREE));
    let other = if mode == Mode::Leader {
        Mode::Follower
    } else {
        Mode::Leader
    };
    given('a', "abc")
        .three_joined()
        .files_of(1, &THREE)
        .tagged(1)
        .runs(serves(mode))
        .peer('b', serves(other))
        .peer('c', serves(Mode::Follower))
}

impl Given {
    pub fn claim_at(
        mut self,
        name: &str,
        owner: Option<char>,
        age_s: i64,
        journal: &[Milestone],
    ) -> Self {
        let name: ClaimName = name.parse().expect("the name of a claim");
        let created = noon() - age_s.seconds();
        let server = match name.slot {
            zk_bootstrap::model::claim::Slot::Server(id) => id,
            zk_bootstrap::model::claim::Slot::Ensemble => id(1),
        };
        let owner = owner.map(|letter| Owner {
            instance: instance(letter),
            address: address(letter),
            zone: "eu-west-1a".to_owned(),
            group: "asg:zk".to_owned(),
            server,
            written: created + 1.second(),
        });
        let claim = Claim {
            created,
            owner,
            journal: journal
                .iter()
                .map(|m| (*m, created + 2.seconds()))
                .collect(),
            testimony: None,
            leave: None,
            foreign: false,
        };
        value(&mut self.snapshot.register)
            .claims
            .insert(name, claim);
        self
    }

    /// The claim is signed in a form that this release cannot read.
    pub fn foreign(mut self, name: &str) -> Self {
        let name: ClaimName = name.parse().expect("the name of a claim");
        let claims = &mut value(&mut self.snapshot.register).claims;
        claims.get_mut(&name).expect("a claim").foreign = true;
        self
    }

    pub fn claim(self, name: &str, owner: char, journal: &[Milestone]) -> Self {
        self.claim_at(name, Some(owner), 60, journal)
    }

    /// The register of an ensemble that `a` founded and `b` and `c` joined.
    pub fn three_joined(self) -> Self {
        let all = [Milestone::Started, Milestone::Joined];
        self.claim("ensemble", 'a', &[Milestone::Started])
            .claim("1", 'a', &all)
            .claim("2", 'b', &all)
            .claim("3", 'c', &all)
    }

    /// `letter` has an instance state other than running.
    pub fn state(mut self, letter: char, state: InstanceState) -> Self {
        let fleet = value(&mut self.snapshot.fleet);
        let entry = fleet
            .instances
            .get_mut(&instance(letter))
            .expect("an instance of the group");
        entry.state = state;
        if state == InstanceState::Terminated {
            entry.address = None;
            entry.lifecycle = Lifecycle::Terminated;
        }
        self
    }

    /// `letter`, the owner of this claim, has the address that `former` had: EC2 gives it again, and
    /// lists `former` no more.
    pub fn inherits(self, letter: char, name: &str, former: char) -> Self {
        let name: ClaimName = name.parse().expect("the name of a claim");
        let mut given = self.fleet(|fleet| {
            fleet.instances.remove(&instance(former));
            let heir = fleet.instances.get_mut(&instance(letter));
            heir.expect("an instance of the group").address = Some(address(former));
        });
        let claims = &mut value(&mut given.snapshot.register).claims;
        let owner = claims.get_mut(&name).and_then(|claim| claim.owner.as_mut());
        owner.expect("an owner").address = address(former);
        given
    }

    pub fn fleet(mut self, change: impl FnOnce(&mut Fleet)) -> Self {
        change(value(&mut self.snapshot.fleet));
        self
    }

    pub fn lifecycle(self, letter: char, lifecycle: Lifecycle) -> Self {
        self.fleet(|fleet| {
            fleet
                .instances
                .get_mut(&instance(letter))
                .expect("an instance of the group")
                .lifecycle = lifecycle;
        })
    }

    pub fn disk(mut self, change: impl FnOnce(&mut Disk)) -> Self {
        change(value(&mut self.snapshot.disk));
        self
    }

    /// The files of server `n`, with data, for this membership.
    pub fn files_of(self, n: u8, members: &[(u8, char)]) -> Self {
        let me = instance(self.me);
        self.disk(|disk| {
            *disk = Disk {
                data: true,
                initialize: false,
                history: None,
                myid: Some(id(n)),
                identity: Some(Identity {
                    lineage: Lineage {
                        generation: 1,
                        founder: instance('a'),
                    },
                    server: id(n),
                    instance: me,
                    withdrawn: false,
                }),
                zoo_cfg: ZooCfg::Current,
                dynamic: Some(config(members)),
                ..Disk::default()
            };
        })
    }

    /// The owner of a claim has said that the quorum of this config of generation 1 is lost.
    pub fn says(self, name: &str, members: &[(u8, char)]) -> Self {
        let testimony = Testimony {
            generation: 1,
            config: config(members),
            config_of: 1,
            withdrawn: false,
            history: None,
        };
        self.testimony(name, testimony)
    }

    /// The owner of a claim has said so, and that its server is stopped, with this data.
    pub fn testifies(self, name: &str, members: &[(u8, char)], data: Option<(u32, u64)>) -> Self {
        let testimony = Testimony {
            generation: 1,
            config: config(members),
            config_of: 1,
            withdrawn: true,
            history: data.map(|(epoch, zxid)| history(epoch, zxid)),
        };
        self.testimony(name, testimony)
    }

    fn testimony(mut self, name: &str, testimony: Testimony) -> Self {
        let name: ClaimName = name.parse().expect("the name of a claim");
        let claims = &mut value(&mut self.snapshot.register).claims;
        claims.get_mut(&name).expect("a claim").testimony = Some(testimony);
        self
    }

    /// The instances `a`, `b`, … are in the zones of these letters.
    pub fn zones(mut self, zones: &str) -> Self {
        let zone_of = |letter: char| {
            let place = (letter as u8 - b'a') as usize;
            let zone = zones.chars().nth(place).expect("a zone for each instance");
            format!("eu-west-1{zone}")
        };
        let letter = |instance: &InstanceId| instance.as_str().chars().last().expect("a letter");
        for (id, instance) in &mut value(&mut self.snapshot.fleet).instances {
            instance.zone = zone_of(letter(id));
        }
        let claims = value(&mut self.snapshot.register).claims.values_mut();
        for owner in claims.filter_map(|claim| claim.owner.as_mut()) {
            owner.zone = zone_of(letter(&owner.instance));
        }
        value(&mut self.snapshot.me).zone = zone_of(self.me);
        self
    }

    /// This instance's server was withdrawn; it is down, and has data up to there.
    pub fn withdrawn(self, epoch: u32, zxid: u64) -> Self {
        self.disk(|disk| {
            disk.identity.as_mut().expect("an identity").withdrawn = true;
            disk.history = Some(history(epoch, zxid));
        })
    }

    /// This instance's server runs and answers so.
    pub fn runs(mut self, answer: Probe) -> Self {
        self.snapshot.service = known(Service::Running);
        self.snapshot.server = answer;
        self
    }

    /// Its process runs for so long.
    pub fn since(mut self, minutes: i64) -> Self {
        self.snapshot.running_since = Some(noon() - minutes.minutes());
        self
    }

    /// It was noted so long ago that it is stuck, and it was restarted so often since.
    pub fn stuck(self, minutes: i64, restarts: u32) -> Self {
        self.disk(|disk| {
            disk.stuck = Some(Stuck {
                since: noon() - minutes.minutes(),
                restarts,
            });
        })
    }

    pub fn peer(mut self, letter: char, answer: Probe) -> Self {
        self.snapshot.peers.insert(instance(letter), answer);
        self
    }

    pub fn with(mut self, change: impl FnOnce(&mut Snapshot, &mut Policy)) -> Self {
        change(&mut self.snapshot, &mut self.policy);
        self
    }

    /// The claims were read in a look before this one.
    pub fn claims_heard_before(mut self) -> Self {
        let Answer::Known { at, .. } = &mut self.snapshot.register else {
            panic!("the claims are unknown");
        };
        *at -= 1.second();
        self
    }

    /// The peers were asked in a look before this one.
    pub fn peers_heard_before(mut self) -> Self {
        let asked = self.snapshot.peers_asked.as_mut();
        *asked.expect("they were asked") -= 1.second();
        self
    }

    /// The group lists this instance as unhealthy.
    pub fn unhealthy(self) -> Self {
        let me = self.me;
        self.fleet(|fleet| {
            let listed = fleet.instances.get_mut(&instance(me));
            listed.expect("myself").unhealthy = true;
        })
    }

    pub fn tagged(self, n: u8) -> Self {
        let me = self.me;
        self.fleet(|fleet| {
            let tags = &mut fleet.instances.get_mut(&instance(me)).expect("myself").tags;
            tags.insert("zookeeper_id".to_owned(), n.to_string());
            tags.insert(
                "bootstrap_finished_time".to_owned(),
                "2026-03-01T11:59:00Z".to_owned(),
            );
        })
    }

    pub fn plan(&self) -> Plan {
        decide::plan(&self.snapshot, &self.policy)
    }

    /// The rules that these actions would break, one after the other.
    pub fn breaks(&self, actions: Vec<Action>) -> Vec<&'static str> {
        let plan = Plan {
            actions,
            ..self.plan()
        };
        let broken = decide::safety::violations(&self.snapshot, &self.policy, &plan);
        broken.into_iter().map(|v| v.rule).collect()
    }

    /// The rules that this one would break.
    pub fn judges(&self, action: Action) -> Vec<&'static str> {
        self.breaks(vec![action])
    }

    /// The printed plan, which the safety checker must approve.
    #[track_caller]
    pub fn prints(&self, expected: &str) {
        let plan = self.plan();
        let violations = decide::safety::violations(&self.snapshot, &self.policy, &plan);
        assert!(violations.is_empty(), "{violations:?}\n{plan}");
        let strip = |text: &str| {
            text.lines()
                .map(str::trim)
                .filter(|l| !l.is_empty())
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(strip(&plan.to_string()), strip(expected));
    }
}

/// The safety checker refuses these actions, by a rule that says this.
#[track_caller]
pub fn refused(given: &Given, actions: Vec<Action>, rule: &str) {
    let broken = given.breaks(actions);
    assert!(
        broken.iter().any(|b| b.contains(rule)),
        "{rule}: {broken:?}"
    );
}
