//! `kv(space, key, value, content_type, version, expires_at)`, placed by key.

use crate::relation::{Shape, expiry_index};
use pando_model::column::ColumnType;
use pando_model::schema::{ColumnIx, Table};
use std::sync::{Arc, LazyLock};

pub(super) const SPACE: ColumnIx = 0;
pub(super) const KEY: ColumnIx = 1;
pub(super) const VALUE: ColumnIx = 2;
pub(super) const CONTENT_TYPE: ColumnIx = 3;
pub(super) const SIZE: ColumnIx = 4;
pub(super) const VERSION: ColumnIx = 5;
pub(crate) const EXPIRES_AT: ColumnIx = 6;

/// The relation. Its size stands beside each value, so that a list reads no values.
pub(crate) static KV: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_kv",
        columns: &[
            ("space", ColumnType::Text, false),
            ("key", ColumnType::Text, false),
            ("value", ColumnType::Bytea, false),
            ("content_type", ColumnType::Text, false),
            ("size", ColumnType::Bigint, false),
            ("version", ColumnType::Bigint, false),
            ("expires_at", ColumnType::Timestamptz, true),
        ],
        key: &[SPACE, KEY],
        shard_key: &[KEY],
    };
    let mut table = shape.table();
    table.indexes.push(expiry_index(&table.name, EXPIRES_AT));
    Arc::new(table)
});
