//! The same tests as `graph`, over SQLite.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

#[path = "../graph/bench.rs"]
mod bench;
#[path = "../graph/edges.rs"]
mod edges;
#[path = "../graph/nodes.rs"]
mod nodes;
#[path = "../graph/questions.rs"]
mod questions;

use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::clock::Clock;
use pando_model::engine::Engine;
use std::sync::Arc;

/// The engine under the store, and the folder of its file.
pub struct Shard {
    pub engine: Arc<dyn Engine>,
    _folder: tempfile::TempDir,
}

pub fn shard(_clock: &Arc<impl Clock>) -> Shard {
    let folder = tempfile::tempdir().unwrap();
    let config = SqliteConfig::new(folder.path().join("pando.db"));
    Shard {
        engine: SqliteEngine::open(config).unwrap(),
        _folder: folder,
    }
}
