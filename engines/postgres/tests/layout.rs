//! How tables lie, as psql shows them: each under its own key.

#![allow(
    clippy::expect_used,
    clippy::panic,
    reason = "a test: a panic is how it fails"
)]

mod databases;

use databases::Databases;
use pando_conformance::fixture::schema::table;
use pando_model::column::ColumnType::{Integer, Text};
use pando_model::engine::{Engine, SchemaChange};
use pando_model::error::EngineError;
use pando_model::schema::{ColumnSource, SchemaStep, Table, Unique};
use std::sync::Arc;

/// What stands for the keys and indexes of all tables but Pando's own.
const KEYS: &str = "
    SELECT string_agg(pg_get_indexdef(indexrelid) || CASE WHEN indisprimary THEN ' key' ELSE '' END,
        E'\\n' ORDER BY indexrelid::regclass::text COLLATE \"C\")
    FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
    WHERE relnamespace = 'public'::regnamespace AND relname NOT LIKE '\\_pando%'";

/// Another key's name, in place; the name of a unique constraint that goes, and back; a column more
/// that has a value, which builds the table anew; the table's name.
fn shapes() -> Vec<(Arc<Table>, Vec<ColumnSource>)> {
    let shape = |name: &str, key: &str, other: bool| {
        let made = table(name).column("id", Integer).column("v", Text);
        let made = match other {
            true => made.column("w", Integer),
            false => made,
        };
        let mut made = Table::clone(&made.key(&["id"]).build());
        made.primary_key.name = key.to_owned();
        Arc::new(made)
    };
    let unique = |key: &str| {
        let made = shape("t", key, false);
        let mut made = Table::clone(&made);
        made.uniques.push(Unique {
            name: "u".to_owned(),
            columns: vec![1],
            global: true,
        });
        Arc::new(made)
    };
    let old = [ColumnSource::Column(0), ColumnSource::Column(1)];
    let mut more = old.to_vec();
    more.push(ColumnSource::Value(pando_model::value::Value::Int(7)));
    let all = (0..3).map(ColumnSource::Column).collect();
    vec![
        (shape("t", "t_pkey", false), Vec::new()),
        (unique("one"), old.to_vec()),
        (shape("t", "u", false), old.to_vec()),
        (unique("one"), old.to_vec()),
        (shape("t", "one", false), old.to_vec()),
        (shape("t", "one", true), more),
        (shape("u", "one", true), all),
    ]
}

fn change(from_version: u64, step: SchemaStep) -> SchemaChange {
    SchemaChange {
        from_version,
        to_version: from_version + 1,
        steps: vec![step],
        record: Vec::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tables_lie_under_their_own_keys_whatever_becomes_of_them() {
    let databases = Databases::start().await;
    let (engine, url) = databases.open_new().await;
    let (_, database) = url.rsplit_once('/').expect("a database");
    let mut before: Option<Arc<Table>> = None;
    for (version, (to, columns)) in shapes().into_iter().enumerate() {
        let (name, key) = (to.name.clone(), to.primary_key.name.clone());
        let step = match before {
            None => SchemaStep::CreateTable(to.clone()),
            Some(from) => SchemaStep::AlterTable {
                from,
                to: to.clone(),
                columns,
            },
        };
        let applied = engine.apply(change(version as u64, step)).await;
        applied.expect("change the schema");
        let found = databases.postgres().sql_in(database, KEYS).await;
        let unique = match to.uniques.is_empty() {
            true => String::new(),
            false => format!("\nCREATE UNIQUE INDEX u ON public.{name} USING btree (v)"),
        };
        assert_eq!(
            found.expect("SQL").trim(),
            format!(
                "CREATE INDEX \"_pando_slot {name}\" ON public.{name} USING btree (_pando_slot)\n\
                 CREATE UNIQUE INDEX {key} ON public.{name} USING btree (id) key{unique}"
            )
        );
        before = Some(to);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_migration_gives_up_behind_a_long_read_and_says_whom_to_ask() {
    let databases = Databases::start().await;
    let (engine, url) = databases.open_new().await;
    let [(first, _), _, _, _, _, (next, columns), ..] = &shapes()[..] else {
        panic!("six shapes");
    };
    let create = SchemaStep::CreateTable(first.clone());
    engine.apply(change(0, create)).await.expect("a table");
    let connected = tokio_postgres::connect(&url, tokio_postgres::NoTls).await;
    let (client, connection) = connected.expect("connect");
    let carrier = tokio::spawn(connection);
    let read = client.batch_execute("BEGIN; SELECT count(*) FROM t");
    read.await.expect("a read");
    let alter = || SchemaStep::AlterTable {
        from: first.clone(),
        to: next.clone(),
        columns: columns.clone(),
    };
    match engine.apply(change(1, alter())).await {
        Err(EngineError::Unavailable { reason, .. }) => {
            assert!(reason.contains("pg_stat_activity"), "{reason}");
        }
        other => panic!("{other:?}"),
    }
    client.batch_execute("COMMIT").await.expect("the read ends");
    let applied = engine.apply(change(1, alter())).await;
    applied.expect("change the schema");
    drop(client);
    carrier.await.expect("carry").expect("end");
}
