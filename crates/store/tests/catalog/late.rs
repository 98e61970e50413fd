//! An engine that several processes share, and that hands out one answer late, so that what
//! happens meanwhile is known.

use async_trait::async_trait;
use pando_model::engine::{
    Engine, EngineInfo, FeedCursor, FeedPage, Progress, Read, ReadAnswer, ReadSteps, Result,
    SchemaChange, Statistics, StepsAnswer, Write, WriteAnswer,
};
use pando_model::stamp::Position;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

pub struct Late {
    engine: Arc<dyn Engine>,
    /// The table whose next reading is held.
    table: Mutex<Option<&'static str>>,
    is_held: AtomicBool,
    held: Notify,
    written: Notify,
    let_go: Notify,
}

impl Late {
    pub fn new(engine: Arc<dyn Engine>) -> Late {
        Late {
            engine,
            table: Mutex::new(None),
            is_held: AtomicBool::new(false),
            held: Notify::new(),
            written: Notify::new(),
            let_go: Notify::new(),
        }
    }

    /// The next reading of a table is made, and not handed out.
    pub fn hold_next(&self, table: &'static str) {
        *self.table.lock().unwrap() = Some(table);
    }

    /// Waits until it is held.
    pub async fn held(&self) {
        self.held.notified().await;
    }

    /// Hands it out once something was written.
    pub async fn let_go_after_a_write(&self) {
        self.written.notified().await;
        self.is_held.store(false, SeqCst);
        self.let_go.notify_one();
    }
}

#[async_trait]
impl Engine for Late {
    fn info(&self) -> EngineInfo {
        self.engine.info()
    }

    fn is_shared(&self) -> bool {
        true
    }

    fn progress(&self) -> Progress {
        self.engine.progress()
    }

    async fn fetch_schema_version(&self) -> Result<u64> {
        self.engine.fetch_schema_version().await
    }

    async fn read(&self, read: Read) -> Result<ReadAnswer> {
        let table = read.tree.select.table.name.clone();
        let answer = self.engine.read(read).await;
        let is_wanted = self.table.lock().unwrap().take_if(|name| *name == table);
        if is_wanted.is_some() {
            self.is_held.store(true, SeqCst);
            self.held.notify_one();
            self.let_go.notified().await;
        }
        answer
    }

    async fn read_steps(&self, read: ReadSteps) -> Result<StepsAnswer> {
        self.engine.read_steps(read).await
    }

    async fn write(&self, write: Write) -> Result<WriteAnswer> {
        let answer = self.engine.write(write).await;
        if self.is_held.load(SeqCst) {
            self.written.notify_one();
        }
        answer
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
