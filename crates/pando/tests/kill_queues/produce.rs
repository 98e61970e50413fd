//! Producers: they publish with the rows it is about, and find out what was not answered.

use crate::asking::{Client, Told};
use crate::load::{DELAY_MAX, QUEUE, Sent, Shared};
use pando_workload::{Batch, Draft, ORDER, Producer, Row};
use rand::Rng;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::thread;
use std::time::Duration;

/// Messages that wait, about, when producers wait too.
const OPEN_MAX: usize = 200;
const PAUSE: Duration = Duration::from_millis(5);

/// What a producer was not answered, and has not sent again.
#[derive(Debug, Default)]
pub struct Unknown {
    batches: Vec<Batch>,
    found: Found,
}

/// What became of publishes that were not answered.
#[derive(Clone, Copy, Debug, Default)]
pub struct Found {
    unknown: u64,
    /// Sent again with the same ids.
    sent_again: u64,
    /// Sent again with the same row, which was there.
    row_was_there: u64,
    /// The same, and it was not.
    row_was_not: u64,
    /// Not sent again, and the row is there.
    with_row: u64,
    /// The same, and it is not.
    without_row: u64,
}

/// Publishes until it is over.
pub fn go_on(mut client: Client, shared: &Shared, mut producer: Producer) -> Unknown {
    let mut unknown = Unknown::default();
    while !shared.is_over() {
        // Consumers of a slow machine have to come up with it.
        if shared.history().open_count() > OPEN_MAX {
            thread::sleep(PAUSE);
            continue;
        }
        let batch = producer.draw(DELAY_MAX, &mut client.chance);
        {
            let mut history = shared.history();
            for draft in &batch.drafts {
                history.publishing(&draft.body, draft.key.as_deref());
            }
        }
        match publish(&mut client, &batch, shared.sent) {
            Told::Answer(answer) if answer.status < 300 => {
                settle(shared, &batch, true);
                batch.row.into_iter().for_each(|row| producer.has_row(row));
                shared.count();
            }
            Told::Answer(answer) => {
                let is_taken = batch.row.is_some_and(|row| row.is_taken);
                assert!(is_taken && answer.status == 409, "{batch:?}: {answer:?}");
                settle(shared, &batch, false);
            }
            Told::NotDone => settle(shared, &batch, false),
            Told::Unknown => {
                unknown.found.unknown += 1;
                send_again(&mut client, shared, batch, &mut unknown);
            }
        }
    }
    unknown
}

/// Sends again what was not answered, where that does not publish it twice.
fn send_again(client: &mut Client, shared: &Shared, batch: Batch, unknown: &mut Unknown) {
    let found = &mut unknown.found;
    let has_ids = batch.drafts.iter().all(|draft| draft.dedup_id.is_some());
    let row = batch
        .row
        .filter(|row| !row.is_taken && shared.sent == Sent::Together);
    if has_ids {
        let path = format!("/queue/v1/{QUEUE}/messages");
        let again = client.insist("POST", &path, &messages(&batch));
        assert_eq!(again.status, 201, "{batch:?}: {again:?}");
        found.sent_again += 1;
        settle(shared, &batch, true);
    } else if let Some(row) = row.filter(|_| client.chance.random_bool(0.5)) {
        // The row is there once, and so are its messages, whichever of the sendings it was.
        let again = client.insist("POST", "/tx/v1", &together(&batch, row));
        match again.status {
            200 => found.row_was_not += 1,
            409 => found.row_was_there += 1,
            _ => panic!("{batch:?}: {again:?}"),
        }
        settle(shared, &batch, true);
    } else {
        unknown.batches.push(batch);
    }
}

fn settle(shared: &Shared, batch: &Batch, published: bool) {
    let mut history = shared.history();
    for draft in &batch.drafts {
        match published {
            true => history.published(&draft.body),
            false => history.refused(&draft.body),
        }
    }
    if let Some(row) = batch.row.filter(|_| published) {
        shared.rows.lock().expect("rows").insert(row.id);
    }
}

fn publish(client: &mut Client, batch: &Batch, sent: Sent) -> Told {
    let path = format!("/queue/v1/{QUEUE}/messages");
    match (batch.row, sent) {
        (None, _) => client.post(&path, &messages(batch)),
        (Some(row), Sent::Together) => client.post("/tx/v1", &together(batch, row)),
        (Some(row), Sent::Apart) => match client.post(&path, &messages(batch)) {
            Told::Answer(_) => client.post(&format!("/rest/v1/{ORDER}"), &record(row)),
            other => other,
        },
    }
}

fn together(batch: &Batch, row: Row) -> Value {
    let path = format!("/queue/v1/{QUEUE}/messages");
    json!({ "ops": [
        { "method": "POST", "path": path, "body": messages(batch) },
        { "method": "POST", "path": format!("/rest/v1/{ORDER}"), "body": record(row) },
    ] })
}

fn record(row: Row) -> Value {
    json!({ "id": row.id, "producer": row.producer })
}

fn messages(batch: &Batch) -> Value {
    let each = batch.drafts.iter().map(message);
    Value::Array(each.collect())
}

fn message(draft: &Draft) -> Value {
    let mut message = json!({ "body": draft.body });
    if let Some(delay) = draft.delay {
        message["delay"] = json!(format!("{}ms", delay.as_millis()));
    }
    if let Some(key) = &draft.key {
        message["ordering_key"] = json!(key);
    }
    if let Some(id) = &draft.dedup_id {
        message["dedup_id"] = json!(id);
    }
    message
}

/// Finds out by the rows what became of what was not sent again; of others nobody knows. Gives
/// what is wrong about the rows.
pub fn find_out(
    client: &mut Client,
    shared: &Shared,
    unknown: Vec<Unknown>,
    found: &mut Found,
) -> Vec<String> {
    let there = rows(client);
    for own in unknown {
        found.unknown += own.found.unknown;
        found.sent_again += own.found.sent_again;
        found.row_was_there += own.found.row_was_there;
        found.row_was_not += own.found.row_was_not;
        for batch in own.batches {
            let Some(row) = batch.row else {
                continue;
            };
            let is_there = there.contains(&row.id) && !row.is_taken;
            settle(shared, &batch, is_there);
            match is_there {
                true => found.with_row += 1,
                false => found.without_row += 1,
            }
        }
    }
    let known = shared.rows.lock().expect("rows");
    let lost = known.difference(&there);
    let lost = lost.map(|id| format!("the row {id} was lost"));
    let refused = there.difference(&known);
    let refused = refused.map(|id| format!("the row {id} was refused and is there"));
    lost.chain(refused).collect()
}

/// The ids of all rows.
pub fn rows(client: &mut Client) -> BTreeSet<u64> {
    let mut rows = BTreeSet::new();
    loop {
        let after = rows.last().copied().unwrap_or(0);
        let path = format!("/rest/v1/{ORDER}?select=id&id=gt.{after}&order=id&limit=999");
        let page = client.insist("GET", &path, &Value::Null);
        let page = page.json();
        let page = page.as_array().expect("rows");
        if page.is_empty() {
            return rows;
        }
        rows.extend(page.iter().map(|row| row["id"].as_u64().expect("an id")));
    }
}
