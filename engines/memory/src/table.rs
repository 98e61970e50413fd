//! One table: its rows by primary key, and an index for everything that is
//! looked up by: uniques, declared indexes, foreign keys.
//!
//! All maps are persistent: a clone shares everything with its origin, so that
//! a reader keeps its snapshot for the price of a pointer. Rules that look at
//! other tables are in [`crate::statement`].

use crate::key::Key;
use pando_model::constraint;
use pando_model::error::Refusal;
use pando_model::plan::Row;
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use rpds::RedBlackTreeMapSync;
use std::ops::Bound;
use std::sync::Arc;

/// Rows in the order of some key.
type Rows = RedBlackTreeMapSync<Key, Arc<Row>>;

/// A table's definition and its rows.
#[derive(Clone, Debug)]
pub(crate) struct TableState {
    def: Arc<Table>,
    rows: Rows,
    indexes: Vec<Index>,
    bytes: u64,
}

/// Rows by `columns`, then by primary key.
#[derive(Clone, Debug)]
struct Index {
    columns: Vec<ColumnIx>,
    /// The name of the constraint, where it is one.
    unique: Option<String>,
    entries: Rows,
}

impl TableState {
    /// A table without rows.
    pub(crate) fn new(def: Arc<Table>) -> TableState {
        let uniques = def
            .uniques
            .iter()
            .map(|unique| (unique.columns.clone(), Some(unique.name.clone())));
        let declared = def.indexes.iter().map(|index| {
            let columns = index.columns.iter().map(|(ix, _)| *ix).collect();
            (columns, None)
        });
        let foreign = def
            .foreign_keys
            .iter()
            .map(|key| (key.columns.clone(), None));
        let indexes = uniques
            .chain(declared)
            .chain(foreign)
            .map(|(columns, unique)| Index {
                columns,
                unique,
                entries: Rows::new_sync(),
            })
            .collect();
        TableState {
            def,
            rows: Rows::new_sync(),
            indexes,
            bytes: 0,
        }
    }

    /// Its definition.
    pub(crate) fn def(&self) -> &Arc<Table> {
        &self.def
    }

    /// Roughly how much memory its rows take, indexes left out.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// A row's primary key.
    pub(crate) fn key_of(&self, row: &Row) -> Key {
        Key::of(&self.def.primary_key.columns, row)
    }

    /// All rows, by primary key.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.rows.values()
    }

    /// The rows behind `key`, by primary key.
    pub(crate) fn rows_after(&self, key: Key) -> impl Iterator<Item = &Arc<Row>> {
        self.rows
            .range((Bound::Excluded(key), Bound::Unbounded))
            .map(|(_, row)| row)
    }

    /// A row by its primary key.
    pub(crate) fn get(&self, key: &Key) -> Option<&Arc<Row>> {
        self.rows.get(key)
    }

    /// The rows in which `columns` have these values, in no particular order;
    /// none where a value is NULL.
    pub(crate) fn lookup<'t>(
        &'t self,
        columns: &[ColumnIx],
        values: &[Value],
    ) -> Box<dyn Iterator<Item = &'t Arc<Row>> + 't> {
        if values.iter().any(Value::is_null) {
            return Box::new(std::iter::empty());
        }
        let wanted: Vec<(ColumnIx, Value)> = columns
            .iter()
            .copied()
            .zip(values.iter().cloned())
            .collect();
        let (path, fixed) = self.path(columns);
        let prefix = Key(path
            .columns
            .iter()
            .take(fixed)
            .filter_map(|ix| wanted.iter().find(|(column, _)| column == ix))
            .map(|(_, value)| value.clone())
            .collect());
        Box::new(starting_with(path.rows, prefix).filter(move |row| {
            wanted
                .iter()
                .all(|(ix, value)| !row[*ix].is_null() && row[*ix].compare(value).is_eq())
        }))
    }

    /// Whether a look-up by these columns is more than a pass over all rows.
    pub(crate) fn is_indexed(&self, columns: &[ColumnIx]) -> bool {
        self.prefix_of(columns) > 0
    }

    /// How many columns of the best key for a look-up by these are known.
    pub(crate) fn prefix_of(&self, columns: &[ColumnIx]) -> usize {
        self.path(columns).1
    }

    /// The first key, in order of declaration, that `row` shares with another
    /// row than the one at `except`.
    pub(crate) fn check_keys(&self, row: &Row, except: Option<&Key>) -> Result<(), Refusal> {
        let own = self.key_of(row);
        if except != Some(&own) && self.rows.contains_key(&own) {
            let key = &self.def.primary_key;
            return Err(constraint::duplicate_key(
                &self.def,
                &key.name,
                &key.columns,
                row,
            ));
        }
        for index in &self.indexes {
            let Some(name) = &index.unique else { continue };
            let key = Key::of(&index.columns, row);
            let taken = !key.has_null()
                && starting_with(&index.entries, key)
                    .any(|other| except != Some(&self.key_of(other)));
            if taken {
                return Err(constraint::duplicate_key(
                    &self.def,
                    name,
                    &index.columns,
                    row,
                ));
            }
        }
        Ok(())
    }

    /// Adds a row whose keys were checked.
    pub(crate) fn insert(&mut self, row: Arc<Row>) {
        let key = self.key_of(&row);
        self.bytes += bytes_of(&row);
        for index in &mut self.indexes {
            index
                .entries
                .insert_mut(entry(&index.columns, &key, &row), row.clone());
        }
        self.rows.insert_mut(key, row);
    }

    /// Takes a row out.
    pub(crate) fn remove(&mut self, row: &Row) {
        let key = self.key_of(row);
        if !self.rows.remove_mut(&key) {
            return;
        }
        self.bytes = self.bytes.saturating_sub(bytes_of(row));
        for index in &mut self.indexes {
            index.entries.remove_mut(&entry(&index.columns, &key, row));
        }
    }

    /// What is wrong between rows and indexes, one line each.
    pub(crate) fn verify(&self) -> Vec<String> {
        let name = &self.def.name;
        let mut wrong = Vec::new();
        for index in &self.indexes {
            if index.entries.size() != self.rows.size() {
                wrong.push(format!(
                    "an index of {name} has {} entries for {} rows",
                    index.entries.size(),
                    self.rows.size()
                ));
            }
        }
        for row in self.rows.values() {
            let key = self.key_of(row);
            if let Err(refusal) = self.check_keys(row, Some(&key)) {
                wrong.push(format!("{name}: {refusal}"));
            }
            for index in &self.indexes {
                if !index
                    .entries
                    .contains_key(&entry(&index.columns, &key, row))
                {
                    wrong.push(format!("a row of {name} is missing from an index"));
                }
            }
        }
        wrong
    }

    /// The map whose key begins with most of `columns`, and with how many.
    fn path(&self, columns: &[ColumnIx]) -> (Path<'_>, usize) {
        let fixed = |path: &Path<'_>| {
            path.columns
                .iter()
                .take_while(|ix| columns.contains(ix))
                .count()
        };
        let primary = Path {
            columns: &self.def.primary_key.columns,
            rows: &self.rows,
        };
        let mut best = (fixed(&primary), primary);
        for index in &self.indexes {
            let path = Path {
                columns: &index.columns,
                rows: &index.entries,
            };
            let count = fixed(&path);
            if count > best.0 {
                best = (count, path);
            }
        }
        (best.1, best.0)
    }
}

struct Path<'t> {
    columns: &'t [ColumnIx],
    rows: &'t Rows,
}

fn starting_with(rows: &Rows, prefix: Key) -> impl Iterator<Item = &Arc<Row>> {
    rows.range((Bound::Included(prefix.clone()), Bound::Unbounded))
        .take_while(move |(key, _)| key.starts_with(&prefix))
        .map(|(_, row)| row)
}

fn entry(columns: &[ColumnIx], key: &Key, row: &Row) -> Key {
    let mut entry = Key::of(columns, row);
    entry.0.extend(key.0.iter().cloned());
    entry
}

fn bytes_of(row: &Row) -> u64 {
    row.iter().map(bytes_of_value).sum()
}

fn bytes_of_value(value: &Value) -> u64 {
    let apart = match value {
        Value::Text(text) | Value::Json(text) | Value::Jsonb(text) => text.len() as u64,
        Value::Bytes(bytes) => bytes.len() as u64,
        Value::Array(items) => items.iter().map(bytes_of_value).sum(),
        _ => 0,
    };
    size_of::<Value>() as u64 + apart
}
