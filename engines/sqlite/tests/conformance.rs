//! The SQLite engine keeps the contract.

#![allow(clippy::expect_used, reason = "a test: a panic is how it fails")]

use async_trait::async_trait;
use pando_conformance::{Capabilities, Factory, Instance};
use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::engine::Engine;
use std::sync::Arc;
use tempfile::TempDir;

struct Sqlite;

/// An engine and the folder that its file is in.
struct Fresh {
    engine: Arc<SqliteEngine>,
    folder: TempDir,
}

fn open(folder: &TempDir) -> Arc<SqliteEngine> {
    SqliteEngine::open(SqliteConfig::new(folder.path().join("pando.db"))).expect("open")
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
        Box::new(Fresh {
            engine: open(&folder),
            folder,
        })
    }
}

#[async_trait]
impl Instance for Fresh {
    fn engine(&self) -> Arc<dyn Engine> {
        self.engine.clone()
    }

    async fn reopen(&mut self) {
        self.engine.close().await.expect("close");
        self.engine = open(&self.folder);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sqlite_engine_keeps_the_contract() {
    pando_conformance::run(&Sqlite).await;
}
