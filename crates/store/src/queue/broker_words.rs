//! What goes to a broker and comes from it, in the store's words.

use super::lease::Leased;
use super::message::Message;
use super::token::{LeaseToken, Of, OfBroker};
use super::{DEFAULT_GROUP, QueueRules};
use crate::error::StoreError;
use crate::refused;
use pando_model::broker::{self, Ability, BrokerError, Delivery, QueueSpec};
use pando_model::error::{EngineError, Refusal};
use std::time::Duration;

/// For so long at least a broker tells ids: what is handed over twice, as an outcome was unknown, is
/// handed over until an answer comes, and a broker may be down for a while.
const DEDUP_MIN: Duration = Duration::from_secs(120);
/// When a queue that was missing on the broker is there again.
const RETRY_AFTER: Duration = Duration::from_secs(1);

pub(super) fn leased(delivery: Delivery, group: &str) -> Leased {
    Leased {
        lease: LeaseToken {
            group: group.to_owned(),
            of: Of::Broker(OfBroker {
                lease: delivery.lease,
                attempt: delivery.attempt,
            }),
        },
        attempt: delivery.attempt,
        message: message(delivery.message),
    }
}

/// A message that a broker had.
pub(super) fn message(message: broker::Message) -> Message {
    Message {
        id: message.id,
        body: message.body,
        content_type: message.content_type,
        attributes: Some(message.attributes).filter(|text| text != "{}"),
        priority: message.priority,
        ordering_key: message.ordering_key,
        published_at_us: message.published_at_us,
    }
}

/// What a queue asks of the broker. Deduplication of publishes is the store's; the broker's own is
/// for what the relay hands over twice, where it has it.
pub(super) fn spec(queue: &str, rules: &QueueRules, abilities: broker::Abilities) -> QueueSpec {
    let mut groups = rules.groups.clone();
    if groups.is_empty() {
        groups.push(DEFAULT_GROUP.to_owned());
    }
    let dedups = abilities.has(Ability::Deduplication);
    QueueSpec {
        groups,
        retention: rules.retention,
        dedup_window: dedups.then_some(rules.dedup.window.max(DEDUP_MIN)),
        visibility: rules.visibility,
        attempts_max: rules.backoff.attempts_max(),
        ordered: rules.ordered,
        priorities: rules.priorities,
        synced: rules.synced,
        ..QueueSpec::new(queue)
    }
}

/// What a broker did not do, in the store's words.
pub(super) fn told(error: BrokerError) -> StoreError {
    let message = error.to_string();
    match error {
        BrokerError::Unavailable { retry_after, .. } => EngineError::Unavailable {
            reason: message,
            retry_after,
        }
        .into(),
        BrokerError::OutcomeUnknown { .. } => {
            EngineError::OutcomeUnknown { reason: message }.into()
        }
        BrokerError::Unreadable { .. } => StoreError::Catalog(message),
        BrokerError::NoSuchQueue { queue, group } => {
            let message = format!("the queue {queue:?} has no group {group:?} on the broker");
            let hint = format!("Name it in groups of [queues.{queue}].");
            refused::unprocessable(message).hint(hint).into()
        }
        BrokerError::Unsupported { mend, .. } => {
            Refusal::new("unsupported", message).hint(mend).into()
        }
        BrokerError::Invalid { mend, .. } => refused::unprocessable(message).hint(mend).into(),
    }
}

/// A queue was there, and is not any more.
pub(super) fn missing(queue: &str, engine: &str) -> StoreError {
    EngineError::Unavailable {
        reason: format!("the queue {queue:?} is missing on {engine}: the next call makes it again"),
        retry_after: RETRY_AFTER,
    }
    .into()
}

/// A message as a broker gets it.
pub(super) fn for_broker(message: &Message) -> broker::Message {
    broker::Message {
        id: message.id,
        body: message.body.clone(),
        content_type: message.content_type.clone(),
        attributes: message
            .attributes
            .clone()
            .unwrap_or_else(|| "{}".to_owned()),
        ordering_key: message.ordering_key.clone(),
        priority: message.priority,
        published_at_us: message.published_at_us,
    }
}
