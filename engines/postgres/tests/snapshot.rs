//! While somebody holds an old snapshot nothing can be taken away that has died since: a report,
//! `pg_dump`, a session that was forgotten. No write walks over it all the same. It is told by the
//! pages that PostgreSQL touches for so many writes, and by no time.

#![allow(
    clippy::cast_precision_loss,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a test: a panic is how it fails, and it tells its figures"
)]

mod databases;

use databases::Databases;
use pando_conformance::fixture::bench::{insert, receipt};
use pando_conformance::fixture::query::{eq, select};
use pando_conformance::fixture::schema::table;
use pando_conformance::row;
use pando_engine_postgres::{PostgresConfig, PostgresEngine};
use pando_model::column::ColumnType::Integer;
use pando_model::engine::{Engine, FeedCursor, Freshness, Read, SchemaChange, Write, WriteAnswer};
use pando_model::plan::Tree;
use pando_model::schema::{SchemaStep, Table};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Writes under the snapshot; `PANDO_SNAPSHOT_WRITES` takes more.
const WRITES: i64 = 2_000;
/// Writes whose pages are counted, before and after.
const COUNTED: i64 = 100;
/// A follower says how far it has got after so many.
const ACKNOWLEDGED: i64 = 5;
/// So many more pages may be touched for a write, as the trees of indexes grow: a page more for each
/// look into one that has a level more.
const PAGES_MORE: f64 = 15.0;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Plain,
    /// With an idempotency key; the one before has run out.
    Keyed,
    /// A follower is told of it.
    Followed,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_touches_no_more_pages_under_an_old_snapshot() {
    check(Kind::Plain).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_with_a_key_when_receipts_run_out() {
    check(Kind::Keyed).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nor_does_one_that_is_followed() {
    check(Kind::Followed).await;
}

async fn check(kind: Kind) {
    let databases = Databases::start().await;
    let postgres = databases.postgres();
    // VACUUM would touch pages too, and make plans anew.
    for sql in [
        "ALTER SYSTEM SET synchronous_commit = off",
        "ALTER SYSTEM SET autovacuum = off",
        "SELECT pg_reload_conf()",
    ] {
        postgres.sql(sql).await.expect("SQL");
    }
    let (engine, url) = databases.open_new().await;
    let table = create(&engine).await;
    if kind == Kind::Followed {
        engine.follow("f").await.expect("follow");
    }
    engine.close().await.expect("close");
    let mut scene = Scene {
        databases: &databases,
        table,
        url,
        kind,
        written: 0,
    };
    // What is not there at first: pages of the relations, and what is removed.
    scene.pages_of(COUNTED).await;
    // Plans are made for what PostgreSQL has counted: few rows.
    scene.sql("VACUUM ANALYZE").await;
    let holder = Holder::begin(&scene.url).await;
    let few = scene.pages_of(COUNTED).await;
    let writes = std::env::var("PANDO_SNAPSHOT_WRITES");
    let writes = writes.map_or(WRITES, |text| text.parse().expect("a number"));
    let many = scene.pages_of(writes).await;
    let (few_sum, many_sum) = (few.values().sum::<f64>(), many.values().sum::<f64>());
    let told = format!(
        "{kind:?}: {few_sum:.1} pages for each of {COUNTED} writes, {many_sum:.1} for each of \
         {writes}: {few:.1?}, {many:.1?}"
    );
    println!("{told}");
    assert!(many_sum <= few_sum + PAGES_MORE, "{told}");
    holder.end().await;
}

struct Scene<'d> {
    databases: &'d Databases,
    table: Arc<Table>,
    url: String,
    kind: Kind,
    written: i64,
}

impl Scene<'_> {
    /// Pages of each of Pando's own relations that are touched for a write, by an engine that is
    /// opened for so many.
    async fn pages_of(&mut self, writes: i64) -> BTreeMap<String, f64> {
        let before = self.touched().await;
        let engine = open(&self.url).await;
        let mut left = writes;
        while left > 0 {
            let (begun, some) = (Instant::now(), left.min(1_000));
            self.write(&engine, some).await;
            let each = begun.elapsed().as_secs_f64() * 1_000.0 / some as f64;
            println!(
                "{:?}: {each:.2} ms a write, after {}",
                self.kind, self.written
            );
            left -= some;
        }
        engine.close().await.expect("close");
        let mut each = BTreeMap::new();
        for (name, after) in self.touched().await {
            let pages = after - before.get(&name).unwrap_or(&0);
            each.insert(name, pages as f64 / writes as f64);
        }
        each
    }

    /// Pages that were touched of each relation. A connection tells when it ends.
    async fn touched(&self) -> BTreeMap<String, u64> {
        let database = self.database();
        let postgres = self.databases.postgres();
        let quiet = format!(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = '{database}' \
             AND backend_xmin IS NULL AND backend_type = 'client backend'"
        );
        let ended = pando_cluster::until("quiet", Duration::from_secs(30), || async {
            match postgres.sql(&quiet).await.expect("SQL").trim() {
                "0" => Ok(()),
                count => Err(format!("{count} connections")),
            }
        });
        ended.await.expect("they end");
        let touched = "SELECT relname || ' ' || heap_blks_read + heap_blks_hit + \
                       coalesce(idx_blks_read + idx_blks_hit, 0) FROM pg_statio_user_tables \
                       WHERE starts_with(relname, '_pando_')";
        let told = self.sql(touched).await;
        let lines = told.lines().filter_map(|line| line.split_once(' '));
        let counts = lines.map(|(name, pages)| (name.to_owned(), pages.parse().expect("pages")));
        counts.collect()
    }

    fn database(&self) -> &str {
        let (_, database) = self.url.rsplit_once('/').expect("a database");
        database
    }

    async fn sql(&self, statements: &str) -> String {
        let postgres = self.databases.postgres();
        let told = postgres.sql_in(self.database(), statements).await;
        told.expect("SQL")
    }

    async fn write(&mut self, engine: &PostgresEngine, writes: i64) {
        for _ in 0..writes {
            self.written += 1;
            let n = self.written;
            // What runs out does so by the next write.
            let keyed = || receipt(&format!("key {n}"), 1, n * 1_000_000);
            let write = Write {
                schema_version: 1,
                steps: vec![insert(&self.table, vec![row![1, n]]).into()],
                receipt: (self.kind == Kind::Keyed).then(keyed),
                finish: Box::new(|_| Ok(Vec::new())),
            };
            let WriteAnswer::Done { at, .. } = engine.write(write).await.expect("write") else {
                panic!("each has a key of its own");
            };
            if n % ACKNOWLEDGED != 0 {
                continue;
            }
            self.look(engine, n).await;
            if self.kind == Kind::Followed {
                let page = engine.fetch_feed(FeedCursor { at, ordinal: 0 }, 10).await;
                assert_eq!(page.expect("a page").events.len(), 1);
                let cursor = FeedCursor { at, ordinal: 1 };
                let known = engine.acknowledge_feed("f", cursor).await;
                known.expect("acknowledge");
            }
        }
    }

    /// What else is asked all the time.
    async fn look(&self, engine: &PostgresEngine, n: i64) {
        let mut one = select(&self.table, &["a", "n"]);
        one.filter = eq(&self.table, "n", n);
        let read = Read {
            schema_version: 1,
            tree: Arc::new(Tree {
                select: one,
                children: Vec::new(),
            }),
            count: false,
            freshness: Freshness::default(),
        };
        let found = engine.read(read).await.expect("read");
        assert_eq!(found.rows.rows.len(), 1);
        let sweep = engine.sweep_receipts(n * 1_000_000, 10).await;
        sweep.expect("sweep");
    }
}

/// Somebody who holds a snapshot.
struct Holder {
    client: tokio_postgres::Client,
    carrier: tokio::task::JoinHandle<Result<(), tokio_postgres::Error>>,
}

impl Holder {
    async fn begin(url: &str) -> Holder {
        let connected = tokio_postgres::connect(url, tokio_postgres::NoTls).await;
        let (client, connection) = connected.expect("connect");
        let carrier = tokio::spawn(connection);
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM t";
        client.batch_execute(begin).await.expect("a snapshot");
        Holder { client, carrier }
    }

    async fn end(self) {
        self.client
            .batch_execute("COMMIT")
            .await
            .expect("it was held");
        drop(self.client);
        self.carrier.await.expect("carry").expect("end");
    }
}

async fn open(url: &str) -> Arc<PostgresEngine> {
    let config = PostgresConfig::new(url);
    PostgresEngine::open(config).await.expect("open")
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
