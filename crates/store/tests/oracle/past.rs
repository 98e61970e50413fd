//! An engine that looks past the journal: what a Pando would answer that forgot it somewhere.

use async_trait::async_trait;
use pando_model::engine::{
    Engine, EngineInfo, FeedCursor, FeedPage, Progress, Read, ReadAnswer, ReadSteps, Result,
    SchemaChange, Statistics, Step, StepsAnswer, Write, WriteAnswer,
};
use pando_model::plan::Filter;
use pando_model::stamp::Position;
use std::path::Path;
use std::sync::Arc;

/// Where it is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// In reads by themselves.
    Reads,
    /// In writes that look at what is there.
    Writes,
}

pub struct Past {
    engine: Arc<dyn Engine>,
    place: Where,
}

impl Past {
    pub fn new(engine: Arc<dyn Engine>, place: Where) -> Past {
        Past { engine, place }
    }

    fn past(&self, place: Where, steps: Vec<Step>) -> Vec<Step> {
        match self.place == place {
            true => steps.into_iter().map(past).collect(),
            false => steps,
        }
    }
}

/// The same step, by which the journal is empty.
fn past(step: Step) -> Step {
    match step {
        Step::Read { tree, count } if tree.select.table.name == "_pando_journal" => {
            let mut tree = (*tree).clone();
            tree.select.filter = Filter::Const(false);
            Step::Read {
                tree: tree.into(),
                count,
            }
        }
        Step::Group(steps) => Step::Group(steps.into_iter().map(past).collect()),
        other => other,
    }
}

#[async_trait]
impl Engine for Past {
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
        self.engine.read(read).await
    }

    async fn read_steps(&self, read: ReadSteps) -> Result<StepsAnswer> {
        let steps = self.past(Where::Reads, read.steps);
        self.engine.read_steps(ReadSteps { steps, ..read }).await
    }

    async fn write(&self, write: Write) -> Result<WriteAnswer> {
        // What is flushed is read by itself, and stays what it is.
        let steps = write.steps.into_iter().map(|step| match step {
            Step::Group(steps) => Step::Group(self.past(Where::Writes, steps)),
            other => other,
        });
        let steps = steps.collect();
        self.engine.write(Write { steps, ..write }).await
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
        self.engine.fetch_feed(after, max).await
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
