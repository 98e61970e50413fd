//! The port: who does what on which connection.
//!
//! | work | where |
//! |---|---|
//! | reads, the feed, checks | a bounded number of connections |
//! | writes, changes of the schema, followers | one connection of their own, in turn |

pub(crate) mod opening;
mod read;
mod write;

use crate::bus::PostgresBus;
use crate::config::PostgresConfig;
use crate::fault::{Step, closed, unavailable};
use crate::open::Facts;
use crate::progress::Marks;
use crate::session::Session;
use crate::topology::Topology;
use crate::trouble::Trouble;
use crate::writer::queue::{Pending, Queue};
use crate::writer::{Attempt, Shared, Transaction, receipt};
use crate::{apply, feed, inspect, verify};
use async_trait::async_trait;
use pando_model::bus::Bus;
use pando_model::engine::{
    Durability, Engine, EngineInfo, FeedCursor, FeedPage, Progress, Read, ReadAnswer, ReadSteps,
    Result, SchemaChange, Statistics, StepsAnswer, Write, WriteAnswer,
};
use pando_model::error::EngineError;
use pando_model::inspection::Inspection;
use pando_model::stamp::Position;
use pando_model::steps;
use pando_model::tree::read_counted;
use parking_lot::Mutex;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, oneshot};

/// The engine's name.
const NAME: &str = "postgres";

/// One shard in one PostgreSQL database, and its copies.
pub struct PostgresEngine {
    facts: Facts,
    config: PostgresConfig,
    topology: Arc<Topology>,
    /// Writes take their turn here, in the order in which they come.
    turn: Arc<Semaphore>,
    /// Writes; whoever has the turn for them takes all that wait along.
    queue: Arc<Queue>,
    shared: Arc<Shared>,
    closed: AtomicBool,
}

impl PostgresEngine {
    /// Connects to a database, and makes Pando's own tables where there are none. It has to be
    /// called on a runtime of tokio's, which the connections then live on.
    ///
    /// # Errors
    /// Why it could not be used, and what to do about it.
    pub async fn open(config: PostgresConfig) -> std::result::Result<Arc<PostgresEngine>, Trouble> {
        let topology = Topology::start(config.clone())?;
        let facts = opening::open_primary(&topology, &config).await?;
        topology.belong_to(facts.system);
        let deadline = Instant::now() + config.write_buffer;
        let primary = topology.primary(deadline).await;
        primary.map_err(|fault| fault.into_engine("open the database"))?;
        Ok(Arc::new(PostgresEngine {
            topology,
            turn: Arc::new(Semaphore::new(1)),
            queue: Arc::default(),
            shared: Arc::new(Shared::new(Marks::new(&facts.shard))),
            closed: AtomicBool::new(false),
            config,
            facts,
        }))
    }

    /// Takes its turn, and then does something on the primary; again on the next one where it is
    /// lost before anything is done for good. It goes on to its end though nobody may wait for it
    /// any more.
    async fn write_with<T: Send + 'static>(
        &self,
        work: impl FnMut(&Shared, &Session) -> Step<Attempt<T>> + Send + 'static,
    ) -> Result<(T, Position)> {
        self.enter_queue()?;
        let (shared, turn) = (self.shared.clone(), self.turn.clone());
        let (topology, buffer) = (self.topology.clone(), self.config.write_buffer);
        let task = tokio::spawn(async move {
            // The buffer's time begins when it comes, and not when its turn does.
            let deadline = Instant::now() + buffer;
            shared.counters.in_turn.fetch_add(1, Relaxed);
            let turn = turn.acquire_owned().await;
            shared.counters.in_turn.fetch_sub(1, Relaxed);
            shared.counters.queued.fetch_sub(1, Relaxed);
            // Held until the work is done.
            let _turn = turn.map_err(|_| closed())?;
            let work = Arc::new(Mutex::new(work));
            let confirmed = shared.clone();
            let done = write::carry_out(&topology, &confirmed, deadline, move |session| {
                (work.lock())(&shared, session)
            });
            done.await.map_err(|fault| fault.into_engine("write"))
        });
        task.await.unwrap_or_else(|_| Err(write::interrupted()))
    }

    /// One more that waits to write, if there is room.
    fn enter_queue(&self) -> Result<()> {
        if self.closed.load(Relaxed) {
            return Err(closed());
        }
        let queued = &self.shared.counters.queued;
        if queued.fetch_add(1, Relaxed) >= self.config.queue_depth as u64 {
            queued.fetch_sub(1, Relaxed);
            let reason = "the write queue is full";
            return Err(unavailable(reason, Duration::from_secs(1)));
        }
        Ok(())
    }

    async fn transact<T: Send + 'static>(
        &self,
        work: impl Fn(&mut Transaction<'_>) -> Step<T> + Send + 'static,
    ) -> Result<(T, Position)> {
        self.write_with(move |shared, session| shared.transact(session, &work))
            .await
    }
}

#[async_trait]
impl Engine for PostgresEngine {
    fn info(&self) -> EngineInfo {
        EngineInfo {
            name: NAME,
            version: self.facts.version.clone(),
            durability: Durability {
                synced: self.facts.synced,
                copies: 1 + self.topology.standbys(),
            },
        }
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn bus(&self) -> Option<Arc<dyn Bus>> {
        Some(Arc::new(PostgresBus::start(self.topology.clone())))
    }

    fn progress(&self) -> Progress {
        self.shared.marks.progress()
    }

    async fn fetch_schema_version(&self) -> Result<u64> {
        let read = self.read_own("read the schema's version", |_, _| Ok(()));
        match read.await {
            // It was changed just then.
            Err(EngineError::SchemaChanged { current }) => Ok(current),
            read => Ok(read?.1.schema_version),
        }
    }

    async fn read(&self, read: Read) -> Result<ReadAnswer> {
        let found = match self.read_short(&read).await? {
            Some(found) => found,
            None => {
                let (version, freshness) = (read.schema_version, read.freshness);
                let done = self.read_planned(version, &freshness, move |session| {
                    read_counted(session, &read.tree, read.count)
                });
                done.await?
            }
        };
        Ok(ReadAnswer {
            rows: found.value,
            low: found.shard.at,
            high: found.shard.at,
            lost: found.lost,
        })
    }

    async fn read_steps(&self, read: ReadSteps) -> Result<StepsAnswer> {
        let version = read.schema_version;
        let freshness = read.freshness;
        let done = self.read_planned(version, &freshness, move |session| {
            steps::take_in_runs(&read.steps, &mut |run, found| session.read_run(run, found))
        });
        let found = done.await?;
        Ok(StepsAnswer {
            outcomes: found.value,
            low: found.shard.at,
            high: found.shard.at,
            lost: found.lost,
        })
    }

    async fn write(&self, write: Write) -> Result<WriteAnswer> {
        self.enter_queue()?;
        let (reply, answer) = oneshot::channel();
        let until = Instant::now() + self.config.write_buffer;
        let pending = Pending {
            write,
            reply,
            until,
        };
        if self.queue.push(pending) {
            tokio::spawn(write::serve(write::Serving {
                shared: self.shared.clone(),
                queue: self.queue.clone(),
                topology: self.topology.clone(),
                turn: self.turn.clone(),
            }));
        }
        answer.await.unwrap_or_else(|_| Err(write::interrupted()))
    }

    async fn sweep_receipts(&self, now_us: i64, max: usize) -> Result<u64> {
        // Mostly there is nothing to do, and then the writer is left alone.
        let floor = self.shared.floor();
        let is_due = self.read_own("look for what is to be swept", move |session, shard| {
            let floor = floor.on(shard.at.timeline);
            Ok(receipt::is_any_expired(session, floor, now_us)? || feed::is_too_long(session)?)
        });
        if !is_due.await?.0 {
            return Ok(0);
        }
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let removed = self.transact(move |transaction| {
            feed::bound(transaction.session)?;
            receipt::remove_expired(transaction, now_us, max)
        });
        Ok(removed.await?.0)
    }

    async fn apply(&self, change: SchemaChange) -> Result<Position> {
        let applied = self.transact(move |transaction| apply::carry_out(transaction, &change));
        Ok(applied.await?.1)
    }

    async fn follow(&self, follower: &str) -> Result<FeedCursor> {
        let name = follower.to_owned();
        let done = self.transact(move |transaction| feed::follow(transaction, &name));
        Ok(done.await?.0)
    }

    async fn fetch_feed(&self, after: FeedCursor, max: usize) -> Result<FeedPage> {
        let read = self.read_own("read the feed", move |session, shard| {
            feed::read_page(session, shard, after, max)
        });
        Ok(read.await?.0)
    }

    async fn acknowledge_feed(&self, follower: &str, cursor: FeedCursor) -> Result<()> {
        let name = follower.to_owned();
        let done = self.transact(move |transaction| feed::acknowledge(transaction, &name, cursor));
        done.await?;
        Ok(())
    }

    async fn unfollow(&self, follower: &str) -> Result<()> {
        let name = follower.to_owned();
        let done = self.transact(move |transaction| feed::unfollow(transaction, &name));
        done.await?;
        Ok(())
    }

    async fn backup(&self, _: &Path, _: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<()> {
        Err(EngineError::Unsupported {
            engine: NAME,
            what: "copies to a file: use pg_dump, or pg_basebackup and an archive of the WAL",
        })
    }

    async fn verify(&self) -> Result<Vec<String>> {
        let read = self.read_own("verify", verify::verify_data);
        Ok(read.await?.0)
    }

    async fn inspect(&self) -> Result<Inspection> {
        inspect::inspect_as(&self.config, self.topology.system()).await
    }

    async fn fetch_statistics(&self) -> Result<Statistics> {
        let read = self.read_own("measure the database", |session, _| {
            let size = "SELECT pg_database_size(current_database())";
            let size = session.first_int(size, &[])?;
            Ok((size.unwrap_or(0).unsigned_abs(), feed::read_depth(session)?))
        });
        let ((size_bytes, feed_depth), _) = read.await?;
        let counters = &self.shared.counters;
        Ok(Statistics {
            size_bytes,
            commits: counters.commits.load(Relaxed),
            writes: counters.writes.load(Relaxed),
            queued: counters.queued.load(Relaxed),
            last_commit: Duration::from_nanos(counters.last_commit_ns.load(Relaxed)),
            feed_depth,
        })
    }

    async fn close(&self) -> Result<()> {
        if self.closed.swap(true, Relaxed) {
            return Ok(());
        }
        // Behind all that was accepted.
        loop {
            let turn = self.turn.acquire().await;
            drop(turn);
            if self.queue.is_empty() {
                break;
            }
        }
        self.turn.close();
        self.topology.close();
        Ok(())
    }
}
