//! Queues on NATS JetStream: an engine of the port [`pando_model::broker`]; and the bus between processes.
//!
//! | file | what is in it |
//! |---|---|
//! | `config.rs`, `names.rs` | what the engine is told; what streams, subjects and consumers are called |
//! | `wire.rs`, `lease.rs` | a message, and a lease, as NATS has them |
//! | `queue.rs` | a queue: its streams and consumers, made and changed |
//! | `publish.rs`, `deliver.rs`, `settle.rs` | messages on their way there, from there, and done with |
//! | `spurious.rs` | what an older server delivers once too often |
//! | `dead.rs`, `look.rs` | the dead; counts, peek |
//! | `sweep.rs` | what all groups are done with goes |
//! | `fault.rs` | what an error of the library's means |
//! | `connect.rs` | the way to the servers |
//! | `bus.rs` | what processes tell one another: an engine of [`pando_model::bus`] |
//!
//! A queue is a stream with a durable pull consumer for each group; ack wait is the visibility time.
//! Messages are kept until all groups are done with them **and** the window of deduplication, or the
//! retention, has passed: JetStream rebuilds the window after a crash from what its stream holds.
//! So the stream has no limits, and the engine purges it (`sweep.rs`).
//!
//! Ordering keys are spread over lanes, each a subject with a consumer that has one message out at
//! a time: stricter than one for each key, and kept by the server, whoever leases.
//!
//! JetStream drops what was delivered too often, without a word to the consumer. So its limit is not
//! set, and the engine counts (`deliver.rs`).

mod bus;
mod config;
mod connect;
mod dead;
mod deliver;
mod fault;
mod lease;
mod look;
mod names;
mod publish;
mod queue;
mod settle;
mod spurious;
mod sweep;
mod wire;

pub use bus::NatsBus;
pub use config::NatsConfig;

use crate::config::invalid;
use crate::queue::Queue;
use async_nats::jetstream::{Context, ContextBuilder};
use async_nats::{Client, Event};
use async_trait::async_trait;
use pando_model::broker::{
    Abilities, Ability, Broker, BrokerInfo, Counts, Dead, Delivery, Lease, LeaseAsk, MESSAGES_MAX,
    Message, QueueSpec, Result, Settled, at_most,
};
use pando_model::engine::Durability;
use parking_lot::RwLock;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::task::JoinHandle;

/// What errors name.
pub(crate) const ENGINE: &str = "nats";
/// The first version whose streams can be synced before they confirm.
const SYNCS_SINCE: (i64, i64, i64) = (2, 10, 0);

/// Queues on NATS.
#[derive(Debug)]
pub struct NatsBroker {
    config: NatsConfig,
    client: Client,
    context: Context,
    info: BrokerInfo,
    queues: Arc<RwLock<HashMap<String, Arc<Queue>>>>,
    sweeper: JoinHandle<()>,
    is_closed: AtomicBool,
}

impl NatsBroker {
    /// Connects, and begins to sweep. Later on a connection that is lost is made again by itself.
    pub async fn connect(config: NatsConfig) -> Result<NatsBroker> {
        config.validate()?;
        let options = connect::options(&config).await?;
        let options = options.event_callback(|event| async move {
            match event {
                Event::Connected => tracing::info!("connected to NATS"),
                event => tracing::warn!("NATS: {event}"),
            }
        });
        let client = connect::open(options, &config).await?;
        let server = client.server_info();
        let (major, minor, patch) = SYNCS_SINCE;
        let can_sync = client.is_server_compatible(major, minor, patch);
        if config.synced && !can_sync {
            return Err(invalid(
                format!("synced is set, and nats-server is {}", server.version),
                "sync_interval: always is there since 2.10: take a newer server, or leave synced out",
            ));
        }
        let context = ContextBuilder::new()
            .timeout(config.call_timeout)
            .ack_timeout(config.call_timeout)
            .build(client.clone());
        has_jetstream(&context).await?;
        let queues = Arc::new(RwLock::new(HashMap::new()));
        let info = BrokerInfo {
            engine: ENGINE,
            version: server.version.clone(),
            durability: Durability {
                synced: config.synced,
                copies: config.replicas as u32,
            },
        };
        Ok(NatsBroker {
            sweeper: tokio::spawn(sweep::run(Arc::clone(&queues))),
            config,
            client,
            context,
            info,
            queues,
            is_closed: AtomicBool::new(false),
        })
    }

    fn queue(&self, name: &str) -> Result<Arc<Queue>> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(fault::unavailable("the engine is closed"));
        }
        let queue = self.queues.read().get(name).cloned();
        queue.ok_or_else(|| fault::no_such(name, "*"))
    }

    /// What to do about an ability that is missing.
    fn mend(&self, ability: Ability) -> String {
        match ability {
            Ability::Synced if self.client.is_server_compatible(2, 10, 0) => {
                "nats-server confirms before it syncs: set `sync_interval: always` in its \
                 `jetstream` block, and then synced = true for this broker"
            }
            Ability::Synced => {
                "this nats-server confirms before it syncs: take version 2.10 or later with \
                 `sync_interval: always` in its `jetstream` block, and then synced = true for this \
                 broker"
            }
            Ability::Priority => "take a queue for each priority, or keep this one in the store",
            _ => "keep this queue in the store",
        }
        .to_owned()
    }
}

/// The library's own question has fields that version 2.9 does not answer.
async fn has_jetstream(context: &Context) -> Result<()> {
    let said = context.request("INFO", &()).await;
    let said: serde_json::Value =
        said.map_err(|error| fault::unavailable(&format!("JetStream: {error}")))?;
    match said.pointer("/error/description") {
        Some(why) => Err(fault::unavailable(&format!("JetStream: {why}"))),
        None => Ok(()),
    }
}

impl Drop for NatsBroker {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}

#[async_trait]
impl Broker for NatsBroker {
    fn info(&self) -> BrokerInfo {
        self.info.clone()
    }

    fn abilities(&self) -> Abilities {
        let mut all = vec![
            Ability::OrderingKeys,
            Ability::Deduplication,
            Ability::Replay,
            Ability::Peek,
            Ability::Counts,
            Ability::Groups,
            Ability::NackDelay,
            Ability::Extend,
            Ability::SharedLeases,
            Ability::Purge,
        ];
        if self.config.synced {
            all.push(Ability::Synced);
        }
        Abilities::of(&all)
    }

    async fn declare(&self, spec: &QueueSpec) -> Result<()> {
        spec.check(ENGINE, self.abilities(), |ability| self.mend(ability))?;
        let queue = Queue::declare(&self.context, &self.config, spec).await?;
        self.queues
            .write()
            .insert(spec.name.clone(), Arc::new(queue));
        Ok(())
    }

    async fn publish(&self, queue: &str, messages: &[Message]) -> Result<Vec<Result<()>>> {
        let queue = self.queue(queue)?;
        queue.spec.admits(ENGINE, messages)?;
        Ok(queue.publish(messages).await)
    }

    async fn lease(&self, queue: &str, group: &str, ask: &LeaseAsk) -> Result<Vec<Delivery>> {
        let queue = self.queue(queue)?;
        ask.check()?;
        queue.has_visibility(ask.visibility)?;
        queue.lease(group, ask).await
    }

    async fn ack(&self, queue: &str, leases: &[Lease]) -> Result<Settled> {
        at_most(leases.len())?;
        self.queue(queue)?.ack(leases).await
    }

    async fn nack(
        &self,
        queue: &str,
        leases: &[Lease],
        delay: Duration,
        error: &str,
    ) -> Result<Settled> {
        at_most(leases.len())?;
        self.queue(queue)?.nack(leases, delay, error).await
    }

    async fn extend(
        &self,
        queue: &str,
        leases: &[Lease],
        visibility: Duration,
    ) -> Result<Vec<Option<Lease>>> {
        at_most(leases.len())?;
        let queue = self.queue(queue)?;
        queue.has_visibility(visibility)?;
        queue.extend(leases).await
    }

    async fn counts(&self, queue: &str, group: &str) -> Result<Counts> {
        self.queue(queue)?.counts(group).await
    }

    async fn peek(&self, queue: &str, group: &str, max: usize) -> Result<Vec<Message>> {
        self.queue(queue)?.peek(group, max.min(MESSAGES_MAX)).await
    }

    async fn dead(&self, queue: &str, group: &str, max: usize) -> Result<Vec<Dead>> {
        self.queue(queue)?.dead(group, max.min(MESSAGES_MAX)).await
    }

    async fn redrive(&self, queue: &str, group: &str, max: usize) -> Result<u64> {
        let max = max.min(MESSAGES_MAX);
        self.queue(queue)?.redrive(group, max).await
    }

    async fn purge(&self, queue: &str) -> Result<()> {
        let queue = self.queue(queue)?;
        let purged = queue.stream.purge().await;
        purged
            .map(drop)
            .map_err(|error| fault::unknown("purge", &error))
    }

    async fn replay(&self, queue: &str, group: &str, from_us: i64) -> Result<()> {
        self.queue(queue)?.replay(group, from_us).await
    }

    async fn close(&self) -> Result<()> {
        self.is_closed.store(true, Ordering::Relaxed);
        self.sweeper.abort();
        let drained = self.client.drain().await;
        // Closed before: there is nothing to drain.
        drained.or(Ok(()))
    }
}

/// Microseconds since 1970.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, micros)
}

pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX / 4)
}
