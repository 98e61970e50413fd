//! `doc(collection, id, body, version)`, and what searches its texts: `doc_term`, the postings,
//! and `doc_stats`, how many documents and words they stand for.
//!
//! All of them are placed by id. Statistics are kept for each slot, in that slot: a row of
//! them is placed by its *anchor*, the id of the first document that was counted there. So a
//! write touches one slot only, and a slot that moves takes its statistics along.

use crate::relation::Shape;
use pando_model::column::ColumnType;
use pando_model::schema::{ColumnIx, Index, Table};
use std::sync::{Arc, LazyLock};

pub(super) const COLLECTION: ColumnIx = 0;
pub(super) const ID: ColumnIx = 1;
pub(super) const BODY: ColumnIx = 2;
pub(super) const VERSION: ColumnIx = 3;

/// The documents, without the indexes that are declared.
pub(crate) static DOC: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_doc",
        columns: &[
            ("collection", ColumnType::Text, false),
            ("id", ColumnType::Text, false),
            ("body", ColumnType::Jsonb, false),
            ("version", ColumnType::Bigint, false),
        ],
        key: &[COLLECTION, ID],
        shard_key: &[ID],
    };
    Arc::new(shape.table())
});

/// Columns of [`TERM`]; collection and id are the same as a document's.
pub(super) mod term {
    use super::ColumnIx;

    pub(crate) const TERM: ColumnIx = 2;
    pub(crate) const TF: ColumnIx = 3;
    pub(crate) const POSITIONS: ColumnIx = 4;
    pub(crate) const LENGTH: ColumnIx = 5;
}

/// The postings. Each repeats its document's length, so that ranking reads nothing else.
pub(crate) static TERM: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_doc_term",
        columns: &[
            ("collection", ColumnType::Text, false),
            ("id", ColumnType::Text, false),
            ("term", ColumnType::Text, false),
            ("tf", ColumnType::Integer, false),
            ("positions", ColumnType::Bytea, false),
            ("length", ColumnType::Integer, false),
        ],
        key: &[COLLECTION, ID, term::TERM],
        shard_key: &[ID],
    };
    let mut table = shape.table();
    // It holds all that ranking reads: the postings of a term lie side by side in it, and in the
    // relation itself they would be looked up one by one.
    // The term leads, so that nothing but a term is looked up there.
    let columns = [
        term::TERM,
        COLLECTION,
        ID,
        term::TF,
        term::POSITIONS,
        term::LENGTH,
    ];
    table
        .indexes
        .push(covering("by_term", &table.name, &columns));
    Arc::new(table)
});

/// Columns of [`STATS`].
pub(super) mod stats {
    use super::ColumnIx;

    pub(crate) const SLOT: ColumnIx = 1;
    pub(crate) const ANCHOR: ColumnIx = 2;
    pub(crate) const DOCUMENTS: ColumnIx = 3;
    pub(crate) const LENGTH: ColumnIx = 4;
}

/// How many documents of a slot have postings, and how long they are together.
pub(crate) static STATS: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_doc_stats",
        columns: &[
            ("collection", ColumnType::Text, false),
            ("slot", ColumnType::Integer, false),
            ("anchor", ColumnType::Text, false),
            ("documents", ColumnType::Bigint, false),
            ("length", ColumnType::Bigint, false),
        ],
        key: &[COLLECTION, stats::SLOT, stats::ANCHOR],
        shard_key: &[stats::ANCHOR],
    };
    let mut table = shape.table();
    let columns = [COLLECTION, stats::DOCUMENTS, stats::LENGTH];
    table
        .indexes
        .push(covering("by_collection", &table.name, &columns));
    Arc::new(table)
});

fn covering(what: &str, table: &str, columns: &[ColumnIx]) -> Index {
    Index {
        name: format!("{table}_{what}"),
        columns: columns.iter().map(|column| (*column, false)).collect(),
        ..Index::default()
    }
}
