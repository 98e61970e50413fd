//! Relations of Pando's own: the fixed shapes that the models lay their data out in.
//!
//! They are ordinary tables to an engine and take part in its transactions, but they are in
//! no [`pando_model::schema::Schema`]: no request can name them.

use pando_model::column::ColumnType;
use pando_model::plan::{Comparison, Filter, Output, Row, Scalar, Select, Tree};
use pando_model::schema::{Column, ColumnIx, Index, PrimaryKey, Table};
use pando_model::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Describes a relation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shape<'a> {
    pub(crate) name: &'a str,
    /// Name, type, and whether it may be NULL.
    pub(crate) columns: &'a [(&'a str, ColumnType, bool)],
    pub(crate) key: &'a [ColumnIx],
    /// The part of the key that places a row.
    pub(crate) shard_key: &'a [ColumnIx],
}

impl Shape<'_> {
    /// The table of this shape, without indexes.
    pub(crate) fn table(self) -> Table {
        let columns = self.columns.iter();
        Table {
            name: self.name.to_owned(),
            columns: columns
                .map(|(name, ty, nullable)| Column {
                    name: (*name).to_owned(),
                    ty: ty.clone(),
                    nullable: *nullable,
                    default: None,
                    identity: None,
                    generated: None,
                })
                .collect(),
            primary_key: PrimaryKey {
                name: format!("{}_pkey", self.name),
                columns: self.key.to_vec(),
            },
            shard_key: self.shard_key.to_vec(),
            uniques: Vec::new(),
            indexes: Vec::new(),
            checks: Vec::new(),
            foreign_keys: Vec::new(),
            reference: false,
            key_indexed: true,
            adopted: false,
            options: BTreeMap::new(),
        }
    }
}

/// An index over the rows that have a value in `column`: what runs out has one.
pub(crate) fn expiry_index(table: &str, column: ColumnIx) -> Index {
    Index {
        name: format!("{table}_by_expiry"),
        columns: vec![(column, false)],
        sparse: true,
        ..Index::default()
    }
}

/// `column = value`.
pub(crate) fn equals(column: ColumnIx, value: impl Into<Value>) -> Filter {
    compare(column, Comparison::Eq, value)
}

/// `column op value`.
pub(crate) fn compare(column: ColumnIx, op: Comparison, value: impl Into<Value>) -> Filter {
    Filter::Compare {
        left: Scalar::Column(column),
        op,
        right: value.into(),
    }
}

/// Rows whose time has not run out at `now_us`: it is NULL, or later.
pub(crate) fn alive(expires_at: ColumnIx, now_us: i64) -> Filter {
    Filter::Or(vec![
        Filter::Is {
            left: Scalar::Column(expires_at),
            what: pando_model::plan::Is::Null,
        },
        compare(expires_at, Comparison::Gt, Value::Timestamp(now_us)),
    ])
}

/// Some columns of the rows that pass, by primary key.
pub(crate) fn select(table: &Arc<Table>, columns: &[ColumnIx], filter: Filter) -> Select {
    Select {
        table: Arc::clone(table),
        output: columns
            .iter()
            .map(|ix| Output::Scalar(Scalar::Column(*ix)))
            .collect(),
        filter,
        order: Vec::new(),
        limit: None,
        offset: 0,
    }
}

/// A tree of one select.
pub(crate) fn tree(select: Select) -> Tree {
    Tree {
        select,
        children: Vec::new(),
    }
}

/// The rows that an outcome holds.
pub(crate) fn rows_of(outcome: &pando_model::engine::Outcome) -> &[Row] {
    outcome.rows.as_ref().map_or(&[], |set| &set.rows)
}
