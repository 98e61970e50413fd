//! A tier over a table, whose reads can be held, and somebody who knows what to load.

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
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;
use tokio::sync::Semaphore;

pub const COLLECTION: &str = "rest/t";

/// A clock that is ahead by so much.
#[derive(Debug, Default)]
pub struct Ahead(AtomicI64);

impl Clock for Ahead {
    fn now_us(&self) -> i64 {
        SystemClock.now_us() + self.0.load(Ordering::SeqCst)
    }
}

/// An engine whose reads wait for leave.
pub struct Held {
    inner: MemoryEngine,
    pub leave: Semaphore,
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

/// Knows questions: `five` of them; `many`; `held` ones, that wait for leave; `failing` ones; one
/// of five that is `refused`; `rows` that are read. What a `bad` query finds cannot be said, and a
/// list that `hangs` never comes.
struct Knowing {
    asked: Arc<AtomicU64>,
    leave: Arc<Semaphore>,
    tier: Weak<Tier>,
    table: Arc<Table>,
}

struct Page {
    questions: Option<Vec<Question>>,
    hangs: bool,
}

impl Knowing {
    fn question(&self, query: &str, number: i64) -> Question {
        let (asked, leave) = (Arc::clone(&self.asked), Arc::clone(&self.leave));
        let (tier, table) = (Weak::clone(&self.tier), Arc::clone(&self.table));
        let query = query.to_owned();
        Box::new(move || {
            Box::pin(async move {
                asked.fetch_add(1, Ordering::SeqCst);
                let is_refused = query == "refused" && number == 2;
                if query == "failing" || is_refused {
                    return Err(WarmError {
                        is_refused,
                        reason: query,
                    });
                }
                if query == "held" {
                    leave.acquire().await.unwrap().forget();
                }
                if query == "rows" {
                    read(&tier.upgrade().unwrap(), &table, number).await;
                }
                Ok(())
            })
        })
    }
}

impl Warmer for Knowing {
    fn begin(&self, _: &str, query: &str) -> std::result::Result<Box<dyn Hot>, WarmError> {
        if query == "bad" {
            return Err(WarmError {
                is_refused: true,
                reason: query.to_owned(),
            });
        }
        let count = match query {
            "many" | "rows" => 1_000,
            "none" => 0,
            _ => 5,
        };
        Ok(Box::new(Page {
            questions: Some((0..count).map(|at| self.question(query, at)).collect()),
            hangs: query == "hangs",
        }))
    }
}

#[async_trait]
impl Hot for Page {
    async fn next(&mut self) -> std::result::Result<Option<Vec<Question>>, WarmError> {
        if self.hangs {
            std::future::pending::<()>().await;
        }
        Ok(self.questions.take())
    }
}

/// A tier over a table, and who counts what it is asked.
pub struct Site {
    pub engine: Arc<Held>,
    pub tier: Arc<Tier>,
    table: Arc<Table>,
    asked: Arc<AtomicU64>,
    /// What `held` questions wait for.
    pub leave: Arc<Semaphore>,
    clock: Arc<Ahead>,
    witnesses: AtomicU64,
    rules: Mutex<BTreeMap<String, Rule>>,
}

impl Site {
    pub async fn start() -> Site {
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
        let (asked, leave) = (Arc::default(), Arc::new(Semaphore::new(0)));
        tier.warm_by(Arc::new(Knowing {
            asked: Arc::clone(&asked),
            leave: Arc::clone(&leave),
            tier: Arc::downgrade(&tier),
            table: Arc::clone(&table),
        }));
        let site = Site {
            engine,
            tier,
            table,
            asked,
            leave,
            clock,
            witnesses: AtomicU64::new(0),
            rules: Mutex::default(),
        };
        site.rule(0, None);
        site.until(|site| site.tier.caches().unwrap().is_following)
            .await;
        site
    }

    pub fn rule(&self, generation: u64, warm: Option<&str>) {
        let warm = warm.map(|query| (query, 10_000));
        self.rule_of(COLLECTION, generation, warm, Config::default());
    }

    /// Has another rule of a collection hold, beside those of others.
    pub fn rule_of(&self, name: &str, generation: u64, warm: Option<(&str, u32)>, config: Config) {
        let rule = Rule::new(Strategy::ReadThrough, config).unwrap();
        let warm = warm.map(|(query, rate)| Warm {
            query: query.to_owned(),
            rate,
            asked: 0,
        });
        let rule = Rule {
            generation,
            warm,
            ..rule
        };
        let mut rules = self.rules.lock().unwrap();
        rules.insert(name.to_owned(), rule);
        self.tier.apply(rules.clone()).unwrap();
    }

    pub fn pass(&self, seconds: i64) {
        self.clock
            .0
            .fetch_add(seconds * 1_000_000, Ordering::SeqCst);
    }

    /// Waits until it was looked whether something is due: in turn, by name, so that one behind
    /// all others is begun when it is known what of them is not.
    pub async fn looks(&self) {
        let number = self.witnesses.fetch_add(1, Ordering::SeqCst);
        let witness = format!("rest/witness-{number}");
        self.rule_of(&witness, 0, Some(("none", 1)), Config::default());
        self.until(|site| site.warming_of(&witness).state == "done")
            .await;
    }

    /// Another schema drops everything; waits until that is so.
    pub async fn drop_all(&self, from_version: u64) {
        let change = SchemaChange {
            from_version,
            to_version: from_version + 1,
            steps: Vec::new(),
            record: Vec::new(),
        };
        Engine::apply(&*self.tier, change).await.unwrap();
        // A page that was asked for from here on tells of it.
        let now_us = self.clock.now_us();
        self.until(|site| site.tier.caches().unwrap().asked_at_us > now_us)
            .await;
    }

    pub fn warming(&self) -> WarmReport {
        self.warming_of(COLLECTION)
    }

    pub fn warming_of(&self, name: &str) -> WarmReport {
        let report = self.tier.caches().unwrap();
        let mut of = report.collections.into_iter();
        let of = of.find(|of| of.collection == name).unwrap();
        of.warming.unwrap()
    }

    pub async fn until(&self, is_so: impl Fn(&Site) -> bool) {
        let within = Duration::from_secs(60);
        let seen = async {
            while !is_so(self) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        };
        let seen = tokio::time::timeout(within, seen).await;
        assert!(seen.is_ok(), "it is not so: {:?}", self.tier.caches());
    }

    pub async fn read(&self, id: i64) {
        read(&self.tier, &self.table, id).await;
    }

    pub fn reads(&self) -> u64 {
        self.engine.reads.load(Ordering::SeqCst)
    }

    pub fn asked(&self) -> u64 {
        self.asked.load(Ordering::SeqCst)
    }
}

async fn read(tier: &Tier, table: &Arc<Table>, id: i64) {
    let read = Read {
        schema_version: 1,
        tree: tree(table, id),
        count: false,
        freshness: Freshness {
            seen: None,
            copies: Copies::Covering,
        },
    };
    let of = Cacheable::new(COLLECTION.to_owned());
    tier.read_of(read, &of).await.unwrap();
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
