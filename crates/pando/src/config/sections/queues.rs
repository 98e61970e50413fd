//! What can be declared of a queue.

use crate::config::units::{ByteSize, Duration};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Where queues keep their messages: in the store, or on a broker that the store hands them to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Messaging {
    /// `store`; or a broker: `nats://HOST:4222`, `redis://HOST:6379/0` or
    /// `amqp://HOST:5672/VHOST` (RabbitMQ), with TLS `tls://…`, `rediss://…` or `amqps://…`.
    pub engine: String,
    /// Who asks a RabbitMQ: `guest` if nothing is said.
    pub user: Option<String>,
    /// A file with the broker's password and nothing else.
    #[schemars(extend("x-path" = true))]
    pub password_file: Option<PathBuf>,
    /// A file of credentials of NATS.
    #[schemars(extend("x-path" = true))]
    pub credentials_file: Option<PathBuf>,
    /// Certificates (PEM) of those who may vouch for the broker; the system's where none are named,
    /// but for RabbitMQ, which needs it with `amqps`.
    #[schemars(extend("x-path" = true))]
    pub ca_file: Option<PathBuf>,
    /// What names on the broker begin with: deployments that share one have each their own.
    pub prefix: String,
    /// How many servers of a broker keep a message; 1, 3 or 5 on NATS.
    pub copies: u32,
    /// Whether NATS syncs before it confirms (`sync_interval: always`, from 2.10 on): it does not
    /// tell.
    pub synced: bool,
    /// How long the broker may take to answer.
    pub timeout: Duration,
}

/// Where a queue keeps its messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum QueuePlace {
    /// In the store.
    Store,
    /// On the broker that `[queue] engine` names.
    Broker,
}

impl Default for Messaging {
    fn default() -> Messaging {
        Messaging {
            engine: STORE.to_owned(),
            user: None,
            password_file: None,
            credentials_file: None,
            ca_file: None,
            prefix: "pando".to_owned(),
            copies: 1,
            synced: false,
            timeout: Duration::seconds(5),
        }
    }
}

impl Messaging {
    /// The broker's address, if there is one.
    pub fn broker(&self) -> Option<&str> {
        (self.engine != STORE).then_some(self.engine.as_str())
    }
}

/// The engine without a broker.
const STORE: &str = "store";

/// What is declared of a queue; one that is not declared has the defaults.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Queue {
    /// `store` or `broker`; where `[queue] engine` says if nothing is said.
    pub engine: Option<QueuePlace>,
    /// Whether messages may have an `ordering_key` where the queue is on a broker.
    pub ordered: bool,
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
    /// How long messages stay from when they were published, for a replay, though all groups have
    /// acknowledged them; they go with the last acknowledgement if nothing is said.
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
            engine: None,
            ordered: false,
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
