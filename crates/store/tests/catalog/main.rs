//! The store over the memory engine: what it remembers, and what it refuses.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot be set up fails"
)]

mod caching;
mod ids;
mod keys;
mod late;
mod migrations;
mod seals;
mod upkeep;

use pando_engine_memory::MemoryEngine;
use pando_model::clock::ManualClock;
use pando_model::engine::Engine;
use pando_model::plan::{Change, Filter, Insert, Output, Row, Scalar, Select, Tree};
use pando_model::schema::Table;
use pando_store::migrate::MigrationFile;
use pando_store::{Store, StoreConfig};
use std::sync::Arc;

/// 2026-01-01T00:00:00Z.
const START_US: i64 = 1_767_225_600_000_000;
const DAY_US: i64 = 24 * 60 * 60 * 1_000_000;

/// An engine and a clock that outlive a store, as files and a machine do.
struct House {
    engine: Arc<dyn Engine>,
    clock: Arc<ManualClock>,
}

impl House {
    fn new() -> House {
        House {
            engine: Arc::new(MemoryEngine::new()),
            clock: Arc::new(ManualClock::new(START_US)),
        }
    }

    /// Opens a store, as a process that starts does.
    async fn open(&self) -> Arc<Store> {
        let (engine, clock) = (self.engine.clone(), self.clock.clone());
        Store::open(engine, clock, StoreConfig::default())
            .await
            .expect("the store opens")
    }
}

fn file(name: &str, sql: &str) -> MigrationFile {
    MigrationFile {
        name: name.to_owned(),
        sql: sql.to_owned(),
    }
}

fn select_all(table: &Arc<Table>) -> Tree {
    Tree {
        select: Select {
            table: table.clone(),
            output: (0..table.columns.len())
                .map(|ix| Output::Scalar(Scalar::Column(ix)))
                .collect(),
            filter: Filter::Const(true),
            order: Vec::new(),
            limit: None,
            offset: 0,
        },
        children: Vec::new(),
    }
}

fn insert(table: &Arc<Table>, row: Row) -> Change {
    Change::Insert(Insert {
        table: table.clone(),
        rows: vec![row],
        conflict: None,
        returning: None,
    })
}
