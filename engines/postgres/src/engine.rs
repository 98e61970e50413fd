//! The port: who does what on which connection.
//!
//! | work | where |
//! |---|---|
//! | reads, the feed, checks | a bounded number of connections |
//! | writes, changes of the schema, followers | one connection of their own, in turn |

use crate::config::PostgresConfig;
use crate::fault::{Step, closed, unavailable};
use crate::open::{Facts, open, read_shard};
use crate::points::{Points, Went};
use crate::pool::Pool;
use crate::progress::Marks;
use crate::session::Session;
use crate::shard::{ShardRow, check_schema, in_snapshot};
use crate::short;
use crate::tls::Target;
use crate::writer::group::GROUP_MAX;
use crate::writer::queue::{Pending, Queue};
use crate::writer::{Shared, Transaction, receipt};
use crate::{apply, feed, verify};
use async_trait::async_trait;
use pando_model::engine::{
    self, Durability, Engine, EngineInfo, FeedCursor, FeedPage, Outcome, Progress, Read,
    ReadAnswer, ReadSteps, Result, SchemaChange, Statistics, StepsAnswer, Write, WriteAnswer,
};
use pando_model::error::EngineError;
use pando_model::plan::RowSet;
use pando_model::stamp::Position;
use pando_model::steps;
use pando_model::tree::read_counted;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::{Semaphore, oneshot};

/// The engine's name.
const NAME: &str = "postgres";

/// One shard in one PostgreSQL database.
pub struct PostgresEngine {
    facts: Facts,
    queue_depth: u64,
    readers: Arc<Pool>,
    points: Arc<Points>,
    writer: Arc<Pool>,
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
    pub async fn open(config: PostgresConfig) -> Result<Arc<PostgresEngine>> {
        let target = Target::new(&config)?;
        let readers = Pool::new(target.clone(), &config, config.readers);
        let writer = Pool::new(target, &config, 1);
        let facts = writer
            .run(|session| open(session).map_err(|fault| fault.into_engine("open the database")))
            .await?;
        Ok(Arc::new(PostgresEngine {
            queue_depth: config.queue_depth as u64,
            points: Points::new(readers.clone()),
            readers,
            writer,
            turn: Arc::new(Semaphore::new(1)),
            queue: Arc::default(),
            shared: Arc::new(Shared::new(Marks::new(&facts.shard))),
            closed: AtomicBool::new(false),
            facts,
        }))
    }

    /// Reads on a connection; a read that meets a statement which was prepared for tables as they
    /// were is carried out again.
    async fn read_with<T: Send + 'static>(
        &self,
        context: &'static str,
        work: impl Fn(&Session) -> Step<T> + Send + 'static,
    ) -> Result<T> {
        let run = self.readers.run(move |session| {
            let done = work(session);
            let done = match done {
                Err(fault) if fault.remedy() == crate::fault::Remedy::Again => {
                    session.forget_statements();
                    work(session)
                }
                done => done,
            };
            done.map_err(|fault| fault.into_engine(context))
        });
        run.await
    }

    /// Carries a read out in one statement, where it is one, and the tables are as they were when
    /// it was prepared.
    async fn read_short(&self, read: &Read) -> Result<Option<(RowSet, ShardRow)>> {
        if !short::is_short(read) {
            return Ok(None);
        }
        let _alone = match self.points.read(read).await {
            Ok(Went::Together(rows, shard)) => {
                self.shared.marks.see(&shard);
                return Ok(Some((rows, shard)));
            }
            Ok(Went::Alone(alone)) => alone,
            Err(fault) => return Err(fault.into_engine("read")),
        };
        let lease = self.readers.lease().await?;
        let wire = lease.wire().ok_or_else(closed)?;
        match short::carry_out(wire, read).await {
            Ok((rows, shard)) => {
                self.shared.marks.see(&shard);
                Ok(Some((rows, shard)))
            }
            Err(fault) if fault.is_about_the_tables() => {
                wire.forget_statements();
                Ok(None)
            }
            Err(fault) => Err(fault.into_engine("read")),
        }
    }

    /// Reads in a snapshot that shows a schema; gives the shard's row in it.
    async fn read_planned<T: Send + 'static>(
        &self,
        schema_version: u64,
        work: impl Fn(&Session) -> Step<T> + Send + 'static,
    ) -> Result<(T, ShardRow)> {
        let read = self.read_with("read", move |session| {
            in_snapshot(session, |shard| {
                check_schema(shard, schema_version)?;
                work(session)
            })
        });
        let (value, shard) = read.await?;
        self.shared.marks.see(&shard);
        Ok((value, shard))
    }

    /// Takes its turn, and then does something on the writer's connection. It goes on to its end
    /// though nobody may wait for it any more.
    async fn write_with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Shared, &Session) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.enter_queue()?;
        let (shared, writer, turn) = (self.shared.clone(), self.writer.clone(), self.turn.clone());
        let task = tokio::spawn(async move {
            shared.counters.in_turn.fetch_add(1, Relaxed);
            let turn = turn.acquire_owned().await;
            shared.counters.in_turn.fetch_sub(1, Relaxed);
            shared.counters.queued.fetch_sub(1, Relaxed);
            // Held until the work is done.
            let _turn = turn.map_err(|_| closed())?;
            writer.run(move |session| work(&shared, session)).await
        });
        task.await.unwrap_or_else(|_| Err(interrupted()))
    }

    /// One more that waits to write, if there is room.
    fn enter_queue(&self) -> Result<()> {
        if self.closed.load(Relaxed) {
            return Err(closed());
        }
        let queued = &self.shared.counters.queued;
        if queued.fetch_add(1, Relaxed) >= self.queue_depth {
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
        self.write_with(move |shared, session| shared.transact(session, work))
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
                copies: 1,
            },
        }
    }

    fn progress(&self) -> Progress {
        self.shared.marks.progress()
    }

    async fn fetch_schema_version(&self) -> Result<u64> {
        let read = self.read_with("read the schema's version", read_shard);
        Ok(read.await?.schema_version)
    }

    async fn read(&self, read: Read) -> Result<ReadAnswer> {
        let (rows, shard) = match self.read_short(&read).await? {
            Some(done) => done,
            None => {
                let version = read.schema_version;
                let done = self.read_planned(version, move |session| {
                    read_counted(session, &read.tree, read.count)
                });
                done.await?
            }
        };
        Ok(ReadAnswer {
            rows,
            low: shard.at,
            high: shard.at,
        })
    }

    async fn read_steps(&self, read: ReadSteps) -> Result<StepsAnswer> {
        let version = read.schema_version;
        let done = self.read_planned(version, move |session| {
            steps::take(&read.steps, &mut |step| match step {
                engine::Step::Read { tree, count } => {
                    read_counted(session, tree, *count).map(Outcome::found)
                }
                _ => Err(EngineError::internal("take a read", "it is a change").into()),
            })
        });
        let (outcomes, shard) = done.await?;
        Ok(StepsAnswer {
            outcomes,
            low: shard.at,
            high: shard.at,
        })
    }

    async fn write(&self, write: Write) -> Result<WriteAnswer> {
        self.enter_queue()?;
        let (reply, answer) = oneshot::channel();
        if self.queue.push(Pending { write, reply }) {
            let (shared, queue) = (self.shared.clone(), self.queue.clone());
            tokio::spawn(serve_queue(
                shared,
                queue,
                self.writer.clone(),
                self.turn.clone(),
            ));
        }
        answer.await.unwrap_or_else(|_| Err(interrupted()))
    }

    async fn sweep_receipts(&self, now_us: i64, max: usize) -> Result<u64> {
        // Mostly there is nothing to do, and then the writer is left alone.
        let expired = self.read_with("look for receipts", move |session| {
            receipt::is_any_expired(session, now_us)
        });
        if !expired.await? {
            return Ok(0);
        }
        let max = i64::try_from(max).unwrap_or(i64::MAX);
        let removed = self
            .transact(move |transaction| receipt::remove_expired(transaction.session, now_us, max));
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
        let read = self.read_with("read the feed", move |session| {
            in_snapshot(session, |shard| feed::read_page(session, shard, after, max))
        });
        let (page, shard) = read.await?;
        self.shared.marks.see(&shard);
        Ok(page)
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
        let read = self.read_with("verify", |session| {
            in_snapshot(session, |shard| verify::verify_data(session, shard))
        });
        Ok(read.await?.0)
    }

    async fn fetch_statistics(&self) -> Result<Statistics> {
        let read = self.read_with("measure the database", |session| {
            let size = "SELECT pg_database_size(current_database())";
            let size = session.first_int(size, &[])?;
            Ok((size.unwrap_or(0).unsigned_abs(), feed::read_depth(session)?))
        });
        let (size_bytes, feed_depth) = read.await?;
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
        self.readers.close();
        self.writer.close();
        Ok(())
    }
}

/// Carries out writes, in groups, until none waits; in turn with whatever else writes.
async fn serve_queue(
    shared: Arc<Shared>,
    queue: Arc<Queue>,
    writer: Arc<Pool>,
    turn: Arc<Semaphore>,
) {
    while !queue.leave_if_empty() {
        let Ok(_turn) = turn.acquire().await else {
            shared.refuse(queue.take(usize::MAX), &closed());
            continue;
        };
        let (served, waiting) = (shared.clone(), queue.clone());
        let done = writer.run(move |session| {
            served.write_waiting(session, &waiting);
            Ok(())
        });
        // Where it was not for want of a connection, those who have not had their turn have it yet.
        if let Err(error @ EngineError::Unavailable { .. }) = done.await {
            shared.refuse(queue.take(GROUP_MAX), &error);
        }
    }
}

/// What a write is told whose writer has gone.
fn interrupted() -> EngineError {
    EngineError::OutcomeUnknown {
        reason: "the writer was interrupted".to_owned(),
    }
}
