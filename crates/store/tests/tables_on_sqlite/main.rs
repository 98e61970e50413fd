//! The same tests as `tables`, over SQLite: the answers are the same bytes.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

#[path = "../tables/aggregates.rs"]
mod aggregates;
#[path = "../tables/arbitrary.rs"]
mod arbitrary;
#[path = "../tables/ask.rs"]
mod ask;
#[path = "../tables/bench.rs"]
mod bench;
#[path = "../tables/cursors.rs"]
mod cursors;
#[path = "../tables/embeds.rs"]
mod embeds;
#[path = "../tables/filters.rs"]
mod filters;
#[path = "../tables/reads.rs"]
mod reads;
#[path = "../tables/sessions.rs"]
mod sessions;
#[path = "../tables/upserts.rs"]
mod upserts;
#[path = "../tables/writes.rs"]
mod writes;

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
