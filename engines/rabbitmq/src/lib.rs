//! Queues on RabbitMQ's quorum queues: an engine of the port [`pando_model::broker`].
//!
//! | file | what is in it |
//! |---|---|
//! | `config.rs`, `topology.rs` | what the engine is told; exchanges and queues, and what they are called |
//! | `wire.rs` | a message as RabbitMQ has it |
//! | `session.rs` | a connection and the leases that are bound to it |
//! | `deliver.rs`, `settle.rs`, `dead.rs` | messages on their way from there, done with, dead |
//! | `fault.rs` | errors |
//!
//! A quorum queue confirms what a majority of its copies has synced. What it cannot do is refused:
//! ordering keys beside other messages, priorities, deduplication, replay, looking without taking,
//! counting what is out.
//!
//! A lease is bound to this process and its connection: another process settles none of them, and when
//! the connection is lost they are gone and their messages are there again.

mod config;
mod dead;
mod deliver;
mod fault;
mod session;
mod settle;
mod topology;
mod wire;

pub use config::RabbitConfig;

use crate::fault::{changed, invalid, no_such, unavailable, unsupported};
use crate::session::Session;
use crate::topology::Queue;
use async_trait::async_trait;
use futures_util::future::join_all;
use lapin::options::QueuePurgeOptions;
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

/// What errors name.
pub(crate) const ENGINE: &str = "rabbitmq";

/// Queues on RabbitMQ.
#[derive(Debug)]
pub struct RabbitBroker {
    config: RabbitConfig,
    session: tokio::sync::Mutex<Arc<Session>>,
    queues: RwLock<HashMap<String, Arc<Queue>>>,
    is_closed: AtomicBool,
}

impl RabbitBroker {
    /// Connects. Later on a connection that is lost is made again by the next call.
    pub async fn connect(config: RabbitConfig) -> Result<RabbitBroker> {
        config.validate()?;
        let session = Session::open(&config).await?;
        Ok(RabbitBroker {
            config,
            session: tokio::sync::Mutex::new(session),
            queues: RwLock::default(),
            is_closed: AtomicBool::new(false),
        })
    }

    /// The session that is up, or a new one.
    async fn session(&self) -> Result<Arc<Session>> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(unavailable("the engine is closed"));
        }
        let mut session = self.session.lock().await;
        if !session.is_up() {
            tracing::warn!("the connection to RabbitMQ is lost, and is made again");
            session.close().await;
            *session = Session::open(&self.config).await?;
        }
        Ok(Arc::clone(&session))
    }

    fn queue(&self, name: &str) -> Result<Arc<Queue>> {
        let queue = self.queues.read().get(name).cloned();
        queue.ok_or_else(|| no_such(name, "*"))
    }

    fn holds(&self, what: &str, span: Duration) -> Result<()> {
        let most = self.config.hold_max;
        if span <= most {
            return Ok(());
        }
        Err(invalid(
            format!("{what} of {span:?} is longer than RabbitMQ lets a message be held, {most:?}"),
            "make it shorter, or raise the server's consumer_timeout and then hold_max of this broker",
        ))
    }
}

fn mend(ability: Ability) -> String {
    match ability {
        Ability::Deduplication => {
            "leave dedup_window out and have handlers tell repetitions by the message's id, or keep \
             this queue in the store"
        }
        Ability::Priority => "take a queue for each priority, or keep this one in the store",
        _ => "keep this queue in the store",
    }
    .to_owned()
}

#[async_trait]
impl Broker for RabbitBroker {
    fn info(&self) -> BrokerInfo {
        BrokerInfo {
            engine: ENGINE,
            // The library does not hand on what the server says of itself.
            version: String::new(),
            durability: Durability {
                synced: true,
                copies: self.config.copies,
            },
        }
    }

    fn abilities(&self) -> Abilities {
        Abilities::of(&[
            Ability::Groups,
            Ability::NackDelay,
            Ability::Extend,
            Ability::VisibilityOfLease,
            Ability::Purge,
            Ability::Synced,
        ])
    }

    async fn declare(&self, spec: &QueueSpec) -> Result<()> {
        spec.check(ENGINE, self.abilities(), mend)?;
        self.holds("a visibility", spec.visibility)?;
        let queue = Queue::new(&self.config.prefix, spec);
        queue.declare(&*self.session().await?).await?;
        self.queues
            .write()
            .insert(spec.name.clone(), Arc::new(queue));
        Ok(())
    }

    async fn publish(&self, queue: &str, messages: &[Message]) -> Result<Vec<Result<()>>> {
        let queue = self.queue(queue)?;
        queue.spec.admits(ENGINE, messages)?;
        let session = self.session().await?;
        let each = messages.iter().map(|message| {
            let properties = wire::properties(message);
            session.publish(
                &queue.spec.name,
                &queue.exchange,
                "",
                &message.body,
                properties,
            )
        });
        Ok(join_all(each).await)
    }

    async fn lease(&self, queue: &str, group: &str, ask: &LeaseAsk) -> Result<Vec<Delivery>> {
        let queue = self.queue(queue)?;
        ask.check()?;
        self.holds("a visibility", ask.visibility)?;
        deliver::lease(self.session().await?, queue, group, *ask).await
    }

    async fn ack(&self, queue: &str, leases: &[Lease]) -> Result<Settled> {
        self.queue(queue)?;
        at_most(leases.len())?;
        settle::ack(&*self.session().await?, queue, leases).await
    }

    async fn nack(
        &self,
        queue: &str,
        leases: &[Lease],
        delay: Duration,
        error: &str,
    ) -> Result<Settled> {
        self.queue(queue)?;
        at_most(leases.len())?;
        self.holds("a delay", delay)?;
        let spans = (delay, self.config.hold_max);
        settle::nack(&*self.session().await?, queue, leases, spans, error).await
    }

    async fn extend(
        &self,
        queue: &str,
        leases: &[Lease],
        visibility: Duration,
    ) -> Result<Vec<Option<Lease>>> {
        self.queue(queue)?;
        at_most(leases.len())?;
        let spans = (visibility, self.config.hold_max);
        settle::extend(&*self.session().await?, queue, leases, spans)
    }

    async fn counts(&self, queue: &str, group: &str) -> Result<Counts> {
        let queue = self.queue(queue)?;
        let (of_group, dead) = (queue.of_group(group)?, queue.dead_of(group)?);
        let channel = self.session().await?.channel().await?;
        let bound = self.config.call_timeout;
        let counts = Counts {
            depth: queue.ready(&channel, &of_group, bound).await?,
            dead: queue.ready(&channel, &dead, bound).await?,
            in_flight: None,
            oldest_us: None,
        };
        let _ = channel.close(200, "done".into()).await;
        Ok(counts)
    }

    async fn peek(&self, queue: &str, group: &str, _max: usize) -> Result<Vec<Message>> {
        self.queue(queue)?.of_group(group)?;
        Err(unsupported(Ability::Peek, mend(Ability::Peek)))
    }

    async fn dead(&self, queue: &str, group: &str, max: usize) -> Result<Vec<Dead>> {
        let queue = self.queue(queue)?;
        let session = self.session().await?;
        dead::look(&session, &queue, group, max.min(MESSAGES_MAX)).await
    }

    async fn redrive(&self, queue: &str, group: &str, max: usize) -> Result<u64> {
        let queue = self.queue(queue)?;
        let session = self.session().await?;
        dead::redrive(&session, &queue, group, max.min(MESSAGES_MAX)).await
    }

    async fn purge(&self, queue: &str) -> Result<()> {
        let queue = self.queue(queue)?;
        let channel = self.session().await?.channel().await?;
        for group in &queue.spec.groups {
            let of_group = queue.of_group(group)?;
            let purge = channel.queue_purge(of_group.into(), QueuePurgeOptions::default());
            changed(self.config.call_timeout, purge).await?;
        }
        let _ = channel.close(200, "done".into()).await;
        Ok(())
    }

    async fn replay(&self, queue: &str, group: &str, _from_us: i64) -> Result<()> {
        self.queue(queue)?.of_group(group)?;
        Err(unsupported(Ability::Replay, mend(Ability::Replay)))
    }

    async fn close(&self) -> Result<()> {
        self.is_closed.store(true, Ordering::Relaxed);
        self.session.lock().await.close().await;
        Ok(())
    }
}

/// Microseconds since 1970.
pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| {
        i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
    })
}
