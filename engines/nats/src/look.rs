//! What lies in a queue: counts, and messages that are looked at.

use crate::dead::next;
use crate::queue::{Queue, Way};
use crate::{fault, wire};
use async_nats::jetstream::consumer;
use pando_model::broker::{Counts, Message, Result};

impl Queue {
    pub(crate) async fn counts(&self, group: &str) -> Result<Counts> {
        let mut counts = Counts::default();
        let mut in_flight = 0;
        for way in self.ways(group)? {
            let info = self.info(way).await?;
            counts.depth += info.num_pending;
            in_flight += info.num_ack_pending as u64;
            if info.num_pending == 0 && info.num_ack_pending == 0 {
                continue;
            }
            let floor = info.ack_floor.stream_sequence + 1;
            if let Some(oldest) = next(&self.stream, &way.subject, floor).await? {
                let message = wire::message(Some(&oldest.headers), oldest.payload, oldest.sequence);
                let since = counts.oldest_us.unwrap_or(i64::MAX);
                counts.oldest_us = Some(since.min(message.published_at_us));
            }
        }
        counts.in_flight = Some(in_flight);
        let subject = self.names.dead_subject(group);
        let dead = self.dead.info_with_subjects(&subject).await;
        let dead = dead.map_err(|error| fault::unavailable(&format!("counts: {error}")))?;
        counts.dead = futures_util::TryStreamExt::try_fold(dead, 0, |sum, (_, count)| async move {
            Ok(sum + count as u64)
        })
        .await
        .map_err(|error| fault::unavailable(&format!("counts: {error}")))?;
        Ok(counts)
    }

    pub(crate) async fn peek(&self, group: &str, max: usize) -> Result<Vec<Message>> {
        let mut found = Vec::new();
        for way in self.ways(group)? {
            let mut from = self.info(way).await?.delivered.stream_sequence + 1;
            let mut count = 0;
            while count < max
                && let Some(next) = next(&self.stream, &way.subject, from).await?
            {
                from = next.sequence + 1;
                if !wire::is_for_another(Some(&next.headers), group) {
                    found.push(next);
                    count += 1;
                }
            }
        }
        found.sort_unstable_by_key(|message| message.sequence);
        found.truncate(max);
        let read = found.into_iter().map(|message| {
            wire::message(Some(&message.headers), message.payload, message.sequence)
        });
        Ok(read.collect())
    }

    async fn info(&self, way: &Way) -> Result<consumer::Info> {
        let info = way.consumer.get_info().await;
        info.map_err(|error| fault::of_consumer(&self.spec.name, "consumer", &error))
    }
}
