//! Rows as the bytes that lie in a cache, and back.

use super::asked::AskedRead;
use crate::entry::Value;
use bytes::Bytes;
use pando_model::plan::{RowSet, Tree};

/// The rows as they are kept. A question without rows, which did not count any either, has found
/// nothing.
pub(super) fn keep(rows: &[RowSet]) -> Result<Value, postcard::Error> {
    if rows.iter().all(is_nothing) {
        return Ok(Value::Absent);
    }
    Ok(Value::Found(Bytes::from(postcard::to_stdvec(rows)?)))
}

/// The rows that were kept, for each read.
pub(super) fn give(value: &Value, reads: &[AskedRead]) -> Result<Vec<RowSet>, postcard::Error> {
    match value {
        Value::Found(bytes) => postcard::from_bytes(bytes),
        Value::Absent => Ok(reads.iter().map(|read| nothing(&read.tree)).collect()),
    }
}

fn is_nothing(rows: &RowSet) -> bool {
    rows.rows.is_empty() && rows.total.is_none() && rows.children.iter().all(is_nothing)
}

fn nothing(tree: &Tree) -> RowSet {
    RowSet {
        rows: Vec::new(),
        children: tree
            .children
            .iter()
            .map(|child| nothing(&child.tree))
            .collect(),
        total: None,
    }
}
