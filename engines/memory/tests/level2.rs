//! The second level in memory keeps the contract.

use async_trait::async_trait;
use pando_conformance::level2::{Subject, run};
use pando_engine_memory::MemoryLevel2;
use pando_model::clock::ManualClock;
use pando_model::level2::Level2;
use std::sync::Arc;
use std::time::Duration;

struct Memory {
    clock: Arc<ManualClock>,
    level2: Arc<MemoryLevel2>,
}

#[async_trait]
impl Subject for Memory {
    fn level2(&self) -> Arc<dyn Level2> {
        Arc::clone(&self.level2) as Arc<dyn Level2>
    }

    async fn pass(&self, span: Duration) {
        self.clock.advance_us(span.as_micros() as i64);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_level_in_memory_keeps_the_contract() {
    let clock = Arc::new(ManualClock::new(0));
    let level2 = Arc::new(MemoryLevel2::new(Arc::clone(&clock) as _));
    run(Arc::new(Memory { clock, level2 })).await;
}
