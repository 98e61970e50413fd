//! The test of the test: an engine that lies once in a while is found out, and
//! what is printed is short enough to read.

use async_trait::async_trait;
use pando_conformance::differential::differential;
use pando_conformance::{Capabilities, Factory, Instance};
use pando_engine_memory::MemoryEngine;
use pando_model::engine::{
    Engine, EngineInfo, FeedCursor, FeedPage, Progress, Read, ReadAnswer, ReadSteps, Result,
    SchemaChange, Statistics, Step, StepsAnswer, Write, WriteAnswer,
};
use pando_model::plan::Change;
use pando_model::stamp::Position;
use std::path::Path;
use std::sync::Arc;

/// What an engine may have got wrong.
#[derive(Clone, Copy, Debug)]
enum Lie {
    /// It is none.
    Honest,
    /// A page of three rows comes in the wrong order.
    Order,
    /// An upsert that should be ignored is merged.
    Merge,
    /// The last event of a transaction of several is forgotten.
    Feed,
}

struct Memory(Lie);

struct Liar {
    engine: MemoryEngine,
    lie: Lie,
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
        let engine = MemoryEngine::new();
        Box::new(Fresh(Arc::new(Liar {
            engine,
            lie: self.0,
        })))
    }
}

struct Fresh(Arc<Liar>);

#[async_trait]
impl Instance for Fresh {
    fn engine(&self) -> Arc<dyn Engine> {
        self.0.clone()
    }

    async fn reopen(&mut self) {
        unreachable!("a memory engine is not persistent");
    }
}

#[async_trait]
impl Engine for Liar {
    fn info(&self) -> EngineInfo {
        self.engine.info()
    }

    fn progress(&self) -> Progress {
        self.engine.progress()
    }

    async fn fetch_schema_version(&self) -> Result<u64> {
        self.engine.fetch_schema_version().await
    }

    async fn read(&self, read: Read) -> Result<ReadAnswer> {
        let is_ordered = !read.tree.select.order.is_empty();
        let mut answer = self.engine.read(read).await?;
        if matches!(self.lie, Lie::Order) && is_ordered && answer.rows.rows.len() == 3 {
            answer.rows.rows.swap(0, 2);
        }
        Ok(answer)
    }

    async fn read_steps(&self, read: ReadSteps) -> Result<StepsAnswer> {
        self.engine.read_steps(read).await
    }

    async fn write(&self, mut write: Write) -> Result<WriteAnswer> {
        for step in &mut write.steps {
            if let Step::Change(change) = step
                && let Change::Insert(insert) = Arc::make_mut(change)
                && let Some(conflict) = &mut insert.conflict
                && matches!(self.lie, Lie::Merge)
                && insert.rows.len() == 1
            {
                conflict.merge.get_or_insert_default();
            }
        }
        self.engine.write(write).await
    }

    async fn sweep_receipts(&self, now_us: i64, max: usize) -> Result<u64> {
        self.engine.sweep_receipts(now_us, max).await
    }

    async fn apply(&self, change: SchemaChange) -> Result<Position> {
        self.engine.apply(change).await
    }

    async fn follow(&self, follower: &str) -> Result<FeedCursor> {
        self.engine.follow(follower).await
    }

    async fn fetch_feed(&self, after: FeedCursor, max: usize) -> Result<FeedPage> {
        let mut page = self.engine.fetch_feed(after, max).await?;
        if matches!(self.lie, Lie::Feed) && page.events.len() > 2 {
            page.events.pop();
        }
        Ok(page)
    }

    async fn acknowledge_feed(&self, follower: &str, cursor: FeedCursor) -> Result<()> {
        self.engine.acknowledge_feed(follower, cursor).await
    }

    async fn unfollow(&self, follower: &str) -> Result<()> {
        self.engine.unfollow(follower).await
    }

    async fn backup(&self, path: &Path, told: &(dyn Fn(u64, u64) + Send + Sync)) -> Result<()> {
        self.engine.backup(path, told).await
    }

    async fn verify(&self) -> Result<Vec<String>> {
        self.engine.verify().await
    }

    async fn fetch_statistics(&self) -> Result<Statistics> {
        self.engine.fetch_statistics().await
    }

    async fn close(&self) -> Result<()> {
        self.engine.close().await
    }
}

#[tokio::test]
async fn an_engine_agrees_with_itself() {
    differential(&Memory(Lie::Honest), &Memory(Lie::Honest), 1, 1_000).await;
}

#[tokio::test]
async fn a_lie_is_found_and_told_in_a_few_operations() {
    const OPERATIONS_MAX: usize = 12;
    for lie in [Lie::Order, Lie::Merge, Lie::Feed] {
        let run = tokio::spawn(async move {
            differential(&Memory(Lie::Honest), &Memory(lie), 2, 2_000).await;
        });
        let panic = run.await.expect_err("a lie is found").into_panic();
        let trace = panic.downcast_ref::<String>().expect("a trace");
        let told = trace
            .lines()
            .filter(|line| {
                ["INSERT", "UPDATE", "DELETE", "SELECT"]
                    .iter()
                    .any(|verb| line.starts_with(&format!("  {verb}")))
            })
            .count();
        assert!(
            (1..=OPERATIONS_MAX).contains(&told),
            "{lie:?}: {told} operations\n{trace}"
        );
    }
}
