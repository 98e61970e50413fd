//! Messages on their way to the stream.

use crate::queue::Queue;
use crate::{fault, wire};
use async_nats::jetstream::message::PublishMessage;
use futures_util::future::join_all;
use pando_model::broker::{BrokerError, Message, Result};
use std::collections::HashMap;

impl Queue {
    /// Publishes in waves: all that is in none of the others' way at once.
    pub(crate) async fn publish(&self, messages: &[Message]) -> Vec<Result<()>> {
        let mut outcomes: Vec<Option<Result<()>>> = vec![None; messages.len()];
        for wave in waves(messages) {
            let mut asked = Vec::new();
            for at in wave {
                match before(messages, &outcomes, at) {
                    Some(error) => outcomes[at] = Some(Err(error)),
                    None => asked.push((at, self.send(&messages[at]).await)),
                }
            }
            let answers = asked.into_iter().map(|(at, sent)| async move {
                let confirmed = match sent {
                    Ok(sent) => sent.await.map(drop),
                    Err(error) => Err(error),
                };
                (
                    at,
                    confirmed.map_err(|error| fault::of_publish(&self.spec.name, &error)),
                )
            });
            for (at, confirmed) in join_all(answers).await {
                outcomes[at] = Some(confirmed);
            }
        }
        outcomes.into_iter().flatten().collect()
    }

    async fn send(
        &self,
        message: &Message,
    ) -> std::result::Result<
        async_nats::jetstream::context::PublishAckFuture,
        async_nats::jetstream::context::PublishError,
    > {
        let subject = self.names.subject(message.ordering_key.as_deref());
        let publish = PublishMessage::build()
            .headers(wire::headers(message))
            .payload(message.body.clone());
        self.context.send_publish(subject, publish).await
    }
}

/// Which messages go together: of one key, one in each wave. What is under way at the same time may
/// be cut off in the middle, and be confirmed without what was before it.
fn waves(messages: &[Message]) -> Vec<Vec<usize>> {
    let mut of_key: HashMap<&str, usize> = HashMap::new();
    let mut waves: Vec<Vec<usize>> = Vec::new();
    for (at, message) in messages.iter().enumerate() {
        let wave = match message.ordering_key.as_deref() {
            None => 0,
            Some(key) => {
                let next = of_key.entry(key).or_default();
                *next += 1;
                *next - 1
            }
        };
        if wave == waves.len() {
            waves.push(Vec::new());
        }
        waves[wave].push(at);
    }
    waves
}

/// Why a message is not tried: one before it, of its key, was not confirmed.
fn before(messages: &[Message], outcomes: &[Option<Result<()>>], at: usize) -> Option<BrokerError> {
    let key = messages[at].ordering_key.as_ref()?;
    let failed = (0..at).rev().find(|earlier| {
        messages[*earlier].ordering_key.as_ref() == Some(key)
            && matches!(outcomes[*earlier], Some(Err(_)))
    })?;
    let id = messages[failed].id;
    Some(fault::unavailable(&format!(
        "message {id}, which is before this one in its key's order, was not confirmed"
    )))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    #[test]
    fn messages_of_a_key_go_one_after_the_other_and_all_others_at_once() {
        let check = |keys: &[&str], expected: &[&[usize]]| {
            let messages: Vec<Message> = (0..)
                .zip(keys)
                .map(|(id, key)| Message {
                    id,
                    body: Bytes::new(),
                    content_type: String::new(),
                    attributes: String::new(),
                    ordering_key: (!key.is_empty()).then(|| (*key).to_owned()),
                    priority: 0,
                    published_at_us: 0,
                })
                .collect();
            assert_eq!(waves(&messages), expected, "{keys:?}");
        };
        check(&[], &[]);
        check(&["", "", ""], &[&[0, 1, 2]]);
        check(&["a", "", "a", "b", "a"], &[&[0, 1, 3], &[2], &[4]]);
    }
}
