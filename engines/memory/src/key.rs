//! Keys: tuples of values, in PostgreSQL's order.
//!
//! What is equal under [`Value::compare`] is the same key, so `1.0` and `1.00`
//! are one. A tuple sorts before those that it is a prefix of.

use pando_model::plan::Row;
use pando_model::schema::ColumnIx;
use pando_model::value::Value;
use std::cmp::Ordering;

/// A tuple of values.
#[derive(Clone, Debug)]
pub(crate) struct Key(pub(crate) Vec<Value>);

impl Key {
    /// The values of `columns` in a row.
    pub(crate) fn of(columns: &[ColumnIx], row: &Row) -> Key {
        Key(columns.iter().map(|&ix| row[ix].clone()).collect())
    }

    /// Whether a value of it is NULL: such a key equals nothing in SQL.
    pub(crate) fn has_null(&self) -> bool {
        self.0.iter().any(Value::is_null)
    }

    /// Whether it begins with the values of `prefix`.
    pub(crate) fn starts_with(&self, prefix: &Key) -> bool {
        self.0.len() >= prefix.0.len() && order(&self.0[..prefix.0.len()], &prefix.0).is_eq()
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Key) -> Ordering {
        order(&self.0, &other.0)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Key) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Key) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}

fn order(a: &[Value], b: &[Value]) -> Ordering {
    a.iter()
        .zip(b)
        .map(|(a, b)| a.compare(b))
        .find(|order| order.is_ne())
        .unwrap_or_else(|| a.len().cmp(&b.len()))
}
