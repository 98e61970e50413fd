//! What is loaded before it is asked for: when, how fast, and for whom it makes way. And what a
//! flush does to what is under way.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is how it fails"
)]

use async_trait::async_trait;
use pando_cache::{
    Config, Hot, Question, Rule, Strategy, ThreadRandom, Tier, Warm, WarmError, Warmer,
};
use pando_engine_memory::MemoryEngine;
use pando_model::caching::WarmReport;
use pando_model::clock::{Clock, SystemClock};
use pando_model::column::ColumnType;
use pando_model::engine::{
    Cacheable, Copies, Engine, EngineInfo, FeedCursor, FeedPage, Freshness, Progress, Read,
    ReadAnswer, ReadSteps, Result, SchemaChange, Statistics, StepsAnswer, Write, WriteAnswer,
};
use pando_model::plan::{Comparison, Filter, Output, Scalar, Select, Tree};
use pando_model::schema::{Column, PrimaryKey, SchemaStep, Table};
use pando_model::stamp::Position;
use pando_model::value::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

const COLLECTION: &str = "rest/t";

/// A clock that is ahead by so much.
#[derive(Debug, Default)]
struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now_us(&self) -> i64 {
        SystemClock.now_us() + self.0.load(Ordering::SeqCst)
    }
}

/// An engine whose reads wait for leave.
struct Held {
    inner: MemoryEngine,
    leave: Semaphore,
    reads: AtomicU64,
}

#[async_trait]
impl Engine for Held {
    fn info(&self) -> EngineInfo {
        self.inner.info()
    }

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
        self.reads.fetch_add(1, Ordering::SeqCst);
        let _leave = self.leave.acquire().await.unwrap();
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
        self.inner.fetch_feed(after, max).await
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

/// Knows five questions; a query of `failing` and `refused` has them fail.
#[derive(Default)]
struct Five {
    asked: Arc<AtomicU64>,
}

struct Page(Option<Vec<Question>>);

impl Warmer for Five {
    fn begin(&self, _: &str, query: &str) -> std::result::Result<Box<dyn Hot>, WarmError> {
        let question = |_| -> Question {
            let (asked, query) = (Arc::clone(&self.asked), query.to_owned());
            Box::new(move || {
                Box::pin(async move {
                    asked.fetch_add(1, Ordering::SeqCst);
                    match query.as_str() {
                        "five" => Ok(()),
                        _ => Err(WarmError {
                            is_refused: query == "refused",
                            reason: query,
                        }),
                    }
                })
            })
        };
        Ok(Box::new(Page(Some((0..5).map(question).collect()))))
    }
}

#[async_trait]
impl Hot for Page {
    async fn next(&mut self) -> std::result::Result<Option<Vec<Question>>, WarmError> {
        Ok(self.0.take())
    }
}

/// A tier over a table, and who counts what it is asked.
struct Site {
    engine: Arc<Held>,
    tier: Arc<Tier>,
    table: Arc<Table>,
    asked: Arc<AtomicU64>,
    clock: Arc<Ahead>,
}

impl Site {
    async fn start() -> Site {
        let engine = Arc::new(Held {
            inner: MemoryEngine::new(),
            leave: Semaphore::new(1_000),
            reads: AtomicU64::new(0),
        });
        let table = table();
        let change = SchemaChange {
            from_version: 0,
            to_version: 1,
            steps: vec![SchemaStep::CreateTable(Arc::clone(&table))],
            record: Vec::new(),
        };
        engine.apply(change).await.unwrap();
        let clock = Arc::new(Ahead::default());
        let tier = Tier::new(
            Arc::clone(&engine) as Arc<dyn Engine>,
            Arc::clone(&clock) as Arc<dyn Clock>,
            Arc::new(ThreadRandom),
        );
        let tier = tier.unwrap();
        let five = Five::default();
        let asked = Arc::clone(&five.asked);
        tier.warm_by(Arc::new(five));
        let site = Site {
            engine,
            tier,
            table,
            asked,
            clock,
        };
        site.rule(0, None);
        site.until(|site| site.tier.caches().unwrap().is_following)
            .await;
        site
    }

    fn rule(&self, generation: u64, warm: Option<&str>) {
        let rule = Rule::new(Strategy::ReadThrough, Config::default()).unwrap();
        let warm = warm.map(|query| Warm {
            query: query.to_owned(),
            rate: 1_000,
            asked: 0,
        });
        let rule = Rule {
            generation,
            warm,
            ..rule
        };
        let rules = [(COLLECTION.to_owned(), rule)].into();
        self.tier.apply(rules).unwrap();
    }

    fn pass(&self, seconds: i64) {
        self.clock
            .0
            .fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Waits until it was looked several times whether something is due: what did not happen by
    /// then is not going to.
    async fn looks(&self) {
        tokio::time::sleep(Duration::from_secs(1)).await;
    }

    fn warming(&self) -> WarmReport {
        let report = self.tier.caches().unwrap();
        report.collections[0].warming.clone().unwrap()
    }

    async fn until(&self, is_so: impl Fn(&Site) -> bool) {
        let within = Duration::from_secs(60);
        let seen = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let seen = tokio::time::timeout(within, seen).await;
        assert!(seen.is_ok(), "it is not so: {:?}", self.tier.caches());
    }

    async fn read(&self, id: i64) {
        let read = Read {
            schema_version: 1,
            tree: tree(&self.table, id),
            count: false,
            freshness: Freshness {
                seen: None,
                copies: Copies::Covering,
            },
        };
        let of = Cacheable::new(COLLECTION.to_owned());
        self.tier.read_of(read, &of).await.unwrap();
    }

    fn reads(&self) -> u64 {
        self.engine.reads.load(Ordering::SeqCst)
    }

    fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

fn table() -> Arc<Table> {
    let id = Column {
        name: "id".to_owned(),
        ty: ColumnType::Bigint,
        nullable: false,
        default: None,
        identity: None,
        generated: None,
    };
    Arc::new(Table {
        name: "t".to_owned(),
        columns: vec![id],
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

fn tree(table: &Arc<Table>, id: i64) -> Arc<Tree> {
    Arc::new(Tree {
        select: Select {
            table: Arc::clone(table),
            output: vec![Output::Scalar(Scalar::Column(0))],
            filter: Filter::Compare {
                left: Scalar::Column(0),
                op: Comparison::Eq,
                right: Value::Int(id),
            },
            order: Vec::new(),
            limit: None,
            offset: 0,
        },
        children: Vec::new(),
    })
}

#[tokio::test]
async fn while_others_use_what_the_store_has_nothing_is_asked_before_it_is_wanted() {
    let site = Arc::new(Site::start().await);
    let all = site.engine.leave.acquire_many(1_000).await.unwrap();
    let crowd: Vec<_> = (0..200)
        .map(|id| {
            let site = Arc::clone(&site);
            tokio::spawn(async move { site.read(id).await })
        })
        .collect();
    site.until(|site| site.tier.caches().unwrap().loads_waiting > 0)
        .await;
    site.rule(0, Some("five"));
    site.until(|site| site.warming().state == "paused").await;
    assert_eq!(site.asked(), 0, "they were in the way of others");
    drop(all);
    for one in crowd {
        one.await.unwrap();
    }
    site.until(|site| site.warming().state == "done").await;
    assert_eq!(site.asked(), 5);
}

#[tokio::test]
async fn what_was_dropped_is_loaded_again_and_no_more_often_than_every_half_minute() {
    let site = Site::start().await;
    site.rule(0, Some("five"));
    site.until(|site| site.warming().state == "done").await;
    // Another schema drops everything.
    let change = SchemaChange {
        from_version: 1,
        to_version: 2,
        steps: Vec::new(),
        record: Vec::new(),
    };
    Engine::apply(&*site.tier, change).await.unwrap();
    site.looks().await;
    assert_eq!(site.warming().warmed, 5, "it was loaded again at once");
    site.pass(31);
    site.until(|site| site.warming().warmed == 10).await;
    // Whoever asks for it waits for nothing.
    site.rule(1, Some("five"));
    site.until(|site| site.warming().warmed == 15).await;
}

#[tokio::test]
async fn what_fails_is_told_and_tried_again_unless_it_can_never_be() {
    let site = Site::start().await;
    for (query, asked) in [("failing", 3), ("refused", 1)] {
        let before = site.asked();
        site.rule(0, Some(query));
        site.until(|site| site.warming().state == "failed").await;
        assert_eq!(site.asked() - before, asked, "{query}");
        assert_eq!(site.warming().error.as_deref(), Some(query));
        assert_eq!(site.warming().warmed, 0);
        site.pass(31);
        if query == "failing" {
            site.until(|site| site.asked() - before == asked * 2).await;
        } else {
            site.looks().await;
            assert_eq!(site.asked() - before, asked, "{query}");
        }
    }
}

#[tokio::test]
async fn what_is_read_while_all_is_flushed_is_not_given_afterwards() {
    let site = Arc::new(Site::start().await);
    let all = site.engine.leave.acquire_many(1_000).await.unwrap();
    let read = {
        let site = Arc::clone(&site);
        tokio::spawn(async move { site.read(1).await })
    };
    site.until(|site| site.reads() == 1).await;
    // It was read before, and comes in later.
    site.rule(1, None);
    drop(all);
    read.await.unwrap();
    for loads in [2, 2] {
        site.read(1).await;
        assert_eq!(site.reads(), loads);
    }
}
