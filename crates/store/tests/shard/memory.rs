//! Stores over the memory engine.

use pando_engine_memory::MemoryEngine;
use pando_model::clock::Clock;
use pando_model::engine::Engine;
use std::sync::Arc;

/// The engine under the store.
#[derive(Clone)]
pub struct Shard {
    pub engine: Arc<dyn Engine>,
}

pub fn shard(clock: &Arc<impl Clock>) -> Shard {
    Shard {
        engine: Arc::new(MemoryEngine::with_clock(&**clock)),
    }
}
