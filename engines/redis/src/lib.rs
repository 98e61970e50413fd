//! The Redis engine: the second level of the cache ([`pando_model::level2`]) on one Redis, on one
//! that sentinels look after, or on a cluster; and queues on Redis Streams ([`pando_model::broker`]).
//!
//! | file | what is in it |
//! |---|---|
//! | `config.rs`, `address.rs` | what the engine is told, and what of it cannot be |
//! | `key.rs`, `record.rs`, `script.rs` | what lies in Redis, and what is done to it there |
//! | `link.rs`, `connect.rs` | the connection: made, watched, given up and made again |
//! | `inspect.rs` | how the server is set up |
//! | `bus.rs` | what processes tell one another ([`pando_model::bus`]) |
//! | `streams/` | queues |
//!
//! Every call ends within [`RedisConfig::call_timeout`], whatever Redis or the network does, and
//! nothing is tried twice: who asks has a store that he can ask instead. One connection carries
//! all calls; a task of the engine's makes it again whenever it is lost, and ends with the engine.
//!
//! Nothing of the cache is relied on to be durable, and no server-assisted invalidation (RESP3's client
//! tracking) is used: the follower of the store's feed says what has changed.

mod address;
mod bus;
mod config;
mod connect;
mod inspect;
mod key;
mod link;
mod record;
mod script;
mod streams;

pub use streams::RedisBroker;

pub use bus::{RedisBus, validate as validate_bus};
pub use config::{RedisConfig, Unusable};

use crate::connect::Way;
use crate::key::Place;
use crate::link::Link;
use crate::script::Scripts;
use async_trait::async_trait;
use pando_model::inspection::Shortfall;
use pando_model::level2::{Lease, Level2, Record, Unreachable};
use pando_model::stamp::Position;
use redis::Value;
use std::time::Duration;

/// The second level on Redis.
#[derive(Debug)]
pub struct RedisLevel2 {
    config: RedisConfig,
    link: Link,
    scripts: Scripts,
}

impl RedisLevel2 {
    /// Reads the password and the certificates, and begins to connect. Redis need not be there:
    /// until it is, calls are answered with [`Unreachable`]. Must be called within a runtime.
    pub fn start(config: RedisConfig) -> Result<RedisLevel2, Unusable> {
        config.validate()?;
        let way = Way::of(&config)?;
        Ok(RedisLevel2 {
            link: Link::start(way, &config),
            scripts: Scripts::new(),
            config,
        })
    }

    /// What does not do in how Redis is set up; nothing of it stands in the way of a right answer.
    pub async fn inspect(&self) -> Result<Vec<Shortfall>, Unreachable> {
        let memory = self.link.call(inspect::memory).await?;
        Ok(inspect::shortfalls(&memory))
    }

    fn span(span: Duration) -> u64 {
        let ms = u64::try_from(span.as_millis()).unwrap_or(u64::MAX);
        ms.clamp(1, SPAN_MS_MAX)
    }
}

/// Longer would not fit Redis's arithmetic some day; seven weeks.
const SPAN_MS_MAX: u64 = u32::MAX as u64;

#[async_trait]
impl Level2 for RedisLevel2 {
    async fn fetch(&self, key: &[u8]) -> Result<Option<Record>, Unreachable> {
        let place = Place::of(key);
        let fetch = async |mut connection| {
            let get = redis::cmd("GET").arg(&place.record).to_owned();
            let there: Option<Vec<u8>> = get.query_async(&mut connection).await?;
            Ok(there)
        };
        let there = self.link.call(fetch).await?;
        Ok(there.and_then(|bytes| record::read(bytes, self.config.value_bytes_max)))
    }

    async fn put(&self, key: &[u8], record: Record, keep: Duration) -> Result<bool, Unreachable> {
        if record.body.len() > self.config.value_bytes_max {
            return Ok(false);
        }
        let place = Place::of(key);
        let bytes = record::write(&record);
        let put = self.scripts.put(&place, &bytes, Self::span(keep));
        let done = self.link.call(async |connection| put.run(connection).await);
        Ok(matches!(done.await?, Value::Int(1)))
    }

    async fn invalidate(&self, key: &[u8], at: Position) -> Result<(), Unreachable> {
        let place = Place::of(key);
        let invalidate = self.scripts.invalidate(&place, &record::position(at));
        let done = self
            .link
            .call(async |connection| invalidate.run(connection).await);
        done.await.map(drop)
    }

    async fn lease(
        &self,
        key: &[u8],
        holder: u128,
        span: Duration,
        past: Option<Position>,
    ) -> Result<Lease, Unreachable> {
        let place = Place::of(key);
        let past = past.map(record::position);
        let holder = holder.to_be_bytes();
        let past = past.as_ref().map_or(&[][..], |past| &past[..]);
        let lease = self.scripts.lease(&place, &holder, Self::span(span), past);
        let said = self
            .link
            .call(async |connection| lease.run(connection).await)
            .await?;
        script::read_lease(said, self.config.value_bytes_max).ok_or_else(|| Unreachable {
            reason: format!("{} answered what no lease is", self.link.name()),
        })
    }

    async fn release(&self, key: &[u8], holder: u128) -> Result<(), Unreachable> {
        let place = Place::of(key);
        let release = self.scripts.release(&place, &holder.to_be_bytes());
        let done = self
            .link
            .call(async |connection| release.run(connection).await);
        done.await.map(drop)
    }
}
