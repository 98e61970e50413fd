//! What a queue is on RabbitMQ, and what it is called.
//!
//! | what | name |
//! |---|---|
//! | a fan-out exchange, which is published to | `PREFIX.QUEUE` |
//! | a quorum queue for each group, bound to it | `PREFIX.QUEUE.GROUP` |
//! | a quorum queue of its dead | `PREFIX.QUEUE.GROUP.dead` |
//!
//! What a queue is declared with cannot be changed later, and a dead-letter exchange adds no error
//! to a message. So the server's `delivery-limit` is out of reach, and the engine counts.

use crate::fault::{is_not_found, looked, no_such, unavailable, within};
use crate::session::Session;
use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, ExchangeKind};
use pando_model::broker::{QueueSpec, Result};
use std::time::Duration;

/// A queue that was declared.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    pub(crate) spec: QueueSpec,
    pub(crate) exchange: String,
}

impl Queue {
    pub(crate) fn new(prefix: &str, spec: &QueueSpec) -> Queue {
        Queue {
            spec: spec.clone(),
            exchange: format!("{prefix}.{}", spec.name),
        }
    }

    pub(crate) fn of_group(&self, group: &str) -> Result<String> {
        if self.spec.groups.iter().any(|one| one == group) {
            return Ok(format!("{}.{group}", self.exchange));
        }
        Err(no_such(&self.spec.name, group))
    }

    pub(crate) fn dead_of(&self, group: &str) -> Result<String> {
        self.of_group(group).map(|queue| format!("{queue}.dead"))
    }

    /// Makes all of it, and answers when what is new outlives a crash of the server.
    pub(crate) async fn declare(&self, session: &Session) -> Result<()> {
        let is_new = !self.is_there(session).await?;
        // An error ends a channel.
        let channel = session.channel().await?;
        self.make(&channel, session.bound).await?;
        let _ = channel.close(200, "done".into()).await;
        if is_new {
            tokio::time::sleep(REGISTERED).await;
        }
        Ok(())
    }

    /// Whether all queues are there; in doubt they are not.
    async fn is_there(&self, session: &Session) -> Result<bool> {
        let channel = session.channel().await?;
        for group in &self.spec.groups {
            for name in [self.dead_of(group)?, self.of_group(group)?] {
                if self.ready(&channel, &name, session.bound).await.is_err() {
                    return Ok(false);
                }
            }
        }
        let _ = channel.close(200, "done".into()).await;
        Ok(true)
    }

    /// How many messages are ready in one of its queues; [`BrokerError::NoSuchQueue`] where that is
    /// not there, which ends the channel.
    ///
    /// [`BrokerError::NoSuchQueue`]: pando_model::broker::BrokerError::NoSuchQueue
    pub(crate) async fn ready(
        &self,
        channel: &Channel,
        name: &str,
        bound: Duration,
    ) -> Result<u64> {
        let options = QueueDeclareOptions {
            passive: true,
            ..QueueDeclareOptions::durable()
        };
        let asked = channel.queue_declare(name.into(), options, FieldTable::default());
        let queue = self.looked(bound, asked).await?;
        Ok(queue.message_count().into())
    }

    /// A call that only looks, at one of its queues.
    pub(crate) async fn looked<T>(
        &self,
        bound: Duration,
        call: impl Future<Output = lapin::Result<T>>,
    ) -> Result<T> {
        within(bound, call).await.map_err(|error| {
            if is_not_found(&error) {
                no_such(&self.spec.name, "*")
            } else {
                unavailable(error)
            }
        })
    }

    async fn make(&self, channel: &Channel, bound: Duration) -> Result<()> {
        let options = ExchangeDeclareOptions {
            durable: true,
            ..ExchangeDeclareOptions::default()
        };
        let none = FieldTable::default;
        let exchange = &self.exchange[..];
        let made = channel.exchange_declare(exchange.into(), ExchangeKind::Fanout, options, none());
        looked(bound, made).await?;
        for group in &self.spec.groups {
            let queue = self.of_group(group)?;
            for name in [self.dead_of(group)?, queue.clone()] {
                let options = QueueDeclareOptions::durable();
                let made = channel.queue_declare(name.into(), options, arguments());
                looked(bound, made).await?;
            }
            let options = QueueBindOptions::default();
            let bind =
                channel.queue_bind(queue.into(), exchange.into(), "".into(), options, none());
            looked(bound, bind).await?;
        }
        Ok(())
    }
}

/// The server writes down which quorum queues it has when their names have not changed for half a
/// second or up to a whole one (ra's `names.dets`). Killed before that, it starts a queue that has
/// no leader, and what was confirmed in it is lost.
const REGISTERED: Duration = Duration::from_millis(1_500);

/// The server drops what was taken back more often; version 4 after twenty times, where it is not told
/// otherwise. None is not said the same way everywhere: 3.10 takes -1, and drops at once.
const DELIVERIES_MAX: i32 = 1_000_000;

fn arguments() -> FieldTable {
    let mut arguments = FieldTable::default();
    let quorum = AMQPValue::LongString("quorum".into());
    arguments.insert("x-queue-type".into(), quorum);
    let limit = AMQPValue::LongInt(DELIVERIES_MAX);
    arguments.insert("x-delivery-limit".into(), limit);
    arguments
}
