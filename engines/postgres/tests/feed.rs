//! The feed across processes: two engines over one database write, and what a follower reads
//! through either of them is one history.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is how it fails"
)]

use pando_cluster::Postgres;
use pando_conformance::fixture::bench::insert;
use pando_conformance::fixture::schema::table;
use pando_conformance::row;
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::canonical;
use pando_model::column::ColumnType::Integer;
use pando_model::engine::{
    Engine, FeedCursor, FeedEvent, FeedKind, SchemaChange, Write, WriteAnswer,
};
use pando_model::plan::Row;
use pando_model::schema::{SchemaStep, Table};
use pando_model::stamp::Position;
use std::collections::BTreeMap;
use std::sync::Arc;

const WRITERS: i32 = 4;
const WRITES: i32 = 40;
/// Events of a page: few, so that pages end within transactions.
const PAGE: usize = 7;

async fn open(postgres: &Postgres) -> Arc<PostgresEngine> {
    let url = format!("postgres://postgres@{}/postgres", postgres.address());
    let mut config = PostgresConfig::new(url);
    config.readers = 3;
    PostgresEngine::open(config).await.expect("open")
}

async fn create(engine: &PostgresEngine) -> Arc<Table> {
    let table = table("t").column("id", Integer).key(&["id"]).build();
    let change = SchemaChange {
        from_version: 0,
        to_version: 1,
        steps: vec![SchemaStep::CreateTable(table.clone())],
        record: Vec::new(),
    };
    engine.apply(change).await.expect("a table");
    table
}

async fn write(engine: &PostgresEngine, table: &Arc<Table>, rows: Vec<Row>) -> Position {
    let write = Write {
        schema_version: 1,
        steps: vec![insert(table, rows).into()],
        receipt: None,
        finish: Box::new(|_| Ok(Vec::new())),
    };
    match engine.write(write).await.expect("write") {
        WriteAnswer::Done { at, .. } => at,
        WriteAnswer::Replayed { .. } => panic!("there is no key"),
    }
}

/// What a write has left, by its position: the keys of its rows, in order.
type Written = BTreeMap<u64, Vec<Vec<u8>>>;

/// Writes so many times, a few rows each.
async fn write_many(engine: Arc<PostgresEngine>, table: Arc<Table>, from: i32) -> Written {
    let mut written = Written::new();
    for n in 0..WRITES {
        let rows: Vec<Row> = (0..=n % 3).map(|m| row![from + 3 * n + m]).collect();
        let key = |row: &Row| canonical::key_bytes(&table, &table.primary_key.columns, row);
        let keys = rows.iter().map(key).collect();
        written.insert(write(&engine, &table, rows).await.p, keys);
    }
    written
}

/// Reads on to a position, checking that places rise and nothing is missing.
async fn read_to(
    engine: &PostgresEngine,
    mut cursor: FeedCursor,
    events: &mut Vec<FeedEvent>,
    end: Option<u64>,
    pages: usize,
) -> FeedCursor {
    for _ in 0..pages {
        let page = engine.fetch_feed(cursor, PAGE).await.expect("a page");
        assert!(!page.gap, "a gap behind {cursor:?}");
        for event in &page.events {
            assert!(event.cursor > cursor, "{event:?} behind {cursor:?}");
            cursor = event.cursor;
        }
        assert_eq!(page.next, cursor);
        events.extend(page.events);
        if end.is_some_and(|end| page.consumed.p >= end) {
            break;
        }
    }
    cursor
}

#[tokio::test(flavor = "multi_thread")]
async fn two_engines_write_one_history_in_commit_order_and_without_gaps() {
    let postgres = Postgres::builder().start().await.expect("PostgreSQL");
    let (here, there) = (open(&postgres).await, open(&postgres).await);
    let table = create(&here).await;
    let begin = here.follow("f").await.expect("follow");
    let mut writers = Vec::new();
    for n in 0..WRITERS {
        let engine = if n % 2 == 0 { &here } else { &there };
        let from = n * 3 * WRITES;
        writers.push(tokio::spawn(write_many(
            engine.clone(),
            table.clone(),
            from,
        )));
    }
    // Another process reads while they write; a third goes on where it stood.
    let (mut events, mut cursor) = (Vec::new(), begin);
    for _ in 0..3 {
        let reader = open(&postgres).await;
        assert_eq!(reader.follow("f").await.expect("follow"), cursor);
        cursor = read_to(&reader, cursor, &mut events, None, 10).await;
        reader
            .acknowledge_feed("f", cursor)
            .await
            .expect("it is known");
        reader.close().await.expect("close");
    }
    let mut written = Written::new();
    for writer in writers {
        written.extend(writer.await.expect("it writes"));
    }
    let end = *written.keys().last().expect("writes");
    read_to(&there, cursor, &mut events, Some(end), usize::MAX).await;

    let dense: Vec<u64> = (begin.at.p + 1..=end).collect();
    assert_eq!(written.keys().copied().collect::<Vec<_>>(), dense);
    let mut told = Written::new();
    for event in events {
        assert_eq!(event.kind, FeedKind::Insert);
        let keys = told.entry(event.cursor.at.p).or_default();
        keys.push(event.key);
        assert_eq!(event.cursor.ordinal as usize, keys.len(), "its place");
    }
    assert_eq!(told, written);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_falls_behind_what_is_kept_is_told_of_a_gap_by_every_engine() {
    let postgres = Postgres::builder().start().await.expect("PostgreSQL");
    let (here, there) = (open(&postgres).await, open(&postgres).await);
    let table = create(&here).await;
    let begin = here.follow("slow").await.expect("follow");
    there.follow("fast").await.expect("follow");
    for n in 0..10 {
        let engine = if n % 2 == 0 { &here } else { &there };
        write(engine, &table, vec![row![n]]).await;
    }
    // What one has dealt with is kept for the other.
    let page = there.fetch_feed(begin, 100).await.expect("a page");
    there
        .acknowledge_feed("fast", page.next)
        .await
        .expect("it is known");
    let kept = here.fetch_feed(begin, 100).await.expect("a page");
    assert_eq!((kept.gap, kept.events.len()), (false, 10));
    // Once it is given up, its cursor lies before all that is kept.
    there.unfollow("slow").await.expect("unfollow");
    write(&here, &table, vec![row![10]]).await;
    for engine in [&here, &there] {
        let page = engine.fetch_feed(begin, 100).await.expect("a page");
        assert_eq!((page.gap, page.events.len()), (true, 1));
        // From there on it misses nothing more.
        let on = engine.fetch_feed(page.next, 100).await.expect("a page");
        assert_eq!((on.gap, on.events.len()), (false, 0));
    }
    // While nobody follows nothing is kept, whoever writes.
    here.unfollow("fast").await.expect("unfollow");
    write(&there, &table, vec![row![11]]).await;
    let page = here.fetch_feed(begin, 100).await.expect("a page");
    assert_eq!((page.gap, page.events.len()), (true, 0));
}

/// So many transactions are kept for followers that have not dealt with them.
const KEPT: u64 = 200_000;

#[tokio::test(flavor = "multi_thread")]
async fn no_more_is_kept_than_the_bound_for_a_follower_that_never_comes_back() {
    let postgres = Postgres::builder().start().await.expect("PostgreSQL");
    let engine = open(&postgres).await;
    let table = create(&engine).await;
    let begin = engine.follow("gone").await.expect("follow");
    write(&engine, &table, vec![row![1]]).await;
    let depth = async || {
        let statistics = engine.fetch_statistics().await.expect("statistics");
        statistics.feed_depth
    };
    // As so many writes would leave it.
    let grow = async |by: u64| {
        let events = "insert into _pando_feed select p, 1, timeline, slot, epoch, seq, tbl, kind, key \
                      from (select max(p) as last from _pando_feed) f, \
                      (select timeline, slot, epoch, seq, tbl, kind, key from _pando_feed limit 1) e, \
                      generate_series(last + 1, last + ";
        let commit = "insert into _pando_commit select n + 1, p + ";
        let newest = "'', 0 from _pando_commit order by n desc limit 1";
        let both = format!("begin; {events}{by}) p; {commit}{by}, {newest}; commit");
        postgres.sql(&both).await.expect("events");
    };
    grow(KEPT - 1).await;
    engine.sweep_receipts(0, 10).await.expect("a sweep");
    assert_eq!(depth().await, KEPT, "as much as may be is kept");
    let kept = engine.fetch_feed(begin, PAGE).await.expect("a page");
    assert!(!kept.gap);
    grow(PAGE as u64).await;
    // No receipt has to have run out for it.
    engine.sweep_receipts(0, 10).await.expect("a sweep");
    assert_eq!(depth().await, KEPT, "the oldest are forgotten");
    let page = engine.fetch_feed(begin, PAGE).await.expect("a page");
    assert!(page.gap, "who has not dealt with them is told");
    assert_eq!(page.events[0].cursor.at.p, begin.at.p + 1 + PAGE as u64);
    // Who stood behind what was forgotten misses nothing.
    let at = Position {
        p: begin.at.p + PAGE as u64,
        ..begin.at
    };
    let page = engine.fetch_feed(FeedCursor { at, ordinal: 1 }, PAGE).await;
    assert!(!page.expect("a page").gap);
}
