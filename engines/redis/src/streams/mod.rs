//! Queues on Redis Streams: an engine of the port [`pando_model::broker`].
//!
//! | file | what is in it |
//! |---|---|
//! | `lua/` | what is done with a queue, each in one step |
//! | `wire.rs` | messages and leases, as Redis has them |
//! | `store.rs`, `fault.rs` | the scripts, and what is swept by them; errors |
//! | `server.rs` | what the server is, and whether it keeps what it confirms |
//!
//! | key | what lies there |
//! |---|---|
//! | `PREFIX:{QUEUE}` | the log: a stream, with a consumer group for each group |
//! | `…:seen` | ids within the window of deduplication, by when they are forgotten |
//! | `…:due:GROUP` | when each lease of a group runs out, and each delay |
//! | `…:busy:GROUP`, `…:held:GROUP` | the message of each key that goes first, and those behind it |
//! | `…:dead:GROUP` | the dead: a stream, whose ids say when they died |
//!
//! A group's pending entries say whose a message is and how often it was delivered. Redis measures how
//! long they have been idle, which is one span for all; when a lease of a length of its own, or a delay,
//! is over is what `due` is for. Times are the server's.
//!
//! Every verb is one script, so it is atomic, also in the append-only file, and a caller
//! that is cut off has done all of it or nothing.

mod fault;
mod server;
mod store;
mod wire;

use crate::address::{Address, Kind};
use crate::config::RedisConfig;
use crate::connect::Way;
use crate::link::Link;
use crate::script::Source;
use crate::streams::fault::{Failed, invalid, no_such, unavailable};
use crate::streams::server::Server;
use crate::streams::store::{Scripts, Store, sweep};
use crate::streams::wire::{keeps, ms, number, settled};
use async_trait::async_trait;
use pando_model::broker::{
    Abilities, Ability, Broker, BrokerError, BrokerInfo, Counts, Dead, Delivery, Lease, LeaseAsk,
    MESSAGES_MAX, Message, QueueSpec, Result, Settled, at_most, names,
};
use parking_lot::RwLock;
use redis::{FromRedisValue, Value};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What errors name.
const ENGINE: &str = "redis";
/// Between two looks of who waits; what this process publishes wakes it at once.
const LOOK: Duration = Duration::from_millis(50);
/// Messages of a group that wait behind others of their key; then the log waits for them.
const HELD_MAX: usize = 10_000;
/// Of an error that is kept with a dead message.
const ERROR_BYTES_MAX: usize = 4_096;
const RAN_OUT: &str = "the last attempt ran out of time, or whoever made it went away";

/// Queues on Redis Streams.
#[derive(Debug)]
pub struct RedisBroker {
    store: Arc<Store>,
    server: Server,
    wake: Notify,
    sweeper: JoinHandle<()>,
    is_closed: AtomicBool,
}

impl RedisBroker {
    /// Connects, asks how the server is set up, and begins to sweep. Later on a connection that is
    /// lost is made again by itself. Keys begin with `prefix`, which is named like a queue.
    pub async fn connect(config: &RedisConfig, prefix: &str) -> Result<RedisBroker> {
        names(prefix)?;
        let unusable =
            |error: crate::Unusable| invalid(error.to_string(), "set it to what it may be");
        config.validate().map_err(unusable)?;
        let address = Address::read(&config.url);
        if address.is_ok_and(|address| matches!(address.kind, Kind::Cluster)) {
            return Err(invalid(
                "url: it names a cluster",
                "queues lie on one Redis, or on one that sentinels look after",
            ));
        }
        let way = Way::of(config).map_err(unusable)?;
        let link = Link::start(way, config);
        let server = server::inspect(&link).await?;
        let store = Arc::new(Store {
            link,
            prefix: prefix.to_owned(),
            scripts: Scripts::new(),
            queues: RwLock::default(),
        });
        Ok(RedisBroker {
            sweeper: tokio::spawn(sweep(Arc::clone(&store))),
            store,
            server,
            wake: Notify::new(),
            is_closed: AtomicBool::new(false),
        })
    }

    fn queue(&self, name: &str) -> Result<Arc<QueueSpec>> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(unavailable("the engine is closed"));
        }
        let queue = self.store.queues.read().get(name).cloned();
        queue.ok_or_else(|| no_such(name, "*"))
    }

    fn group(&self, name: &str, group: &str) -> Result<Arc<QueueSpec>> {
        let queue = self.queue(name)?;
        match queue.groups.iter().any(|one| one == group) {
            true => Ok(queue),
            false => Err(no_such(name, group)),
        }
    }

    /// Settles leases, those of each group in one step, with what `tail` adds before them.
    async fn settle(
        &self,
        queue: &QueueSpec,
        verb: &Source,
        leases: &[Lease],
        tail: &[Vec<u8>],
    ) -> Result<Vec<bool>> {
        at_most(leases.len())?;
        let mut done = vec![false; leases.len()];
        for group in &queue.groups {
            let of_it: Vec<(usize, &str)> = leases
                .iter()
                .enumerate()
                .filter_map(|(at, lease)| Some((at, wire::lease_of(lease, &queue.name, group)?)))
                .collect();
            if of_it.is_empty() {
                continue;
            }
            let mut arguments = vec![group.clone().into_bytes()];
            arguments.extend_from_slice(tail);
            arguments.extend(of_it.iter().map(|(_, lease)| lease.as_bytes().to_vec()));
            let said = self.store.run(verb, &queue.name, arguments).await;
            let changed = |failed: Failed| failed.changed(&queue.name);
            let places: Vec<usize> = said.map_err(changed).and_then(read)?;
            for place in places {
                if let Some((at, _)) = of_it.get(place) {
                    done[*at] = true;
                }
            }
        }
        Ok(done)
    }
}

impl Drop for RedisBroker {
    fn drop(&mut self) {
        self.sweeper.abort();
    }
}

#[async_trait]
impl Broker for RedisBroker {
    fn info(&self) -> BrokerInfo {
        self.server.info()
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
            Ability::VisibilityOfLease,
            Ability::SharedLeases,
            Ability::Purge,
        ];
        if self.server.is_synced() {
            all.push(Ability::Synced);
        }
        Abilities::of(&all)
    }

    async fn declare(&self, spec: &QueueSpec) -> Result<()> {
        if self.is_closed.load(Ordering::Relaxed) {
            return Err(unavailable("the engine is closed"));
        }
        spec.check(ENGINE, self.abilities(), |ability| {
            self.server.mend(ability)
        })?;
        self.server.evicts_nothing()?;
        let key = self.store.key(&spec.name);
        for group in &spec.groups {
            let create = async |mut connection| {
                let mut create = redis::cmd("XGROUP");
                create.arg("CREATE").arg(&key).arg(group).arg("0");
                let done: redis::RedisResult<Value> =
                    create.arg("MKSTREAM").query_async(&mut connection).await;
                match done {
                    Err(error) if error.code() == Some("BUSYGROUP") => Ok(()),
                    done => done.map(drop),
                }
            };
            let done = self.store.link.call(create).await;
            done.map_err(|error| unavailable(&error.reason))?;
        }
        let mut queues = self.store.queues.write();
        queues.insert(spec.name.clone(), Arc::new(spec.clone()));
        Ok(())
    }

    async fn publish(&self, queue: &str, messages: &[Message]) -> Result<Vec<Result<()>>> {
        let queue = self.queue(queue)?;
        queue.admits(ENGINE, messages)?;
        let mut arguments = vec![Vec::new(), ms(queue.dedup_window.unwrap_or_default())];
        messages
            .iter()
            .for_each(|one| wire::write(one, &mut arguments));
        let publish = &self.store.scripts.publish;
        let said = self.store.run(publish, &queue.name, arguments).await;
        self.wake.notify_waiters();
        let said = said.map(drop);
        let said = said.map_err(|failed| failed.changed(&queue.name));
        Ok(vec![said; messages.len()])
    }

    async fn lease(&self, queue: &str, group: &str, ask: &LeaseAsk) -> Result<Vec<Delivery>> {
        let queue = self.group(queue, group)?;
        ask.check()?;
        let until = Instant::now() + ask.wait;
        loop {
            let woken = self.wake.notified();
            tokio::pin!(woken);
            woken.as_mut().enable();
            let arguments = vec![
                group.into(),
                number(ask.max),
                ms(ask.visibility),
                number(queue.attempts_max as usize),
                keeps(&queue),
                RAN_OUT.into(),
                number(HELD_MAX),
            ];
            let lease = &self.store.scripts.lease;
            let said = self.store.run(lease, &queue.name, arguments).await;
            let looked = |failed: Failed| failed.looked(&queue.name);
            let found = wire::read_all(said.map_err(looked).and_then(read)?);
            let left = until.saturating_duration_since(Instant::now());
            if !found.is_empty() || left.is_zero() {
                let leased = found.into_iter();
                return Ok(leased.map(|one| one.delivery(&queue.name, group)).collect());
            }
            let _ = tokio::time::timeout(LOOK.min(left), woken).await;
        }
    }

    async fn ack(&self, queue: &str, leases: &[Lease]) -> Result<Settled> {
        let queue = self.queue(queue)?;
        let tail = [keeps(&queue)];
        let done = self.settle(&queue, &self.store.scripts.ack, leases, &tail);
        Ok(settled(leases, &done.await?))
    }

    async fn nack(
        &self,
        queue: &str,
        leases: &[Lease],
        delay: Duration,
        error: &str,
    ) -> Result<Settled> {
        let queue = self.queue(queue)?;
        let mut end = error.len().min(ERROR_BYTES_MAX);
        while !error.is_char_boundary(end) {
            end -= 1;
        }
        let attempts = number(queue.attempts_max as usize);
        let tail = [keeps(&queue), ms(delay), error[..end].into(), attempts];
        let done = self.settle(&queue, &self.store.scripts.nack, leases, &tail);
        let done = done.await?;
        self.wake.notify_waiters();
        Ok(settled(leases, &done))
    }

    async fn extend(
        &self,
        queue: &str,
        leases: &[Lease],
        visibility: Duration,
    ) -> Result<Vec<Option<Lease>>> {
        let queue = self.queue(queue)?;
        let tail = [ms(visibility)];
        let done = self.settle(&queue, &self.store.scripts.extend, leases, &tail);
        let done = done.await?.into_iter();
        let each = leases.iter().zip(done);
        Ok(each
            .map(|(lease, done)| done.then(|| lease.clone()))
            .collect())
    }

    async fn counts(&self, queue: &str, group: &str) -> Result<Counts> {
        let queue = self.group(queue, group)?;
        let (counts, _) = self.look(&queue, group, 0).await?;
        Ok(counts)
    }

    async fn peek(&self, queue: &str, group: &str, max: usize) -> Result<Vec<Message>> {
        let queue = self.group(queue, group)?;
        let (_, first) = self.look(&queue, group, max.min(MESSAGES_MAX)).await?;
        Ok(first.into_iter().map(|one| one.message).collect())
    }

    async fn dead(&self, queue: &str, group: &str, max: usize) -> Result<Vec<Dead>> {
        let queue = self.group(queue, group)?;
        let key = format!("{}:dead:{group}", self.store.key(&queue.name));
        let range = async |mut connection| {
            let mut range = redis::cmd("XRANGE");
            range.arg(&key).arg("-").arg("+").arg("COUNT");
            let said: Vec<(String, Vec<Vec<u8>>)> = range
                .arg(max.clamp(1, MESSAGES_MAX))
                .query_async(&mut connection)
                .await?;
            Ok(said)
        };
        let said = self.store.link.call(range).await;
        let said = said.map_err(|error| unavailable(&error.reason))?;
        Ok(said
            .into_iter()
            .map(|(id, fields)| wire::dead(&id, fields))
            .collect())
    }

    async fn redrive(&self, queue: &str, group: &str, max: usize) -> Result<u64> {
        let queue = self.group(queue, group)?;
        let arguments = vec![group.into(), number(max.min(MESSAGES_MAX))];
        let redrive = &self.store.scripts.redrive;
        let said = self.store.run(redrive, &queue.name, arguments).await;
        self.wake.notify_waiters();
        let changed = |failed: Failed| failed.changed(&queue.name);
        said.map_err(changed).and_then(read)
    }

    async fn purge(&self, queue: &str) -> Result<()> {
        let queue = self.queue(queue)?;
        let purge = &self.store.scripts.purge;
        let said = self.store.run(purge, &queue.name, vec![Vec::new()]).await;
        let said = said.map(drop);
        said.map_err(|failed| failed.changed(&queue.name))
    }

    async fn replay(&self, queue: &str, group: &str, from_us: i64) -> Result<()> {
        let queue = self.group(queue, group)?;
        let arguments = vec![group.into(), wire::id_before(from_us).into_bytes()];
        let replay = &self.store.scripts.replay;
        let said = self.store.run(replay, &queue.name, arguments).await;
        self.wake.notify_waiters();
        let said = said.map(drop);
        said.map_err(|failed| failed.changed(&queue.name))
    }

    async fn close(&self) -> Result<()> {
        self.is_closed.store(true, Ordering::Relaxed);
        self.sweeper.abort();
        Ok(())
    }
}

impl RedisBroker {
    async fn look(
        &self,
        queue: &QueueSpec,
        group: &str,
        max: usize,
    ) -> Result<(Counts, Vec<wire::Entry>)> {
        let arguments = vec![group.into(), number(max)];
        let look = &self.store.scripts.look;
        let said = self.store.run(look, &queue.name, arguments).await;
        let said = said.map_err(|failed| failed.looked(&queue.name))?;
        let (depth, in_flight, dead, oldest, first): (u64, u64, u64, String, Vec<wire::Raw>) =
            read(said)?;
        let counts = Counts {
            depth,
            in_flight: Some(in_flight),
            dead,
            oldest_us: oldest.parse().ok(),
        };
        Ok((counts, wire::read_all(first)))
    }
}

fn read<T: FromRedisValue>(said: Value) -> Result<T> {
    T::from_redis_value(said).map_err(|error| BrokerError::Unreadable {
        engine: ENGINE,
        reason: error.to_string(),
    })
}
