//! Publishing: one message or several, now or for later.

use super::message::Message;
use super::relation::{LATER, LOG, QUEUE, SEEN, seen};
use super::row::{insert, timestamp};
use super::{Lane, QueueRules, check_key};
use crate::operation::Operation;
use crate::refused;
use crate::relation::{rows_of, select, tree};
use crate::session::Result;
use crate::store::Store;
use bytes::Bytes;
use pando_model::datetime::TIMESTAMP_MAX;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::{Change, Conflict, Filter, Insert, Row};
use pando_model::value::Value;
use pando_queue::{DedupConfig, DedupId, Seen, Sifted, Sifting};
use std::collections::HashMap;
use std::sync::Arc;

/// A message that is to be published.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NewMessage {
    /// The bytes.
    pub body: Bytes,
    /// What they are sent as.
    pub content_type: String,
    /// What else is said of it, a JSON object.
    pub attributes: Option<String>,
    /// When it can be leased, if not at once: microseconds since 1970.
    pub at_us: Option<i64>,
    /// Its priority.
    pub priority: u8,
    /// Messages of one key are leased one at a time, in order.
    pub ordering_key: Option<String>,
    /// While it is remembered, whoever publishes the same is answered with the first's id.
    pub dedup_id: Option<DedupId>,
}

/// What a publish left there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The messages' ids, in the order in which they were given.
    pub ids: Vec<i64>,
    /// How many of them are new.
    pub new: usize,
}

/// A message, and when its time comes.
#[derive(Clone)]
struct Planned {
    message: Message,
    due_us: Option<i64>,
}

impl Store {
    /// Publishes messages: all or none.
    pub async fn queue_publish(
        &self,
        queue: &str,
        messages: Vec<NewMessage>,
    ) -> Result<Operation<Published>> {
        let lane = Lane::of(queue)?;
        let rules = self.queue_rules(queue);
        if messages.is_empty() {
            return Err(refused::malformed("there is no message to publish").into());
        }
        for (place, message) in messages.iter().enumerate() {
            self.check_message(queue, message)
                .map_err(|refusal| refusal.details(format!("message {place}")))?;
        }
        let now_us = self.clock().now_us();
        let ids = self.ids().reserve(messages.len()).await?;
        let dedup_ids: Vec<_> = messages.iter().map(|new| new.dedup_id.clone()).collect();
        let planned = messages.into_iter().zip(ids);
        let planned: Vec<Planned> = planned
            .map(|(new, id)| Planned::of(new, id, now_us))
            .collect();
        if dedup_ids.iter().all(Option::is_none) {
            let ids: Vec<i64> = planned.iter().map(|one| one.message.id).collect();
            let steps = stored(&lane, planned);
            let publish = Operation::writing(lane.reach(), steps, move |_| {
                let (new, ids) = (ids.len(), ids.clone());
                Ok(Published { ids, new })
            });
            return Ok(self.naming(&lane, publish));
        }
        let publish = sifted(&lane, planned, dedup_ids, &rules.dedup, now_us);
        Ok(self.naming(&lane, publish))
    }
}

impl Planned {
    fn of(new: NewMessage, id: i64, now_us: i64) -> Planned {
        Planned {
            due_us: new.at_us.filter(|at| *at > now_us),
            message: Message {
                id,
                body: new.body,
                content_type: new.content_type,
                attributes: new.attributes,
                priority: new.priority,
                ordering_key: new.ordering_key,
                published_at_us: now_us,
            },
        }
    }
}

impl Store {
    /// Refuses what the queue does not take.
    pub(super) fn check_message(
        &self,
        queue: &str,
        message: &NewMessage,
    ) -> std::result::Result<(), Refusal> {
        let rules = self.queue_rules(queue);
        check(queue, rules, message)?;
        let is_keyed = message.ordering_key.is_some();
        if is_keyed && !rules.ordered && self.queue_is_wanted_on_broker(queue) {
            let message =
                "messages of a queue on a broker have an ordering_key only where it is ordered";
            let hint = format!("Set ordered = true of [queues.{queue}].");
            return Err(refused::unprocessable(message).hint(hint));
        }
        Ok(())
    }
}

fn check(
    queue: &str,
    rules: &QueueRules,
    message: &NewMessage,
) -> std::result::Result<(), Refusal> {
    let bytes_max = rules.message_bytes_max;
    let bytes = message.body.len() + message.attributes.as_ref().map_or(0, String::len);
    if bytes > bytes_max {
        let message = format!("the message has {bytes} bytes; a queue takes {bytes_max} at most");
        return Err(refused::too_large(message).hint(format!(
            "Store the body elsewhere and send its key, or raise max_message of [queues.{queue}]."
        )));
    }
    if message.priority >= rules.priorities {
        let (given, most) = (message.priority, rules.priorities.saturating_sub(1));
        let message = format!("priority {given} is more than the queue's highest, {most}");
        let hint = format!("Set priorities of [queues.{queue}], 10 at most.");
        return Err(refused::unprocessable(message).hint(hint));
    }
    if message
        .at_us
        .is_some_and(|at| !(0..TIMESTAMP_MAX).contains(&at))
    {
        return Err(refused::unprocessable("the message's time is out of range")
            .hint("It lies between 1970 and the year 9999."));
    }
    match &message.ordering_key {
        Some(key) => check_key("an ordering_key", key),
        None => Ok(()),
    }
}

/// What stores messages.
fn stored(lane: &Lane, messages: Vec<Planned>) -> Vec<Step> {
    let (mut now, mut later) = (Vec::new(), Vec::new());
    for planned in messages {
        match planned.due_us {
            // Several publishes of one transaction have one position: ids rise over all of them.
            None => {
                let place = planned.message.id;
                now.push(planned.message.into_row(lane, place));
            }
            Some(due_us) => later.push(planned.message.into_later_row(lane, due_us)),
        }
    }
    let each = [(&*LOG, now), (&*LATER, later)].into_iter();
    each.filter(|(_, rows)| !rows.is_empty())
        .map(|(table, rows)| insert(table, rows))
        .collect()
}

/// A publish of messages some of which may have been published before.
fn sifted(
    lane: &Lane,
    planned: Vec<Planned>,
    dedup_ids: Vec<Option<DedupId>>,
    config: &DedupConfig,
    now_us: i64,
) -> Operation<Published> {
    let keys = dedup_ids.iter().flatten().map(|id| key(lane, id)).collect();
    let known = Filter::Keys {
        columns: SEEN.primary_key.columns.clone(),
        keys,
    };
    let columns = [seen::DEDUP_ID, seen::ID, seen::FIRST_AT];
    let read = Step::read(tree(select(&SEEN, &columns, known)));
    let config = config.clone();
    let (planned, dedup_ids) = (Arc::new(planned), Arc::new(dedup_ids));
    let sift = {
        let (config, dedup_ids) = (config.clone(), Arc::clone(&dedup_ids));
        move |outcomes: &[Outcome]| {
            let known = remembered(outcomes);
            Sifting::of(
                &dedup_ids,
                |id| known.get(id.as_str()).copied(),
                &config,
                now_us,
            )
        }
    };
    let (own, own_lane, sift_again) = (Arc::clone(&planned), lane.clone(), sift.clone());
    let decide = Step::decide(move |outcomes| {
        let sifting = sift_again(outcomes);
        let each = own.iter().zip(dedup_ids.iter()).zip(&sifting.each);
        let new = each.filter(|(_, sifted)| **sifted == Sifted::New);
        let (mut messages, mut seen_rows) = (Vec::new(), Vec::new());
        for ((planned, dedup_id), _) in new {
            seen_rows.extend(dedup_id.as_ref().map(|id| {
                let forgets_us = config.forgets_at_us(now_us);
                seen_row(&own_lane, id, planned.message.id, now_us, forgets_us)
            }));
            messages.push(planned.clone());
        }
        let mut steps = stored(&own_lane, messages);
        steps.extend(put_seen(seen_rows));
        Ok(steps)
    });
    Operation::writing(lane.reach(), vec![read, decide], move |outcomes| {
        let sifting = sift(&outcomes);
        let new = planned.iter().zip(&sifting.each);
        let new: Vec<i64> = new
            .filter(|(_, sifted)| **sifted == Sifted::New)
            .map(|(planned, _)| planned.message.id)
            .collect();
        let ids = sifting.answers(&new).unwrap_or_default();
        Ok(Published {
            ids,
            new: new.len(),
        })
    })
}

/// What is remembered of ids.
fn remembered(outcomes: &[Outcome]) -> HashMap<String, Seen> {
    let rows = outcomes.first().map_or(&[][..], rows_of);
    let each = rows.iter().filter_map(|row| match row.as_slice() {
        [Value::Text(dedup_id), Value::Int(message), first] => {
            let seen = Seen {
                message: *message,
                first_us: timestamp(first)?,
            };
            Some((dedup_id.clone(), seen))
        }
        _ => None,
    });
    each.collect()
}

fn key(lane: &Lane, id: &DedupId) -> Row {
    let mut key = lane.key();
    key.push(Value::Text(id.as_str().to_owned()));
    key
}

fn seen_row(lane: &Lane, id: &DedupId, message: i64, now_us: i64, forgets_us: i64) -> Row {
    let mut row = key(lane, id);
    row.push(Value::Int(message));
    let forgets_us = forgets_us.min(TIMESTAMP_MAX - 1);
    row.extend([now_us, forgets_us].map(Value::Timestamp));
    debug_assert_eq!(row.len(), SEEN.columns.len());
    debug_assert_eq!(QUEUE, 0);
    row
}

/// Remembers ids, over what was forgotten and not swept yet.
fn put_seen(rows: Vec<Row>) -> Option<Step> {
    if rows.is_empty() {
        return None;
    }
    Some(Step::from(Change::Insert(Insert {
        table: Arc::clone(&SEEN),
        rows,
        conflict: Some(Conflict {
            target: SEEN.primary_key.columns.clone(),
            merge: Some(vec![seen::ID, seen::FIRST_AT, seen::EXPIRES_AT]),
        }),
        returning: None,
    })))
}
