//! ZooKeeper's servers, as far as the protocols depend on them: a server without data has no say,
//! a quorum elects who has seen more, who follows takes over the leader's data and config, and
//! the newer config wins wherever two that know each other meet.

use super::state::{Broke, Config, Data, Instance, InstanceState, M, Member, Server, State};

impl State {
    pub fn at(&self, m: M) -> &Instance {
        &self.instances[usize::from(m)]
    }

    pub fn at_mut(&mut self, m: M) -> &mut Instance {
        &mut self.instances[usize::from(m)]
    }

    pub fn all(&self) -> impl Iterator<Item = M> + use<> {
        0..u8::try_from(self.instances.len()).expect("few instances")
    }

    pub fn breaks(&mut self, what: Broke) {
        self.broke.get_or_insert(what);
    }

    /// The process comes up, or exits because its files do not list it.
    pub fn boot(&mut self, m: M) {
        let disk = &mut self.at_mut(m).disk;
        let config = disk.config.clone().unwrap_or_default();
        if !config.lists(disk.myid, m) {
            self.at_mut(m).server = Server::Down;
            return;
        }
        let founds = std::mem::take(&mut disk.initialize) && disk.data.is_none();
        let generation = disk.identity.map_or(0, |i| i.generation);
        let alone = config.members.len() == 1;
        let begins = alone
            && disk
                .data
                .as_ref()
                .is_some_and(|d| d.generation < generation);
        self.at_mut(m).server = Server::Looking;
        if founds {
            self.founds(m, generation);
        } else if begins {
            self.begins(m, generation);
        }
    }

    /// An empty database is served.
    fn founds(&mut self, m: M, generation: u8) {
        if !self.config(m).lists(self.at(m).disk.myid, m) || self.config(m).members.len() > 1 {
            self.breaks(Broke::EmptyBesideOthers);
        }
        let others = self.instances.iter();
        if others
            .filter(|i| i.is_left())
            .any(|i| i.disk.data.is_some())
        {
            self.breaks(Broke::SecondFounding);
        }
        self.lineages += 1;
        self.acknowledged.clear();
        let lineage = self.lineages;
        self.at_mut(m).disk.data = Some(Data {
            lineage,
            generation,
            epoch: 0,
            log: Vec::new(),
        });
    }

    /// A generation begins with data.
    fn begins(&mut self, m: M, generation: u8) {
        let mine = self.at(m).data().expect("it begins with data");
        let kept = mine.common(&self.acknowledged);
        let others = self.all().filter(|o| *o != m && self.at(*o).is_left());
        let others: Vec<M> = others.filter(|o| self.at(*o).data().is_some()).collect();
        let heard = others.iter().all(|o| self.at(*o).is_withdrawn());
        let has_more = |o: &M| {
            let data = self.at(*o).data();
            data.is_some_and(|d| d.common(&self.acknowledged) > kept)
        };
        let loses = others.iter().any(has_more);
        if !heard {
            self.breaks(Broke::Unheard);
        }
        if loses {
            self.breaks(Broke::LostWrite);
        }
        self.acknowledged.truncate(kept);
        self.lineages += 1;
        let lineage = self.lineages;
        let data = self.at_mut(m).disk.data.as_mut();
        let data = data.expect("it begins with data");
        (data.lineage, data.generation) = (lineage, generation);
    }

    fn looks(&self, m: M) -> bool {
        self.at(m).server == Server::Looking
    }

    fn config(&self, m: M) -> &Config {
        let config = self.at(m).disk.config.as_ref();
        config.expect("a server that has booted has a config")
    }

    fn knows(&self, m: M, other: M) -> bool {
        self.config(m).lists(self.at(other).disk.myid, other)
    }

    fn is_up(&self, m: M) -> bool {
        !matches!(self.at(m).server, Server::Down | Server::Booting)
    }

    /// A looking server that hears of a newer config, and from whom.
    pub fn news(&self, m: M) -> Option<M> {
        let others = self.all().filter(|o| *o != m && self.is_up(*o));
        let newer = |o: &M| {
            self.config(*o).version > self.config(m).version
                && (self.knows(m, *o) || self.knows(*o, m))
        };
        self.looks(m).then(|| others.into_iter().find(newer))?
    }

    pub fn adopts(&mut self, m: M, other: M) {
        self.at_mut(m).disk.config = Some(self.config(other).clone());
    }

    /// Whether these elect `l`, which is one of them.
    pub fn may_elect(&self, l: M, electors: &[M]) -> bool {
        let votes = |m: &M| {
            let mut voters = self.looks(*m).then(|| self.config(l).voters());
            let id = self.at(*m).disk.myid;
            let listed = |s: &Member| Some(s.id) == id && s.at == *m;
            voters.as_mut().is_some_and(|v| v.any(listed))
                && self.config(*m) == self.config(l)
                && self.at(*m).data().map(Data::rank) <= self.at(l).data().map(Data::rank)
                && self.at(*m).data().is_some()
        };
        electors.contains(&l)
            && electors.iter().all(votes)
            && electors.len() >= self.config(l).quorum()
    }

    pub fn elect(&mut self, l: M, electors: &[M]) {
        let epochs = electors.iter().filter_map(|m| self.at(*m).data());
        let epoch = epochs.map(|d| d.epoch).max().unwrap_or(0) + 1;
        let data = self.at_mut(l).disk.data.as_mut();
        data.expect("a leader has data").epoch = epoch;
        self.at_mut(l).server = Server::Leading;
        if self.config(l).version == 0 {
            self.versions += 1;
            let version = self.versions;
            let config = self.at_mut(l).disk.config.as_mut();
            config.expect("a leader has a config").version = version;
        }
        let data = self.at(l).data().expect("a leader has data").clone();
        if data.common(&self.acknowledged) < self.acknowledged.len() {
            self.breaks(Broke::LostWrite);
        }
        for m in electors.iter().filter(|m| **m != l) {
            self.follow(*m, l);
        }
    }

    /// The leader that a server can follow, and has not synced with.
    pub fn leader_for(&self, m: M) -> Option<M> {
        let behind = |l: M| {
            self.at(m).data() != self.at(l).data()
                || self.config(m).version < self.config(l).version
        };
        match self.at(m).server {
            Server::Following(l) => behind(l).then_some(l),
            Server::Looking => {
                let mut leaders = self.all().filter(|l| self.at(*l).server == Server::Leading);
                leaders.find(|l| self.knows(m, *l))
            }
            _ => None,
        }
    }

    pub fn follow(&mut self, m: M, l: M) {
        let theirs = self.at(l).data().expect("a leader has data").clone();
        if let Some(mine) = self.at(m).data() {
            let is_part = mine.common(&theirs.log) == mine.log.len();
            let promised = mine.lineage == theirs.lineage && mine.epoch > theirs.epoch;
            if promised {
                return;
            }
            if mine.lineage != theirs.lineage && !is_part {
                self.breaks(Broke::Mixed);
            }
        }
        let instance = self.at_mut(m);
        instance.disk.data = Some(theirs);
        instance.server = Server::Following(l);
        if self.config(l).version > self.config(m).version {
            self.adopts(m, l);
        }
    }

    /// A leader writes, and these take it up too. A quorum of them is an acknowledgement.
    pub fn write(&mut self, l: M, takers: &[M]) {
        let data = self.at_mut(l).disk.data.as_mut();
        let data = data.expect("a leader has data");
        data.log.push(data.epoch);
        let data = data.clone();
        for m in takers {
            self.at_mut(*m).disk.data = Some(data.clone());
        }
        let voters = self.config(l).voters();
        let took = voters.filter(|s| s.at == l || takers.contains(&s.at));
        if took.count() >= self.config(l).quorum() {
            self.acknowledged = data.log;
        }
    }

    pub fn followers(&self, l: M) -> Vec<M> {
        let follows = |m: &M| self.at(*m).server == Server::Following(l);
        self.all().filter(follows).collect()
    }

    /// One change of the config on a condition; false when it is refused.
    pub fn reconfig(
        &mut self,
        m: M,
        add: Option<Member>,
        remove: &[u8],
        expected: u8,
    ) -> Option<()> {
        let leader = match self.at(m).server {
            Server::Leading => m,
            Server::Following(l) => l,
            _ => return None,
        };
        let mut members = self.config(leader).members.clone();
        members.retain(|s| !remove.contains(&s.id) && add.is_none_or(|a| a.id != s.id));
        if members.iter().any(|s| add.is_some_and(|a| a.at == s.at)) {
            return None;
        }
        members.extend(add);
        members.sort_by_key(|s| s.id);
        let followers = self.followers(leader);
        let new = Config {
            version: self.versions + 1,
            members,
        };
        let took = |s: &&Member| s.at == leader || followers.contains(&s.at);
        let has_quorum = new.voters().filter(took).count() >= new.quorum();
        if self.config(leader).version != expected || !has_quorum {
            return None;
        }
        self.versions += 1;
        for m in followers.into_iter().chain([leader]) {
            self.at_mut(m).disk.config = Some(new.clone());
        }
        Some(())
    }

    /// A leader without a quorum is none, and nobody follows one that is gone.
    pub fn settle_servers(&mut self) {
        for m in self.all() {
            let instance = self.at_mut(m);
            if instance.state != InstanceState::Running {
                instance.server = Server::Down;
                instance.plan.clear();
                instance.claiming.clear();
            }
        }
        for l in self.all() {
            if self.at(l).server != Server::Leading {
                continue;
            }
            let followers = self.followers(l);
            let voters = self.config(l).voters();
            let follow = voters.filter(|s| s.at == l || followers.contains(&s.at));
            if follow.count() < self.config(l).quorum() {
                self.at_mut(l).server = Server::Looking;
            }
        }
        for m in self.all() {
            if let Server::Following(l) = self.at(m).server
                && self.at(l).server != Server::Leading
            {
                self.at_mut(m).server = Server::Looking;
            }
        }
    }
}
