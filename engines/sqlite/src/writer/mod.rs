//! The one thread that writes.
//!
//! Writes wait in a bounded queue. The thread takes as many as there are, and as will be
//! there in a moment ([`gathering`]), carries them out in one transaction, each so that it
//! can be undone by itself, and answers all of them after COMMIT: one sync for the group. Changes of the schema and of the feed's
//! followers pass through the same queue, each in a transaction of its own.

mod answered;
mod bulk;
mod feed;
mod gathering;
mod group;
pub(crate) mod receipt;
mod recovery;
mod rows;
mod steps;
mod transaction;

pub(crate) use rows::{cells, key_cells, slot_param};
pub(crate) use transaction::{Sealed, Transaction};

use crate::config::SqliteConfig;
use crate::connection::Conn;
use crate::fault::{Fault, Step, unavailable};
use crate::layout::load;
use crate::marks::Marks;
use crate::open::{open_writer, read_history, read_shard};
use crate::readers::closed;
use answered::Answered;
use gathering::Gathering;
use pando_model::engine::{Result, Write, WriteAnswer};
use pando_model::error::EngineError;
use pando_model::layout::Layout;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use transaction::Kept;

/// So long without a write is a lull.
const LULL: Duration = Duration::from_secs(1);

/// What the engine's users see of the writer.
pub(crate) struct WriterHandle {
    sender: Sender<Job>,
    counters: Arc<Counters>,
    queue_depth: u64,
}

/// What the writer counts.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) commits: AtomicU64,
    pub(crate) writes: AtomicU64,
    pub(crate) queued: AtomicU64,
    pub(crate) last_commit_ns: AtomicU64,
    /// Events in the feed, counted when the file is opened and kept from then on.
    pub(crate) feed_depth: AtomicI64,
    closed: AtomicBool,
}

/// The thread's own state.
pub(crate) struct Writer {
    config: SqliteConfig,
    /// `None` while it is not known what the last commit did.
    conn: Option<Conn>,
    layout: Layout,
    /// What the last group left; taken by whatever transaction comes next.
    kept: Option<Kept>,
    marks: Arc<Marks>,
    counters: Arc<Counters>,
    recovery: recovery::Backoff,
    /// How many commits there had been in the last lull.
    tidied_at: u64,
}

/// Something for the thread to do.
enum Job {
    Write(Pending),
    Task(Box<dyn FnOnce(&mut Writer) + Send>),
    Close(oneshot::Sender<Result<()>>),
}

/// A write and who waits for it.
struct Pending {
    write: Write,
    reply: oneshot::Sender<Answered>,
}

impl WriterHandle {
    /// Opens the file and starts the thread.
    pub(crate) fn start(config: &SqliteConfig, marks: Arc<Marks>) -> Result<WriterHandle> {
        let counters = Arc::new(Counters::default());
        let mut writer = Writer {
            config: config.clone(),
            conn: Some(open_writer(config)?),
            layout: Layout::default(),
            kept: None,
            marks,
            counters: counters.clone(),
            recovery: recovery::Backoff::default(),
            tidied_at: 0,
        };
        writer
            .load()
            .map_err(|fault| fault.into_engine("read the shard's own tables"))?;
        let (sender, receiver) = channel();
        std::thread::Builder::new()
            .name("pando-writer".to_owned())
            .spawn(move || writer.run(&receiver))
            .map_err(|error| EngineError::internal("start the writer", error))?;
        Ok(WriterHandle {
            sender,
            counters,
            queue_depth: config.queue_depth as u64,
        })
    }

    /// What it has counted.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Queues a write and waits for its answer.
    pub(crate) async fn write(&self, write: Write) -> Result<WriteAnswer> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Write(Pending { write, reply }))?;
        // Only a defect leaves without a word, and then nobody knows.
        let answered = answer.await;
        answered.map_or_else(|_| Err(interrupted()), Answered::take)
    }

    /// Queues something else and waits for its result.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        task: impl FnOnce(&mut Writer) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (reply, answer) = oneshot::channel();
        self.send(Job::Task(Box::new(move |writer| {
            let result = writer.contain(task).unwrap_or_else(|| Err(interrupted()));
            // A caller that has gone away needs no answer.
            let _ = reply.send(result);
        })))?;
        answer.await.unwrap_or_else(|_| Err(closed()))
    }

    /// Lets the thread finish what is queued, and end.
    pub(crate) async fn close(&self) -> Result<()> {
        if self.counters.closed.swap(true, Relaxed) {
            return Ok(());
        }
        let (reply, answer) = oneshot::channel();
        if self.sender.send(Job::Close(reply)).is_err() {
            return Ok(());
        }
        answer.await.unwrap_or(Ok(()))
    }

    fn send(&self, job: Job) -> Result<()> {
        if self.counters.closed.load(Relaxed) {
            return Err(closed());
        }
        if self.counters.queued.fetch_add(1, Relaxed) >= self.queue_depth {
            self.counters.queued.fetch_sub(1, Relaxed);
            return Err(unavailable(
                "the write queue is full",
                Duration::from_secs(1),
            ));
        }
        self.sender.send(job).map_err(|_| closed())
    }
}

impl Writer {
    /// Reads what the file says of itself.
    fn load(&mut self) -> Step<()> {
        let conn = self.conn()?;
        let shard = read_shard(conn)?;
        let history = read_history(conn)?;
        let layout = load(conn)?;
        self.count_feed(conn)?;
        self.layout = layout;
        self.marks.reset(shard.at, shard.schema_version, history);
        if !self.config.bulk_load {
            self.build_missing_indexes()?;
        }
        Ok(())
    }

    /// The connection, which a commit in doubt takes away.
    pub(crate) fn conn(&self) -> Step<&Conn> {
        self.conn.as_ref().ok_or_else(|| {
            Fault::Engine(unavailable(
                "the data file is being reopened",
                Duration::from_secs(1),
            ))
        })
    }

    fn run(mut self, receiver: &Receiver<Job>) {
        let mut gathering = Gathering::new(self.config.max_group);
        let mut next = None;
        while let Some(job) = next
            .take()
            .or_else(|| gathering.first(receiver))
            .or_else(|| self.next_job(receiver))
        {
            match job {
                Job::Write(first) => {
                    // Whoever was answered is not queued any more.
                    let counters = Arc::clone(&self.counters);
                    counters.queued.fetch_sub(1, Relaxed);
                    let mut arrivals = gathering.arrivals(receiver);
                    let mut taken = arrivals.by_ref().inspect(|_| {
                        counters.queued.fetch_sub(1, Relaxed);
                    });
                    self.contain(|writer| writer.write_group(first, &mut taken));
                    let members;
                    (members, next) = arrivals.end();
                    gathering.learn(members, &self.counters);
                }
                Job::Task(task) => {
                    self.counters.queued.fetch_sub(1, Relaxed);
                    self.reopen_if_due();
                    task(&mut self);
                }
                Job::Close(reply) => {
                    let finished = self.finish();
                    for job in receiver.try_iter() {
                        if let Job::Write(late) = job {
                            Answered::hand_over(vec![(late.reply, Err(closed()))]);
                        }
                    }
                    let _ = reply.send(finished);
                    return;
                }
            }
        }
        // The engine was dropped without being closed.
        let _ = self.finish();
    }

    /// Does something that must not end the one thread that writes, whatever it is: a panic is
    /// a defect of the job's own. `None` after one; the transaction that it left open is rolled
    /// back.
    fn contain<T>(&mut self, job: impl FnOnce(&mut Writer) -> T) -> Option<T> {
        let done = catch_unwind(AssertUnwindSafe(|| job(self))).ok();
        if done.is_none() {
            tracing::error!("a job met a defect; its transaction is rolled back");
            self.recover();
        }
        done
    }

    fn recover(&mut self) {
        if let Some(conn) = &self.conn {
            transaction::rollback(conn);
        }
        let is_idle = self.conn().is_ok_and(|conn| conn.db().is_autocommit());
        if !is_idle || self.reload_layout().is_err() {
            self.conn = None;
        }
    }

    /// Waits for something to do. In a lull the log is folded into the file, so that a
    /// burst's last pages do not wait there for the next burst.
    fn next_job(&mut self, receiver: &Receiver<Job>) -> Option<Job> {
        let commits = self.counters.commits.load(Relaxed);
        if commits == self.tidied_at {
            return receiver.recv().ok();
        }
        match receiver.recv_timeout(LULL) {
            Ok(job) => return Some(job),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) => self.tidied_at = commits,
        }
        let folded = self.conn().and_then(|conn| {
            conn.first_int("PRAGMA wal_checkpoint(PASSIVE)", &[])?;
            // A burst's page cache is not needed either.
            conn.first_int("PRAGMA shrink_memory", &[])
        });
        if let Err(fault) = folded {
            tracing::warn!(?fault, "the log could not be folded into the data file");
        }
        receiver.recv().ok()
    }

    /// Folds the log into the file and closes it.
    fn finish(&mut self) -> Result<()> {
        if self.config.bulk_load && self.conn.is_some() {
            let built = self.build_missing_indexes();
            built.map_err(|fault| fault.into_engine("build the indexes that were put off"))?;
        }
        let Some(conn) = self.conn.take() else {
            return Ok(());
        };
        let checkpoint = conn.first_int("PRAGMA wal_checkpoint(TRUNCATE)", &[]);
        if let Err(fault) = checkpoint {
            tracing::warn!(?fault, "the log was left beside the data file");
        }
        conn.into_db()
            .close()
            .map_err(|(_, error)| EngineError::internal("close the data file", error))
    }

    /// Carries out a transaction of its own, and commits it. `work` gives its result, what it
    /// was sealed as, and the schema version in force after it.
    pub(crate) fn transact<T>(
        &mut self,
        work: impl FnOnce(Transaction<'_>) -> Step<(T, Sealed, u64)>,
    ) -> Result<T> {
        self.kept = None;
        let (prepared, before) = match self.prepare(work) {
            Ok(prepared) => prepared,
            Err(fault) => {
                if let Some(conn) = &self.conn {
                    transaction::rollback(conn);
                }
                return Err(fault.into_engine("write"));
            }
        };
        let (value, sealed, schema_version) = prepared;
        match self.commit(sealed, schema_version) {
            Ok(()) => Ok(value),
            Err(fault) => self.settle_alone(value, before..sealed.p, fault),
        }
    }

    /// What `work` gives, and the position before it.
    fn prepare<T>(
        &self,
        work: impl FnOnce(Transaction<'_>) -> Step<(T, Sealed, u64)>,
    ) -> Step<((T, Sealed, u64), u64)> {
        let transaction = Transaction::begin(self.conn()?, &self.layout, &self.marks, None)?;
        let before = transaction.position().p;
        Ok((work(transaction)?, before))
    }

    /// Reads the tables' definitions anew.
    pub(crate) fn reload_layout(&mut self) -> Result<()> {
        let layout = self.conn().and_then(load);
        self.layout = layout.map_err(|fault| fault.into_engine("read the tables' definitions"))?;
        Ok(())
    }

    /// Counts the events of the feed: when the file is opened, and behind a commit in doubt.
    fn count_feed(&self, conn: &Conn) -> Step<()> {
        let depth = crate::feed::read_depth(conn)?;
        self.counters.feed_depth.store(depth as i64, Relaxed);
        Ok(())
    }

    /// Measures a commit.
    fn commit(&mut self, sealed: Sealed, schema_version: u64) -> Step<()> {
        let Sealed { p, feed_growth } = sealed;
        self.marks.begin_commit(p, schema_version);
        let start = Instant::now();
        self.conn()?.execute("COMMIT", &[])?;
        self.marks.end_commit(p, schema_version);
        self.counters.feed_depth.fetch_add(feed_growth, Relaxed);
        let took = u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.counters.last_commit_ns.store(took, Relaxed);
        self.counters.commits.fetch_add(1, Relaxed);
        Ok(())
    }
}

/// Nobody knows what became of a job that met a defect.
fn interrupted() -> EngineError {
    EngineError::OutcomeUnknown {
        reason: "the writer was interrupted".to_owned(),
    }
}
