//! Many values at once, as an import sends them: one look at what is there, one insert.

use super::journal::{Way, forget, newest_states, read_states};
use super::relation::{EXPIRES_AT, KEY, SPACE};
use super::{Entry, KV, Key, Stored, expiry, put_rows, timestamp};
use crate::operation::{Operation, Reach};
use crate::relation::{equals, rows_of, select, tree};
use crate::session::Result;
use crate::store::Store;
use bytes::Bytes;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::{Change, Filter, Insert, Row, Scalar};
use pando_model::value::Value;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// A value that is to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEntry {
    /// Under which key.
    pub key: Key,
    /// The bytes.
    pub value: Bytes,
    /// What they were sent as.
    pub content_type: String,
    /// When it runs out: microseconds since 1970.
    pub expires_at_us: Option<i64>,
}

impl Store {
    /// When something that is stored now for so long runs out: microseconds since 1970.
    pub fn expires_at(&self, ttl: Option<Duration>) -> std::result::Result<Option<i64>, Refusal> {
        expiry(self.clock().now_us(), ttl)
    }

    /// Stores values under distinct keys of one space, whatever is there. All of them have
    /// the same version: no key sees it twice.
    pub async fn kv_put_all(
        &self,
        space: &str,
        entries: Vec<NewEntry>,
    ) -> Result<Operation<Vec<Stored>>> {
        debug_assert!(entries.iter().all(|entry| entry.key.space() == space));
        let now_us = self.clock().now_us();
        let version = self.new_version().await?;
        let mut reach = Reach::Nothing;
        let mut keys = Vec::with_capacity(entries.len());
        let mut rows = Vec::with_capacity(entries.len());
        for entry in entries {
            reach = reach.and(entry.key.reach());
            keys.push(entry.key.key().to_owned());
            rows.push(entry.key.row(Entry {
                value: entry.value,
                content_type: entry.content_type,
                version,
                expires_at_us: entry.expires_at_us,
            }));
        }
        let there = Filter::And(vec![
            equals(SPACE, Value::Text(space.to_owned())),
            Filter::In {
                left: Scalar::Column(KEY),
                values: keys.iter().cloned().map(Value::Text).collect(),
            },
        ]);
        let mut steps = vec![Step::read(tree(select(&KV, &[KEY, EXPIRES_AT], there)))];
        let (way, schema_version) = self.way_of(space);
        // What the journal has of them is overwritten, and needs not be applied before.
        let mut forgotten = None;
        if way != Way::Plain {
            steps.push(read_states(space, &keys));
            forgotten = Some(forget(space, &keys));
        }
        let rows: Arc<[Row]> = rows.into();
        steps.push(Step::decide(move |outcomes| {
            let is_empty = |place: usize| {
                let read = outcomes.get(place);
                read.is_none_or(|read| rows_of(read).is_empty())
            };
            let store = match is_empty(0) {
                true => insert(rows.to_vec()),
                false => put_rows(rows.to_vec()),
            };
            let forget = forgotten.iter().filter(|_| !is_empty(1)).cloned();
            Ok([store].into_iter().chain(forget).collect())
        }));
        let stored = Operation::writing(reach, steps, move |outcomes| {
            let there = alive_keys(&outcomes, now_us);
            let journal = match way {
                Way::Plain => &[][..],
                Way::Settled | Way::Journal => outcomes.get(1).map_or(&[][..], rows_of),
            };
            let newer = newest_states(journal, now_us);
            let was_there = |key: &str| {
                let newest = newer.get(key).copied();
                newest.unwrap_or_else(|| there.contains(key))
            };
            Ok(keys
                .iter()
                .map(|key| Stored {
                    created: !was_there(key),
                    version,
                })
                .collect())
        });
        Ok(stored.planned_for(schema_version))
    }
}

/// The keys that the first step has found, but for those that have run out.
fn alive_keys(outcomes: &[Outcome], now_us: i64) -> HashSet<&str> {
    let rows = outcomes.first().map_or(&[][..], rows_of);
    rows.iter()
        .filter_map(|row| match row.as_slice() {
            [Value::Text(key), expiry] => timestamp(expiry)
                .is_none_or(|at| at > now_us)
                .then_some(key.as_str()),
            _ => None,
        })
        .collect()
}

/// New rows where nothing is: an engine stores those faster than rows that may be merged.
fn insert(rows: Vec<Row>) -> Step {
    Step::from(Change::Insert(Insert {
        table: Arc::clone(&KV),
        rows,
        conflict: None,
        returning: None,
    }))
}
