//! The dead: a stream for each queue, a subject for each group.

use crate::lease::Shown;
use crate::queue::Queue;
use crate::{fault, wire};
use async_nats::HeaderMap;
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use bytes::Bytes;
use pando_model::broker::{BrokerError, Dead, Result};

impl Queue {
    /// Puts a message among the dead. Doubled within the window of deduplication, it is there once.
    pub(crate) async fn bury(
        &self,
        group: &str,
        sequence: u64,
        attempts: u32,
        mut headers: HeaderMap,
        body: Bytes,
        error: &str,
    ) -> Result<()> {
        wire::bury(&mut headers, group, sequence, attempts, error);
        self.put(self.names.dead_subject(group), headers, body)
            .await
    }

    /// The same for one that is leased: as it lies in the stream.
    pub(crate) async fn bury_kept(&self, shown: &Shown, error: &str) -> Result<()> {
        let kept = self.stream.get_raw_message(shown.sequence).await;
        let kept = match kept {
            Ok(kept) => kept,
            // It was purged: there is nothing to bury.
            Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => return Ok(()),
            Err(error) => return Err(fault::unknown("nack", &error)),
        };
        let (group, sequence) = (&shown.group, shown.sequence);
        let buried = self.bury(
            group,
            sequence,
            shown.attempt,
            kept.headers,
            kept.payload,
            error,
        );
        buried.await
    }

    pub(crate) async fn dead(&self, group: &str, max: usize) -> Result<Vec<Dead>> {
        self.ways(group)?;
        let subject = self.names.dead_subject(group);
        let mut found = Vec::new();
        let mut from = 1;
        while found.len() < max
            && let Some(next) = next(&self.dead, &subject, from).await?
        {
            from = next.sequence + 1;
            let died_at_us = (next.time.unix_timestamp_nanos() / 1_000) as i64;
            let dead = wire::dead(&next.headers, next.payload, next.sequence, died_at_us);
            found.push(dead);
        }
        Ok(found)
    }

    /// Each is published, and then removed from the dead.
    pub(crate) async fn redrive(&self, group: &str, max: usize) -> Result<u64> {
        self.ways(group)?;
        let subject = self.names.dead_subject(group);
        let mut from = 1;
        let mut count = 0;
        while count < max as u64
            && let Some(mut next) = next(&self.dead, &subject, from).await?
        {
            from = next.sequence + 1;
            let message = wire::message(Some(&next.headers), Bytes::new(), next.sequence);
            wire::raise(&mut next.headers, group, next.sequence);
            let subject = self.names.subject(message.ordering_key.as_deref());
            self.put(subject, next.headers, next.payload).await?;
            let removed = self.dead.delete_message(next.sequence).await;
            removed.map_err(|error| fault::unknown("redrive", &error))?;
            count += 1;
        }
        Ok(count)
    }

    async fn put(&self, subject: String, headers: HeaderMap, body: Bytes) -> Result<()> {
        let publish = PublishMessage::build().headers(headers).payload(body);
        let sent = self.context.send_publish(subject, publish).await;
        let confirmed = match sent {
            Ok(sent) => sent.await,
            Err(error) => Err(error),
        };
        confirmed
            .map(drop)
            .map_err(|error| fault::of_publish(&self.spec.name, &error))
    }
}

/// The next message of a subject, from a place on.
pub(crate) async fn next(
    stream: &Stream,
    subject: &str,
    from: u64,
) -> std::result::Result<Option<StreamMessage>, BrokerError> {
    let found = stream.get_first_raw_message_by_subject(subject, from).await;
    match found {
        Ok(message) => Ok(Some(message)),
        Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
        Err(error) => Err(fault::unavailable(&format!("read: {error}"))),
    }
}
