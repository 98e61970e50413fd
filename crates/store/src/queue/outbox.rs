//! The outbox: what a queue that is on a broker has in the log until the broker has confirmed it.
//!
//! A message is handed over under its own id and deleted once it is confirmed. After a crash between
//! the two it is handed over again, and a broker that knows ids takes it for the same.

use super::broker_words::for_broker;
use super::floor::{Floor, History};
use super::home;
use super::message::{Message, Spot};
use super::row::delete_log;
use super::{Brokered, Lane};
use crate::error::StoreError;
use crate::operation::Operation;
use crate::relation::{rows_of, tree};
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::broker::{self, Broker, BrokerError};
use pando_model::budget::EXCEEDED;
use pando_model::engine::Step;
use std::sync::Arc;

/// Messages that are handed over together.
const BATCH: u64 = 500;

/// Messages, and the history that they are of.
type Found = (History, Vec<(Spot, Message)>);

/// A look at the outbox.
struct Look {
    lane: Lane,
    floor: Floor,
    /// The ranks, the first to be handed over first.
    ranks: Vec<i64>,
    /// Messages that are looked for.
    limit: u64,
    /// Ranks that are read at once.
    at_once: usize,
}

/// What a relay did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Relayed {
    /// So many messages were confirmed.
    pub confirmed: u64,
    /// Whether there may be more at once.
    pub more: bool,
    /// Why the rest was not taken.
    pub error: Option<BrokerError>,
}

impl Store {
    /// Hands over what is in the outboxes of all queues; tells whether there may be more at once.
    /// One process does so at a time ([`Store::keeps_outbox`]).
    pub async fn queue_relay_all(&self) -> Result<bool> {
        let Some(brokered) = self.brokered().get() else {
            return Ok(false);
        };
        let (mut more, mut failed) = (false, None);
        let places = brokered.places();
        for (queue, home) in places.homes.iter().filter(|(_, home)| home.on_broker) {
            // Whoever took the queue for elsewhere has heard of it by then.
            if self.is_on_its_way(home) {
                continue;
            }
            // What is wrong with one queue holds up no other.
            match self.relay_one(queue, brokered).await {
                Ok(has_more) => more |= has_more,
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        failed.map_or(Ok(more), Err)
    }

    async fn relay_one(&self, queue: &str, brokered: &Brokered) -> Result<bool> {
        self.declare(queue).await?;
        self.look_above(queue).await?;
        let relayed = self.queue_relay(queue, &**brokered.broker()).await?;
        relayed
            .error
            .map_or(Ok(relayed.more), |error| Err(brokered.told(queue, error)))
    }

    /// Hands over what a queue has in its outbox, once: the oldest messages. Nothing is handed over
    /// behind a message that was not taken.
    pub async fn queue_relay(&self, queue: &str, broker: &dyn Broker) -> Result<Relayed> {
        let lane = Lane::of(queue)?;
        let floor = self.relayed().of(queue);
        let (limit, (of, found)) = self.fetch_as_fit(&lane, &floor).await?;
        if !floor.holds_in(of) {
            self.relayed().forget(queue);
            return Ok(Relayed {
                more: true,
                ..Relayed::default()
            });
        }
        if found.is_empty() {
            return Ok(Relayed::default());
        }
        let messages: Vec<broker::Message> = found
            .iter()
            .map(|(_, message)| for_broker(message))
            .collect();
        let confirmed = hand_over(broker, queue, &messages).await;
        let mut relayed = Relayed::default();
        let mut each = Vec::with_capacity(found.len());
        for ((spot, _), confirmed) in found.iter().zip(confirmed) {
            each.push((*spot, confirmed.is_ok()));
            relayed.error = relayed.error.or(confirmed.err());
        }
        let taken = each.iter().filter(|(_, is_taken)| *is_taken);
        let spots: Vec<Spot> = taken.map(|(spot, _)| *spot).collect();
        relayed.confirmed = spots.len() as u64;
        relayed.more = relayed.error.is_none() && found.len() as u64 == limit;
        self.remove_relayed(&lane, of.since, spots).await?;
        // Only now: what is confirmed and still there is handed over again.
        self.relayed().raise(queue, of, &each);
        Ok(relayed)
    }

    /// Some of the oldest messages of the outbox, as many as one request may read; and how many it
    /// looked for. Where they are large that is fewer, and a single one always fits.
    async fn fetch_as_fit(&self, lane: &Lane, floor: &Floor) -> Result<(u64, Found)> {
        let most = BATCH.min(self.queue_rules(&lane.name).lease_max());
        let mut fewer = self.relayed().fewer(&lane.name);
        loop {
            let limit = fewer.unwrap_or(most).min(most);
            let found = self.fetch_outbox(lane, floor.clone(), limit, fewer.is_some());
            match found.await {
                Err(StoreError::Refused(refusal))
                    if refusal.code == EXCEEDED && fewer != Some(1) =>
                {
                    fewer = Some((limit / 4).max(1));
                }
                found => {
                    // Those behind it may be small again.
                    let next = fewer.map(|_| limit.saturating_mul(2));
                    let next = next.filter(|next| *next < most);
                    self.relayed().take_fewer(&lane.name, next);
                    return Ok((limit, found?));
                }
            }
        }
    }

    /// The oldest messages of the outbox, by rank, behind a floor; and of which history they are.
    async fn fetch_outbox(
        &self,
        lane: &Lane,
        floor: Floor,
        limit: u64,
        are_large: bool,
    ) -> Result<Found> {
        let ranks = self.ranks(&lane.name);
        let look = Look {
            lane: lane.clone(),
            floor,
            limit,
            // Of large messages one of each rank may be too much.
            at_once: if are_large { 1 } else { ranks.len() },
            ranks,
        };
        let steps = vec![home::read(lane), Arc::new(look).page(0)];
        let read = Operation::reading(lane.reach(), steps, move |outcomes| {
            let rows = outcomes.iter().skip(1).flat_map(rows_of);
            let all = rows.filter_map(|row| Message::read(row));
            let some = all.take(usize::try_from(limit).unwrap_or(usize::MAX));
            let some: Vec<(Spot, Message)> = some.collect();
            Ok((home::found(outcomes.first()).since, some))
        });
        let ((since, found), stamped) = self.answer(&read, &Session::default()).await?;
        let timeline = stamped.high.timeline;
        Ok((History { since, timeline }, found))
    }

    /// Deletes what was handed over, unless the queue has moved meanwhile: then it may be leased from
    /// here already.
    async fn remove_relayed(
        &self,
        lane: &Lane,
        since: Option<i64>,
        spots: Vec<Spot>,
    ) -> Result<()> {
        if spots.is_empty() {
            return Ok(());
        }
        let own = lane.clone();
        let delete = Step::decide(move |outcomes| {
            let home = home::found(outcomes.first());
            let stays = home.on_broker && home.since == since;
            let delete = stays.then(|| delete_log(&own, spots.clone()));
            Ok(delete.flatten().into_iter().collect())
        });
        let steps = vec![home::read(lane), delete];
        let write = Operation::writing(lane.reach(), steps, |_| Ok(Vec::new()));
        self.carry_out(&write, None, &Session::default()).await?;
        Ok(())
    }
}

impl Look {
    /// Reads the ranks from one on, until there are enough messages.
    fn page(self: Arc<Look>, from: usize) -> Step {
        Step::decide(move |outcomes| {
            let Some(since) = home::found(outcomes.first()).until() else {
                return Ok(Vec::new());
            };
            let reads = outcomes.iter().skip(1);
            let found: usize = reads.map(|read| rows_of(read).len()).sum();
            let room = self.limit.saturating_sub(found as u64);
            let to = self.ranks.len().min(from + self.at_once);
            let ranks = self.ranks.get(from..to).unwrap_or_default();
            if room == 0 || ranks.is_empty() {
                return Ok(Vec::new());
            }
            let each = ranks.iter().map(|rank| {
                let behind = self.floor.behind(*rank, since);
                Step::read(tree(home::of_relay(&self.lane, *rank, behind, room)))
            });
            let mut steps: Vec<Step> = each.collect();
            steps.push(Arc::clone(&self).page(to));
            Ok(steps)
        })
    }
}

/// Hands messages over. One that the broker cannot take whatever is tried, as it was published
/// before the queue was there, does not hold up the others.
async fn hand_over(
    broker: &dyn Broker,
    queue: &str,
    messages: &[broker::Message],
) -> Vec<broker::Result<()>> {
    let refused = match broker.publish(queue, messages).await {
        Ok(each) => return each,
        Err(error) => error,
    };
    let is_of_one = matches!(
        refused,
        BrokerError::Unsupported { .. } | BrokerError::Invalid { .. }
    );
    if !is_of_one || messages.len() == 1 {
        return vec![Err(refused)];
    }
    let mut each = Vec::with_capacity(messages.len());
    for message in messages {
        let done = broker.publish(queue, std::slice::from_ref(message)).await;
        each.push(done.and_then(|mut each| each.pop().unwrap_or(Ok(()))));
    }
    each
}
