//! The shapes of the catalog's tables. Each module names a table's columns by
//! their place.

use crate::relation::Shape;
use pando_model::column::ColumnType;
use pando_model::schema::Table;
use std::sync::{Arc, LazyLock};

/// All of them.
pub(crate) static ALL: LazyLock<Vec<Arc<Table>>> = LazyLock::new(|| {
    [&SCHEMA, &MIGRATION, &KEY, &SECRET, &NODE, &IMPORT, &SETTING]
        .into_iter()
        .map(|table| Arc::clone(table))
        .collect()
});

/// Each version of the schema, as JSON: the same on every engine.
pub(crate) static SCHEMA: LazyLock<Arc<Table>> = LazyLock::new(|| {
    table(
        "_pando_schema",
        &[
            ("version", ColumnType::Bigint, false),
            ("body", ColumnType::Json, false),
            ("changed_at", ColumnType::Timestamptz, false),
        ],
    )
});

/// Columns of [`SCHEMA`].
pub(crate) mod schema {
    pub(crate) const VERSION: usize = 0;
}

/// Migrations that were applied.
pub(crate) static MIGRATION: LazyLock<Arc<Table>> = LazyLock::new(|| {
    table(
        "_pando_migration",
        &[
            ("number", ColumnType::Bigint, false),
            ("name", ColumnType::Text, false),
            ("checksum", ColumnType::Bytea, false),
            ("schema_version", ColumnType::Bigint, false),
            ("applied_at", ColumnType::Timestamptz, false),
        ],
    )
});

/// API keys, by hash.
pub(crate) static KEY: LazyLock<Arc<Table>> = LazyLock::new(|| {
    table(
        "_pando_key",
        &[
            ("id", ColumnType::Text, false),
            ("hash", ColumnType::Bytea, false),
            ("name", ColumnType::Text, false),
            ("scopes", ColumnType::Text, false),
            ("created_at", ColumnType::Timestamptz, false),
            ("last_used_at", ColumnType::Timestamptz, true),
            ("revoked_at", ColumnType::Timestamptz, true),
        ],
    )
});

/// Columns of [`KEY`].
pub(crate) mod key {
    pub(crate) const ID: usize = 0;
    pub(crate) const LAST_USED_AT: usize = 5;
    pub(crate) const REVOKED_AT: usize = 6;
}

/// Secrets that sign stamps and cursors, newest and the one before.
pub(crate) static SECRET: LazyLock<Arc<Table>> = LazyLock::new(|| {
    table(
        "_pando_secret",
        &[
            ("number", ColumnType::Integer, false),
            ("bytes", ColumnType::Bytea, false),
            ("made_at", ColumnType::Timestamptz, false),
        ],
    )
});

/// Columns of [`SECRET`].
pub(crate) mod secret {
    pub(crate) const NUMBER: usize = 0;
}

/// Groups of node numbers, and how far their ids may have got.
pub(crate) static NODE: LazyLock<Arc<Table>> = LazyLock::new(|| {
    table(
        "_pando_node",
        &[
            ("first", ColumnType::Integer, false),
            ("ids_below_ms", ColumnType::Bigint, false),
            ("leased_at", ColumnType::Timestamptz, false),
        ],
    )
});

/// Columns of [`NODE`].
pub(crate) mod node {
    pub(crate) const FIRST: usize = 0;
}

/// How far imports have got.
pub(crate) static IMPORT: LazyLock<Arc<Table>> = LazyLock::new(|| {
    table(
        "_pando_import",
        &[
            ("id", ColumnType::Text, false),
            ("target", ColumnType::Text, false),
            ("source", ColumnType::Text, false),
            ("fingerprint", ColumnType::Bytea, false),
            ("records", ColumnType::Bigint, false),
            ("written", ColumnType::Bigint, false),
            ("rejected", ColumnType::Bigint, false),
            ("finished", ColumnType::Boolean, false),
            ("updated_at", ColumnType::Timestamptz, false),
        ],
    )
});

/// Columns of [`IMPORT`].
pub(crate) mod import {
    pub(crate) const ID: usize = 0;
}

/// Single facts by name.
pub(crate) static SETTING: LazyLock<Arc<Table>> = LazyLock::new(|| {
    table(
        "_pando_setting",
        &[
            ("name", ColumnType::Text, false),
            ("value", ColumnType::Text, false),
        ],
    )
});

/// Columns of [`SETTING`].
pub(crate) mod setting {
    pub(crate) const NAME: usize = 0;
    pub(crate) const VALUE: usize = 1;
}

/// A table whose first column is its primary key; `true` is nullable.
fn table(name: &str, columns: &[(&str, ColumnType, bool)]) -> Arc<Table> {
    let shape = Shape {
        name,
        columns,
        key: &[0],
        shard_key: &[],
    };
    Arc::new(shape.table())
}
