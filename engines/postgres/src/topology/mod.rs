//! The servers of the shard: who is the primary, how far each has got, who may answer a read.
//!
//! Pando follows what PostgreSQL and Patroni say, and elects nobody. Each server is looked at a
//! few times a second; answers of reads and writes teach as much in between.

mod choice;
mod patroni;
mod probe;
mod server;

pub(crate) use choice::Verdict;
pub(crate) use patroni::Patroni;
pub(crate) use server::{Role, Server, lost};

use crate::config::PostgresConfig;
use crate::fault::{Fault, Step};
use crate::shard::ShardRow;
use crate::tls::Target;
use pando_model::engine::Result;
use pando_model::stamp::{History, Position};
use parking_lot::Mutex;
use patroni::Member;
use probe::Sight;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// For so long it is remembered how far the primary had got when: what `bounded=` may ask for.
const SAMPLES_KEPT: usize = 1_024;

/// The servers of one shard.
pub(crate) struct Topology {
    config: PostgresConfig,
    servers: watch::Sender<Vec<Arc<Server>>>,
    primary: watch::Sender<Option<Arc<Server>>>,
    /// Somebody is about to take the office of the primary.
    reigning: AtomicBool,
    closed: AtomicBool,
    /// So many standbys have a commit before it is answered.
    standbys: AtomicU32,
    known: Mutex<Known>,
    patroni: Option<Patroni>,
    /// The REST address of each server that Patroni runs, by its name.
    rests: Mutex<BTreeMap<String, String>>,
}

/// What is known of the shard's history.
struct Known {
    /// The primary has shown this: no failover that loses nothing takes it back.
    at: Position,
    history: History,
    /// The cluster and the database that the shard is in, once it was opened.
    system: Option<i64>,
    /// The last primary, and PostgreSQL's timeline that it was on.
    reign: Option<(Arc<Server>, u32)>,
    /// How far the primary had got at least when, oldest first.
    samples: VecDeque<(Instant, Position)>,
}

impl Topology {
    /// The servers that are configured; each is looked at from now on.
    pub(crate) fn start(config: PostgresConfig) -> Result<Arc<Topology>> {
        let mut servers = Vec::new();
        for (name, target) in Target::all(&config)? {
            servers.push(Arc::new(Server::new(name, target, &config)));
        }
        let patroni = (!config.patroni.is_empty()).then(Patroni::new);
        let topology = Arc::new(Topology {
            servers: watch::Sender::new(servers.clone()),
            primary: watch::Sender::new(None),
            reigning: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            standbys: AtomicU32::new(0),
            known: Mutex::new(Known {
                at: Position { timeline: 0, p: 0 },
                history: History::default(),
                system: None,
                reign: None,
                samples: VecDeque::new(),
            }),
            rests: Mutex::default(),
            patroni,
            config,
        });
        for server in servers {
            tokio::spawn(probe::watch(Arc::downgrade(&topology), server));
        }
        if let Some(patroni) = &topology.patroni {
            let seeds = topology.config.patroni.iter();
            let seeds = seeds.map(|seed| seed.trim_end_matches('/').to_owned());
            tokio::spawn(patroni::watch(
                Arc::downgrade(&topology),
                patroni.clone(),
                seeds.collect(),
            ));
        }
        Ok(topology)
    }

    /// All servers.
    pub(crate) fn servers(&self) -> Vec<Arc<Server>> {
        self.servers.borrow().clone()
    }

    /// Whether there is a primary.
    pub(crate) fn has_primary(&self) -> bool {
        self.primary.borrow().is_some()
    }

    /// How many standbys have a commit before it is answered.
    pub(crate) fn standbys(&self) -> u32 {
        self.standbys.load(Relaxed)
    }

    /// The primary, once there is one.
    pub(crate) async fn primary(&self, deadline: Instant) -> Step<Arc<Server>> {
        let mut primary = self.primary.subscribe();
        let waited = tokio::time::timeout_at(deadline.into(), primary.wait_for(Option::is_some));
        let found = match waited.await {
            Ok(Ok(found)) => found.clone(),
            Ok(Err(_)) | Err(_) => None,
        };
        found.ok_or_else(|| Fault::Lost("there is no primary that takes writes".to_owned()))
    }

    /// A server was found not to answer, or not to be what it was.
    pub(crate) fn missing(&self, server: &Arc<Server>, fault: &Fault) {
        // One that answers with an error, as a database without our tables does, is of no use; but
        // nobody waits for it in vain.
        let was_up = match fault.is_lost() {
            true => server.fall(),
            false => server.forget(),
        };
        if was_up {
            tracing::warn!(server = server.name, ?fault, "a database server is gone");
        }
        self.depose(server);
    }

    /// Something on it failed: it is looked at at once.
    pub(crate) fn suspect(&self, server: &Arc<Server>, fault: &Fault) {
        tracing::debug!(
            server = server.name,
            ?fault,
            "something failed on a database server"
        );
        if fault.is_lost() {
            server.doubted.notify_one();
        }
    }

    fn depose(&self, server: &Arc<Server>) {
        self.primary.send_if_modified(|primary| {
            let is_it = primary
                .as_ref()
                .is_some_and(|primary| Arc::ptr_eq(primary, server));
            if is_it {
                *primary = None;
            }
            is_it
        });
    }

    /// Takes in what a look at a server has shown that began then.
    fn saw(self: &Arc<Topology>, server: &Arc<Server>, begun: Instant, sight: Sight) {
        let Sight { role, shard, .. } = &sight;
        match self.is_ours(server, sight.system) {
            // Nobody knows yet what is looked for.
            None => return,
            Some(false) => return self.shun(server),
            Some(true) => {}
        }
        let changed = server.learn(*role, shard.at);
        if changed {
            tracing::info!(server = server.name, ?role, at = ?shard.at, "a database server answers");
        }
        match *role {
            Role::Primary(timeline) if changed || !self.is_primary(server) => {
                self.propose(server.clone(), timeline, &sight, changed);
            }
            Role::Primary(_) => {
                self.standbys.store(sight.standbys, Relaxed);
                self.see(shard, begun);
                self.keep_watch_over(server);
            }
            Role::Replica => {
                self.depose(server);
                self.refresh(server, shard.at);
            }
            Role::Unknown => {}
        }
    }

    /// The shard was opened there: from now on its servers are gone by, and no others.
    pub(crate) fn belong_to(&self, system: i64) {
        self.known.lock().system = Some(system);
        self.look_at_all();
    }

    /// Whether a server holds the shard, or a copy of it. Where the last primary was there may be
    /// another cluster by now: an address was moved to what goes on.
    fn is_ours(&self, server: &Arc<Server>, system: i64) -> Option<bool> {
        let known = self.known.lock();
        let is_where_it_was =
            (known.reign.as_ref()).is_some_and(|(last, _)| last.name == server.name);
        known.system.map(|ours| ours == system || is_where_it_was)
    }

    /// Has nothing to do with a server that holds something else.
    fn shun(&self, server: &Arc<Server>) {
        server.forget();
        self.depose(server);
        if server.is_new_as_stranger() {
            tracing::error!(
                server = server.name,
                "it is of another cluster or another database than the primary, and not used: \
                 name copies of the primary in store.postgres.replicas"
            );
        }
    }

    /// Whether this is the primary that everybody goes by.
    pub(crate) fn is_primary(&self, server: &Arc<Server>) -> bool {
        let primary = self.primary.borrow();
        primary.as_ref().is_some_and(|one| Arc::ptr_eq(one, server))
    }

    /// The primary has shown this much.
    pub(crate) fn see(&self, shard: &ShardRow, when: Instant) {
        let mut known = self.known.lock();
        if shard.at < known.at {
            return;
        }
        if shard.history.forks().len() >= known.history.forks().len() {
            known.history = shard.history.clone();
        }
        known.at = shard.at;
        let is_due = known
            .samples
            .back()
            .is_none_or(|(last, _)| last.elapsed() >= Duration::from_millis(50));
        if is_due {
            if known.samples.len() >= SAMPLES_KEPT {
                known.samples.pop_front();
            }
            known.samples.push_back((when, shard.at));
        }
    }

    /// When a replica had last all that the primary had.
    fn refresh(&self, server: &Server, at: Position) {
        let known = self.known.lock();
        let fresh = known.samples.iter().rev().find(|(_, then)| *then <= at);
        if let Some((when, _)) = fresh {
            server.was_fresh(*when);
        }
    }

    /// A server says that it is a primary: it becomes ours, unless a later one is known.
    fn propose(
        self: &Arc<Topology>,
        server: Arc<Server>,
        timeline: u32,
        sight: &Sight,
        is_news: bool,
    ) {
        let Sight {
            system, standbys, ..
        } = *sight;
        if self.is_outranked(&server, timeline) || self.reigning.swap(true, Relaxed) {
            return;
        }
        let topology = self.clone();
        tokio::spawn(async move {
            let done = topology.crown(&server, system, timeline).await;
            match done {
                Ok(()) => topology.standbys.store(standbys, Relaxed),
                Err(fault) if is_news => {
                    tracing::info!(server = server.name, ?fault, "not taken for the primary");
                }
                Err(_) => {}
            }
            topology.reigning.store(false, Relaxed);
        });
    }

    /// Whether another one is the primary, and no failover has made this one its successor: it is
    /// the same under another name, or one that was left behind.
    fn is_outranked(&self, server: &Arc<Server>, timeline: u32) -> bool {
        let another = self.has_primary() && !self.is_primary(server);
        let known = self.known.lock();
        another && (known.reign.as_ref()).is_some_and(|(_, last)| timeline <= *last)
    }

    async fn crown(&self, server: &Arc<Server>, system: i64, timeline: u32) -> Step<()> {
        let (ours, reign) = {
            let known = self.known.lock();
            (known.system, known.reign.clone())
        };
        if let Some((_, known_timeline)) = reign
            && ours == Some(system)
            && timeline < known_timeline
        {
            return Err(Fault::Lost(format!(
                "it is on timeline {timeline}, and {known_timeline} is known"
            )));
        }
        if let Some(patroni) = &self.patroni {
            let rest = self.rests.lock().get(&server.name).cloned();
            let said = match &rest {
                Some(rest) => patroni.is_primary(rest).await,
                None => None,
            };
            if said != Some(true) {
                return Err(Fault::Lost(
                    "Patroni does not call it the primary".to_owned(),
                ));
            }
        }
        let shard = server.writer.run(crate::reign::begin).await?;
        let mut known = self.known.lock();
        known.system = Some(system);
        known.reign = Some((server.clone(), timeline));
        known.history = shard.history.clone();
        known.at = shard.at;
        known.samples.clear();
        drop(known);
        tracing::info!(server = server.name, timeline, at = ?shard.at, "this is the primary");
        self.primary.send_replace(Some(server.clone()));
        Ok(())
    }

    /// Patroni may have taken the office away from a server that does not know it yet.
    fn keep_watch_over(self: &Arc<Topology>, server: &Arc<Server>) {
        let Some(patroni) = self.patroni.clone() else {
            return;
        };
        let Some(rest) = self.rests.lock().get(&server.name).cloned() else {
            return;
        };
        let (topology, server) = (Arc::downgrade(self), server.clone());
        tokio::spawn(async move {
            if patroni.is_primary(&rest).await == Some(false)
                && let Some(topology) = topology.upgrade()
            {
                topology.depose(&server);
            }
        });
    }

    /// Patroni has named its members: those that are new are looked at from now on.
    fn meet(self: &Arc<Topology>, members: &[Member]) {
        for member in members {
            let (host, port) = &member.address;
            let name = format!("{host}:{port}");
            self.rests.lock().insert(name.clone(), member.rest.clone());
            if self.servers.borrow().iter().any(|one| one.name == name) {
                continue;
            }
            let target = match Target::at(&self.config, host, *port) {
                Ok(target) => target,
                Err(error) => {
                    tracing::warn!(%error, "a member of the cluster cannot be used");
                    continue;
                }
            };
            tracing::info!(server = name, "Patroni names a database server");
            let server = Arc::new(Server::new(name, target, &self.config));
            self.servers
                .send_modify(|servers| servers.push(server.clone()));
            tokio::spawn(probe::watch(Arc::downgrade(self), server));
        }
    }

    /// Has all servers looked at at once.
    pub(crate) fn look_at_all(&self) {
        for server in self.servers() {
            server.doubted.notify_one();
        }
    }

    /// Whether nobody uses it any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    /// Turns everybody away.
    pub(crate) fn close(&self) {
        self.closed.store(true, Relaxed);
        for server in self.servers() {
            server.readers.close();
            server.writer.close();
        }
        self.look_at_all();
    }
}
