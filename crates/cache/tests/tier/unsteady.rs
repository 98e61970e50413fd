//! An engine whose feed fails, jumps, lags, leaves something out, or answers when it is let.

use async_trait::async_trait;
use pando_cache::SeededRandom;
use pando_engine_memory::MemoryEngine;
use pando_model::column::ColumnType;
use pando_model::engine::{
    Engine, EngineInfo, FeedCursor, FeedPage, Progress, Read, ReadAnswer, ReadSteps, Result,
    SchemaChange, Statistics, Step, StepsAnswer, Write, WriteAnswer,
};
use pando_model::error::EngineError;
use pando_model::plan::{
    Change, Comparison, Conflict, Filter, Insert, Output, Scalar, Select, Tree,
};
use pando_model::schema::{Column, PrimaryKey, SchemaStep, Table};
use pando_model::stamp::Position;
use pando_model::value::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

/// What a feed does besides being a feed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Feed {
    /// It is as it should be, and answers when it is let.
    Gated,
    /// It fails, jumps and lags.
    Flaky,
    /// It leaves events out, and says nothing.
    Lying,
}

/// An engine whose feed is not as it should be.
pub struct Unsteady {
    inner: MemoryEngine,
    feed: Feed,
    random: SeededRandom,
    /// How often a gated feed may answer.
    pub gate: Semaphore,
    /// How often a feed was asked.
    pub asked: AtomicUsize,
}

impl Unsteady {
    /// One with a table of two columns.
    pub async fn with_table(feed: Feed, seed: u64) -> (Arc<Unsteady>, Arc<Table>) {
        let engine = Arc::new(Unsteady {
            inner: MemoryEngine::new(),
            feed,
            random: SeededRandom::new(seed),
            gate: Semaphore::new(0),
            asked: AtomicUsize::new(0),
        });
        let table = table();
        let change = SchemaChange {
            from_version: 0,
            to_version: 1,
            steps: vec![SchemaStep::CreateTable(Arc::clone(&table))],
            record: Vec::new(),
        };
        engine.apply(change).await.unwrap();
        (engine, table)
    }

    fn is(&self, share: f64) -> bool {
        pando_cache::Random::unit(&self.random) < share
    }
}

#[async_trait]
impl Engine for Unsteady {
    fn info(&self) -> EngineInfo {
        self.inner.info()
    }

    // As if others wrote too: nothing tells the follower of it.
    fn is_shared(&self) -> bool {
        true
    }

    fn progress(&self) -> Progress {
        self.inner.progress()
    }

    async fn fetch_schema_version(&self) -> Result<u64> {
        self.inner.fetch_schema_version().await
    }

    async fn read(&self, read: Read) -> Result<ReadAnswer> {
        let answer = self.inner.read(read).await;
        if self.is(0.3) {
            // The answer is on its way while others write.
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        answer
    }

    async fn read_steps(&self, read: ReadSteps) -> Result<StepsAnswer> {
        self.inner.read_steps(read).await
    }

    async fn write(&self, write: Write) -> Result<WriteAnswer> {
        self.inner.write(write).await
    }

    async fn sweep_receipts(&self, now_us: i64, max: usize) -> Result<u64> {
        self.inner.sweep_receipts(now_us, max).await
    }

    async fn apply(&self, change: SchemaChange) -> Result<Position> {
        self.inner.apply(change).await
    }

    async fn follow(&self, follower: &str) -> Result<FeedCursor> {
        self.inner.follow(follower).await
    }

    async fn fetch_feed(&self, after: FeedCursor, max: usize) -> Result<FeedPage> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        if self.feed == Feed::Gated {
            self.gate.acquire().await.unwrap().forget();
            return self.inner.fetch_feed(after, max).await;
        }
        let few = if self.is(0.3) { 2 } else { max };
        let mut page = self.inner.fetch_feed(after, few).await?;
        match self.feed {
            Feed::Gated => Ok(page),
            Feed::Flaky if self.is(0.2) => Err(EngineError::internal("fetch", "cut off")),
            Feed::Flaky if self.is(0.1) => {
                page.events.clear();
                page.gap = true;
                Ok(page)
            }
            Feed::Flaky => {
                if self.is(0.3) {
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
                Ok(page)
            }
            Feed::Lying => {
                page.events.retain(|_| !self.is(0.2));
                Ok(page)
            }
        }
    }

    async fn acknowledge_feed(&self, follower: &str, cursor: FeedCursor) -> Result<()> {
        self.inner.acknowledge_feed(follower, cursor).await
    }

    async fn unfollow(&self, follower: &str) -> Result<()> {
        self.inner.unfollow(follower).await
    }

    async fn backup(&self, path: &Path, progress: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<()> {
        self.inner.backup(path, progress).await
    }

    async fn verify(&self) -> Result<Vec<String>> {
        self.inner.verify().await
    }

    async fn fetch_statistics(&self) -> Result<Statistics> {
        self.inner.fetch_statistics().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}

fn table() -> Arc<Table> {
    let column = |name: &str| Column {
        name: name.to_owned(),
        ty: ColumnType::Bigint,
        nullable: false,
        default: None,
        identity: None,
        generated: None,
    };
    Arc::new(Table {
        name: "t".to_owned(),
        columns: vec![column("id"), column("n")],
        primary_key: PrimaryKey {
            name: "t_pkey".to_owned(),
            columns: vec![0],
        },
        shard_key: vec![0],
        uniques: Vec::new(),
        indexes: Vec::new(),
        checks: Vec::new(),
        foreign_keys: Vec::new(),
        reference: false,
        key_indexed: true,
        adopted: false,
        options: BTreeMap::new(),
    })
}

/// One row by its key, or all.
pub fn tree(table: &Arc<Table>, id: Option<i64>) -> Arc<Tree> {
    let filter = id.map_or(Filter::Const(true), |id| Filter::Compare {
        left: Scalar::Column(0),
        op: Comparison::Eq,
        right: Value::Int(id),
    });
    Arc::new(Tree {
        select: Select {
            table: Arc::clone(table),
            output: [0, 1].map(|ix| Output::Scalar(Scalar::Column(ix))).into(),
            filter,
            order: Vec::new(),
            limit: None,
            offset: 0,
        },
        children: Vec::new(),
    })
}

/// A write of rows, whether they are there or not.
pub fn put(table: &Arc<Table>, rows: impl IntoIterator<Item = (i64, i64)>) -> Write {
    let rows = rows.into_iter();
    let steps = vec![Step::from(Change::Insert(Insert {
        table: Arc::clone(table),
        rows: rows
            .map(|(id, n)| vec![Value::Int(id), Value::Int(n)])
            .collect(),
        conflict: Some(Conflict {
            target: vec![0],
            merge: Some(vec![1]),
        }),
        returning: None,
    }))];
    Write {
        schema_version: 1,
        steps,
        receipt: None,
        finish: Box::new(|_| Ok(Vec::new())),
    }
}
