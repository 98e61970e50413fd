//! DDL by example: `accepted.txt` and `refused.txt` hold SQL and what becomes of
//! it. With `UPDATE_FIXTURES=1` the files are written anew; read the difference.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod arbitrary;
mod describe;
mod fixture;

use pando_engine_memory::MemoryEngine;
use pando_model::clock::SystemClock;
use pando_model::expr::Moment;
use pando_model::schema::Schema;
use pando_store::ddl::{self, Fault, Planned};
use pando_store::migrate::MigrationFile;
use pando_store::{Store, StoreConfig};
use std::sync::Arc;

/// 2024-01-01T00:00:00Z, when all migrations of these tests are applied.
const MOMENT: Moment = Moment {
    now_us: 1_704_067_200_000_000,
};

/// Applies migrations one after another; the last one's plan.
fn apply(migrations: &[&str]) -> Result<Planned, Fault> {
    let mut schema = Schema::default();
    let (last, earlier) = migrations.split_last().expect("a migration");
    for sql in earlier {
        schema = ddl::plan(&schema, sql, MOMENT)?.schema;
    }
    ddl::plan(&schema, last, MOMENT)
}

#[test]
fn what_shards_can_keep_is_accepted_and_becomes_this_schema() {
    let cases = fixture::check("accepted.txt", |migrations| match apply(migrations) {
        Ok(planned) => describe::planned(&planned),
        Err(fault) => format!("REFUSED {fault:?}\n"),
    });
    assert!(cases >= 60, "{cases}");
}

#[test]
fn what_shards_cannot_keep_is_refused_with_place_reason_and_remedy() {
    let cases = fixture::check("refused.txt", |migrations| match apply(migrations) {
        Ok(planned) => format!("ACCEPTED\n{}", describe::planned(&planned)),
        Err(fault) => {
            let mut text = format!("{}:{} {}\n", fault.at.line, fault.at.column, fault.reason);
            if let Some(hint) = fault.hint {
                text.push_str(&format!("hint: {hint}\n"));
            }
            text
        }
    });
    assert!(cases >= 60, "{cases}");
}

#[test]
fn a_schema_is_the_same_after_it_was_written_down() {
    fixture::each("accepted.txt", |migrations| {
        if let Ok(planned) = apply(migrations) {
            let text = serde_json::to_string(&planned.schema).unwrap();
            let again: Schema = serde_json::from_str(&text).unwrap();
            assert_eq!(again, planned.schema);
        }
    });
}

#[test]
fn what_is_accepted_an_engine_carries_out() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    fixture::each("accepted.txt", |migrations| {
        let files: Vec<MigrationFile> = migrations
            .iter()
            .enumerate()
            .map(|(place, sql)| MigrationFile {
                name: format!("{place:04}_example.sql"),
                sql: (*sql).to_owned(),
            })
            .collect();
        let applied = runtime.block_on(async {
            let (engine, clock) = (Arc::new(MemoryEngine::new()), Arc::new(SystemClock));
            let store = Store::open(engine, clock, StoreConfig::default())
                .await
                .unwrap();
            store.migrate(&files).await
        });
        if let Err(error) = applied {
            panic!("{error}");
        }
    });
}
