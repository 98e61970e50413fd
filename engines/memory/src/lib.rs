//! The memory engine: a shard that lives in this process and is gone with it.
//!
//! Two uses: `[store] engine = "memory"`, and the oracle that other engines are
//! compared with. So it is written straight from the contract
//! ([`pando_model::engine`], [`pando_model::plan`]), for obvious correctness
//! first. The state is made of persistent maps: a reader takes a snapshot for
//! the price of a pointer and holds nobody up; a writer works on a copy, which
//! replaces the state when all of it succeeded and is dropped otherwise. So
//! nothing needs to be rolled back.
//!
//! Writers take turns. Nothing is awaited and nothing spills to disk: a long
//! list occupies the thread that asks for it.
//!
//! Fences: this engine owns every slot at the first epoch. Nothing can take
//! one from it before there are moves, so it never answers `Moved`.

mod access;
mod change;
mod database;
mod evaluate;
mod feed;
mod group;
mod integrity;
mod key;
mod receipts;
mod relation;
mod reshape;
mod select;
mod shared;
mod statement;
mod steps;
mod table;

pub use crate::shared::{MemoryLevel2, Records};

use crate::database::Database;
use async_trait::async_trait;
use pando_model::budget::RowBudget;
use pando_model::clock::{Clock, SystemClock};
use pando_model::engine::{
    Durability, Engine, EngineInfo, FeedCursor, FeedPage, Progress, Read, ReadAnswer, ReadSteps,
    Result, SchemaChange, Statistics, StepsAnswer, Write, WriteAnswer,
};
use pando_model::error::EngineError;
use pando_model::stamp::{Fork, History, Position};
use parking_lot::{Mutex, RwLock};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const NAME: &str = "memory";
/// A closed engine does not open again; another node may answer by then.
const CLOSED_RETRY_AFTER: Duration = Duration::from_secs(1);

/// A shard in memory.
#[derive(Debug)]
pub struct MemoryEngine {
    history: History,
    state: RwLock<Arc<Database>>,
    /// Held by the writer whose turn it is.
    turn: Mutex<()>,
    last_commit_ns: AtomicU64,
    queued: AtomicU64,
    writes: AtomicU64,
    closed: AtomicBool,
}

impl Default for MemoryEngine {
    fn default() -> MemoryEngine {
        MemoryEngine::new()
    }
}

impl MemoryEngine {
    /// An empty shard. Its timeline is the second in which it was made, and
    /// shares nothing with older ones: a stamp from before a restart is known
    /// to be lost, and nobody waits for it.
    pub fn new() -> MemoryEngine {
        MemoryEngine::with_clock(&SystemClock)
    }

    /// The same, with the time as `clock` has it.
    pub fn with_clock(clock: &dyn Clock) -> MemoryEngine {
        let timeline = u32::try_from(clock.now_us() / 1_000_000).unwrap_or(u32::MAX);
        let start = Position {
            timeline: timeline.max(2),
            p: 0,
        };
        MemoryEngine {
            history: History::new(vec![Fork {
                timeline: start.timeline,
                at: start.p,
            }]),
            state: RwLock::new(Arc::new(Database::new(start))),
            turn: Mutex::new(()),
            last_commit_ns: AtomicU64::new(0),
            queued: AtomicU64::new(0),
            writes: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    fn snapshot(&self) -> Arc<Database> {
        self.state.read().clone()
    }

    fn check_open(&self) -> Result<()> {
        if self.closed.load(Ordering::Acquire) {
            return Err(EngineError::Unavailable {
                reason: "the store is closed".to_owned(),
                retry_after: CLOSED_RETRY_AFTER,
            });
        }
        Ok(())
    }

    /// Works on a copy of the state when it is this writer's turn, and puts it
    /// in the state's place if `work` succeeds.
    fn alter<T>(&self, work: impl FnOnce(&mut Database) -> Result<T>) -> Result<T> {
        self.queued.fetch_add(1, Ordering::Relaxed);
        let _turn = self.turn.lock();
        self.queued.fetch_sub(1, Ordering::Relaxed);
        self.check_open()?;
        let began = Instant::now();
        let mut db = Database::clone(&self.snapshot());
        let done = work(&mut db)?;
        *self.state.write() = Arc::new(db);
        let took_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.last_commit_ns.store(took_ns, Ordering::Relaxed);
        Ok(done)
    }
}

#[async_trait]
impl Engine for MemoryEngine {
    fn info(&self) -> EngineInfo {
        EngineInfo {
            name: NAME,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            durability: Durability {
                synced: false,
                copies: 1,
            },
        }
    }

    fn progress(&self) -> Progress {
        let at = self.snapshot().position;
        Progress {
            low: at,
            high: at,
            history: self.history.clone(),
        }
    }

    async fn fetch_schema_version(&self) -> Result<u64> {
        self.check_open()?;
        Ok(self.snapshot().schema_version)
    }

    async fn read(&self, read: Read) -> Result<ReadAnswer> {
        self.check_open()?;
        let db = self.snapshot();
        let lost = read.freshness.check_at_owner(&self.progress())?;
        check_version(&db, read.schema_version)?;
        Ok(ReadAnswer {
            rows: select::read_tree(&db, &read.tree, read.count, &RowBudget::default())?,
            low: db.position,
            high: db.position,
            lost,
        })
    }

    async fn read_steps(&self, read: ReadSteps) -> Result<StepsAnswer> {
        self.check_open()?;
        let db = self.snapshot();
        let lost = read.freshness.check_at_owner(&self.progress())?;
        check_version(&db, read.schema_version)?;
        Ok(StepsAnswer {
            outcomes: steps::take_reads(&db, &read.steps)?,
            low: db.position,
            high: db.position,
            lost,
        })
    }

    async fn write(&self, write: Write) -> Result<WriteAnswer> {
        let answer = self.alter(|db| carry_out(db, write))?;
        if matches!(answer, WriteAnswer::Done { .. }) {
            self.writes.fetch_add(1, Ordering::Relaxed);
        }
        Ok(answer)
    }

    async fn sweep_receipts(&self, now_us: i64, max: usize) -> Result<u64> {
        self.alter(|db| Ok(db.receipts.sweep(now_us, max) as u64))
    }

    async fn apply(&self, change: SchemaChange) -> Result<Position> {
        self.alter(|db| {
            check_version(db, change.from_version)?;
            reshape::reshape(db, &change.steps)?;
            db.schema_version = change.to_version;
            let mut events = Vec::new();
            for record in &change.record {
                change::execute(db, &mut events, record, &RowBudget::default())?;
            }
            db.position.p += 1;
            db.feed.append(db.position, events);
            Ok(db.position)
        })
    }

    async fn follow(&self, follower: &str) -> Result<FeedCursor> {
        self.alter(|db| Ok(db.feed.follow(follower, db.position)))
    }

    async fn fetch_feed(&self, after: FeedCursor, max: usize) -> Result<FeedPage> {
        self.check_open()?;
        let db = self.snapshot();
        Ok(db.feed.page(after, max, db.position, db.schema_version))
    }

    async fn acknowledge_feed(&self, follower: &str, cursor: FeedCursor) -> Result<()> {
        self.alter(|db| {
            db.feed.acknowledge(follower, cursor, db.position);
            Ok(())
        })
    }

    async fn unfollow(&self, follower: &str) -> Result<()> {
        self.alter(|db| {
            db.feed.unfollow(follower);
            Ok(())
        })
    }

    async fn backup(&self, _: &Path, _: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<()> {
        Err(EngineError::Unsupported {
            engine: NAME,
            what: "backup",
        })
    }

    async fn verify(&self) -> Result<Vec<String>> {
        self.check_open()?;
        integrity::verify(&self.snapshot())
    }

    async fn fetch_statistics(&self) -> Result<Statistics> {
        let db = self.snapshot();
        Ok(Statistics {
            size_bytes: db.tables().map(|table| table.bytes()).sum(),
            commits: db.position.p,
            writes: self.writes.load(Ordering::Relaxed),
            queued: self.queued.load(Ordering::Relaxed),
            last_commit: Duration::from_nanos(self.last_commit_ns.load(Ordering::Relaxed)),
            feed_depth: db.feed.depth(),
        })
    }

    async fn close(&self) -> Result<()> {
        // Behind the writer whose turn it is, if there is one.
        let _turn = self.turn.lock();
        self.closed.store(true, Ordering::Release);
        Ok(())
    }
}

fn carry_out(db: &mut Database, mut write: Write) -> Result<WriteAnswer> {
    if let Some(receipt) = &write.receipt
        && let Some(entry) = db.receipts.get(receipt)
    {
        if entry.request != receipt.request {
            return Err(EngineError::KeyReused);
        }
        return Ok(WriteAnswer::Replayed {
            at: entry.at,
            answer: entry.answer.clone(),
        });
    }
    check_version(db, write.schema_version)?;
    let mut events = Vec::new();
    let outcomes = steps::take(db, &mut events, &write.steps)?;
    let answer = (write.finish)(outcomes)?;
    db.position.p += 1;
    db.feed.append(db.position, events);
    if let Some(receipt) = &write.receipt {
        db.receipts.insert(receipt, db.position, answer.clone());
    }
    Ok(WriteAnswer::Done {
        at: db.position,
        answer,
    })
}

fn check_version(db: &Database, planned_for: u64) -> Result<()> {
    if planned_for == db.schema_version {
        return Ok(());
    }
    Err(EngineError::SchemaChanged {
        current: db.schema_version,
    })
}
