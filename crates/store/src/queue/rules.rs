//! What is declared of a queue. One that is not declared has the defaults.

use super::lease::MESSAGES_MAX;
use super::{DEFAULT_GROUP, ExchangeRules};
use pando_queue::{Backoff, DedupConfig, Schedule};
use std::collections::BTreeMap;
use std::time::Duration;

/// The rules of a queue.
#[derive(Clone, Debug, PartialEq)]
pub struct QueueRules {
    /// How long a lease lasts where it is not said.
    pub visibility: Duration,
    /// How often a message is tried, and how long it waits in between.
    pub backoff: Backoff,
    /// How long the id of a publish is remembered.
    pub dedup: DedupConfig,
    /// Priorities are 0 to one less than this. A lease looks at each, so the default is one.
    pub priorities: u8,
    /// Groups that get each message, whether they have leased one yet or not.
    pub groups: Vec<String>,
    /// How long messages stay from when they were published, for a replay, though all groups have
    /// acknowledged them; `None` where they go then.
    pub retention: Option<Duration>,
    /// Messages that may wait before publishes are told to come again.
    pub max_depth: Option<u64>,
    /// Messages of a group that may be out before leases are told to come again.
    pub max_in_flight: u64,
    /// Bytes of a message's body at most.
    pub message_bytes_max: usize,
    /// Whether an answer has to mean that the message was synced.
    pub synced: bool,
    /// Whether it is on the broker rather than in the store.
    pub on_broker: bool,
    /// Whether it stays there, whatever operators ask for: the configuration says so of this queue.
    pub stays: bool,
    /// Whether messages may have ordering keys where it is on a broker.
    pub ordered: bool,
    /// What is published by the clock.
    pub schedules: BTreeMap<String, Scheduled>,
}

/// A message that is published by the clock.
#[derive(Clone, Debug, PartialEq)]
pub struct Scheduled {
    /// When.
    pub schedule: Schedule,
    /// The body, as JSON.
    pub body: String,
    /// Its priority.
    pub priority: u8,
    /// Its ordering key.
    pub ordering_key: Option<String>,
}

/// The rules of all queues.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuesConfig {
    /// Those of queues that are declared.
    pub declared: BTreeMap<String, QueueRules>,
    /// Those of all others.
    pub others: QueueRules,
    /// Exchanges that publish to several queues at once.
    pub exchanges: BTreeMap<String, ExchangeRules>,
    /// How long a queue that moves to a broker waits before the first message is handed over:
    /// longer than processes need to hear of it.
    pub handover: Duration,
}

/// Bytes of one lease at most, if all its messages are as large as they may be.
const BYTES_MAX: u64 = 64 << 20;
/// More levels have never been of use to anybody, and each is a look for each lease.
pub const PRIORITIES_MAX: u8 = 10;

impl Default for QueueRules {
    fn default() -> QueueRules {
        QueueRules {
            visibility: Duration::from_secs(30),
            backoff: Backoff::default(),
            dedup: DedupConfig::default(),
            priorities: 1,
            groups: Vec::new(),
            retention: None,
            max_depth: None,
            max_in_flight: 100_000,
            message_bytes_max: 256 << 10,
            synced: false,
            on_broker: false,
            stays: false,
            ordered: false,
            schedules: BTreeMap::new(),
        }
    }
}

impl QueueRules {
    /// The groups that are declared, or the one of consumers that name none.
    pub fn groups(&self) -> impl Iterator<Item = &str> {
        let default = self.groups.is_empty().then_some(DEFAULT_GROUP);
        self.groups.iter().map(String::as_str).chain(default)
    }

    /// Messages of one lease at most: as many as have room in an answer.
    pub fn lease_max(&self) -> u64 {
        (BYTES_MAX / self.message_bytes_max.max(1) as u64).clamp(1, MESSAGES_MAX)
    }
}

impl Default for QueuesConfig {
    fn default() -> QueuesConfig {
        QueuesConfig {
            declared: BTreeMap::new(),
            others: QueueRules::default(),
            exchanges: BTreeMap::new(),
            handover: Duration::from_secs(3),
        }
    }
}

impl QueuesConfig {
    /// The rules of a queue.
    pub fn of(&self, queue: &str) -> &QueueRules {
        self.declared.get(queue).unwrap_or(&self.others)
    }
}
