//! One arm for each action. None has a choice to make.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::tz::TimeZone;

use super::RealWorld;
use crate::agent::{ApplyError, Outcome};
use crate::aws::names::Published;
use crate::aws::record::Record;
use crate::aws::register::Created;
use crate::aws::tags;
use crate::clock;
use crate::host::files;
use crate::model::claim::{ClaimName, Milestone};
use crate::model::disk::{Identity, Stuck};
use crate::model::ensemble::Ensemble;
use crate::model::figures::Figures;
use crate::model::fleet::Me;
use crate::model::history::Testimony;
use crate::model::id::{ConfigVersion, ServerId};
use crate::model::names::Names;
use crate::model::plan::Action;
use crate::zookeeper::java_env::java_env;
use crate::zookeeper::reconfig::{Answered, reconfig};
use crate::zookeeper::zoo_cfg;

pub(super) type Failure = Box<dyn std::error::Error + Send + Sync>;
pub(super) type Applied = Result<Outcome, Failure>;

/// How long a write through the ensemble may take, from the connection to the commit.
pub(super) const COMMIT_DEADLINE: Duration = Duration::from_secs(10);
/// zoo.cfg holds the super user's digest, from which a weak secret could be guessed.
const PRIVATE: u32 = 0o640;
const PUBLIC: u32 = 0o644;

/// Carries out one action.
pub async fn apply(world: &mut RealWorld, action: &Action) -> Applied {
    match action {
        Action::CreateLogGroup => world.create_log_group().await,
        Action::Claim { claim, server } => world.claim(*claim, *server).await,
        Action::Journal { claim, milestone } => world.journal(*claim, *milestone).await,
        Action::Testify { claim, testimony } => world.testify(*claim, testimony).await,
        Action::TakeBack { claim } => world.take_back(*claim).await,
        Action::Tag { tags } => world.tag(tags).await,
        Action::MoveDataAside { why: _ } => world.move_data_aside(),
        Action::WriteMyId { server } => {
            files::replace(&world.paths.myid(), &format!("{server}\n"), PUBLIC)?;
            Ok(Outcome::Done)
        }
        Action::WriteMembership { ensemble } => world.write_membership(ensemble),
        Action::WriteZooCfg => world.write_zoo_cfg(),
        Action::WriteIdentity { identity } => world.write_identity(identity),
        Action::AllowEmptyDatabase => {
            files::replace(&world.paths.initialize(), "", PUBLIC)?;
            Ok(Outcome::Done)
        }
        Action::NoteStuck { stuck } => world.note_stuck(*stuck),
        Action::StartServer => world.start().await,
        Action::StopServer => {
            world.manager.stop().await?;
            Ok(Outcome::Done)
        }
        Action::AddServer {
            server,
            remove,
            expected,
        } => {
            let leaving = remove.iter().copied().collect();
            world.elsewhere.heard.add_asked = Some(clock::now());
            world
                .reconfig(&[server.to_string()], &leaving, *expected)
                .await
        }
        Action::RemoveServers { servers, expected } => {
            world.reconfig(&[], servers, *expected).await
        }
        Action::AwaitCommit => world.await_commit().await,
        Action::CompleteHook {
            hook,
            transition: _,
        } => world.complete_hook(hook).await,
        Action::Heartbeat { hook } => world.heartbeat(hook).await,
        Action::Protect {
            instances,
            protected,
        } => world.protect(instances, *protected).await,
        Action::Publish { names, replaces } => world.publish(names, *replaces).await,
        Action::ReportUnhealthy { why: _ } => world.report_unhealthy().await,
        Action::PublishFigures { figures } => world.publish_figures(figures).await,
    }
}

impl RealWorld {
    pub(super) fn known_me(&self) -> Result<Me, Failure> {
        self.me
            .clone()
            .ok_or_else(|| "this instance is not known".into())
    }

    async fn create_log_group(&mut self) -> Applied {
        let created = self.elsewhere.aws()?.log.create_group().await?;
        self.elsewhere.heard.register_is_outdated();
        Ok(match created {
            Created::Now => Outcome::Done,
            Created::Before => Outcome::Preceded {
                by: "the log group exists by now".to_owned(),
            },
        })
    }

    async fn claim(&mut self, claim: ClaimName, server: ServerId) -> Applied {
        let me = self.known_me()?;
        let aws = self.elsewhere.aws()?;
        let record = Record::claimed(&me, &aws.scheme.name(), server);
        let created = aws.log.claim(claim, &record).await;
        self.elsewhere.heard.register_is_outdated();
        match created? {
            Created::Now => {
                self.claiming.insert(claim, clock::instant());
                Ok(Outcome::Done)
            }
            Created::Before => Ok(Outcome::Overtaken {
                by: format!("log stream {claim} exists by now"),
            }),
        }
    }

    async fn journal(&mut self, claim: ClaimName, milestone: Milestone) -> Applied {
        let written =
            |me: &Me, group: &str, server| Record::milestone(me, group, server, milestone);
        self.write(claim, written).await?;
        let heard = &mut self.elsewhere.heard;
        heard.note_milestone(claim, milestone, clock::now());
        Ok(Outcome::Done)
    }

    async fn testify(&mut self, claim: ClaimName, testimony: &Testimony) -> Applied {
        let said =
            |me: &Me, group: &str, server| Record::testimony(me, group, server, testimony.clone());
        self.write(claim, said).await?;
        self.elsewhere.heard.register_is_outdated();
        Ok(Outcome::Done)
    }

    async fn take_back(&mut self, claim: ClaimName) -> Applied {
        self.write(claim, Record::took_back).await?;
        self.elsewhere.heard.register_is_outdated();
        Ok(Outcome::Done)
    }

    /// Notes an operator's leave to recover this generation in this instance's own stream.
    ///
    /// # Errors
    /// When it could not be written.
    pub async fn allow_recovery(
        &mut self,
        claim: ClaimName,
        generation: u32,
    ) -> Result<(), ApplyError> {
        let leave = |me: &Me, group: &str, server| Record::leave(me, group, server, generation);
        self.write(claim, leave).await.map_err(|source| ApplyError {
            action: format!("give leave in log stream {claim}"),
            source,
        })
    }

    /// Adds a record to the stream of a claim whose owner's record can be read.
    async fn write(
        &mut self,
        claim: ClaimName,
        record: impl FnOnce(&Me, &str, ServerId) -> Record,
    ) -> Result<(), Failure> {
        let me = self.known_me()?;
        let register = self.elsewhere.heard.register.known();
        let owner = register.and_then(|r| r.claims.get(&claim)?.owner.as_ref());
        let server = owner.ok_or("the claim's record is not known")?.server;
        let aws = self.elsewhere.aws()?;
        let record = record(&me, &aws.scheme.name(), server);
        Ok(aws.log.write(claim, &record).await?)
    }

    async fn tag(&mut self, wanted: &BTreeMap<String, Option<String>>) -> Applied {
        let me = self.known_me()?.instance;
        let now = clock::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let value = |value: &Option<String>| value.clone().unwrap_or(now.clone());
        let tags = wanted.iter().map(|(key, v)| (key.clone(), value(v)));
        let tags: BTreeMap<String, String> = tags.collect();
        tags::set(&self.elsewhere.aws()?.configuration, &me, &tags).await?;
        self.elsewhere.heard.note_tags(&me, tags);
        Ok(Outcome::Done)
    }

    /// One attempt for each time that it is due: who cannot publish has other things to do.
    async fn publish_figures(&mut self, figures: &Figures) -> Applied {
        self.published = Some(clock::now());
        let me = self.known_me()?.instance;
        let aws = self.elsewhere.aws()?;
        let log = aws.figures.as_ref().ok_or("no log group is set")?;
        log.write(&me, figures).await?;
        Ok(Outcome::Done)
    }

    async fn publish(&mut self, names: &Names, replaces: Option<(u32, ConfigVersion)>) -> Applied {
        let publisher = self.elsewhere.aws()?.publisher.as_ref();
        let publisher = publisher.ok_or("no names are to be published")?;
        let published = publisher.publish(names, replaces).await;
        let heard = &mut self.elsewhere.heard;
        heard.names_are_outdated();
        Ok(match published? {
            Published::Now => {
                heard.note_names(names.clone(), clock::now());
                Outcome::Done
            }
            Published::Overtaken(by) => Outcome::Overtaken { by },
        })
    }

    fn move_data_aside(&self) -> Applied {
        let stamp = stamp();
        for (paths, aside) in self.paths.moving_aside(&stamp) {
            files::move_aside(&paths, &aside)?;
        }
        Ok(Outcome::Done)
    }

    /// First the file that is pointed at, then the pointer.
    fn write_membership(&self, ensemble: &Ensemble) -> Applied {
        let dynamic = self.paths.dynamic_file();
        let left_behind = self.paths.dynamic_next();
        if left_behind.exists() {
            let aside = self.paths.conf_dir.join(format!("aside-{}", stamp()));
            files::move_aside(&[left_behind], &aside)?;
        }
        files::replace(&dynamic, &ensemble.dynamic_file(), PUBLIC)?;
        let text = zoo_cfg::render(&self.zoo_cfg, &dynamic);
        files::replace(&self.paths.zoo_cfg(), &text, PRIVATE)?;
        Ok(Outcome::Done)
    }

    fn write_zoo_cfg(&self) -> Applied {
        let present = files::read(&self.paths.zoo_cfg())?;
        let pointer = present.as_deref().and_then(zoo_cfg::live_pointer);
        let pointer = pointer.unwrap_or(self.paths.dynamic_file());
        let text = zoo_cfg::render(&self.zoo_cfg, &pointer);
        files::replace(&self.paths.zoo_cfg(), &text, PRIVATE)?;
        Ok(Outcome::Done)
    }

    fn write_identity(&self, identity: &Identity) -> Applied {
        let text = serde_json::to_string(identity)?;
        files::replace(&self.paths.identity(), &format!("{text}\n"), PUBLIC)?;
        Ok(Outcome::Done)
    }

    fn note_stuck(&self, stuck: Option<Stuck>) -> Applied {
        let path = self.paths.stuck();
        match stuck {
            Some(stuck) => {
                let text = serde_json::to_string(&stuck)?;
                files::replace(&path, &format!("{text}\n"), PUBLIC)?;
            }
            None => files::forget(&path)?,
        }
        Ok(Outcome::Done)
    }

    /// The JVM's flags take effect at a start, and only then.
    async fn start(&self) -> Applied {
        let zookeeper = &self.settings.zookeeper;
        let (heap, flags) = (zookeeper.heap.as_deref(), zookeeper.jvm_flags.as_deref());
        let path = self.paths.java_env();
        let present = files::read(&path)?;
        if let Some(text) = java_env(present.as_deref(), heap, flags) {
            files::replace(&path, &text, PUBLIC)?;
        }
        self.manager.start().await?;
        Ok(Outcome::Done)
    }

    async fn reconfig(
        &self,
        joining: &[String],
        leaving: &BTreeSet<ServerId>,
        expected: ConfigVersion,
    ) -> Applied {
        let leaving: Vec<String> = leaving.iter().map(ToString::to_string).collect();
        let server = self.own_server(&self.known_me()?);
        let secret = self.secret.as_ref().ok_or("there is no secret")?;
        let answered = reconfig(server, secret, joining, &leaving, expected, COMMIT_DEADLINE);
        Ok(match answered.await? {
            Answered::Committed => Outcome::Done,
            Answered::Refused(why) => Outcome::Overtaken { by: why.to_owned() },
            Answered::Unanswered => Outcome::Unanswered,
        })
    }
}

/// The time, as a part of a folder's name.
fn stamp() -> String {
    let now = clock::now().to_zoned(TimeZone::UTC);
    now.strftime("%Y%m%dT%H%M%SZ").to_string()
}
