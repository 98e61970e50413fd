//! Whether the broker is there that queues are on, and who asks a process that was told of none.
//!
//! A queue that was moved to a broker stays there, whatever a configuration says afterwards: what is
//! published waits to be handed over, and leases of the store end where the move was. So a process
//! without a broker serves nothing of it, and says so.

use super::{Brokered, DEFAULT_GROUP};
use crate::session::Result;
use crate::store::Store;
use pando_model::error::Refusal;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How the broker does that queues are on, or should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokerState {
    /// Which engine it is; `None` where queues are on one and this process was told of none.
    pub engine: Option<&'static str>,
    /// What came instead of an answer.
    pub fault: Option<String>,
    /// The queues that are there.
    pub queues: Vec<String>,
}

impl Store {
    /// Looks which queues are on a broker; for a process that was told of none. Call it at the
    /// start, and now and then where other processes share the store.
    pub async fn queue_look_for_stranded(&self) -> Result<Vec<String>> {
        let homes = self.fetch_queue_homes().await?;
        let stranded = homes.into_iter().filter(|(_, home)| home.on_broker);
        let stranded: BTreeSet<String> = stranded.map(|(queue, _)| queue).collect();
        let names = stranded.iter().cloned().collect();
        self.stranded().store(Arc::new(stranded));
        Ok(names)
    }

    /// Refuses what is asked of a queue that is on a broker, if this process was told of none.
    /// Memory only.
    pub fn queue_reach(&self, queue: &str) -> Result<()> {
        if !self.stranded().load().contains(queue) {
            return Ok(());
        }
        let message =
            format!("the queue {queue:?} is on a broker, and this server is told of none");
        Err(Refusal::new("broker_missing", message)
            .hint(format!(
                "Name the broker as [queue] engine again; with engine = \"store\" in \
                 [queues.{queue}] the queue then comes back from it."
            ))
            .into())
    }

    /// Asks the broker how it does, by one of the queues that this process declared there; so long at
    /// most. `None` where there is none and no queue needs one.
    pub async fn queue_broker_state(&self, within: Duration) -> Option<BrokerState> {
        let Some(brokered) = self.brokered().get() else {
            let queues: Vec<String> = self.stranded().load().iter().cloned().collect();
            return (!queues.is_empty()).then(|| BrokerState {
                engine: None,
                fault: Some("queues are on a broker, and [queue] engine names none".to_owned()),
                queues,
            });
        };
        Some(BrokerState {
            engine: Some(brokered.broker().info().engine),
            fault: self.fault_of(brokered, within).await,
            queues: brokered.queues(),
        })
    }

    async fn fault_of(&self, brokered: &Brokered, within: Duration) -> Option<String> {
        let queue = brokered.any_declared()?;
        let groups = &self.queue_rules(&queue).groups;
        let group = groups.first().map_or(DEFAULT_GROUP, String::as_str);
        let counts = brokered.broker().counts(&queue, group);
        match tokio::time::timeout(within, counts).await {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(brokered.told(&queue, error).to_string()),
            Err(_) => Some("it did not answer in time".to_owned()),
        }
    }
}
