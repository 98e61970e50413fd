//! Exchanges: one publish that goes to each queue that one of the exchange's bindings sends it to.
//!
//! What a binding matches is a rule of [`pando_queue::Router`]. Each queue gets a message of its own, by
//! the queue's own rules and with an id of its own, and all of them are one transaction: so it does
//! not matter which of the queues are on a broker. Nothing of an exchange is stored.

use super::{NewMessage, Published};
use crate::operation::{Operation, Reach};
use crate::refused;
use crate::session::Result;
use crate::store::Store;
use pando_model::error::Refusal;
use pando_queue::{Exchange, Router, RoutingError};
use std::collections::BTreeMap;

/// Messages that one publish comes to in all its queues, at most: they are one transaction.
const COPIES_MAX: usize = 10_000;
/// Bytes of their bodies at most.
const COPIES_BYTES_MAX: usize = 64 << 20;

/// An exchange that is declared.
#[derive(Clone, Debug, PartialEq)]
pub struct ExchangeRules {
    kind: Exchange,
    bindings: Vec<Binding>,
    router: Router<String>,
}

/// Which messages of an exchange go to a queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Binding {
    /// The queue.
    pub queue: String,
    /// What the routing key has to be, or to fit.
    pub key: String,
}

/// A message for an exchange.
#[derive(Clone, Debug, PartialEq)]
pub struct Posted {
    /// Where it goes; the bindings say what that means.
    pub routing_key: Option<String>,
    /// Whether nothing is published where it would go to no queue.
    pub mandatory: bool,
    /// The message.
    pub message: NewMessage,
}

/// What one queue gets.
pub struct Share {
    /// The queue.
    pub queue: String,
    /// Which of the messages: their places in the request, in order.
    pub places: Vec<usize>,
    /// How many of them can be leased now.
    pub now: usize,
    /// How many of them are for later.
    pub later: usize,
    /// Their publish.
    pub publish: Operation<Published>,
}

impl ExchangeRules {
    /// Compiles bindings.
    pub fn new(
        kind: Exchange,
        bindings: Vec<Binding>,
    ) -> std::result::Result<ExchangeRules, RoutingError> {
        let each = bindings.iter();
        let each = each.map(|binding| (binding.key.as_str(), binding.queue.clone()));
        Ok(ExchangeRules {
            kind,
            router: Router::compile(kind, each)?,
            bindings,
        })
    }

    /// Its kind.
    pub fn kind(&self) -> Exchange {
        self.kind
    }

    /// Its bindings, as they are declared.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// The queues that a message goes to.
    fn route(&self, posted: &Posted) -> std::result::Result<Vec<&String>, Refusal> {
        let key = match (&posted.routing_key, self.kind) {
            (Some(key), _) => key.as_str(),
            (None, Exchange::Fanout) => "",
            (None, kind) => {
                let message = format!("routing_key is missing: a {kind} exchange goes by it");
                let hint = "Say it of each message; \"\" is a routing key too.";
                return Err(refused::malformed(message).hint(hint));
            }
        };
        let routed = self.router.route(key);
        let queues = routed.map_err(|error| refused::malformed(error.to_string()))?;
        if queues.is_empty() && posted.mandatory {
            let message = format!("no binding of the exchange matches the routing key {key:?}");
            let hint = "Bind a queue to it, or leave mandatory out; nothing was published.";
            return Err(Refusal::new("unroutable", message).hint(hint));
        }
        Ok(queues)
    }
}

impl Store {
    /// The exchange of a name; refused where none is declared.
    pub fn exchange(&self, name: &str) -> std::result::Result<&ExchangeRules, Refusal> {
        let declared = &self.config().queues.exchanges;
        declared.get(name).ok_or_else(|| {
            let hint = format!("Declare it as [exchanges.{name}] of pando.toml, and start again.");
            refused::not_found("exchange", name).hint(hint)
        })
    }

    /// What is said of an exchange, as an operation.
    pub fn exchange_read(&self, name: &str) -> Result<Operation<ExchangeRules>> {
        let found = self.exchange(name)?.clone();
        let conclude = move |_| Ok(found.clone());
        Ok(Operation::reading(Reach::Nothing, Vec::new(), conclude))
    }

    /// Publishes messages to the queues that their routing keys lead to; carry the shares out
    /// together, all or none. What matches no binding is in none of them.
    ///
    /// Refused as a publish to each of the queues is; also where it would come to too much, and
    /// where a message that is mandatory matches nothing.
    pub async fn exchange_publish(&self, name: &str, posted: Vec<Posted>) -> Result<Vec<Share>> {
        let exchange = self.exchange(name)?;
        if posted.is_empty() {
            return Err(refused::malformed("there is no message to publish").into());
        }
        let mut by_queue: BTreeMap<&String, Vec<usize>> = BTreeMap::new();
        let (mut copies, mut bytes) = (0_usize, 0_usize);
        for (place, one) in posted.iter().enumerate() {
            let at = |refusal: Refusal| refusal.details(format!("message {place}"));
            let queues = exchange.route(one).map_err(at)?;
            copies = copies.saturating_add(queues.len());
            bytes = bytes.saturating_add(one.message.body.len().saturating_mul(queues.len()));
            if copies > COPIES_MAX || bytes > COPIES_BYTES_MAX {
                return Err(too_much(place).into());
            }
            for queue in queues {
                let checked = self.check_message(queue, &one.message);
                checked.map_err(|refusal| {
                    refusal.details(format!("message {place}, for the queue {queue}"))
                })?;
                by_queue.entry(queue).or_default().push(place);
            }
        }
        let mut shares = Vec::with_capacity(by_queue.len());
        for (queue, places) in by_queue {
            shares.push(self.share(queue, places, &posted).await?);
        }
        Ok(shares)
    }

    async fn share(&self, queue: &str, places: Vec<usize>, posted: &[Posted]) -> Result<Share> {
        self.queue_admit_publish(queue, places.len())?;
        self.queue_ensure(queue).await?;
        let now_us = self.clock().now_us();
        let of_place = |place: &usize| posted.get(*place).map(|one| one.message.clone());
        let messages: Vec<NewMessage> = places.iter().filter_map(of_place).collect();
        let is_later = |message: &&NewMessage| message.at_us.is_some_and(|at| at > now_us);
        let later = messages.iter().filter(is_later).count();
        Ok(Share {
            queue: queue.to_owned(),
            now: messages.len() - later,
            later,
            publish: self.queue_publish(queue, messages).await?,
            places,
        })
    }
}

fn too_much(place: usize) -> Refusal {
    let message = format!(
        "this is too much at once: in all its queues a request makes {COPIES_MAX} messages of \
         {COPIES_BYTES_MAX} bytes at most"
    );
    refused::too_large(message)
        .details(format!("message {place}"))
        .hint("Publish fewer messages in one request.")
}
