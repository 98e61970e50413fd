//! The outbox: what a queue that is on a broker has in the log until the broker has confirmed it.
//!
//! A message is handed over under its own id and deleted once it is confirmed. After a crash between
//! the two it is handed over again, and a broker that knows ids takes it for the same.

use super::Lane;
use super::broker_words::for_broker;
use super::home;
use super::message::{Message, Spot, rank_of};
use super::row::delete_log;
use crate::operation::Operation;
use crate::relation::rows_of;
use crate::session::{Result, Session};
use crate::store::Store;
use pando_model::broker::{self, Broker, BrokerError};
use pando_model::engine::Step;

/// Messages that are handed over together.
const BATCH: u64 = 500;

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
    /// Hands over what a queue has in its outbox, once: the oldest messages. Nothing is handed over
    /// behind a message that was not taken.
    pub async fn queue_relay(&self, queue: &str, broker: &dyn Broker) -> Result<Relayed> {
        let lane = Lane::of(queue)?;
        let found = self.fetch_outbox(&lane).await?;
        if found.is_empty() {
            return Ok(Relayed::default());
        }
        let messages: Vec<broker::Message> = found
            .iter()
            .map(|(_, message)| for_broker(message))
            .collect();
        let confirmed = match broker.publish(queue, &messages).await {
            Ok(each) => each,
            Err(error) => vec![Err(error)],
        };
        let mut relayed = Relayed::default();
        let mut spots = Vec::with_capacity(found.len());
        for ((spot, _), confirmed) in found.iter().zip(confirmed) {
            match confirmed {
                Ok(()) => spots.push(*spot),
                Err(error) => relayed.error = relayed.error.or(Some(error)),
            }
        }
        relayed.confirmed = spots.len() as u64;
        relayed.more = relayed.error.is_none() && found.len() as u64 == BATCH;
        self.remove_relayed(&lane, spots).await?;
        Ok(relayed)
    }

    /// The oldest messages of the outbox, by rank.
    async fn fetch_outbox(&self, lane: &Lane) -> Result<Vec<(Spot, Message)>> {
        let ranks = 0..self.queue_rules(&lane.name).priorities.max(1);
        let ranks: Vec<i64> = ranks.rev().map(rank_of).collect();
        let own = lane.clone();
        let page = Step::decide(move |outcomes| {
            let home = home::found(outcomes.first());
            if home.until().is_none() {
                return Ok(Vec::new());
            }
            let each = ranks.iter().map(|rank| {
                let page = home::of_relay(&own, *rank, home, BATCH);
                Step::read(crate::relation::tree(page))
            });
            Ok(each.collect())
        });
        let steps = vec![home::read(lane), page];
        let read = Operation::reading(lane.reach(), steps, |outcomes| {
            let rows = outcomes.iter().skip(1).flat_map(rows_of);
            let all = rows.filter_map(|row| Message::read(row));
            Ok(all.take(BATCH as usize).collect::<Vec<_>>())
        });
        Ok(self.answer(&read, &Session::default()).await?.0)
    }

    async fn remove_relayed(&self, lane: &Lane, spots: Vec<Spot>) -> Result<()> {
        let Some(delete) = delete_log(lane, spots) else {
            return Ok(());
        };
        let write = Operation::writing(lane.reach(), vec![delete], |_| Ok(Vec::new()));
        self.carry_out(&write, None, &Session::default()).await?;
        Ok(())
    }
}
