//! How often a stream is tried when many claim at once.
//!
//! Nine claim as they do in life: nine agents, nine servers. Of 254, only the claiming is real:
//! the daemon's own loop, decisions and adapter of the log group, one for each claimant and all at
//! once; what they hear of EC2, of disks and of servers is made up here.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_cloudwatchlogs::config::Credentials;
use serde_json::Value;
use tokio::task::JoinSet;
use zk_bootstrap::agent::{Agent, ApplyError, Look, Outcome, Pace, World as AgentWorld};
use zk_bootstrap::aws::record::Record;
use zk_bootstrap::aws::register::{Created, Log};
use zk_bootstrap::clock;
use zk_bootstrap::config::Settings;
use zk_bootstrap::model::claim::{ClaimName, Register};
use zk_bootstrap::model::disk::Disk;
use zk_bootstrap::model::fleet::{Fleet, Instance, InstanceState, Lifecycle, Me};
use zk_bootstrap::model::plan::{Action, Plan, Situation};
use zk_bootstrap::model::probe::Probe;
use zk_bootstrap::model::snapshot::{Answer, Service, Snapshot};

use crate::PATIENCE;
use crate::table::Row;
use crate::world::World;
use crate::world::cloud::Cloud;
use crate::world::instance::Image;
use crate::world::wait::wait_for;

const GROUP: &str = "asg:zk";
const LOG_GROUP: &str = "/zookeeper/zk";
const MOST: u8 = 254;

/// A claimant: its log group is real, all else is as on a machine that has just booted.
struct Claimant {
    me: Me,
    fleet: Arc<Fleet>,
    log: Log,
    register: Option<Answer<Register>>,
    claiming: BTreeSet<ClaimName>,
}

impl AgentWorld for Claimant {
    async fn observe(&mut self, look: Look) -> Snapshot {
        if look != Look::Here && self.register.is_none() {
            self.register = Some(match self.log.read(false).await {
                Ok(register) => known(register),
                Err(error) => Answer::Unknown {
                    why: error.to_string(),
                },
            });
        }
        let not_asked = || Answer::Unknown {
            why: "not asked yet".to_owned(),
        };
        Snapshot {
            at: clock::now(),
            me: known(self.me.clone()),
            notice: known(None),
            fleet: known(Fleet::clone(&self.fleet)),
            register: self.register.take().unwrap_or_else(not_asked),
            names: Answer::Unknown {
                why: "not asked".to_owned(),
            },
            claiming: self.claiming.clone(),
            disk: known(Disk::default()),
            service: known(Service::Stopped),
            running_since: None,
            peers_asked: None,
            add_asked: None,
            published: None,
            server: Probe::Unreachable {
                why: "it is not there".to_owned(),
            },
            peers: BTreeMap::new(),
        }
    }

    async fn apply(&mut self, action: &Action) -> Result<Outcome, ApplyError> {
        let failed = |source: zk_bootstrap::aws::AwsError| ApplyError {
            action: action.to_string(),
            source: source.into(),
        };
        match action {
            Action::CreateLogGroup => match self.log.create_group().await.map_err(failed)? {
                Created::Now => {}
                Created::Before => {
                    let by = "the log group exists by now".to_owned();
                    return Ok(Outcome::Preceded { by });
                }
            },
            Action::Claim { claim, server } => {
                let record = Record::claimed(&self.me, GROUP, *server);
                match self.log.claim(*claim, &record).await.map_err(failed)? {
                    Created::Now => drop(self.claiming.insert(*claim)),
                    Created::Before => {
                        let by = format!("log stream {claim} exists by now");
                        return Ok(Outcome::Overtaken { by });
                    }
                }
            }
            // Whoever gets here has an id, and that is all that is asked here.
            _ => {}
        }
        Ok(Outcome::Done)
    }

    fn report(&mut self, _: &Snapshot, _: &Plan) {}
}

fn known<T>(value: T) -> Answer<T> {
    Answer::Known {
        at: clock::now(),
        value,
    }
}

/// Calls of CreateLogStream a claimant, the marker's included.
pub fn rows(image: &Image) -> Vec<Row> {
    vec![
        Row::figure(
            "CreateLogStream a claimant, of 9",
            of_nine(image),
            "calls",
            None,
        ),
        Row::figure(
            "CreateLogStream a claimant, of 254",
            of_many(),
            "calls",
            Some(3.0),
        ),
    ]
}

fn of_nine(image: &Image) -> f64 {
    println!("9 instances claim at once");
    let mut world = World::start("127.60.100", 9, image.clone());
    wait_for("nine claims", PATIENCE, || {
        (claims(&mut world.cloud) == 9).then_some(())
    });
    creates(&world.cloud.calls()) / 9.0
}

fn of_many() -> f64 {
    println!("{MOST} claim at once");
    let project = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = World::root("127.60.101");
    std::fs::create_dir_all(&root).expect("a directory");
    let mut cloud = Cloud::start(project, "127.60.101", &root.join("cloud.log"));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime
        .expect("a runtime")
        .block_on(claim_all(&cloud.endpoint));
    assert_eq!(
        claims(&mut cloud),
        usize::from(MOST),
        "each has an id of its own"
    );
    creates(&cloud.calls()) / f64::from(MOST)
}

async fn claim_all(endpoint: &str) {
    let configuration = configuration(endpoint).await;
    let fleet = Arc::new(fleet());
    let mut claimants = JoinSet::new();
    for (id, instance) in &fleet.instances {
        let me = Me {
            instance: id.clone(),
            address: instance.address.expect("it has one"),
            zone: instance.zone.clone(),
            region: "eu-west-1".to_owned(),
        };
        let claimant = Claimant {
            me,
            fleet: fleet.clone(),
            log: Log::new(&configuration, LOG_GROUP.to_owned()),
            register: None,
            claiming: BTreeSet::new(),
        };
        claimants.spawn(claim(claimant));
    }
    claimants.join_all().await;
}

/// Ticks until it holds an id and an ensemble is founded.
async fn claim(claimant: Claimant) {
    let seed = claimant
        .me
        .instance
        .to_string()
        .bytes()
        .map(u64::from)
        .sum();
    let mut agent = Agent::new(claimant, Settings::default().policy(), pace(), seed);
    loop {
        let tick = agent.tick().await;
        match tick.plan.situation {
            Situation::Blind
            | Situation::Unclaimed
            | Situation::Claiming
            | Situation::Unfounded => tokio::time::sleep(tick.pause).await,
            _ => return,
        }
    }
}

/// The log streams that are claims on server ids, with their owners' records.
fn claims(cloud: &mut Cloud) -> usize {
    let streams = cloud.tell("streams", serde_json::json!({}));
    let streams = streams[LOG_GROUP].as_object().into_iter().flatten();
    let owned = |stream: &Value| stream["events"].as_array().is_some_and(|e| !e.is_empty());
    streams
        .filter(|(name, stream)| !name.starts_with("ensemble") && owned(stream))
        .count()
}

fn creates(calls: &Value) -> f64 {
    let callers = calls.as_object().into_iter().flatten();
    callers
        .filter_map(|(_, calls)| calls["logs:CreateLogStream"].as_f64())
        .sum()
}

async fn configuration(endpoint: &str) -> SdkConfig {
    let http = aws_smithy_http_client::Builder::new().build_http();
    let credentials = Credentials::new("ASIACLAIMANT00000000", "emulated", None, None, "bench");
    aws_config::defaults(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .endpoint_url(endpoint)
        .credentials_provider(credentials)
        .http_client(http)
        .load()
        .await
}

/// What all of them hear of EC2: each other.
fn fleet() -> Fleet {
    let instance = |n: u8| Instance {
        address: Some(IpAddr::V4(Ipv4Addr::new(10, 0, 0, n))),
        zone: "eu-west-1a".to_owned(),
        state: InstanceState::Running,
        lifecycle: Lifecycle::InService,
        held: false,
        protected: false,
        unhealthy: false,
        launched: clock::now(),
        tags: BTreeMap::new(),
    };
    let id = |n: u8| format!("i-{n:017x}").parse().expect("an instance id");
    Fleet {
        group: GROUP.to_owned(),
        desired: Some(u32::from(MOST)),
        instances: (1..=MOST).map(|n| (id(n), instance(n))).collect(),
        asked: BTreeSet::new(),
        hooks: Vec::new(),
    }
}

/// The daemon's own (`config/config.toml`).
fn pace() -> Pace {
    Pace {
        at_leisure: Duration::from_secs(10),
        aws: Duration::from_secs(60),
        here: Duration::from_millis(50),
        first: Duration::from_millis(100),
        longest: Duration::from_secs(30),
    }
}
