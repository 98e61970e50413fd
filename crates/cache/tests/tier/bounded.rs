//! Bounded reads while the feed is being caught up with: what a full page leaves out may be older
//! than the bound.

use crate::unsteady::{Feed, Unsteady, put, tree};
use crate::{COLLECTION, seed};
use pando_cache::{Config, Rule, Strategy, ThreadRandom, Tier};
use pando_model::clock::{Clock, ManualClock};
use pando_model::engine::{Cacheable, Copies, Engine, Freshness, Read};
use pando_model::schema::Table;
use pando_model::value::Value;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);
/// Rows that one write leaves; twelve of them are more than two pages.
const ROWS: i64 = 1_024;
/// The row that is looked at.
const OWN: i64 = -1;

async fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{what}");
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// The value of the own row, for one who takes such copies.
async fn read(tier: &Tier, table: &Arc<Table>, copies: Copies) -> Option<i64> {
    let read = Read {
        schema_version: 1,
        tree: tree(table, Some(OWN)),
        count: false,
        freshness: Freshness { seen: None, copies },
    };
    let answer = tier.read_of(read, &Cacheable::new(COLLECTION)).await;
    let rows = answer.unwrap().rows.rows;
    rows.first().map(|row| match row.as_slice() {
        [_, Value::Int(n)] => *n,
        other => panic!("{other:?}"),
    })
}

#[tokio::test]
async fn while_the_feed_is_behind_nobody_is_given_what_is_older_than_his_bound() {
    let (engine, table) = Unsteady::with_table(Feed::Gated, seed()).await;
    let clock = Arc::new(ManualClock::new(1_000_000_000));
    let inner = Arc::clone(&engine) as Arc<dyn Engine>;
    let tier = Tier::new(
        inner,
        Arc::clone(&clock) as Arc<dyn Clock>,
        Arc::new(ThreadRandom),
    );
    let tier = tier.unwrap();
    let config = Config {
        ttl: None,
        ..Config::default()
    };
    let rule = Rule::new(Strategy::ReadThrough, config).unwrap();
    tier.apply([(COLLECTION.to_owned(), rule)].into()).unwrap();
    let is_asked = |times| {
        let engine = Arc::clone(&engine);
        move || engine.asked.load(Ordering::SeqCst) >= times
    };
    engine.write(put(&table, [(OWN, 1)])).await.unwrap();
    engine.gate.add_permits(1);
    wait_for("it follows", || tier.caches().unwrap().is_following).await;
    assert_eq!(read(&tier, &table, Copies::Covering).await, Some(1));
    wait_for("the feed is asked", is_asked(2)).await;
    // More than two pages are written, and then the row; and it takes a while.
    for n in 0..12 {
        let rows = (n * ROWS..(n + 1) * ROWS).map(|id| (id, 0));
        engine.write(put(&table, rows)).await.unwrap();
    }
    engine.write(put(&table, [(OWN, 2)])).await.unwrap();
    clock.advance_us(10_000_000);
    engine.gate.add_permits(1);
    wait_for("it is asked for the second page", is_asked(3)).await;
    // That was asked for just now, and ends long before what is there by now.
    engine.gate.add_permits(1);
    wait_for("it is asked for the third page", is_asked(4)).await;
    let within = |seconds| Copies::Within(Duration::from_secs(seconds));
    let anybody = Copies::Any;
    for (copies, n) in [(anybody, 1), (within(60), 1), (within(5), 2)] {
        assert_eq!(read(&tier, &table, copies).await, Some(n), "{copies:?}");
    }
    // The rest is taken in, and the row with it.
    engine.gate.add_permits(1_000);
    wait_for("it catches up", || {
        let consumed = tier.caches().unwrap().consumed;
        consumed == engine.progress().low
    })
    .await;
    for copies in [anybody, within(60), within(5)] {
        assert_eq!(read(&tier, &table, copies).await, Some(2), "{copies:?}");
    }
}
