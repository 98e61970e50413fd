//! The same tests as `models`, over SQLite.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

#[path = "../models/arbitrary.rs"]
mod arbitrary;
#[path = "../models/bench.rs"]
mod bench;
#[path = "../models/expiry.rs"]
mod expiry;
#[path = "../models/kv.rs"]
mod kv;
#[path = "../models/wide.rs"]
mod wide;

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
