//! Names: of partitions, rows and columns; and which columns a request asks for.

use super::relation::{FAMILY, PARTITION, QUALIFIER, ROW, TABLE};
use crate::kv::check_name;
use crate::operation::Reach;
use crate::refused;
use crate::relation::equals;
use pando_model::canonical;
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::plan::{Filter, Scalar};
use pando_model::slot::Slot;
use pando_model::value::Value;

/// Bytes of a partition's key, a row's key or a qualifier at most.
pub const KEY_BYTES_MAX: usize = 1024;
/// Columns that one request names at most.
pub const SELECTED_MAX: usize = 100;

/// A partition of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    table: String,
    partition: String,
}

/// A row of a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowKey {
    pub(super) partition: Partition,
    pub(super) row: String,
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ColumnName {
    pub(super) family: String,
    pub(super) qualifier: String,
}

/// Columns that are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selector {
    /// `family:*`.
    Family(String),
    /// `qualifier`: in every family.
    Qualifier(String),
    /// `family:qualifier`.
    Column(ColumnName),
}

impl Partition {
    /// A partition, checked.
    pub fn new(table: &str, partition: &str) -> Result<Partition, Refusal> {
        check_name("table", table)?;
        check_key("partition", partition)?;
        Ok(Partition {
            table: table.to_owned(),
            partition: partition.to_owned(),
        })
    }

    /// The table's name.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// The partition's key.
    pub fn key(&self) -> &str {
        &self.partition
    }

    /// A row of it, checked.
    pub fn row(self, row: &str) -> Result<RowKey, Refusal> {
        check_key("row", row)?;
        Ok(RowKey {
            partition: self,
            row: row.to_owned(),
        })
    }

    pub(super) fn reach(&self) -> Reach {
        let key = Value::Text(self.partition.clone());
        Reach::Slot(Slot::of_key(&canonical::bytes_of(&[(
            &ColumnType::Text,
            &key,
        )])))
    }

    /// Conditions on its cells.
    pub(super) fn filters(&self) -> Vec<Filter> {
        vec![
            equals(TABLE, Value::Text(self.table.clone())),
            equals(PARTITION, Value::Text(self.partition.clone())),
        ]
    }

    /// What its cursors belong to.
    pub(super) fn list_name(&self) -> String {
        format!("{}\0{}", self.table, self.partition)
    }
}

impl RowKey {
    /// A row, checked.
    pub fn new(table: &str, partition: &str, row: &str) -> Result<RowKey, Refusal> {
        Partition::new(table, partition)?.row(row)
    }

    /// Its partition.
    pub fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Its key.
    pub fn key(&self) -> &str {
        &self.row
    }

    /// Conditions on its cells.
    pub(super) fn filters(&self) -> Vec<Filter> {
        let mut filters = self.partition.filters();
        filters.push(equals(ROW, Value::Text(self.row.clone())));
        filters
    }
}

impl ColumnName {
    /// Reads `family:qualifier`; a qualifier may hold colons.
    pub fn parse(text: &str) -> Result<ColumnName, Refusal> {
        let Some((family, qualifier)) = text.split_once(':') else {
            let message = format!("{text:?} is no column: it has no family");
            return Err(refused::malformed(message).hint("Write family:qualifier."));
        };
        check_name("family", family)?;
        check_key("qualifier", qualifier)?;
        if family == "*" || qualifier == "*" {
            let message = format!("{text:?} is no column: * stands for all of them");
            return Err(refused::malformed(message));
        }
        Ok(ColumnName {
            family: family.to_owned(),
            qualifier: qualifier.to_owned(),
        })
    }

    /// The family.
    pub fn family(&self) -> &str {
        &self.family
    }

    /// The qualifier.
    pub fn qualifier(&self) -> &str {
        &self.qualifier
    }
}

impl Selector {
    /// Reads `family:qualifier`, `family:*`, or a bare qualifier, which is meant in every family.
    pub fn parse(text: &str) -> Result<Selector, Refusal> {
        match text.split_once(':') {
            Some((family, "*")) => {
                check_name("family", family)?;
                Ok(Selector::Family(family.to_owned()))
            }
            Some(_) => Ok(Selector::Column(ColumnName::parse(text)?)),
            None => {
                check_key("qualifier", text)?;
                Ok(Selector::Qualifier(text.to_owned()))
            }
        }
    }

    /// The condition on cells of one row, or of one cell.
    pub(super) fn filter(&self) -> Filter {
        match self {
            Selector::Family(family) => equals(FAMILY, Value::Text(family.clone())),
            Selector::Qualifier(qualifier) => equals(QUALIFIER, Value::Text(qualifier.clone())),
            Selector::Column(column) => Filter::And(vec![
                equals(FAMILY, Value::Text(column.family.clone())),
                equals(QUALIFIER, Value::Text(column.qualifier.clone())),
            ]),
        }
    }

    /// The condition on cells of many rows: it leads an engine to one index. A family that is
    /// one of a list does not compete with a qualifier that is equal.
    pub(super) fn filter_across_rows(&self) -> Filter {
        match self {
            Selector::Column(column) => Filter::And(vec![
                equals(QUALIFIER, Value::Text(column.qualifier.clone())),
                Filter::In {
                    left: Scalar::Column(FAMILY),
                    values: vec![Value::Text(column.family.clone())],
                },
            ]),
            other => other.filter(),
        }
    }
}

fn check_key(what: &str, key: &str) -> Result<(), Refusal> {
    if key.is_empty() || key.len() > KEY_BYTES_MAX {
        let message = format!("a {what} has 1 to {KEY_BYTES_MAX} bytes, not {}", key.len());
        return Err(refused::malformed(message));
    }
    if key.contains('\0') {
        return Err(refused::malformed(format!("a {what} holds no U+0000")));
    }
    Ok(())
}
