//! SQLite against the memory engine: 10,000 random operations, the same answers.
//!
//! The seed is printed; `PANDO_SEED=… cargo test -p pando-conformance` repeats a
//! run, and `PANDO_OPERATIONS` makes it longer.

#![allow(clippy::expect_used, reason = "a test: a panic is how it fails")]

use async_trait::async_trait;
use pando_conformance::differential::differential;
use pando_conformance::{Capabilities, Factory, Instance};
use pando_engine_memory::MemoryEngine;
use pando_engine_sqlite::{SqliteConfig, SqliteEngine, Synchronous};
use pando_model::engine::Engine;
use std::sync::Arc;
use tempfile::TempDir;

const OPERATIONS: usize = 10_000;

struct Memory;
struct Sqlite;

/// An engine, and the folder of its file if it has one.
struct Fresh {
    engine: Arc<dyn Engine>,
    _folder: Option<TempDir>,
}

#[async_trait]
impl Factory for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            persistent: false,
            backup: false,
        }
    }

    async fn make(&self) -> Box<dyn Instance> {
        Box::new(Fresh {
            engine: Arc::new(MemoryEngine::new()),
            _folder: None,
        })
    }
}

#[async_trait]
impl Factory for Sqlite {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            persistent: true,
            backup: true,
        }
    }

    async fn make(&self) -> Box<dyn Instance> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = SqliteConfig::new(folder.path().join("pando.db"));
        // What is compared are answers; durability has tests of its own.
        config.synchronous = Synchronous::Normal;
        Box::new(Fresh {
            engine: SqliteEngine::open(config).expect("open"),
            _folder: Some(folder),
        })
    }
}

#[async_trait]
impl Instance for Fresh {
    fn engine(&self) -> Arc<dyn Engine> {
        self.engine.clone()
    }

    async fn reopen(&mut self) {
        unreachable!("a differential run opens each engine once");
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().and_then(|text| text.parse().ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_and_memory_answer_random_operations_alike() {
    let seed = number("PANDO_SEED").unwrap_or_else(rand::random);
    let operations = number("PANDO_OPERATIONS").map_or(OPERATIONS, |count| count as usize);
    differential(&Memory, &Sqlite, seed, operations).await;
}
