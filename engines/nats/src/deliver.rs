//! Messages on their way to whoever leases.

use crate::queue::{PullConsumer, Queue, Way};
use crate::spurious::Fate;
use crate::{fault, lease, wire};
use async_nats::jetstream::consumer::pull::Batch;
use async_nats::jetstream::{self, AckKind};
use futures_util::StreamExt;
use futures_util::future::{join_all, try_join_all};
use pando_model::broker::{Delivery, LeaseAsk, Result};
use std::time::Duration;
use tokio::time::Instant;

/// For how long the lanes of a queue that have a message out are asked, whether it came back. One
/// consumer can be waited for; of several, all that wait would be given something.
const LOOK: Duration = Duration::from_millis(50);
/// Of so many leases one asks such lanes also where others have something.
const EVERY: usize = 4;
/// A consumer that has messages and as many out as it may does not say that there are none.
const QUIET: Duration = Duration::from_millis(250);
/// A message that was waited for may have been sent this long ago; its time began then.
const WAY_US: i64 = 50_000;
/// The last lease of a message ended without a word.
const RAN_OUT: &str = "the last attempt ran out of time, or whoever made it went away";

impl Queue {
    pub(crate) async fn lease(&self, group: &str, ask: &LeaseAsk) -> Result<Vec<Delivery>> {
        let ways = self.ways(group)?;
        let until = Instant::now() + ask.wait;
        loop {
            let until_us = self.until_us();
            let fetched = self.fetch(ways, ask.max).await?;
            let mut found = self.sort(group, fetched, until_us).await?;
            let left = until.saturating_duration_since(Instant::now());
            if !found.is_empty() || left.is_zero() {
                return Ok(found);
            }
            if let [only] = ways {
                let first = self.wait(&only.consumer, 1, left).await?;
                let until_us = self.until_us();
                found = self.sort(group, first, until_us - WAY_US).await?;
                if !found.is_empty() && ask.max > 1 {
                    // What came with it; and where that fails, there is the first.
                    let rest = self.fetch(ways, ask.max - 1).await.unwrap_or_default();
                    let rest = self.sort(group, rest, until_us).await;
                    found.extend(rest.unwrap_or_default());
                }
            } else {
                tokio::time::sleep(LOOK.min(left)).await;
            }
            if !found.is_empty() {
                return Ok(found);
            }
        }
    }

    /// What is there now.
    async fn fetch(&self, ways: &[Way], max: usize) -> Result<Vec<jetstream::Message>> {
        let Some((free, lanes)) = ways.split_last() else {
            return Ok(Vec::new());
        };
        if lanes.is_empty() {
            return self.ask(&free.consumer, max).await;
        }
        let (ready, busy) = self.look(lanes).await?;
        let first = ready.iter().take(max).map(|way| self.ask(&way.consumer, 1));
        let mut found = all(join_all(first).await)?;
        if found.len() < max {
            // What the lanes gave is leased, whatever is wrong here.
            match self.ask(&free.consumer, max - found.len()).await {
                Err(error) if found.is_empty() => return Err(error),
                rest => found.extend(rest.unwrap_or_default()),
            }
        }
        if found.is_empty() || (found.len() < max && self.turn(EVERY) == 0) {
            let left = busy.iter().take(max - found.len());
            let again = left.map(|way| self.wait(&way.consumer, 1, LOOK));
            found.extend(all(join_all(again).await)?);
        }
        Ok(found)
    }

    /// The lanes with something to give, and those with something out; the first ones in turn.
    async fn look<'a>(&self, lanes: &'a [Way]) -> Result<(Vec<&'a Way>, Vec<&'a Way>)> {
        let turn = self.turn(lanes.len());
        let infos = lanes.iter().map(|way| way.consumer.get_info());
        let infos = try_join_all(infos).await;
        let infos = infos.map_err(|error| fault::of_consumer(&self.spec.name, "lease", &error))?;
        let (mut ready, mut busy) = (Vec::new(), Vec::new());
        for at in (0..lanes.len()).map(|at| (at + turn) % lanes.len()) {
            match (infos[at].num_ack_pending, infos[at].num_pending) {
                (0, 0) => {}
                (0, _) => ready.push(&lanes[at]),
                _ => busy.push(&lanes[at]),
            }
        }
        Ok((ready, busy))
    }

    async fn ask(&self, consumer: &PullConsumer, max: usize) -> Result<Vec<jetstream::Message>> {
        let batch = consumer.fetch().max_messages(max).messages().await;
        let batch = batch.map_err(|error| fault::unavailable(&format!("lease: {error}")))?;
        match collect(batch, Instant::now() + QUIET).await {
            Ok(Some(found)) => Ok(found),
            // It has nothing to give, or is not there.
            Ok(None) => self.is_there(consumer).await.map(|()| Vec::new()),
            Err(error) => self.is_there(consumer).await.and(Err(error)),
        }
    }

    async fn is_there(&self, consumer: &PullConsumer) -> Result<()> {
        let info = consumer.get_info().await.map(drop);
        info.map_err(|error| fault::of_consumer(&self.spec.name, "lease", &error))
    }

    /// What comes within a time, and as soon as it is so much.
    async fn wait(
        &self,
        consumer: &PullConsumer,
        max: usize,
        span: Duration,
    ) -> Result<Vec<jetstream::Message>> {
        let batch = consumer.batch().max_messages(max).expires(span);
        let batch = batch.messages().await;
        let batch = batch.map_err(|error| fault::unavailable(&format!("lease: {error}")))?;
        match collect(batch, Instant::now() + span + self.bound).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(fault::unavailable("lease: no answer")),
            // It may have been removed meanwhile.
            Err(error) => self.is_there(consumer).await.and(Err(error)),
        }
    }

    /// Makes leases of what came; an error, where it is all there is: the rest is leased.
    async fn sort(
        &self,
        group: &str,
        found: Vec<jetstream::Message>,
        until_us: i64,
    ) -> Result<Vec<Delivery>> {
        let (mut deliveries, mut failed) = (Vec::new(), None);
        for message in found {
            match self.sort_one(group, &message, until_us).await {
                Ok(delivery) => deliveries.extend(delivery),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if deliveries.is_empty() => Err(error),
            _ => Ok(deliveries),
        }
    }

    /// Makes a lease; what was delivered too often goes to the dead, and what is for another group
    /// is done with.
    async fn sort_one(
        &self,
        group: &str,
        message: &jetstream::Message,
        until_us: i64,
    ) -> Result<Option<Delivery>> {
        let Ok(info) = message.info() else {
            return Ok(None); // No message of a stream's.
        };
        let sequence = info.stream_sequence;
        let attempt = u32::try_from(info.delivered).unwrap_or(u32::MAX);
        if let Some(way) = self.way_of(info.consumer)
            && let Some(fate) = way.spurious(sequence, attempt).await?
        {
            // What is still somebody's comes to the next when its time is over.
            if fate == Fate::Done {
                let _ = message.ack_with(AckKind::Ack).await;
            }
            return Ok(None);
        }
        if wire::is_for_another(message.headers.as_ref(), group) {
            let acked = message.ack_with(AckKind::Ack).await;
            acked.map_err(|error| fault::unavailable(&format!("lease: {error}")))?;
            return Ok(None);
        }
        if attempt > self.spec.attempts_max {
            let headers = message.headers.clone().unwrap_or_default();
            let body = message.payload.clone();
            let attempts = self.spec.attempts_max;
            let buried = self.bury(group, sequence, attempts, headers, body, RAN_OUT);
            // Where that fails, it comes again.
            if buried.await.is_ok() {
                let _ = message.ack_with(AckKind::Ack).await;
            }
            return Ok(None);
        }
        let subject = message.reply.as_deref().unwrap_or_default();
        let (headers, body) = (message.headers.as_ref(), message.payload.clone());
        Ok(Some(Delivery {
            lease: lease::write(subject, until_us),
            attempt,
            message: wire::message(headers, body, sequence),
        }))
    }
}

/// All of a batch that comes in time; nothing, where not even its end does.
async fn collect(mut batch: Batch, until: Instant) -> Result<Option<Vec<jetstream::Message>>> {
    let mut found = Vec::new();
    loop {
        match tokio::time::timeout_at(until, batch.next()).await {
            Ok(Some(Ok(message))) => found.push(message),
            Ok(None) => return Ok(Some(found)),
            // What came is leased.
            Ok(Some(Err(_))) | Err(_) if !found.is_empty() => return Ok(Some(found)),
            Ok(Some(Err(error))) => return Err(fault::unavailable(&format!("lease: {error}"))),
            Err(_) => return Ok(None),
        }
    }
}

/// What several gave; an error, where it is all there is.
fn all(said: Vec<Result<Vec<jetstream::Message>>>) -> Result<Vec<jetstream::Message>> {
    let mut found = Vec::new();
    let mut failed = None;
    for said in said {
        match said {
            Ok(some) => found.extend(some),
            Err(error) => failed = Some(error),
        }
    }
    match failed {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}
