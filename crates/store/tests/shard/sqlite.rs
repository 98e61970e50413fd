//! Stores over SQLite.

use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::clock::Clock;
use pando_model::engine::Engine;
use std::sync::Arc;

/// The engine under the store, and the folder of its file.
#[derive(Clone)]
pub struct Shard {
    pub engine: Arc<dyn Engine>,
    _folder: Arc<tempfile::TempDir>,
}

pub fn shard(_clock: &Arc<impl Clock>) -> Shard {
    let folder = tempfile::tempdir().unwrap();
    let config = SqliteConfig::new(folder.path().join("pando.db"));
    Shard {
        engine: SqliteEngine::open(config).unwrap(),
        _folder: Arc::new(folder),
    }
}
