//! The memory engine keeps the contract.

use async_trait::async_trait;
use pando_conformance::{Capabilities, Factory, Instance};
use pando_engine_memory::MemoryEngine;
use pando_model::engine::Engine;
use std::sync::Arc;

struct Memory;

struct Fresh(Arc<MemoryEngine>);

#[async_trait]
impl Factory for Memory {
    fn capabilities(&self) -> Capabilities {
        Capabilities {
            persistent: false,
            backup: false,
        }
    }

    async fn make(&self) -> Box<dyn Instance> {
        Box::new(Fresh(Arc::new(MemoryEngine::new())))
    }
}

#[async_trait]
impl Instance for Fresh {
    fn engine(&self) -> Arc<dyn Engine> {
        self.0.clone()
    }

    async fn reopen(&mut self) {
        unreachable!("a memory engine is not persistent");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_memory_engine_keeps_the_contract() {
    pando_conformance::run(&Memory).await;
}
