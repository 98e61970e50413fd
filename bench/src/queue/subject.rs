//! Pando's store, in this process.

use super::BODY;
use anyhow::{Result, ensure};
use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::clock::SystemClock;
use pando_model::engine::Engine;
use pando_store::queue::{Lease, Leased, NewMessage};
use pando_store::session::Session;
use pando_store::{Store, StoreConfig};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Messages of one publish where a queue is filled.
const FILLING: usize = 1_000;

pub struct Subject {
    store: Arc<Store>,
}

impl Subject {
    pub async fn on_sqlite(folder: &Path) -> Result<Subject> {
        let engine = SqliteEngine::open(SqliteConfig::new(folder.join("pando.db")))?;
        Subject::on(engine).await
    }

    pub async fn on(engine: Arc<dyn Engine>) -> Result<Subject> {
        let config = StoreConfig::default();
        let store = Store::open(engine, Arc::new(SystemClock), config).await?;
        Ok(Subject { store })
    }

    pub async fn close(&self) -> Result<()> {
        Ok(self.store.close().await?)
    }

    /// Writes for each commit, since it was opened.
    pub async fn group(&self) -> Result<f64> {
        let statistics = self.store.engine().fetch_statistics().await?;
        Ok(statistics.writes as f64 / statistics.commits.max(1) as f64)
    }

    /// Messages a second that `producers` publish, each one at a time.
    pub async fn publish_for(&self, queue: &str, producers: usize, span: Duration) -> Result<f64> {
        let begun = Instant::now();
        let mut working = JoinSet::new();
        for _ in 0..producers {
            let (store, queue) = (Arc::clone(&self.store), queue.to_owned());
            working.spawn(async move {
                let mut published = 0_u64;
                while begun.elapsed() < span {
                    publish(&store, &queue, 1).await?;
                    published += 1;
                }
                anyhow::Ok(published)
            });
        }
        let published = sum(working).await?;
        Ok(published as f64 / begun.elapsed().as_secs_f64())
    }

    /// Puts messages into a queue.
    pub async fn fill(&self, queue: &str, count: usize) -> Result<()> {
        for _ in 0..count / FILLING {
            publish(&self.store, queue, FILLING).await?;
        }
        Ok(())
    }

    /// Messages a second that consumers lease and acknowledge, until there are none or the time
    /// is over.
    pub async fn drain(
        &self,
        queue: &str,
        consumers: usize,
        max: u64,
        span: Duration,
    ) -> Result<f64> {
        let begun = Instant::now();
        let ended_us = Arc::new(AtomicU64::new(0));
        let mut working = JoinSet::new();
        for _ in 0..consumers {
            let (store, queue) = (Arc::clone(&self.store), queue.to_owned());
            let ended_us = Arc::clone(&ended_us);
            working.spawn(async move {
                let mut done = 0;
                while begun.elapsed() < span {
                    let leased = lease(&store, &queue, max).await?;
                    if leased.is_empty() {
                        break;
                    }
                    done += ack(&store, &queue, leased).await?;
                    let now_us = u64::try_from(begun.elapsed().as_micros())?;
                    ended_us.fetch_max(now_us, Ordering::Relaxed);
                }
                anyhow::Ok(done)
            });
        }
        let done = sum(working).await?;
        ensure!(done > 0, "there was nothing to lease");
        Ok(done as f64 * 1e6 / ended_us.load(Ordering::Relaxed) as f64)
    }
}

pub async fn sum(mut working: JoinSet<Result<u64>>) -> Result<u64> {
    let mut all = 0;
    while let Some(done) = working.join_next().await {
        all += done??;
    }
    Ok(all)
}

async fn publish(store: &Store, queue: &str, count: usize) -> Result<()> {
    let message = NewMessage {
        body: BODY.into(),
        content_type: "application/json".into(),
        ..NewMessage::default()
    };
    let publish = store.queue_publish(queue, vec![message; count]).await?;
    let publish = publish.map(|_| Ok(Vec::new()));
    store.carry_out(&publish, None, &Session::default()).await?;
    Ok(())
}

async fn lease(store: &Store, queue: &str, max: u64) -> Result<Vec<Leased>> {
    let lease = Lease {
        max: Some(max),
        ..Lease::default()
    };
    let kept = Arc::new(Mutex::new(Vec::new()));
    let place = Arc::clone(&kept);
    let lease = store.queue_lease(queue, &lease)?.map(move |leased| {
        *place.lock().unwrap_or_else(|broken| broken.into_inner()) = leased;
        Ok(Vec::new())
    });
    store.carry_out(&lease, None, &Session::default()).await?;
    let mut kept = kept.lock().unwrap_or_else(|broken| broken.into_inner());
    Ok(std::mem::take(&mut *kept))
}

async fn ack(store: &Store, queue: &str, leased: Vec<Leased>) -> Result<u64> {
    let count = leased.len() as u64;
    let tokens = leased.into_iter().map(|one| one.lease).collect();
    let ack = store
        .queue_ack(queue, tokens)?
        .map(move |acked| Ok(acked.acked.to_le_bytes().to_vec()));
    let done = store.carry_out(&ack, None, &Session::default()).await?;
    let acked = done.answer.first_chunk().copied().unwrap_or_default();
    ensure!(u64::from_le_bytes(acked) == count, "a lease was gone");
    Ok(count)
}
