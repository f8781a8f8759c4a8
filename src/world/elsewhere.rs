//! What is heard of the others: AWS's answers and the peers' servers, kept between looks.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::answer;
use crate::agent::{Heard, chain};
use crate::aws::figures::FigureLog;
use crate::aws::fleet::{Reader, Scheme, group_of};
use crate::aws::group::Group;
use crate::aws::names::{Place, Publisher};
use crate::aws::register::Log;
use crate::aws::{Access, AwsError, Metadata, SdkConfig, configure, imds};
use crate::clock;
use crate::config::{self, Publish, Settings};
use crate::model::ensemble::Ensemble;
use crate::model::fleet::Me;
use crate::model::probe::{Mode, Probe};
use crate::model::snapshot::Answer;
use crate::zookeeper::four_letter::{Depth, probe};

/// What was heard, and the clients that ask.
#[derive(Debug)]
pub struct Elsewhere {
    aws: Option<Aws>,
    pub heard: Heard,
    /// Whether this instance's server was a serving voter when it was last looked. An observer may
    /// take the place of one that notes that it leaves.
    settled: bool,
    /// From when on time is counted here.
    beginning: Instant,
}

/// What AWS is asked for at one look.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Wanted {
    fleet: bool,
    register: bool,
    names: bool,
}

/// The clients, once region and group are known.
#[derive(Debug)]
pub struct Aws {
    pub configuration: SdkConfig,
    pub scheme: Scheme,
    pub log: Log,
    /// Where figures go, if they are published.
    pub figures: Option<FigureLog>,
    /// Absent where no names are published.
    pub publisher: Option<Publisher>,
    reader: Reader,
}

impl Default for Elsewhere {
    fn default() -> Self {
        Elsewhere {
            aws: None,
            heard: Heard::default(),
            settled: false,
            beginning: clock::instant(),
        }
    }
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
        let config = own.ensemble();
        if let Some(config) = config {
            self.heard.hear_config(config);
        }
        let votes = |config: &Ensemble| config.voters().any(|s| s.is_at(me.address));
        self.settled = config.is_some_and(votes);
        let now = self.beginning.elapsed();
        let leads = own.serving().is_some_and(|own| own.mode == Mode::Leader);
        let publishes = leads && settings.names.publish != Publish::Off;
        if !publishes {
            self.heard.forget_names();
        }
        let wanted = Wanted {
            fleet: self.heard.wants_fleet(now, no_older_than),
            register: self.heard.wants_register(now, no_older_than),
            names: publishes && self.heard.wants_names(now, no_older_than),
        };
        if wanted != Wanted::default() {
            self.ask_aws(settings, metadata, me, wanted).await;
        }
        self.ask_peers(settings).await;
    }

    async fn ask_aws(&mut self, settings: &Settings, metadata: &Metadata, me: &Me, wanted: Wanted) {
        let owners = self.heard.owners();
        let settled = self.settled;
        let aws = match &mut self.aws {
            Some(aws) => aws,
            unset => match Aws::connect(settings, metadata, me).await {
                Ok(aws) => unset.insert(aws),
                Err(error) => {
                    let why = chain(&error);
                    self.heard.fleet = Answer::Unknown { why: why.clone() };
                    self.heard.names = Answer::Unknown { why: why.clone() };
                    self.heard.register = Answer::Unknown { why };
                    return;
                }
            },
        };
        let Aws {
            reader,
            log,
            publisher,
            ..
        } = aws;
        let fleet = async {
            match wanted.fleet {
                true => Some(answer(reader.read(&me.instance, &owners).await)),
                false => None,
            }
        };
        let register = async {
            match wanted.register {
                true => Some(answer(log.read(settled).await)),
                false => None,
            }
        };
        let names = async {
            match publisher.as_ref().filter(|_| wanted.names) {
                Some(publisher) => Some(answer(publisher.read().await)),
                None => None,
            }
        };
        let (fleet, register, names) = tokio::join!(fleet, register, names);
        let now = self.beginning.elapsed();
        let asked = fleet.is_some();
        if let Some(fleet) = fleet {
            self.heard.hear_fleet(now, &me.instance, fleet);
        }
        if let Some(register) = register {
            self.heard.hear_register(now, register);
        }
        // Whoever looks for the first time learns only now whom to ask for.
        if asked && self.heard.lacks_owners() {
            let fleet = answer(reader.read(&me.instance, &self.heard.owners()).await);
            if fleet.known().is_some() {
                let now = self.beginning.elapsed();
                self.heard.hear_fleet(now, &me.instance, fleet);
            }
        }
        if let Some(names) = names {
            self.heard.hear_names(now, names);
        }
    }

    /// All at once, each within its deadline.
    async fn ask_peers(&mut self, settings: &Settings) {
        let deadline = settings.pace.probe_deadline;
        self.heard.peers_asked = Some(clock::now());
        let mut asked = tokio::task::JoinSet::new();
        for (id, address) in self.heard.addresses() {
            let id = id.clone();
            let server = SocketAddr::new(*address, settings.zookeeper.client_port);
            asked.spawn(async move { (id, probe(server, Depth::Peer, deadline).await) });
        }
        self.heard.peers = asked.join_all().await.into_iter().collect();
    }

    /// The clients, for the one who looks, if AWS could be asked.
    pub fn connected(&self) -> Option<&Aws> {
        self.aws.as_ref()
    }

    /// The clients, for the one who acts: a plan that needs them was made from their answers.
    pub fn aws(&mut self) -> Result<&mut Aws, &'static str> {
        self.aws.as_mut().ok_or("AWS was not asked yet")
    }
}

impl Aws {
    /// The Auto Scaling group, for the one who has something to tell it.
    pub fn group(&self) -> Result<&Group, &'static str> {
        self.reader.group().ok_or("there is no Auto Scaling group")
    }

    async fn connect(settings: &Settings, metadata: &Metadata, me: &Me) -> Result<Self, AwsError> {
        let access = Access {
            region: settings.region.clone().unwrap_or(me.region.clone()),
            endpoint: settings.aws.endpoint.clone(),
            deadline: settings.pace.aws_deadline,
        };
        let configuration = configure(&access, metadata).await?;
        let scheme = scheme(settings, metadata, &configuration, me).await?;
        let reader = Reader::new(&configuration, scheme.clone());
        let name = match &scheme {
            Scheme::Asg { group } => group,
            Scheme::Tags { value, .. } => value,
        };
        let log = Log::new(&configuration, settings.log_group(name));
        let figures = settings.metrics_log_group(name);
        let figures = figures.map(|group| FigureLog::new(&configuration, group, name.clone()));
        let place = place(settings, name);
        Ok(Aws {
            publisher: place.map(|place| Publisher::new(&configuration, place)),
            configuration,
            scheme,
            log,
            figures,
            reader,
        })
    }
}

/// Where names are published. The configuration has what each place needs.
fn place(settings: &Settings, group: &str) -> Option<Place> {
    let names = &settings.names;
    match names.publish {
        Publish::Off => None,
        Publish::Ssm => Some(Place::Parameter {
            name: names.parameter(group),
        }),
        Publish::Route53 => Some(Place::Route53 {
            zone: names.zone_id.clone()?,
            domain: names.domain.clone()?,
            ttl: names.ttl,
        }),
    }
}

/// How peers are counted: as configured, or by this instance's own group.
async fn scheme(
    settings: &Settings,
    metadata: &Metadata,
    configuration: &SdkConfig,
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
        None => group_of(configuration, &me.instance).await?,
    };
    let group = group.ok_or_else(|| AwsError::Senseless {
        what: format!("ec2:DescribeInstances for {}", me.instance),
        answer: "no Auto Scaling group (yet); outside of one, set membership.scheme = \"tags\""
            .to_owned(),
    })?;
    Ok(Scheme::Asg { group })
}
