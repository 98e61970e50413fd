//! A queue: its streams and consumers, made and changed.

use crate::config::{NatsConfig, invalid};
use crate::names::{LANES, Names, consumer, group};
use crate::spurious::Recent;
use crate::{ENGINE, fault, micros, now_us};
use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{AckPolicy, Consumer, DeliverPolicy, pull};
use async_nats::jetstream::stream::{self, RetentionPolicy, StorageType, Stream};
use pando_model::broker::{Ability, BrokerError, QueueSpec, Result};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What is delivered and not acknowledged, of one group; then deliveries wait. Each is some 100
/// bytes of the server's memory.
const OUT_MAX: i64 = 65_536;
/// The window where a queue declares none: the server has one in any case, and this is its default.
const WINDOW: Duration = Duration::from_secs(120);

pub(crate) type PullConsumer = Consumer<pull::Config>;

#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) spec: QueueSpec,
    pub(crate) names: Names,
    pub(crate) context: Context,
    pub(crate) stream: Stream,
    pub(crate) dead: Stream,
    /// No question stays without an answer for longer.
    pub(crate) bound: Duration,
    groups: HashMap<String, Vec<Way>>,
    turn: AtomicUsize,
}

/// One of the consumers that a group gets its messages by.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    /// Nothing: of messages without a key.
    pub(crate) lane: Option<u32>,
    pub(crate) subject: String,
    pub(crate) consumer: PullConsumer,
    pub(crate) recent: Arc<Mutex<Recent>>,
}

impl Queue {
    pub(crate) async fn declare(
        context: &Context,
        config: &NatsConfig,
        spec: &QueueSpec,
    ) -> Result<Queue> {
        let names = Names::new(&config.prefix, &spec.name);
        let window = spec.dedup_window.unwrap_or(WINDOW);
        let of = |name: String, subjects: String| stream::Config {
            name,
            subjects: vec![subjects],
            retention: RetentionPolicy::Limits,
            storage: StorageType::File,
            num_replicas: config.replicas,
            duplicate_window: window,
            ..stream::Config::default()
        };
        let stream = made(context, of(names.stream(), names.subjects())).await?;
        let dead = made(context, of(names.dead_stream(), names.dead_subjects())).await?;
        let mut queue = Queue {
            spec: spec.clone(),
            names,
            context: context.clone(),
            stream,
            dead,
            bound: config.call_timeout,
            groups: HashMap::new(),
            turn: AtomicUsize::new(0),
        };
        // Keys that were published while the queue was ordered still lie in lanes.
        let first = consumer(&spec.groups[0], Some(0));
        queue.spec.ordered |= queue.stream.consumer_info(&first).await.is_ok();
        for group in &spec.groups {
            let mut ways = Vec::new();
            for lane in queue.lanes() {
                ways.push(queue.way(group, lane).await?);
            }
            queue.groups.insert(group.clone(), ways);
        }
        Ok(queue)
    }

    /// The lanes of keys first: they are few messages each.
    fn lanes(&self) -> impl Iterator<Item = Option<u32>> + use<> {
        let keyed = if self.spec.ordered { LANES } else { 0 };
        (0..keyed).map(Some).chain([None])
    }

    async fn way(&self, group: &str, lane: Option<u32>) -> Result<Way> {
        let name = consumer(group, lane);
        let there = self.stream.consumer_info(&name).await;
        // Where one is there, it has its own place to go on from.
        let deliver_policy = match &there {
            Ok(info) => info.config.deliver_policy,
            Err(_) => DeliverPolicy::All,
        };
        self.make_way(group, lane, deliver_policy).await
    }

    async fn make_way(&self, group: &str, lane: Option<u32>, from: DeliverPolicy) -> Result<Way> {
        let name = consumer(group, lane);
        let subject = self.names.subject_of(lane);
        let config = pull::Config {
            durable_name: Some(name.clone()),
            deliver_policy: from,
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.spec.visibility,
            max_deliver: -1,
            filter_subject: subject.clone(),
            max_ack_pending: lane.map_or(OUT_MAX, |_| 1),
            max_waiting: 16_384,
            ..pull::Config::default()
        };
        let made = self.stream.create_consumer(config).await;
        let consumer = made.map_err(|error| {
            fault::unavailable(&format!("consumer {name} cannot be made: {error}"))
        })?;
        Ok(Way {
            lane,
            subject,
            consumer,
            recent: Arc::default(),
        })
    }

    pub(crate) fn ways(&self, group: &str) -> Result<&[Way]> {
        let ways = self.groups.get(group).map(Vec::as_slice);
        ways.ok_or_else(|| fault::no_such(&self.spec.name, group))
    }

    /// The way of a consumer, by its name.
    pub(crate) fn way_of(&self, name: &str) -> Option<&Way> {
        let ways = self.groups.get(group(name))?;
        ways.iter()
            .find(|way| way.consumer.cached_info().name == name)
    }

    /// Which of so many lanes is first this time.
    pub(crate) fn turn(&self, lanes: usize) -> usize {
        self.turn.fetch_add(1, Ordering::Relaxed) % lanes.max(1)
    }

    /// A consumer has one time for all that it delivers.
    pub(crate) fn has_visibility(&self, visibility: Duration) -> Result<()> {
        if visibility == self.spec.visibility {
            return Ok(());
        }
        let declared = self.spec.visibility;
        Err(BrokerError::Unsupported {
            engine: ENGINE,
            ability: Ability::VisibilityOfLease,
            mend: format!("lease for {declared:?}, or declare another visibility for the queue"),
        })
    }

    /// When a lease that is given now runs out.
    pub(crate) fn until_us(&self) -> i64 {
        now_us() + micros(self.spec.visibility)
    }

    /// For how long messages are kept that all groups are done with.
    pub(crate) fn keep(&self) -> Duration {
        let window = self.spec.dedup_window.unwrap_or(WINDOW);
        self.spec.retention.unwrap_or_default().max(window)
    }

    /// Makes the group's consumers anew, from a time on. What a crash leaves without a consumer is
    /// made by the next declare, from all that is kept.
    pub(crate) async fn replay(&self, group: &str, from_us: i64) -> Result<()> {
        let from = async_nats::datetime::from_nanos(i128::from(from_us) * 1_000);
        let start_time = from.map_err(|_| {
            let what = format!("{from_us} is no time to replay from");
            invalid(what, "give microseconds since 1970")
        })?;
        for way in self.ways(group)? {
            let name = consumer(group, way.lane);
            let gone = self.stream.delete_consumer(&name).await;
            if let Err(error) = gone
                && self.stream.consumer_info(&name).await.is_ok()
            {
                return Err(fault::unknown("replay", &error));
            }
            let from = DeliverPolicy::ByStartTime { start_time };
            self.make_way(group, way.lane, from).await?;
        }
        Ok(())
    }
}

async fn made(context: &Context, config: stream::Config) -> Result<Stream> {
    let name = config.name.clone();
    let failed = |error: &dyn std::fmt::Display| {
        fault::unavailable(&format!("stream {name} cannot be made: {error}"))
    };
    let done = context.create_or_update_stream(config).await;
    done.map_err(|error| failed(&error))?;
    let stream = context.get_stream(&name).await;
    stream.map_err(|error| failed(&error))
}
