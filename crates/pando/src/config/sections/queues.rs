//! What can be declared of a queue.

use crate::config::units::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What is declared of a queue; one that is not declared has the defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Queue {
    /// How long a lease lasts where whoever leases does not say: up to 12h. Then others may have
    /// the message.
    pub visibility: Duration,
    /// How often a message is tried, 1 to 10000; then it is a dead letter.
    pub attempts: u32,
    /// How long a message that was given back waits for its next attempt.
    pub backoff: QueueBackoff,
    /// How long a `dedup_id` names the same message, 1s to 7d.
    pub dedup_window: Duration,
    /// How many priorities there are, 1 to 10: from 0 to one less. A lease looks at each.
    pub priorities: u8,
    /// Groups that get each message from the first day on; others get those that are there when
    /// they lease the first time.
    pub groups: Vec<String>,
    /// How long messages stay once all groups have acknowledged them, for a replay; they go then
    /// if nothing is said.
    pub retention: Option<Duration>,
    /// How many messages may wait; publishes are told 429 then. As many as there is room for if
    /// nothing is said.
    pub max_depth: Option<u64>,
    /// How many messages a group may have out; leases are told 429 then.
    pub max_in_flight: u64,
    /// The largest message: its body and attributes; up to 64MiB.
    pub max_message: ByteSize,
    /// Whether an answer to a publish has to mean that the message was synced to disk. Where the
    /// engine cannot do that, the server does not start.
    pub synced: bool,
    /// What is published by the clock, by name.
    pub schedules: BTreeMap<String, QueueSchedule>,
}

/// How long a message that was given back waits: `base` the first time, then twice as long each
/// time, up to `cap`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QueueBackoff {
    /// How long it waits the first time, at most.
    pub base: Duration,
    /// How long it waits at most; up to 366d.
    pub cap: Duration,
    /// Which share of it is left to chance, 0 to 1, so that what failed together does not come
    /// back together.
    pub jitter: f64,
}

/// A message that is published by the clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct QueueSchedule {
    /// When: minute, hour, day of the month, month, day of the week, such as `0 9 * * mon-fri`.
    pub cron: String,
    /// The time zone that it is meant in, such as `Asia/Seoul`; `UTC` if nothing is said.
    pub zone: Option<String>,
    /// The message's body, as JSON; `null` if nothing is said.
    pub body: serde_json::Value,
    /// Its priority.
    pub priority: u8,
    /// Its ordering key.
    pub ordering_key: Option<String>,
}

impl Default for Queue {
    fn default() -> Queue {
        Queue {
            visibility: Duration::seconds(30),
            attempts: 16,
            backoff: QueueBackoff::default(),
            dedup_window: Duration::seconds(300),
            priorities: 1,
            groups: Vec::new(),
            retention: None,
            max_depth: None,
            max_in_flight: 100_000,
            max_message: ByteSize::kib(256),
            synced: false,
            schedules: BTreeMap::new(),
        }
    }
}

impl Default for QueueBackoff {
    fn default() -> QueueBackoff {
        QueueBackoff {
            base: Duration::seconds(1),
            cap: Duration::seconds(900),
            jitter: 0.5,
        }
    }
}
