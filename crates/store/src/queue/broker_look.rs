//! Looking at queues on a broker, and what operators do with them there.

use super::broker_words::{message, spec};
use super::look::{Depth, Peeked, PeekedState};
use super::{Acked, DEFAULT_GROUP, Lane};
use crate::operation::Operation;
use crate::session::Result;
use crate::store::Store;

/// Messages of a page.
const PAGE: usize = 100;

impl Store {
    /// How much a group has before it, in the store and on the broker.
    pub async fn queue_depth_anywhere(&self, queue: &str, group: Option<&str>) -> Result<Depth> {
        let here = self.queue_measure_lately(queue, group).await?;
        self.queue_ensure(queue).await?;
        let there = self.measure_there(queue, group.unwrap_or(DEFAULT_GROUP));
        let there = there.await?;
        Ok(Depth {
            ready: here.ready + there.ready,
            in_flight: here.in_flight + there.in_flight,
            dead: here.dead + there.dead,
            oldest_us: here.oldest_us.into_iter().chain(there.oldest_us).min(),
            ..here
        })
    }

    /// What the broker has for a group, of a queue that is or was there; it is remembered for who
    /// leases.
    pub(super) async fn measure_there(&self, queue: &str, group: &str) -> Result<Depth> {
        let brokered = self.brokered().get();
        let Some(brokered) = brokered.filter(|_| self.queue_is_brokered(queue)) else {
            return Ok(Depth::default());
        };
        self.declare(queue).await?;
        let counts = brokered.broker().counts(queue, group).await;
        let counts = counts.map_err(|error| brokered.told(queue, error))?;
        let there = Depth {
            ready: counts.depth,
            in_flight: counts.in_flight.unwrap_or(0),
            dead: counts.dead,
            oldest_us: counts.oldest_us,
            ..Depth::default()
        };
        self.gauges().keep_there(queue, group, there);
        Ok(there)
    }

    /// The first messages that the broker has for a group.
    pub async fn queue_peek_brokered(
        &self,
        queue: &str,
        group: Option<&str>,
    ) -> Result<Vec<Peeked>> {
        let Some(brokered) = self.brokered_of(queue).await? else {
            return Ok(Vec::new());
        };
        let group = group.unwrap_or(DEFAULT_GROUP);
        let found = brokered.broker().peek(queue, group, PAGE).await;
        let each = found
            .map_err(|error| brokered.told(queue, error))?
            .into_iter()
            .map(|found| Peeked {
                message: message(found),
                state: PeekedState::Ready,
                attempts: 0,
                due_us: None,
            });
        Ok(each.collect())
    }

    /// Asks the broker of a queue, if it is on one, how many messages each group has: an error where it
    /// does not answer.
    pub async fn queue_ask_broker(&self, queue: &str) -> Result<()> {
        let Some(brokered) = self.brokered_of(queue).await? else {
            return Ok(());
        };
        let abilities = brokered.broker().abilities();
        for group in spec(queue, self.queue_rules(queue), abilities).groups {
            self.measure_there(queue, &group).await?;
        }
        Ok(())
    }

    /// Empties a queue on the broker.
    pub async fn queue_purge_brokered(&self, queue: &str) -> Result<()> {
        let Some(brokered) = self.brokered_of(queue).await? else {
            return Ok(());
        };
        let purged = brokered.broker().purge(queue).await;
        purged.map_err(|error| brokered.told(queue, error))
    }

    /// Sets a group back on the broker.
    pub async fn queue_replay_brokered(
        &self,
        queue: &str,
        group: Option<&str>,
        from_us: i64,
    ) -> Result<()> {
        let Some(brokered) = self.brokered_of(queue).await? else {
            return Ok(());
        };
        let group = group.unwrap_or(DEFAULT_GROUP);
        let replayed = brokered.broker().replay(queue, group, from_us).await;
        replayed.map_err(|error| brokered.told(queue, error))
    }

    /// What was settled elsewhere, as an operation of the queue beside which nothing is done.
    pub fn queue_settled(&self, queue: &str, done: Acked) -> Result<Operation<Acked>> {
        let reach = Lane::of(queue)?.reach();
        Ok(Operation::reading(reach, Vec::new(), move |_| Ok(done)))
    }
}
