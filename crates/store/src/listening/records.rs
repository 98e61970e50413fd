//! What items are now, for those who want to be told.
//!
//! An item is read after its change was committed, and so is as new as the change or newer; where it
//! has gone meanwhile there is nothing. Changes that come later are told later.

use super::by_key::{found, read};
use super::item::{key_values, record_of, table_of};
use crate::error::StoreError;
use crate::operation::{Operation, Reach};
use crate::session::{Consistency, Result, Session};
use crate::store::Store;
use pando_model::canonical::key_bytes;
use pando_model::engine::{FeedEvent, FeedKind};
use pando_model::error::EngineError;
use pando_model::plan::Row;
use pando_model::schema::Table;
use pando_model::value::Value;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// See the module. By the tables and the bytes of the keys.
#[derive(Default)]
pub(super) struct Records(HashMap<(String, Vec<u8>), String>);

/// What is looked for: tables, and keys of theirs.
type Wanted = BTreeMap<String, (Arc<Table>, Vec<Vec<Value>>)>;

impl Records {
    /// Reads what the items of events are; `None` where that is too much at once.
    pub(super) async fn fetch<'a>(
        store: &Store,
        events: impl Iterator<Item = &'a FeedEvent>,
    ) -> Result<Option<Records>> {
        let schema = store.schema();
        let mut wanted = Wanted::new();
        for event in events.filter(|event| event.kind != FeedKind::Delete) {
            let table = table_of(&schema, &event.table);
            let Some((table, key)) = table.and_then(|table| {
                let key = key_values(&table, &event.key)?;
                Some((table, key))
            }) else {
                continue;
            };
            let nothing = || (table, Vec::new());
            let (_, keys) = wanted.entry(event.table.clone()).or_insert_with(nothing);
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        if wanted.is_empty() {
            return Ok(Some(Records::default()));
        }
        let tables = wanted.into_values();
        let (tables, steps): (Vec<Arc<Table>>, Vec<_>) = tables
            .map(|(table, keys)| {
                let step = read(&table, &table.primary_key.columns, keys);
                (table, step)
            })
            .unzip();
        let reading = Operation::reading(Reach::Many, steps, |outcomes| {
            Ok(outcomes.iter().map(found).collect::<Vec<Vec<Row>>>())
        });
        let session = Session {
            consistency: Consistency::Strong,
            ..Session::default()
        };
        let reading = reading.planned_for(schema.version);
        let rows = match store.answer(&reading, &session).await {
            Ok((rows, _)) => rows,
            Err(StoreError::Refused(refusal)) => {
                tracing::debug!(%refusal, "too much for listeners to be told at once");
                return Ok(None);
            }
            Err(StoreError::Engine(error @ EngineError::SchemaChanged { .. })) => {
                // Whoever tries again goes by the one that is in force.
                store.reload_schema().await?;
                return Err(error.into());
            }
            Err(error) => return Err(error),
        };
        let each = tables.iter().zip(rows).flat_map(|(table, rows)| {
            let each = rows.into_iter();
            each.map(move |row| {
                let key = key_bytes(table, &table.primary_key.columns, &row);
                ((table.name.clone(), key), record_of(table, &row))
            })
        });
        Ok(Some(Records(each.collect())))
    }

    /// What an event's item is.
    pub(super) fn of(&self, event: &FeedEvent) -> Option<String> {
        let is_there = event.kind != FeedKind::Delete;
        let place = (event.table.clone(), event.key.clone());
        is_there.then(|| self.0.get(&place).cloned()).flatten()
    }
}
