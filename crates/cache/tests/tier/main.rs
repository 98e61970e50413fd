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

mod bounded;
mod unsteady;

use pando_cache::{Config, Rule, Strategy, ThreadRandom, Tier};
use pando_model::clock::SystemClock;
use pando_model::engine::{Cacheable, Copies, Engine, Freshness, LaidDown, Read, WriteAnswer};
use pando_model::schema::Table;
use pando_model::stamp::Position;
use pando_model::value::Value;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use unsteady::{Feed, Unsteady, put, tree};

const COLLECTION: &str = "rest/t";
const KEYS: i64 = 12;
const SESSIONS: u64 = 8;

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
        let write = put(&self.table, [(id, n)]);
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
    let (engine, table) = Unsteady::with_table(feed, seed).await;
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
