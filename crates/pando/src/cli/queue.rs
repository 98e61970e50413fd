//! Arguments of `pando queue`.

use crate::config::units::Duration;
use clap::{Args, Subcommand, ValueEnum};

/// `pando queue …`.
#[derive(Clone, Debug, Subcommand)]
pub enum QueueCommand {
    /// Which queues there are, where they are kept, and how full they are
    #[command(before_help = "Examples:
  pando queue list
  pando queue list --json")]
    List,
    /// Hand messages over
    #[command(before_help = "Examples:
  pando queue publish mail '{\"to\": \"ada\"}'
  pando queue publish mail '{\"to\": \"ada\"}' --delay 10m --priority 2
  pando queue publish mail < bodies.ndjson            one body a line
  pando queue publish --exchange orders '{\"n\": 7}' --routing-key order.paid")]
    Publish(PublishArgs),
    /// Take messages to work on; they come again unless they are acknowledged
    #[command(before_help = "Examples:
  pando queue lease mail
  pando queue lease mail --max 10 --wait 20s --visibility 5m --json")]
    Lease(LeaseArgs),
    /// Say that messages are done
    #[command(before_help = "Examples:
  pando queue ack mail AQAAAZz3kQ…                 the lease, as `queue lease` shows it")]
    Ack {
        /// The queue
        queue: String,
        /// Leases
        #[arg(required = true, value_name = "LEASE")]
        leases: Vec<String>,
    },
    /// Give messages back, to be tried again
    #[command(before_help = "Examples:
  pando queue nack mail AQAAAZz3kQ…
  pando queue nack mail AQAAAZz3kQ… --delay 1h --error 'the server is down'")]
    Nack(NackArgs),
    /// Look at messages without taking them
    #[command(before_help = "Examples:
  pando queue peek mail
  pando queue peek mail --limit 5 --json")]
    Peek(LookArgs),
    /// Look at messages whose attempts are used up
    #[command(before_help = "Examples:
  pando queue dead mail
  pando queue dead mail --group audit")]
    Dead(LookArgs),
    /// Give dead letters another chance
    #[command(before_help = "Examples:
  pando queue redrive mail
  pando queue redrive mail --id 7391203948572 --id 7391203948573")]
    Redrive {
        /// The queue
        queue: String,
        /// Of this group of consumers
        #[arg(long)]
        group: Option<String>,
        /// Only this one; may be given several times
        #[arg(long = "id", value_name = "ID")]
        ids: Vec<String>,
    },
    /// Remove all messages, of all groups, dead letters among them
    #[command(before_help = "Examples:
  pando queue purge mail
  pando queue purge mail --yes                    without being asked")]
    Purge {
        /// The queue
        queue: String,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Give a group again what the queue keeps ([queues.NAME] retention)
    #[command(before_help = "Examples:
  pando queue replay mail --from 2026-01-31T05:00:00Z
  pando queue replay mail --from 2026-01-31T05:00:00Z --group audit")]
    Replay {
        /// The queue
        queue: String,
        /// Since when
        #[arg(long, value_name = "TIME")]
        from: String,
        /// To this group of consumers
        #[arg(long)]
        group: Option<String>,
    },
    /// How much is in a queue
    #[command(before_help = "Examples:
  pando queue depth mail
  pando queue depth mail --group audit --json")]
    Depth {
        /// The queue
        queue: String,
        /// As this group of consumers sees it
        #[arg(long)]
        group: Option<String>,
    },
    /// Keep a queue on the broker, or in the store, from now on
    #[command(before_help = "Examples:
  pando queue move mail --to store
  pando queue move mail --to broker --wait 10m     until what its last move left is done")]
    Move(MoveArgs),
}

/// Where a queue can be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Place {
    /// In the store
    Store,
    /// On the broker that [queue] engine names
    Broker,
}

impl Place {
    /// As it is said.
    pub fn name(self) -> &'static str {
        match self {
            Place::Store => "store",
            Place::Broker => "broker",
        }
    }
}

/// `pando queue move`.
#[derive(Clone, Debug, Args)]
pub struct MoveArgs {
    /// The queue
    pub queue: String,
    /// Where to
    #[arg(long, value_enum)]
    pub to: Place,
    /// How long to wait until it has moved; it goes on moving in any case
    #[arg(long, default_value = "1m")]
    pub wait: Duration,
}

/// `pando queue publish`.
#[derive(Clone, Debug, Args)]
pub struct PublishArgs {
    /// The queue, or with --exchange the exchange
    #[arg(value_name = "NAME")]
    pub queue: String,
    /// Publish to an exchange, and so to each queue that its bindings say
    #[arg(long)]
    pub exchange: bool,
    /// What the bindings of the exchange are looked up by
    #[arg(long, value_name = "KEY", requires = "exchange")]
    pub routing_key: Option<String>,
    /// Publish nothing where a message would go to no queue
    #[arg(long, requires = "exchange")]
    pub mandatory: bool,
    /// The bodies, as JSON [default: standard input, one a line]
    #[arg(value_name = "BODY", allow_negative_numbers = true)]
    pub bodies: Vec<String>,
    /// How long until they can be leased
    #[arg(long)]
    pub delay: Option<Duration>,
    /// When they can be leased
    #[arg(long, value_name = "TIME", conflicts_with = "delay")]
    pub at: Option<String>,
    /// Higher ones are leased first
    #[arg(long, value_name = "NUMBER")]
    pub priority: Option<u8>,
    /// Messages of one key are leased one at a time, in order
    #[arg(long, value_name = "KEY")]
    pub ordering_key: Option<String>,
    /// Whoever publishes the same id again is answered with the first message's
    #[arg(long, value_name = "ID")]
    pub dedup_id: Option<String>,
}

/// `pando queue lease`.
#[derive(Clone, Debug, Args)]
pub struct LeaseArgs {
    /// The queue
    pub queue: String,
    /// Messages at most
    #[arg(long, default_value_t = 1, value_name = "NUMBER")]
    pub max: u64,
    /// How long to wait for one, up to 60s
    #[arg(long)]
    pub wait: Option<Duration>,
    /// How long until others may have them [default: the queue's]
    #[arg(long)]
    pub visibility: Option<Duration>,
    /// For this group of consumers
    #[arg(long)]
    pub group: Option<String>,
}

/// `pando queue nack`.
#[derive(Clone, Debug, Args)]
pub struct NackArgs {
    /// The queue
    pub queue: String,
    /// Leases
    #[arg(required = true, value_name = "LEASE")]
    pub leases: Vec<String>,
    /// When they are tried again [default: what the queue's backoff says]
    #[arg(long)]
    pub delay: Option<Duration>,
    /// What went wrong, kept with a dead letter
    #[arg(long, value_name = "TEXT")]
    pub error: Option<String>,
}

/// `pando queue peek` and `pando queue dead`.
#[derive(Clone, Debug, Args)]
pub struct LookArgs {
    /// The queue
    pub queue: String,
    /// Messages at most
    #[arg(long, default_value_t = 20, value_name = "NUMBER")]
    pub limit: u64,
    /// As this group of consumers sees them
    #[arg(long)]
    pub group: Option<String>,
}

impl QueueCommand {
    /// The queue that it is about, if it is about one.
    pub fn queue(&self) -> &str {
        match self {
            QueueCommand::List => "",
            QueueCommand::Publish(args) => &args.queue,
            QueueCommand::Move(args) => &args.queue,
            QueueCommand::Lease(args) => &args.queue,
            QueueCommand::Nack(args) => &args.queue,
            QueueCommand::Peek(args) | QueueCommand::Dead(args) => &args.queue,
            QueueCommand::Ack { queue, .. }
            | QueueCommand::Redrive { queue, .. }
            | QueueCommand::Purge { queue, .. }
            | QueueCommand::Replay { queue, .. }
            | QueueCommand::Depth { queue, .. } => queue,
        }
    }
}
