//! Queues on the store: messages that one hands over and another works on, at least once.
//!
//! | word | meaning |
//! |---|---|
//! | lane | a piece of a queue that has one order, and one slot; so far a queue has one |
//! | group | consumers that share the messages; each group gets every one |
//! | log | the messages, in the order of commits; never updated |
//! | out | what a group has leased and not acknowledged |
//! | held | out, behind another message of the same ordering key |
//! | cursor | up to where a group has read the log |
//!
//! A publish is an operation like those of the other models: by itself, or in one transaction with
//! the data that the message is about. When a message is tried again, when it is dead, what a
//! repeated id means are rules of [`pando_queue`]; here is where that is kept
//! (`docs/decisions/0011-queues.md`).

mod ack;
mod broker_dead;
mod broker_lease;
mod broker_look;
mod broker_state;
mod broker_words;
mod brokered;
mod clear;
mod cursor;
mod due;
mod exchange;
mod extended;
mod floor;
mod gauge;
mod giving_back;
mod home;
mod keys;
mod lease;
mod look;
mod message;
mod names;
mod outbox;
mod pace;
mod pieces;
mod publish;
mod ranks;
mod redrive;
mod relation;
mod replay;
mod row;
mod rules;
mod schedules;
mod settling;
mod sweep;
mod token;
mod wanted;

pub use ack::{Acked, LEASES_MAX};
pub use broker_state::BrokerState;
pub(crate) use brokered::Brokered;
pub use due::Released;
pub use exchange::{Binding, ExchangeRules, Posted, Share};
pub(crate) use floor::Floors;
pub(crate) use gauge::Gauges;
pub use giving_back::Nack;
pub use home::{Home, Left};
pub use lease::{Lease, Leased, MESSAGES_MAX};
pub use look::{DeadLetter, Depth, Peek, Peeked, PeekedState, QueuePage};
pub use message::Message;
pub(crate) use names::KnownQueues;
pub use names::QueueNames;
pub use outbox::Relayed;
pub use publish::{NewMessage, Published};
pub(crate) use ranks::Ranks;
pub use redrive::Redriven;
pub(crate) use relation::{CURSOR, GROUP, HOME, LATER, LOG, NAME, OUT, SCHEDULE, SEEN, WANTED};
pub use settling::Settle;
pub use sweep::SweptUpTo;

pub use rules::{PRIORITIES_MAX, QueueRules, QueuesConfig, Scheduled};
pub use token::LeaseToken;

/// When ids of publishes are forgotten.
pub(crate) use relation::seen::EXPIRES_AT as SEEN_EXPIRES_AT;

use crate::kv::check_name;
use crate::operation::Reach;
use crate::refused;
use crate::store::Store;
use pando_model::canonical;
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::plan::Row;
use pando_model::slot::Slot;
use pando_model::value::Value;

/// The group of consumers that name none.
pub const DEFAULT_GROUP: &str = "default";

/// Bytes of a group's name and of an ordering key at most.
pub const KEY_BYTES_MAX: usize = 255;

/// A lane of a queue: where rows lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Lane {
    name: String,
    number: i64,
}

impl Lane {
    /// The lane of a queue; its name is checked.
    fn of(queue: &str) -> std::result::Result<Lane, Refusal> {
        check_name("queue", queue)?;
        Ok(Lane {
            name: queue.to_owned(),
            number: relation::FIRST_LANE,
        })
    }

    fn queue(&self) -> Value {
        Value::Text(self.name.clone())
    }

    fn number(&self) -> Value {
        Value::Int(self.number)
    }

    /// What leads the primary key of all its rows.
    fn key(&self) -> Row {
        vec![self.queue(), self.number()]
    }

    fn reach(&self) -> Reach {
        let (queue, number) = (self.queue(), self.number());
        Reach::Slot(Slot::of_key(&canonical::bytes_of(&[
            (&ColumnType::Text, &queue),
            (&ColumnType::Bigint, &number),
        ])))
    }
}

impl Store {
    /// The rules of a queue.
    pub fn queue_rules(&self, queue: &str) -> &QueueRules {
        self.config().queues.of(queue)
    }
}

/// Refuses what cannot be the name of a queue, or of a group.
pub fn check_place(queue: &str, group: &str) -> std::result::Result<(), Refusal> {
    check_name("queue", queue)?;
    check_key("a group", group)
}

/// Refuses what cannot be a group's name or an ordering key.
pub fn check_key(what: &str, key: &str) -> std::result::Result<(), Refusal> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        let message = format!("{what} has 1 to {KEY_BYTES_MAX} bytes, not {}", key.len());
        return Err(refused::malformed(message));
    }
    if key.contains('\0') {
        return Err(refused::malformed(format!("{what} holds no U+0000")));
    }
    Ok(())
}
