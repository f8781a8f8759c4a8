//! What is heard of the others: AWS's answers and the peers' servers, kept between looks.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use super::answer;
use crate::agent::chain;
use crate::aws::fleet::{Reader, Scheme};
use crate::aws::register::Log;
use crate::aws::{Access, AwsError, Metadata, SdkConfig, configure, imds};
use crate::clock;
use crate::config::{self, Settings};
use crate::model::claim::{ClaimName, Milestone, Register};
use crate::model::fleet::{Fleet, InstanceState, Me};
use crate::model::id::InstanceId;
use crate::model::probe::Probe;
use crate::model::snapshot::Answer;
use crate::zookeeper::four_letter::{Depth, probe};

/// EC2 and the group are not asked more often, however urgent: what they tell of a change lags by
/// more, and they are throttled first.
const FLEET_PAUSE: Duration = Duration::from_secs(1);

/// What was heard, and when.
#[derive(Debug)]
pub struct Elsewhere {
    aws: Option<Aws>,
    pub fleet: Answer<Fleet>,
    fleet_asked: Option<Instant>,
    pub register: Answer<Register>,
    register_asked: Option<Instant>,
    pub peers: BTreeMap<InstanceId, Probe>,
    /// Whether anybody served when it was last looked.
    serves: bool,
    /// Where the peers live, by the last fleet that was seen: they are asked even when AWS is not.
    addresses: BTreeMap<InstanceId, IpAddr>,
}

/// The clients, once region and group are known.
#[derive(Debug)]
pub struct Aws {
    pub configuration: SdkConfig,
    pub scheme: Scheme,
    pub log: Log,
    reader: Reader,
}

impl Default for Elsewhere {
    fn default() -> Self {
        Elsewhere {
            aws: None,
            fleet: not_asked(),
            fleet_asked: None,
            register: not_asked(),
            register_asked: None,
            peers: BTreeMap::new(),
            serves: false,
            addresses: BTreeMap::new(),
        }
    }
}

fn not_asked<T>() -> Answer<T> {
    let why = "not asked yet".to_owned();
    Answer::Unknown { why }
}

impl Elsewhere {
    /// Asks AWS what is older than `no_older_than`, and then every peer.
    pub async fn look(
        &mut self,
        settings: &Settings,
        metadata: &Metadata,
        me: &Me,
        own: &Probe,
        no_older_than: Duration,
    ) {
        let serves = |probe: &Probe| probe.serving().is_some();
        self.serves = serves(own) || self.peers.values().any(serves);
        let is_older = |asked: Option<Instant>, limit| asked.is_none_or(|at| at.elapsed() >= limit);
        let wanted = (
            is_older(self.fleet_asked, no_older_than.max(FLEET_PAUSE)),
            is_older(self.register_asked, no_older_than),
        );
        if wanted != (false, false) {
            self.ask_aws(settings, metadata, me, wanted).await;
        }
        self.ask_peers(settings, me).await;
    }

    async fn ask_aws(
        &mut self,
        settings: &Settings,
        metadata: &Metadata,
        me: &Me,
        (fleet_wanted, register_wanted): (bool, bool),
    ) {
        let owners = self.owners();
        let serves = &self.serves;
        let aws = match &mut self.aws {
            Some(aws) => aws,
            unset => match Aws::connect(settings, metadata, me).await {
                Ok(aws) => unset.insert(aws),
                Err(error) => {
                    let why = chain(&error);
                    self.fleet = Answer::Unknown { why: why.clone() };
                    self.register = Answer::Unknown { why };
                    return;
                }
            },
        };
        let Aws {
            reader,
            log,
            scheme,
            ..
        } = aws;
        let fleet = async {
            match fleet_wanted {
                true => Some(answer(reader.read(scheme, &owners).await)),
                false => None,
            }
        };
        let register = async {
            match register_wanted {
                true => Some(answer(log.read(*serves).await)),
                false => None,
            }
        };
        let (fleet, register) = tokio::join!(fleet, register);
        let now = clock::instant();
        if let Some(fleet) = fleet {
            self.fleet = fleet;
            self.fleet_asked = Some(now);
        }
        if let Some(register) = register {
            self.register = register;
            self.register_asked = Some(now);
        }
        self.note_addresses(me);
    }

    /// Those who hold claims may have left the group: they are asked for by their ids.
    fn owners(&self) -> BTreeSet<InstanceId> {
        let claims = self.register.known().map(|r| r.claims.values());
        let owners = claims
            .into_iter()
            .flatten()
            .filter_map(|c| c.owner.as_ref());
        owners.map(|owner| owner.instance.clone()).collect()
    }

    fn note_addresses(&mut self, me: &Me) {
        let Some(fleet) = self.fleet.known() else {
            return;
        };
        let others = fleet.instances.iter().filter(|(id, i)| {
            let may_run = !matches!(i.state, InstanceState::Terminated | InstanceState::Stopped);
            may_run && **id != me.instance
        });
        let addresses = others.filter_map(|(id, i)| Some((id.clone(), i.address?)));
        self.addresses = addresses.collect();
    }

    /// All at once, each within its deadline.
    async fn ask_peers(&mut self, settings: &Settings, me: &Me) {
        let deadline = settings.pace.probe_deadline;
        let mut asked = tokio::task::JoinSet::new();
        for (id, address) in &self.addresses {
            let id = id.clone();
            let server = SocketAddr::new(*address, settings.zookeeper.client_port);
            asked.spawn(async move { (id, probe(server, Depth::Peer, deadline).await) });
        }
        debug_assert!(!self.addresses.contains_key(&me.instance));
        self.peers = asked.join_all().await.into_iter().collect();
    }

    /// The clients, for the one who acts: a plan that needs them was made from their answers.
    pub fn aws(&self) -> Result<&Aws, &'static str> {
        self.aws.as_ref().ok_or("AWS was not asked yet")
    }

    /// The register is not what it was.
    pub fn register_is_outdated(&mut self) {
        self.register_asked = None;
    }

    /// What this instance has just written need not be asked for.
    pub fn note_milestone(&mut self, name: ClaimName, milestone: Milestone) {
        if let Answer::Known { value, .. } = &mut self.register
            && let Some(claim) = value.claims.get_mut(&name)
        {
            claim.journal.entry(milestone).or_insert(clock::now());
        }
    }

    /// What this instance has just tagged itself with need not be asked for.
    pub fn note_tags(&mut self, me: &InstanceId, tags: BTreeMap<String, String>) {
        if let Answer::Known { value, .. } = &mut self.fleet
            && let Some(instance) = value.instances.get_mut(me)
        {
            instance.tags.extend(tags);
        }
    }
}

impl Aws {
    async fn connect(settings: &Settings, metadata: &Metadata, me: &Me) -> Result<Self, AwsError> {
        let access = Access {
            region: settings.region.clone().unwrap_or(me.region.clone()),
            endpoint: settings.aws.endpoint.clone(),
            deadline: settings.pace.aws_deadline,
        };
        let configuration = configure(&access, metadata).await?;
        let reader = Reader::new(&configuration);
        let scheme = scheme(settings, metadata, &reader, me).await?;
        let name = match &scheme {
            Scheme::Asg { group } => group,
            Scheme::Tags { value, .. } => value,
        };
        let log = Log::new(&configuration, settings.log_group(name));
        Ok(Aws {
            configuration,
            scheme,
            log,
            reader,
        })
    }
}

/// How peers are counted: as configured, or by this instance's own group.
async fn scheme(
    settings: &Settings,
    metadata: &Metadata,
    reader: &Reader,
    me: &Me,
) -> Result<Scheme, AwsError> {
    let membership = settings.membership.clone();
    if membership.scheme == config::Scheme::Tags {
        return Ok(Scheme::Tags {
            key: membership.tag_key.unwrap_or_default(),
            value: membership.tag_value.unwrap_or_default(),
            security_group: membership.security_group,
            size: membership.size.and_then(|size| size.try_into().ok()),
        });
    }
    let told = match membership.group {
        Some(group) => Some(group),
        None => imds::group(metadata).await,
    };
    let group = match told {
        Some(group) => Some(group),
        None => reader.group_of(&me.instance).await?,
    };
    let group = group.ok_or_else(|| AwsError::Senseless {
        what: format!("ec2:DescribeInstances for {}", me.instance),
        answer: "no Auto Scaling group (yet); outside of one, set membership.scheme = \"tags\""
            .to_owned(),
    })?;
    Ok(Scheme::Asg { group })
}
