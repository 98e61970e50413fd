//! What is carried out together is answered each for itself: writes of one group, reads of one
//! statement; and what becomes of them where that fails, or the schema changes under them.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is how it fails"
)]

mod databases;

use databases::Databases;
use futures_util::future::join_all;
use pando_conformance::fixture::bench::{insert, receipt, update};
use pando_conformance::fixture::query::{eq, select};
use pando_conformance::fixture::schema::{ix, table};
use pando_engine_postgres::PostgresEngine;
use pando_model::column::ColumnType::Integer;
use pando_model::engine::{
    Engine, Freshness, Read, Result, SchemaChange, Step, Write, WriteAnswer,
};
use pando_model::error::{EngineError, Refusal};
use pando_model::plan::{Row, Tree};
use pando_model::schema::{ColumnSource, SchemaStep, Table};
use pando_model::value::Value;
use std::sync::{Arc, Mutex};

fn row(values: &[i64]) -> Row {
    values.iter().map(|value| Value::Int(*value)).collect()
}

/// `t (id, v)`, keyed by `id`, `v` unique, with row 0 in it.
async fn with_table(engine: &PostgresEngine) -> Arc<Table> {
    let t = table("t")
        .column("id", Integer)
        .column("v", Integer)
        .key(&["id"])
        .unique(&["v"])
        .build();
    apply(engine, 0, SchemaStep::CreateTable(t.clone())).await;
    let first = write(vec![insert(&t, vec![row(&[0, 0])]).into()]);
    engine.write(first).await.expect("the first row");
    t
}

async fn apply(engine: &PostgresEngine, from_version: u64, step: SchemaStep) {
    let change = SchemaChange {
        from_version,
        to_version: from_version + 1,
        steps: vec![step],
        record: Vec::new(),
    };
    engine.apply(change).await.expect("change the schema");
}

fn write(steps: Vec<Step>) -> Write {
    Write {
        schema_version: 1,
        steps,
        receipt: None,
        finish: Box::new(|outcomes| Ok(outcomes.len().to_string().into_bytes())),
    }
}

fn read(table: &Arc<Table>, schema_version: u64, id: Option<i64>) -> Read {
    let all: Vec<&str> = table.columns.iter().map(|one| one.name.as_str()).collect();
    let mut select = select(table, &all);
    if let Some(id) = id {
        select.filter = eq(table, "id", id);
    }
    let children = Vec::new();
    Read {
        schema_version,
        tree: Arc::new(Tree { select, children }),
        count: false,
        freshness: Freshness::default(),
    }
}

async fn rows(engine: &PostgresEngine, table: &Arc<Table>) -> Vec<Row> {
    let found = engine.read(read(table, 1, None)).await.expect("read");
    found.rows.rows
}

fn code(answer: &Result<WriteAnswer>) -> &str {
    match answer {
        Err(EngineError::Refused(Refusal { code, .. })) => code,
        Err(EngineError::Internal { .. }) => "defect",
        Err(_) => "other",
        Ok(WriteAnswer::Done { .. }) => "done",
        Ok(WriteAnswer::Replayed { .. }) => "replayed",
    }
}

/// Write `n` of a group, and what is to become of it.
fn member(t: &Arc<Table>, n: i64) -> (&'static str, Write) {
    let new = |id: i64| write(vec![insert(t, vec![row(&[id, id])]).into()]);
    match n % 10 {
        3 => ("23505", new(0)),
        4 => {
            let mut refused = new(n);
            refused.finish = Box::new(|_| Err(Refusal::new("PGRST116", "not this one")));
            ("PGRST116", refused)
        }
        5 => {
            let set = vec![(ix(t, "v"), Value::Int(-n))];
            (
                "done",
                write(vec![update(t, eq(t, "id", n - 4), set).into()]),
            )
        }
        6 | 7 => {
            let mut once = new(n);
            once.receipt = Some(receipt(&format!("key {}", n / 10), 1, 0));
            (if n % 10 == 6 { "done" } else { "replayed" }, once)
        }
        8 if n == 38 => {
            let mut broken = new(n);
            broken.finish = Box::new(|_| panic!("a defect, on purpose"));
            ("defect", broken)
        }
        _ => ("done", new(n)),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_group_are_answered_each_for_itself() {
    let databases = Databases::start().await;
    let (engine, _) = databases.open_new().await;
    let t = with_table(&engine).await;
    let from = engine.follow("test").await.expect("follow");
    let before = engine.fetch_statistics().await.expect("statistics");

    let mut wanted = Vec::new();
    let mut futures = Vec::new();
    for n in 1..=60 {
        let (code, write) = member(&t, n);
        wanted.push((n, code));
        futures.push(engine.write(write));
    }
    let answers = join_all(futures).await;

    let mut expected = vec![row(&[0, 0])];
    let mut positions = Vec::new();
    for ((n, wanted), answer) in wanted.iter().zip(&answers) {
        assert_eq!(code(answer), *wanted, "write {n}: {answer:?}");
        if let Ok(WriteAnswer::Done { at, .. }) = answer {
            positions.push(*at);
            if n % 10 == 5 {
                expected
                    .iter_mut()
                    .filter(|row| row[0] == Value::Int(n - 4))
                    .for_each(|row| row[1] = Value::Int(-n));
            } else {
                expected.push(row(&[*n, *n]));
            }
        }
        if let Ok(WriteAnswer::Replayed { at, .. }) = answer {
            // A repetition has the position of what was done.
            let first = &answers[*n as usize - 2];
            assert!(
                matches!(first, Ok(WriteAnswer::Done { at: done, .. }) if done == at),
                "write {n}: {at:?}, {first:?}"
            );
        }
    }
    assert_eq!(rows(&engine, &t).await, expected);
    let page = engine.fetch_feed(from, 1_000).await.expect("the feed");
    let events: Vec<_> = page.events.iter().map(|event| event.cursor.at).collect();
    assert_eq!(
        events, positions,
        "each has a position of its own, in order"
    );
    let after = engine.fetch_statistics().await.expect("statistics");
    let commits = after.commits - before.commits;
    // The defect takes its group apart, once; those after it come together again or not.
    assert!(commits < 60, "{commits} commits for 60 writes");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_shares_its_commit() {
    let databases = Databases::start().await;
    let (engine, _) = databases.open_new().await;
    let t = with_table(&engine).await;
    let before = engine.fetch_statistics().await.expect("statistics");
    let new = |id: i64| engine.write(write(vec![insert(&t, vec![row(&[id, id])]).into()]));
    for answer in join_all((1..=100).map(new)).await {
        assert_eq!(code(&answer), "done");
    }
    let after = engine.fetch_statistics().await.expect("statistics");
    assert_eq!(after.writes - before.writes, 100);
    let commits = after.commits - before.commits;
    assert!(commits <= 10, "{commits} commits for 100 writes");
    assert_eq!(after.queued, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_fails_as_a_whole_is_carried_out_again_one_by_one() {
    let databases = Databases::start().await;
    let (engine, url) = databases.open_new().await;
    let t = with_table(&engine).await;
    // Fails once by a code that takes everything down, and each time for one row.
    databases::run(
        &url,
        "CREATE SEQUENCE times; CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         IF NEW.id = 7 AND nextval('times') = 1 THEN \
             RAISE EXCEPTION 'met another' USING ERRCODE = '40001'; END IF; \
         IF NEW.id = 9 THEN RAISE EXCEPTION 'never' USING ERRCODE = 'P0001'; END IF; \
         RETURN NEW; END $$; \
         CREATE TRIGGER fail BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION fail()",
    )
    .await;
    let new = |id: i64| engine.write(write(vec![insert(&t, vec![row(&[id, id])]).into()]));
    let answers = join_all((1..=20).map(new)).await;
    for (id, answer) in (1..).zip(&answers) {
        let wanted = if id == 9 { "P0001" } else { "done" };
        assert_eq!(code(answer), wanted, "row {id}: {answer:?}");
    }
    let found = rows(&engine, &t).await;
    assert_eq!(found.len(), 20, "row 0 and all but row 9: {found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_is_found_whatever_becomes_of_its_table_meanwhile() {
    const CHANGES: u64 = 12;
    let databases = Databases::start().await;
    let (engine, _) = databases.open_new().await;
    let plain = with_table(&engine).await;
    let wide = table("t")
        .column("id", Integer)
        .column("v", Integer)
        .column("w", Integer)
        .key(&["id"])
        .unique(&["v"])
        .build();
    let now = Arc::new(Mutex::new((1, plain.clone())));
    let readers: Vec<_> = (0..8)
        .map(|reader| {
            let (engine, now) = (engine.clone(), now.clone());
            tokio::spawn(async move {
                let (mut found, mut changed) = (0_u64, 0_u64);
                loop {
                    let (version, table) = now.lock().expect("lock").clone();
                    // By key, and as a list.
                    let id = (reader % 2 == 0).then_some(0);
                    match engine.read(read(&table, version, id)).await {
                        Ok(answer) => {
                            assert_eq!(answer.rows.rows.len(), 1, "version {version}");
                            found += 1;
                        }
                        Err(EngineError::SchemaChanged { .. }) => changed += 1,
                        Err(other) => unreachable!("{other}"),
                    }
                    if version > CHANGES && found > 0 {
                        return changed;
                    }
                }
            })
        })
        .collect();
    for version in 1..=CHANGES {
        let (from, to) = match version % 2 {
            1 => (&plain, &wide),
            _ => (&wide, &plain),
        };
        let mut columns = vec![ColumnSource::Column(0), ColumnSource::Column(1)];
        if version % 2 == 1 {
            // A value that is not NULL: the table is built anew.
            columns.push(ColumnSource::Value(Value::Int(5)));
        }
        let step = SchemaStep::AlterTable {
            from: from.clone(),
            to: to.clone(),
            columns,
        };
        apply(&engine, version, step).await;
        *now.lock().expect("lock") = (version + 1, to.clone());
    }
    for reader in readers {
        reader.await.expect("a reader");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_s_version_is_told_also_while_it_is_changed() {
    const CHANGES: u64 = 12;
    let databases = Databases::start().await;
    let (engine, _) = databases.open_new().await;
    let askers: Vec<_> = (0..6)
        .map(|_| {
            let engine = engine.clone();
            tokio::spawn(async move {
                let mut last = 0;
                while last < CHANGES {
                    let told = engine.fetch_schema_version().await;
                    let version = told.expect("it is told, whatever comes in between");
                    assert!(version >= last, "{version} after {last}");
                    last = version;
                }
            })
        })
        .collect();
    let t = table("t").column("id", Integer).key(&["id"]).build();
    for version in 0..CHANGES {
        let step = match version % 2 {
            0 => SchemaStep::CreateTable(t.clone()),
            _ => SchemaStep::DropTable(t.clone()),
        };
        apply(&engine, version, step).await;
    }
    for asker in askers {
        asker.await.expect("it asks");
    }
}
