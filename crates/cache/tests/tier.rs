//! Caches in front of an engine, whose feed fails, jumps and lags by chance: sessions read nothing
//! older than what they wrote or saw. And a feed that leaves something out without a word is found
//! out by the same walk, and by the checker.
//!
//! The seed is printed; `PANDO_SEED=… cargo test -p pando-cache --test tier` repeats a walk.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is how it fails"
)]

use async_trait::async_trait;
use pando_cache::{Config, Rule, SeededRandom, Strategy, ThreadRandom, Tier};
use pando_engine_memory::MemoryEngine;
use pando_model::clock::SystemClock;
use pando_model::column::ColumnType;
use pando_model::engine::{
    Cacheable, Copies, Engine, EngineInfo, FeedCursor, FeedPage, Freshness, LaidDown, Progress,
    Read, ReadAnswer, ReadSteps, Result, SchemaChange, Statistics, Step, StepsAnswer, Write,
    WriteAnswer,
};
use pando_model::error::EngineError;
use pando_model::plan::{
    Change, Comparison, Conflict, Filter, Insert, Output, Scalar, Select, Tree,
};
use pando_model::schema::{Column, PrimaryKey, SchemaStep, Table};
use pando_model::stamp::Position;
use pando_model::value::Value;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const COLLECTION: &str = "rest/t";
const KEYS: i64 = 12;
const SESSIONS: u64 = 8;

/// What a feed does besides being a feed.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Feed {
    /// It fails, jumps and lags.
    Flaky,
    /// It leaves events out, and says nothing.
    Lying,
}

/// An engine whose feed is not as it should be.
struct Unsteady {
    inner: MemoryEngine,
    feed: Feed,
    random: SeededRandom,
}

impl Unsteady {
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
        let few = if self.is(0.3) { 2 } else { max };
        let mut page = self.inner.fetch_feed(after, few).await?;
        match self.feed {
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
fn tree(table: &Arc<Table>, id: Option<i64>) -> Arc<Tree> {
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

/// A caller who keeps his stamp, and the newest that he has seen of each row.
struct Session {
    tier: Arc<Tier>,
    table: Arc<Table>,
    seen: Option<Position>,
    newest: HashMap<i64, i64>,
    random: StdRng,
}

impl Session {
    async fn write(&mut self, id: i64, n: i64) {
        let steps = vec![Step::from(Change::Insert(Insert {
            table: Arc::clone(&self.table),
            rows: vec![vec![Value::Int(id), Value::Int(n)]],
            conflict: Some(Conflict {
                target: vec![0],
                merge: Some(vec![1]),
            }),
            returning: None,
        }))];
        let write = Write {
            schema_version: 1,
            steps,
            receipt: None,
            finish: Box::new(|_| Ok(Vec::new())),
        };
        let lay_down = match self.tier.lays_down(COLLECTION) {
            true => vec![LaidDown {
                tree: tree(&self.table, Some(id)),
                of: Cacheable::new(COLLECTION),
            }],
            false => Vec::new(),
        };
        let done = self.tier.write_through(write, lay_down).await.unwrap();
        let WriteAnswer::Done { at, .. } = done else {
            panic!("nothing was written before")
        };
        self.seen = self.seen.max(Some(at));
        self.newest.insert(id, n);
    }

    /// How many rows of an answer are older than what was known.
    async fn read(&mut self, id: Option<i64>) -> u64 {
        let read = Read {
            schema_version: 1,
            tree: tree(&self.table, id),
            count: false,
            freshness: Freshness {
                seen: self.seen,
                copies: Copies::Covering,
            },
        };
        let answer = self.tier.read_of(read, &Cacheable::new(COLLECTION)).await;
        let answer = answer.unwrap();
        self.seen = self.seen.max(Some(answer.high));
        let mut older = 0;
        for row in &answer.rows.rows {
            let [Value::Int(id), Value::Int(n)] = row.as_slice() else {
                panic!("{row:?}")
            };
            let newest = self.newest.entry(*id).or_default();
            older += u64::from(*n < *newest);
            *newest = (*newest).max(*n);
        }
        older
    }

    /// Writes rows of his own, reads all.
    async fn go_on(mut self, own: i64, until: Instant) -> u64 {
        let mut older = 0;
        let mut n = 0;
        while Instant::now() < until {
            match self.random.random_range(0..10) {
                0 | 1 if own < KEYS => {
                    n += 1;
                    self.write(own, n).await;
                    older += self.read(Some(own)).await;
                }
                2 => older += self.read(None).await,
                _ => {
                    let id = self.random.random_range(0..KEYS);
                    older += self.read(Some(id)).await;
                }
            }
            tokio::task::yield_now().await;
        }
        older
    }
}

/// What a walk found: rows that were older than what was known, and what the caches say.
struct Walked {
    older: u64,
    hits: u64,
    wrong: u64,
}

async fn walk(feed: Feed, strategy: Strategy, span: Duration, seed: u64) -> Walked {
    let engine = Arc::new(Unsteady {
        inner: MemoryEngine::new(),
        feed,
        random: SeededRandom::new(seed),
    });
    let table = table();
    let change = SchemaChange {
        from_version: 0,
        to_version: 1,
        steps: vec![SchemaStep::CreateTable(Arc::clone(&table))],
        record: Vec::new(),
    };
    engine.apply(change).await.unwrap();
    let tier = Tier::new(engine, Arc::new(SystemClock), Arc::new(ThreadRandom)).unwrap();
    let rule = Rule::new(strategy, Config::default()).unwrap();
    tier.apply([(COLLECTION.to_owned(), rule)].into()).unwrap();
    let until = Instant::now() + span;
    let sessions = (0..SESSIONS).map(|number| {
        let session = Session {
            tier: Arc::clone(&tier),
            table: Arc::clone(&table),
            seen: None,
            newest: HashMap::new(),
            random: StdRng::seed_from_u64(seed.wrapping_add(number)),
        };
        tokio::spawn(session.go_on(number as i64, until))
    });
    let mut older = 0;
    for session in sessions.collect::<Vec<_>>() {
        older += session.await.unwrap();
    }
    let report = tier.caches().unwrap();
    let counts = report.collections[0].counts;
    println!("{feed:?} {strategy}: {older} older, {counts:?}");
    Walked {
        older,
        hits: counts.hits,
        wrong: counts.inconsistent,
    }
}

fn seed() -> u64 {
    let said = std::env::var("PANDO_SEED").ok();
    let seed = said
        .and_then(|said| said.parse().ok())
        .unwrap_or_else(rand::random);
    println!("PANDO_SEED={seed} repeats it");
    seed
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_reads_older_whatever_happens_to_the_feed_under_every_strategy() {
    let seed = seed();
    for strategy in Strategy::ALL {
        let walked = walk(Feed::Flaky, strategy, Duration::from_millis(700), seed).await;
        assert_eq!(walked.older, 0, "{strategy}");
        assert!(walked.hits > 0, "{strategy}: nothing came from memory");
        assert_eq!(walked.wrong, 0, "{strategy}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_leaves_events_out_is_found_out_by_the_same_walk_and_by_the_checker() {
    let walked = walk(
        Feed::Lying,
        Strategy::ReadThrough,
        Duration::from_secs(3),
        seed(),
    )
    .await;
    assert!(walked.older > 0, "the walk does not see what is left out");
    assert!(
        walked.wrong > 0,
        "the checker does not see what is left out"
    );
}
