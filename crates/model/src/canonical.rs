//! Canonical key bytes: what slots are computed from, and what keys are compared by.
//!
//! Frozen: `tests/vectors/canonical.json` holds vectors for every type.

use crate::column::ColumnType;
use crate::plan::Row;
use crate::schema::{ColumnIx, Table};
use crate::slot::Slot;
use crate::value::Value;

/// The canonical bytes of a composite key: each part tagged by type and length-prefixed. Integer and bigint
/// of one number have the same bytes; a NULL part has its own tag.
pub fn key_bytes(table: &Table, columns: &[ColumnIx], row: &[Value]) -> Vec<u8> {
    let _ = (table, columns, row);
    todo!()
}

/// The canonical bytes of a key given as values with their types.
pub fn bytes_of(parts: &[(&ColumnType, &Value)]) -> Vec<u8> {
    let _ = parts;
    todo!()
}

/// The values that [`bytes_of`] wrote; `None` for bytes that it did not write.
pub fn values_of(types: &[&ColumnType], bytes: &[u8]) -> Option<Vec<Value>> {
    let _ = (types, bytes);
    todo!()
}

/// The slot of a whole row: by its shard key, or the pseudo-slot of reference tables; rows of
/// system tables (name begins `_pando`) lie in the catalog's.
pub fn slot_of_row(table: &Table, row: &Row) -> Slot {
    let _ = (table, row);
    todo!()
}
