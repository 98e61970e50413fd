//! A store that an older Pando has made is brought up to date when it is opened, and goes on where
//! it was.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is how it fails"
)]

mod databases;

use databases::{Databases, run};
use pando_conformance::fixture::bench::insert;
use pando_conformance::fixture::schema::table;
use pando_conformance::row;
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::column::ColumnType::Integer;
use pando_model::engine::{Engine, FeedEvent, SchemaChange, Write, WriteAnswer};
use pando_model::schema::{SchemaStep, Table};
use pando_model::stamp::Position;
use std::sync::Arc;

/// Makes of a store what layout 1 was.
const BACK_TO_1: &str = "
    ALTER TABLE _pando_shard ADD COLUMN position bigint, ADD COLUMN feed_floor_p bigint,
        ADD COLUMN feed_floor_ordinal bigint;
    UPDATE _pando_shard SET layout = 1, feed_floor_p = f.p, feed_floor_ordinal = f.ordinal,
        position = (SELECT p FROM _pando_commit ORDER BY n DESC LIMIT 1)
    FROM _pando_feed_floor AS f;
    ALTER TABLE _pando_fence ADD COLUMN seq bigint;
    UPDATE _pando_fence AS f SET seq = c.seq FROM _pando_count AS c WHERE c.slot = f.slot;
    ALTER TABLE _pando_follower DROP CONSTRAINT _pando_follower_pkey, ADD PRIMARY KEY (name);
    CREATE TABLE _pando_writer (
        id bytea PRIMARY KEY, number bigint NOT NULL, seen_at timestamptz NOT NULL);
    DROP TABLE _pando_commit, _pando_count, _pando_feed_floor";
/// What a process of that Pando does last in each transaction.
const AS_1_WRITES: &str = "UPDATE _pando_shard SET position = position + 1";

#[tokio::test(flavor = "multi_thread")]
async fn a_store_of_layout_1_goes_on_where_it_was_and_its_old_writers_do_not() {
    let databases = Databases::start().await;
    let (engine, url) = databases.open_new().await;
    let (_, database) = url.rsplit_once('/').expect("a database");
    let t = create(&engine).await;
    let begin = engine.follow("f").await.expect("follow");
    let before = write(&engine, &t, 1).await;
    write(&engine, &t, 2).await;
    let page = engine.fetch_feed(begin, 1).await.expect("a page");
    let known = engine.acknowledge_feed("f", page.next).await;
    known.expect("acknowledge");
    let stood = engine.follow("f").await.expect("follow");
    let kept = engine.fetch_feed(stood, 10).await.expect("a page");
    assert_eq!((kept.gap, kept.events.len()), (false, 1));
    engine.close().await.expect("close");
    run(&url, BACK_TO_1).await;
    run(&url, AS_1_WRITES).await;

    let engine = open(&url).await;
    assert_eq!(engine.progress().high.p, before.p + 2);
    let postgres = databases.postgres();
    let old = postgres.sql_in(database, AS_1_WRITES).await;
    assert!(old.is_err(), "a writer of layout 1 is stopped: {old:?}");
    assert_eq!(write(&engine, &t, 3).await.p, before.p + 3);
    assert_eq!(engine.follow("f").await.expect("follow"), stood);
    let page = engine.fetch_feed(stood, 10).await.expect("a page");
    assert!(!page.gap);
    let seqs = |events: &[FeedEvent]| events.iter().map(|one| one.seq).collect::<Vec<_>>();
    assert_eq!(seqs(&page.events), [2, 3], "counted on");
    // What was forgotten before is known to be.
    assert!(engine.fetch_feed(begin, 10).await.expect("a page").gap);
    assert_eq!(engine.verify().await.expect("verify"), Vec::<String>::new());
    // Another one finds it done.
    let another = open(&url).await;
    assert_eq!(write(&another, &t, 4).await.p, before.p + 4);
}

async fn open(url: &str) -> Arc<PostgresEngine> {
    let opened = PostgresEngine::open(PostgresConfig::new(url)).await;
    opened.expect("open")
}

/// Rows of one slot.
async fn create(engine: &PostgresEngine) -> Arc<Table> {
    let table = table("t")
        .column("a", Integer)
        .column("n", Integer)
        .key(&["n", "a"])
        .shard_by(&["a"])
        .build();
    let change = SchemaChange {
        from_version: 0,
        to_version: 1,
        steps: vec![SchemaStep::CreateTable(table.clone())],
        record: Vec::new(),
    };
    engine.apply(change).await.expect("a table");
    table
}

async fn write(engine: &PostgresEngine, table: &Arc<Table>, n: i64) -> Position {
    let write = Write {
        schema_version: 1,
        steps: vec![insert(table, vec![row![1, n]]).into()],
        receipt: None,
        finish: Box::new(|_| Ok(Vec::new())),
    };
    match engine.write(write).await.expect("write") {
        WriteAnswer::Done { at, .. } => at,
        WriteAnswer::Replayed { .. } => panic!("there is no key"),
    }
}
