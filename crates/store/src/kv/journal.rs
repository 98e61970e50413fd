//! The journal of spaces that are written behind.
//!
//! A write that asks for nothing of what is there is one new row of the journal, and reads nothing.
//! What is there of a key is its newest row in the journal, or else what the values hold: whoever
//! reads looks at both in one snapshot, and whoever writes after having looked applies the key's
//! rows first, in the same transaction ([`settled`]). So a row of the journal is always newer than
//! the value under its key, and the values of a key that has no rows are what is there.
//!
//! Rows are in the order of their positions, which the engine gives them: the order of commits,
//! whatever the clocks of several processes say. Rows of one transaction are in the order of their
//! versions.

use super::relation::{KEY, SPACE};
use super::{Entry, Key, Stored, delete, entry_of, put, timestamp};
use crate::operation::Operation;
use crate::relation::{Shape, equals, rows_of, select, tree};
use crate::store::Store;
use bytes::Bytes;
use pando_model::column::ColumnType;
use pando_model::engine::{Outcome, Step};
use pando_model::plan::{
    Change, Delete, Filter, Insert, Join, KeySource, Order, OrderBy, Row, Scalar, Select,
};
use pando_model::schema::{Behind, ColumnIx, Identity, Table};
use pando_model::value::Value;
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// Where a row was stored. Space and key are where they are among the values.
pub(super) const AT: ColumnIx = 2;
pub(super) const ROW_VERSION: ColumnIx = 3;
/// NULL where the value is removed; as size and content type are then.
pub(super) const ROW_VALUE: ColumnIx = 4;
pub(super) const ROW_CONTENT_TYPE: ColumnIx = 5;
pub(super) const ROW_SIZE: ColumnIx = 6;
pub(super) const ROW_EXPIRES_AT: ColumnIx = 7;

/// The relation. A row lies in the slot of the value that it is for.
pub(crate) static JOURNAL: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_journal",
        columns: &[
            ("space", ColumnType::Text, false),
            ("key", ColumnType::Text, false),
            ("at", ColumnType::Bigint, false),
            ("version", ColumnType::Bigint, false),
            ("value", ColumnType::Bytea, true),
            ("content_type", ColumnType::Text, true),
            ("size", ColumnType::Bigint, true),
            ("expires_at", ColumnType::Timestamptz, true),
        ],
        key: &[SPACE, KEY, AT, ROW_VERSION],
        shard_key: &[KEY],
    };
    let mut table = shape.table();
    table.columns[AT].identity = Some(Identity::Position);
    Arc::new(table)
});

/// How a write of a space is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    /// There is no journal.
    Plain,
    /// What the journal has of the key is applied first.
    Settled,
    /// It enters the journal.
    Journal,
}

impl Store {
    /// How a write of a space is done that does not ask for what is there; for which schema.
    pub(super) fn way_of(&self, space: &str) -> (Way, u64) {
        let schema = self.schema();
        let way = match schema.behind.get(space) {
            None => Way::Plain,
            Some(Behind::Ending) => Way::Settled,
            // It grows no further; what is written is written at once.
            Some(Behind::On) if self.journal().is_full(self.config().journal_rows_max) => {
                Way::Settled
            }
            Some(Behind::On) => Way::Journal,
        };
        (way, schema.version)
    }

    /// Enters a value, or that there is none from now on.
    pub(super) fn journaled(
        &self,
        key: &Key,
        version: i64,
        value: Option<(Bytes, String, Option<i64>)>,
    ) -> Operation<Stored> {
        self.journal().entered();
        let mut row = vec![Value::Null; JOURNAL.columns.len()];
        row[SPACE] = Value::Text(key.space.clone());
        row[KEY] = Value::Text(key.key.clone());
        // The engine's to give.
        row[AT] = Value::Int(0);
        row[ROW_VERSION] = Value::Int(version);
        if let Some((bytes, content_type, expires_at_us)) = value {
            row[ROW_SIZE] = Value::Int(i64::try_from(bytes.len()).unwrap_or(i64::MAX));
            row[ROW_VALUE] = Value::Bytes(bytes.into());
            row[ROW_CONTENT_TYPE] = Value::Text(content_type);
            row[ROW_EXPIRES_AT] = expires_at_us.map_or(Value::Null, Value::Timestamp);
        }
        let insert = Step::from(Change::Insert(Insert {
            table: Arc::clone(&JOURNAL),
            rows: vec![row],
            conflict: None,
            returning: None,
        }));
        Operation::writing(key.reach(), vec![insert], move |_| {
            Ok(Stored {
                created: false,
                version,
            })
        })
    }
}

/// Reads the newest row of a key, as a value is read: its bytes are NULL where it was removed.
pub(super) fn read_newest(key: &Key) -> Step {
    let columns = [ROW_VALUE, ROW_CONTENT_TYPE, ROW_VERSION, ROW_EXPIRES_AT];
    Step::read(tree(newest(key, &columns)))
}

/// What is there at a time, of a read of the values and one of the journal's newest row.
pub(super) fn found(outcomes: Vec<Outcome>, now_us: i64) -> Option<Entry> {
    let mut first = outcomes
        .into_iter()
        .map(|read| read.rows.and_then(|mut set| set.rows.pop()));
    let (kept, newest) = (first.next().flatten(), first.next().flatten());
    match newest {
        Some(row) => entry_of(row).filter(|entry| entry.expires_at_us.is_none_or(|at| at > now_us)),
        None => kept.and_then(entry_of),
    }
}

/// The same operation on a key, behind what the journal has of it. Both are one transaction.
pub(super) fn settled<T: 'static>(operation: Operation<T>, key: &Key) -> Operation<T> {
    let columns = [ROW_VALUE, ROW_CONTENT_TYPE, ROW_VERSION, ROW_EXPIRES_AT];
    let read = Step::read(tree(newest(key, &columns)));
    let of = key.clone();
    let decide = Step::decide(move |outcomes| {
        let newest = outcomes.first().and_then(|read| rows_of(read).first());
        Ok(match newest {
            None => Vec::new(),
            Some(row) => {
                let apply = match entry_of(row.clone()) {
                    Some(entry) => put(of.row(entry)),
                    None => delete(of.filter()),
                };
                vec![apply, remove(of.filter())]
            }
        })
    });
    operation.behind(vec![read, decide])
}

/// Reads what the journal has of several keys of a space, oldest first; no values.
pub(super) fn read_states(space: &str, keys: &[String]) -> Step {
    Step::read(tree(select(
        &JOURNAL,
        &[KEY, ROW_SIZE, ROW_EXPIRES_AT],
        of_keys(space, keys),
    )))
}

/// Whether each of these keys is there at a time, as their newest rows have it.
pub(super) fn newest_states(rows: &[Row], now_us: i64) -> HashMap<&str, bool> {
    let states = rows.iter().filter_map(|row| match row.as_slice() {
        [Value::Text(key), size, expiry] => {
            let is_alive = timestamp(expiry).is_none_or(|at| at > now_us);
            Some((key.as_str(), !size.is_null() && is_alive))
        }
        _ => None,
    });
    states.collect()
}

/// Forgets what the journal has of several keys.
pub(super) fn forget(space: &str, keys: &[String]) -> Step {
    remove(of_keys(space, keys))
}

/// Rows of the journal go.
pub(super) fn remove(filter: Filter) -> Step {
    Step::from(Change::Delete(Delete {
        table: Arc::clone(&JOURNAL),
        filter,
        max_affected: None,
        returning: None,
    }))
}

/// The values that the journal says nothing of.
pub(super) fn is_not_in_journal() -> Filter {
    let join = Join {
        table: Arc::clone(&JOURNAL),
        via: None,
        on: vec![
            (SPACE, KeySource::Table(SPACE)),
            (KEY, KeySource::Table(KEY)),
        ],
    };
    Filter::Not(Box::new(Filter::Exists {
        join,
        filter: Box::new(Filter::Const(true)),
    }))
}

fn newest(key: &Key, columns: &[ColumnIx]) -> Select {
    let latest = |column| Order {
        by: OrderBy::Scalar(Scalar::Column(column)),
        descending: true,
        nulls_first: true,
    };
    Select {
        order: vec![latest(AT), latest(ROW_VERSION)],
        limit: Some(1),
        ..select(&JOURNAL, columns, key.filter())
    }
}

fn of_keys(space: &str, keys: &[String]) -> Filter {
    Filter::And(vec![
        equals(SPACE, Value::Text(space.to_owned())),
        Filter::In {
            left: Scalar::Column(KEY),
            values: keys.iter().cloned().map(Value::Text).collect(),
        },
    ])
}
