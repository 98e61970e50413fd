//! The scripts and the connection that runs them, and what is swept by them.

use super::fault::Failed;
use super::wire::ms;
use crate::link::Link;
use crate::script::{Run, Source};
use pando_model::broker::QueueSpec;
use parking_lot::RwLock;
use redis::Value;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often what is done with is swept: four times in what is kept, and within these.
const PACE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(30));

/// What the sweeper shares.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) link: Link,
    pub(super) prefix: String,
    pub(super) scripts: Scripts,
    pub(super) queues: RwLock<HashMap<String, Arc<QueueSpec>>>,
}

macro_rules! scripts {
    ($($name:ident),+) => {
        #[derive(Debug)]
        pub(super) struct Scripts { $(pub(super) $name: Source),+ }

        impl Scripts {
            pub(super) fn new() -> Scripts {
                Scripts { $($name: Source::new(concat!(
                    include_str!("lua/prelude.lua"),
                    include_str!(concat!("lua/", stringify!($name), ".lua")),
                ))),+ }
            }
        }
    };
}
scripts!(
    publish, lease, ack, nack, extend, look, redrive, purge, replay, sweep
);

impl Store {
    pub(super) fn key(&self, queue: &str) -> String {
        format!("{}:{{{queue}}}", self.prefix)
    }

    /// Runs a script.
    pub(super) async fn run(
        &self,
        source: &Source,
        queue: &str,
        arguments: Vec<Vec<u8>>,
    ) -> std::result::Result<Value, Failed> {
        let key = self.key(queue);
        let run = Run::of(source, vec![key.as_bytes()], arguments);
        let said = self
            .link
            .call(async |connection| match run.run(connection).await {
                Err(error) if error.code() == Some("NOGROUP") => Ok(None),
                said => said.map(Some),
            });
        let said = said.await;
        let said = said.map_err(|error| Failed::Unanswered(error.reason))?;
        said.ok_or(Failed::Missing)
    }
}

/// Removes what all groups are done with, where it was kept for a time.
pub(super) async fn sweep(store: Arc<Store>) {
    let mut swept: HashMap<String, Instant> = HashMap::new();
    loop {
        tokio::time::sleep(PACE.0).await;
        let all: Vec<Arc<QueueSpec>> = store.queues.read().values().cloned().collect();
        for queue in all {
            let keep = queue.retention.unwrap_or_default();
            let pace = (keep / 4).clamp(PACE.0, PACE.1);
            let last = swept.get(&queue.name);
            if queue.retention.is_none() || last.is_some_and(|last| last.elapsed() < pace) {
                continue;
            }
            swept.insert(queue.name.clone(), Instant::now());
            let arguments = vec![Vec::new(), ms(keep)];
            let done = store.run(&store.scripts.sweep, &queue.name, arguments);
            if let Err(error) = done.await {
                // The next one does it.
                tracing::debug!("sweeping queue {}: {error:?}", queue.name);
            }
        }
    }
}
