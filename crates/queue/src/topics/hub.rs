//! All topics of a process.

use super::cursor::{MessageId, Point};
use super::message::{Message, Publication};
use super::name::TopicName;
use super::shared;
use super::subscription::Subscription;
use super::{Cursor, TopicError, TopicsConfig};
use crate::ring::Ring;
use pando_model::bus::Bus;
use pando_model::clock::Clock;
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use tokio::sync::Notify;

/// The topics of a process.
pub struct Topics {
    hub: Arc<Hub>,
}

/// What was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The message's id.
    pub id: Cursor,
    /// How many subscribers of this process it is for.
    pub subscribers: usize,
}

/// How topics do. Counts are since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TopicsReport {
    /// Topics that somebody listens to, or that have messages in their ring.
    pub topics: usize,
    /// Who listens now.
    pub subscribers: usize,
    /// What all rings take, in bytes, roughly.
    pub ring_bytes: usize,
    /// Messages that were published by this process.
    pub published: u64,
    /// Messages given to subscribers; a message counts once for each.
    pub delivered: u64,
    /// How often a subscriber was told of a gap.
    pub gaps: u64,
}

pub(super) struct Hub {
    pub(super) config: TopicsConfig,
    /// Names this process, this time.
    pub(super) origin: u64,
    clock: Arc<dyn Clock>,
    bus: Option<Arc<dyn Bus>>,
    all: Mutex<All>,
    numbers: AtomicU64,
    closed: AtomicBool,
    pub(super) counters: Counters,
}

#[derive(Default)]
pub(super) struct Counters {
    subscribers: AtomicUsize,
    published: AtomicU64,
    pub(super) delivered: AtomicU64,
    pub(super) gaps: AtomicU64,
}

#[derive(Default)]
struct All {
    topics: HashMap<TopicName, Arc<Topic>>,
    /// Whose the messages in the rings are, by their places: the oldest of all is the first.
    order: BTreeMap<u64, Arc<Topic>>,
    bytes: usize,
    /// Deliveries so far.
    place: u64,
    /// Of a topic that is not there, something up to here may have been told.
    forgotten: u64,
}

/// One topic.
pub(super) struct Topic {
    pub(super) name: TopicName,
    pub(super) held: Mutex<Held>,
    pub(super) told: Notify,
    subscribers: AtomicUsize,
}

/// What a topic holds.
pub(super) struct Held {
    pub(super) ring: Ring<u64, Message>,
    /// The message that was forgotten last, if it is known.
    forgotten: Option<MessageId>,
}

impl Topics {
    /// Topics of this process alone.
    pub fn new(config: TopicsConfig, clock: Arc<dyn Clock>) -> Topics {
        Topics::over(None, config, clock)
    }

    /// Topics that go over a bus to the other processes. It has to be called on a runtime of
    /// tokio's where there is one.
    pub fn over(bus: Option<Arc<dyn Bus>>, config: TopicsConfig, clock: Arc<dyn Clock>) -> Topics {
        let hub = Arc::new(Hub {
            config,
            origin: rand::random(),
            clock,
            bus,
            all: Mutex::default(),
            numbers: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            counters: Counters::default(),
        });
        if let Some(bus) = &hub.bus {
            bus.subscribe(shared::CHANNEL, shared::listener(&hub));
        }
        Topics { hub }
    }

    /// Tells all who listen to a topic.
    pub async fn publish(
        &self,
        topic: &TopicName,
        publication: Publication,
    ) -> Result<Published, TopicError> {
        let hub = &self.hub;
        let max = hub.config.message_bytes_max;
        if publication.len() > max {
            return Err(TopicError::TooLarge { max });
        }
        let number = hub.numbers.fetch_add(1, Relaxed) + 1;
        let id = MessageId {
            origin: hub.origin,
            number,
        };
        let message = Message::new(id, topic.clone(), hub.clock.now_us(), publication);
        let cursor = message.cursor();
        let subscribers = match &hub.bus {
            None => hub.tell(message),
            Some(bus) => {
                let sent = bus.publish(shared::CHANNEL, shared::write(&message));
                sent.await.map_err(shared::unavailable)?;
                hub.listening(topic)
            }
        };
        hub.counters.published.fetch_add(1, Relaxed);
        Ok(Published {
            id: cursor,
            subscribers,
        })
    }

    /// Listens to a topic, from now on, or from where whoever comes back had got to.
    pub fn subscribe(
        &self,
        topic: &TopicName,
        from: Option<Cursor>,
    ) -> Result<Subscription, TopicError> {
        let hub = &self.hub;
        if hub.is_closed() {
            return Err(TopicError::Closed);
        }
        let max = hub.config.subscribers_max;
        if hub.counters.subscribers.fetch_add(1, Relaxed) >= max {
            hub.counters.subscribers.fetch_sub(1, Relaxed);
            return Err(TopicError::Full { max });
        }
        let mut all = hub.all.lock();
        let found = all.topic(topic);
        found.subscribers.fetch_add(1, Relaxed);
        let held = found.held.lock();
        let (next, has_missed) = match from {
            Some(cursor) => held.resume(cursor, hub.origin),
            None => (held.ring.end(), false),
        };
        drop(held);
        let place = all.place;
        drop(all);
        Ok(Subscription::new(
            Arc::clone(hub),
            found,
            next,
            has_missed,
            place,
        ))
    }

    /// How they do.
    pub fn report(&self) -> TopicsReport {
        let all = self.hub.all.lock();
        let counters = &self.hub.counters;
        TopicsReport {
            topics: all.topics.len(),
            subscribers: counters.subscribers.load(Relaxed),
            ring_bytes: all.bytes,
            published: counters.published.load(Relaxed),
            delivered: counters.delivered.load(Relaxed),
            gaps: counters.gaps.load(Relaxed),
        }
    }

    /// Bytes of a message at most.
    pub fn message_bytes_max(&self) -> usize {
        self.hub.config.message_bytes_max
    }

    /// Ends all subscriptions, once they have told what is there, and takes nothing more.
    pub fn close(&self) {
        self.hub.closed.store(true, Relaxed);
        let all = self.hub.all.lock();
        for topic in all.topics.values() {
            topic.told.notify_waiters();
        }
    }
}

impl Drop for Topics {
    fn drop(&mut self) {
        self.close();
    }
}

impl Hub {
    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Relaxed)
    }

    fn listening(&self, topic: &TopicName) -> usize {
        let all = self.all.lock();
        let topic = all.topics.get(topic);
        topic.map_or(0, |topic| topic.subscribers.load(Relaxed))
    }

    /// Tells those who listen here; how many they are.
    pub(super) fn tell(&self, message: Message) -> usize {
        let mut all = self.all.lock();
        let all = &mut *all;
        all.place += 1;
        let topic = all.topic(&message.topic);
        all.bytes += message.footprint();
        all.order.insert(all.place, Arc::clone(&topic));
        let is_over = {
            let ring = &mut topic.held.lock().ring;
            ring.push(all.place, Arc::new(message));
            ring.len() > self.config.ring
        };
        if is_over {
            all.forget(&topic);
        }
        while all.bytes > self.config.ring_bytes_max
            && let Some((_, oldest)) = all.order.first_key_value()
        {
            let oldest = Arc::clone(oldest);
            all.forget(&oldest);
        }
        topic.told.notify_waiters();
        topic.subscribers.load(Relaxed)
    }

    /// Something may have been told by other processes that did not come here.
    pub(super) fn lose(&self) {
        let mut all = self.all.lock();
        let all = &mut *all;
        all.place += 1;
        all.forgotten = all.place;
        all.order.clear();
        all.bytes = 0;
        for topic in all.topics.values() {
            topic.held.lock().lose(all.place);
            topic.told.notify_waiters();
        }
        all.topics
            .retain(|_, topic| topic.subscribers.load(Relaxed) > 0);
    }

    /// One subscriber less.
    pub(super) fn leave(&self, topic: &Topic) {
        self.counters.subscribers.fetch_sub(1, Relaxed);
        let mut all = self.all.lock();
        topic.subscribers.fetch_sub(1, Relaxed);
        all.drop_if_idle(topic);
    }
}

impl All {
    fn topic(&mut self, name: &TopicName) -> Arc<Topic> {
        if let Some(topic) = self.topics.get(name) {
            return Arc::clone(topic);
        }
        let topic = Arc::new(Topic::new(name.clone(), self.forgotten));
        self.topics.insert(name.clone(), Arc::clone(&topic));
        topic
    }

    /// Forgets the oldest message of a topic.
    fn forget(&mut self, topic: &Topic) {
        if let Some((place, message)) = topic.held.lock().pop() {
            self.bytes = self.bytes.saturating_sub(message.footprint());
            self.order.remove(&place);
        }
        self.drop_if_idle(topic);
    }

    /// A topic that nobody listens to and that holds nothing need not be there.
    fn drop_if_idle(&mut self, topic: &Topic) {
        let ring = &topic.held.lock().ring;
        if ring.len() > 0 || topic.subscribers.load(Relaxed) > 0 {
            return;
        }
        self.forgotten = self.forgotten.max(ring.forgotten());
        self.topics.remove(&topic.name);
    }
}

impl Topic {
    fn new(name: TopicName, forgotten: u64) -> Topic {
        Topic {
            name,
            held: Mutex::new(Held {
                ring: Ring::new(forgotten),
                forgotten: None,
            }),
            told: Notify::new(),
            subscribers: AtomicUsize::new(0),
        }
    }
}

impl Held {
    fn pop(&mut self) -> Option<(u64, Arc<Message>)> {
        let popped = self.ring.pop();
        if let Some((_, message)) = &popped {
            self.forgotten = Some(message.id);
        }
        popped
    }

    fn lose(&mut self, place: u64) {
        self.ring.lose(place);
        self.forgotten = None;
    }

    /// Where whoever comes back goes on, and whether there may be something that it has missed and
    /// that is not here.
    fn resume(&self, cursor: Cursor, own: u64) -> (u64, bool) {
        let ring = &self.ring;
        let on = match cursor.0 {
            Point::Message(id) if self.forgotten == Some(id) => Some(ring.begin()),
            Point::Message(id) => ring.behind_newest(|message| message.id == id),
            Point::Place { origin, place } if origin == own => ring.behind(place),
            Point::Place { .. } => None,
        };
        (on.unwrap_or(ring.begin()), on.is_none())
    }
}

impl std::fmt::Debug for Topics {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Topics")
            .field("report", &self.report())
            .finish_non_exhaustive()
    }
}
