//! Producers: what they publish with the rows it is about, and what they do where nobody answered.

use crate::world::{Counts, DELAY_MAX, QUEUE, Seen, concluded};
use pando_model::error::EngineError;
use pando_powercut::Disk;
use pando_queue::DedupId;
use pando_store::Store;
use pando_store::error::StoreError;
use pando_store::operation::Operation;
use pando_store::queue::NewMessage;
use pando_store::request::{PayloadFormat, Query, Returning, Shape, TableRead, TableWrite, Verb};
use pando_store::session::Session;
use pando_workload::{Batch, Draft, ORDER, Producer, Row};
use rand::rngs::StdRng;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How messages and the row they are about are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// In one transaction.
    Together,
    /// The messages first, then the row, which is a fault: a crash leaves messages of no row.
    Apart,
}

/// A producer at work.
pub struct Producing {
    pub store: Arc<Store>,
    pub disk: Disk,
    pub seen: Seen,
    pub sent: Sent,
    pub chance: StdRng,
}

impl Producing {
    /// Publishes until the power goes; gives what was not answered.
    pub async fn go_on(mut self, mut producer: Producer) -> (Producer, Option<Batch>) {
        while !self.disk.is_off() {
            let batch = producer.draw(DELAY_MAX, &mut self.chance);
            self.seen.tell(|history| {
                for draft in &batch.drafts {
                    history.publishing(&draft.body, draft.key.as_deref());
                }
            });
            match publish(&self.store, &self.seen, &batch, self.sent).await {
                Ok(new) => {
                    assert_eq!(new, batch.drafts.len(), "{batch:?}");
                    let is_taken = batch.row.is_some_and(|row| row.is_taken);
                    assert!(!is_taken, "the row was there: {batch:?}");
                    settle(&self.seen, &batch, true);
                    if let Some(row) = batch.row {
                        producer.has_row(row);
                        self.seen.rows.lock().unwrap().insert(row.id);
                    }
                }
                Err(StoreError::Engine(EngineError::OutcomeUnknown { .. })) => {
                    return (producer, Some(batch));
                }
                Err(StoreError::Engine(EngineError::Unavailable { .. })) => {
                    settle(&self.seen, &batch, false);
                }
                Err(StoreError::Refused(_)) if batch.row.is_some_and(|row| row.is_taken) => {
                    settle(&self.seen, &batch, false);
                }
                Err(other) => panic!("{other:?}: {batch:?}"),
            }
        }
        (producer, None)
    }
}

fn settle(seen: &Seen, batch: &Batch, published: bool) {
    seen.tell(|history| {
        for draft in &batch.drafts {
            match published {
                true => history.published(&draft.body),
                false => history.refused(&draft.body),
            }
        }
    });
}

/// Publishes; gives how many messages are new.
async fn publish(
    store: &Store,
    seen: &Seen,
    batch: &Batch,
    sent: Sent,
) -> Result<usize, StoreError> {
    let now_us = seen.now_us();
    let messages = batch.drafts.iter().map(|draft| message(draft, now_us));
    let publish = store.queue_publish(QUEUE, messages.collect()).await?;
    let publish = publish.map(|published| Ok(published.new));
    let Some(row) = batch.row else {
        return concluded(store, publish).await;
    };
    let insert = store.table_write(insert(row)).await?.map(|_| Ok(0));
    match sent {
        Sent::Together => {
            let whole = Operation::all(vec![publish, insert], |_| {});
            Ok(concluded(store, whole).await?.iter().sum())
        }
        Sent::Apart => {
            let new = concluded(store, publish).await?;
            concluded(store, insert).await?;
            Ok(new)
        }
    }
}

fn message(draft: &Draft, now_us: i64) -> NewMessage {
    let delay = draft
        .delay
        .map(|delay| i64::try_from(delay.as_micros()).unwrap());
    NewMessage {
        body: draft.body.clone().into(),
        content_type: "text/plain".into(),
        at_us: delay.map(|delay| now_us + delay),
        priority: draft.priority,
        ordering_key: draft.key.clone(),
        dedup_id: draft.dedup_id.as_ref().map(|id| DedupId::new(id).unwrap()),
        ..NewMessage::default()
    }
}

fn insert(row: Row) -> TableWrite {
    TableWrite {
        verb: Verb::Insert,
        table: ORDER.into(),
        query: Query::default(),
        body: json!({ "id": row.id, "producer": row.producer })
            .to_string()
            .into(),
        format: PayloadFormat::Json,
        columns: None,
        on_conflict: None,
        resolution: None,
        missing_default: false,
        returning: Returning::Minimal,
        max_affected: None,
        count: None,
        shape: Shape::Array,
        idempotency: None,
    }
}

/// The ids of all rows.
async fn rows(store: &Store) -> BTreeSet<u64> {
    let read = store.table_read(TableRead {
        table: ORDER.into(),
        query: Query::default(),
        count: None,
        shape: Shape::Array,
    });
    let (answer, _) = store
        .answer(&read.unwrap(), &Session::default())
        .await
        .unwrap();
    let rows: Vec<serde_json::Value> = serde_json::from_slice(&answer.body).unwrap();
    rows.iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

/// Finds out what became of publishes that were not answered: by their rows, or by sending them
/// again; of others nobody knows. Gives what is wrong about the rows.
pub async fn find_out(
    store: &Store,
    seen: &Seen,
    unknown: &[Batch],
    counts: &mut Counts,
) -> Vec<String> {
    let there = rows(store).await;
    counts.unknown += unknown.len() as u64;
    for batch in unknown {
        if let Some(row) = batch.row {
            let is_there = there.contains(&row.id) && !row.is_taken;
            settle(seen, batch, is_there);
            if is_there {
                seen.rows.lock().unwrap().insert(row.id);
                counts.with_row += 1;
            } else {
                counts.without_row += 1;
            }
        } else if batch.drafts.iter().all(|draft| draft.dedup_id.is_some()) {
            let new = publish(store, seen, batch, Sent::Together).await.unwrap();
            assert!([0, batch.drafts.len()].contains(&new), "half: {batch:?}");
            settle(seen, batch, true);
            counts.sent_again += 1;
            counts.repeated += u64::from(new == 0);
        }
    }
    let known = seen.rows.lock().unwrap();
    let lost = known.difference(&there);
    let lost = lost.map(|id| format!("the row {id} was lost"));
    let refused = there.difference(&known);
    let refused = refused.map(|id| format!("the row {id} was refused and is there"));
    lost.chain(refused).collect()
}
