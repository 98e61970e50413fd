//! The servers of the shard: who is the primary, how far each has got, who may answer a read.
//!
//! Pando follows what PostgreSQL and Patroni say, and elects nobody. Each server is looked at a
//! few times a second; answers of reads and writes teach as much in between.

mod choice;
mod known;
mod members;
mod office;
mod patroni;
mod probe;
mod server;

pub(crate) use choice::Verdict;
pub(crate) use patroni::Patroni;
pub(crate) use server::{Role, Server, lost};

use crate::config::PostgresConfig;
use crate::tls::Target;
use known::Known;
use pando_model::engine::Result;
use parking_lot::Mutex;
use probe::Sight;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Instant;
use tokio::sync::watch;

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

impl Topology {
    /// The servers that are configured; each is looked at from now on.
    pub(crate) fn start(config: PostgresConfig) -> Result<Arc<Topology>> {
        let mut servers = Vec::new();
        for place in Target::all(&config)? {
            servers.push(Arc::new(Server::new(place, &config)));
        }
        let patroni = (!config.patroni.is_empty()).then(Patroni::new);
        let topology = Arc::new(Topology {
            servers: watch::Sender::new(servers.clone()),
            primary: watch::Sender::new(None),
            reigning: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            standbys: AtomicU32::new(0),
            known: Mutex::new(Known::nothing()),
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

    /// How many standbys have a commit before it is answered.
    pub(crate) fn standbys(&self) -> u32 {
        self.standbys.load(Relaxed)
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
