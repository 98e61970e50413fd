//! `cell(table, partition, row, family, qualifier, at, value, expires_at)`, placed by partition.
//!
//! Clustered by row, so that a row is one stretch of the file. Two indexes find columns across
//! rows without touching the cells of other columns:
//!
//! - by qualifier, rows in order, for one column of many rows. It serves `family:qualifier`
//!   and a bare qualifier alike: few families share a qualifier, and those that do lie
//!   beside each other;
//! - by family, rows in order, for `family:*`.
//!
//! Both hold when a cell runs out, so that rows are counted without a look at the cells. They
//! cost what the index by key without the slot would have cost, which is left out: every read
//! names the partition.

use crate::relation::{Shape, expiry_index};
use pando_model::column::ColumnType;
use pando_model::schema::{ColumnIx, Index, Table};
use std::sync::{Arc, LazyLock};

pub(super) const TABLE: ColumnIx = 0;
pub(super) const PARTITION: ColumnIx = 1;
pub(super) const ROW: ColumnIx = 2;
pub(super) const FAMILY: ColumnIx = 3;
pub(super) const QUALIFIER: ColumnIx = 4;
pub(super) const AT: ColumnIx = 5;
pub(super) const VALUE: ColumnIx = 6;
pub(crate) const EXPIRES_AT: ColumnIx = 7;

/// The relation.
pub(crate) static CELL: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_cell",
        columns: &[
            ("table", ColumnType::Text, false),
            ("partition", ColumnType::Text, false),
            ("row", ColumnType::Text, false),
            ("family", ColumnType::Text, false),
            ("qualifier", ColumnType::Text, false),
            ("at", ColumnType::Timestamptz, false),
            ("value", ColumnType::Json, false),
            ("expires_at", ColumnType::Timestamptz, true),
        ],
        key: &[TABLE, PARTITION, ROW, FAMILY, QUALIFIER, AT],
        shard_key: &[PARTITION],
    };
    let mut table = shape.table();
    table.key_indexed = false;
    let index = |name: &str, columns: [ColumnIx; 7]| Index {
        name: format!("_pando_cell_{name}"),
        columns: columns.map(|ix| (ix, false)).to_vec(),
        ..Index::default()
    };
    let (t, p) = (TABLE, PARTITION);
    table.indexes = vec![
        index(
            "by_qualifier",
            [t, p, QUALIFIER, ROW, FAMILY, AT, EXPIRES_AT],
        ),
        index("by_family", [t, p, FAMILY, ROW, QUALIFIER, AT, EXPIRES_AT]),
        expiry_index(&table.name, EXPIRES_AT),
    ];
    Arc::new(table)
});
