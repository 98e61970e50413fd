//! All workers of a process.

use crate::complaint::Complaints;
use crate::config::WorkerConfig;
use crate::hand::Hand;
use crate::handler::Handler;
use crate::source::Source;
use crate::stats::Stats;
use crate::worker::{Running, Stopped, Worker};
use futures_util::future::join_all;
use pando_model::clock::Clock;
use pando_model::working::WorkerReport;
use pando_queue::ConfigError;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// All workers of a process. Each has its own places, its own handler and its own bounds, so that
/// none can take what another needs.
pub struct Workers {
    source: Arc<dyn Source>,
    clock: Arc<dyn Clock>,
    running: Mutex<Vec<Running>>,
    stop: watch::Sender<Option<Instant>>,
}

impl Workers {
    /// None yet.
    pub fn new(source: Arc<dyn Source>, clock: Arc<dyn Clock>) -> Workers {
        Workers {
            source,
            clock,
            running: Mutex::default(),
            stop: watch::Sender::new(None),
        }
    }

    /// Starts one more, within a runtime.
    pub fn start(
        &self,
        config: WorkerConfig,
        handler: Arc<dyn Handler>,
    ) -> Result<(), ConfigError> {
        let worker = Worker {
            name: config.name.as_str().into(),
            place: Arc::new(config.place.clone()),
            config,
            source: Arc::clone(&self.source),
            handler,
            clock: Arc::clone(&self.clock),
            hand: Hand::default(),
            stats: Stats::default(),
            complaints: Complaints::default(),
        };
        let running = Running::start(worker, self.stop.subscribe())?;
        self.running.lock().push(running);
        Ok(())
    }

    /// What is seen of each.
    pub fn report(&self) -> Vec<WorkerReport> {
        self.running.lock().iter().map(Running::report).collect()
    }

    /// Stops them: nothing is leased from now on. What was begun may take `within`; then it is cut
    /// off, and its messages are given back, as if they had not been leased. Leases that cannot be
    /// given back, because their source is away, run out by themselves.
    pub async fn stop(&self, within: Duration) -> Stopped {
        let until = Instant::now() + within;
        self.stop.send_replace(Some(until));
        let running = std::mem::take(&mut *self.running.lock());
        let stopped = join_all(running.into_iter().map(|one| one.stopped(until))).await;
        stopped.iter().fold(Stopped::default(), |sum, one| Stopped {
            released: sum.released + one.released,
            left: sum.left + one.left,
        })
    }
}
