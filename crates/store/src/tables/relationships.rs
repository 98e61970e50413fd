//! How tables are related, as their foreign keys say.
//!
//! A foreign key gives a relationship in each direction, one-to-one where the
//! referring columns are unique. A table whose primary key contains two
//! foreign keys is a junction, and relates their targets many-to-many. Whether
//! a key is enforced makes no difference here. This module finds relationships;
//! choosing one for a request is `resolve::embed`'s.

use pando_model::plan::{Join, KeySource, Via};
use pando_model::schema::{ColumnIx, ForeignKey, RESERVED_PREFIX, Schema, Table};
use std::collections::HashMap;
use std::sync::Arc;

/// How many rows stand on each side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cardinality {
    /// The origin's row refers to one row of the target.
    ManyToOne,
    /// Rows of the target refer to the origin's row.
    OneToMany,
    /// At most one row on each side; `origin_refers` says which side holds the key.
    OneToOne {
        /// Whether the foreign key is the origin's.
        origin_refers: bool,
    },
    /// Through a junction.
    ManyToMany,
}

/// One way from a table to another.
#[derive(Clone, Debug)]
pub struct Relationship {
    /// Where it starts.
    pub origin: Arc<Table>,
    /// Where it leads.
    pub target: Arc<Table>,
    /// How many rows stand on each side.
    pub cardinality: Cardinality,
    /// The foreign key's name; of a junction, the name of its key to the origin.
    pub constraint: String,
    /// The origin's columns and those of the target, or of the junction, that equal them.
    pub columns: Vec<(ColumnIx, ColumnIx)>,
    /// The table between the two, for many-to-many.
    pub junction: Option<Junction>,
}

/// The second half of a way through a junction.
#[derive(Clone, Debug)]
pub struct Junction {
    /// The junction.
    pub table: Arc<Table>,
    /// The name of its foreign key to the target.
    pub constraint: String,
    /// Its columns and the target's that equal them.
    pub columns: Vec<(ColumnIx, ColumnIx)>,
}

/// All relationships of a schema, by the table they start from.
pub type Relationships = HashMap<String, Vec<Relationship>>;

/// Finds all relationships between a user's tables.
pub fn relationships(schema: &Schema) -> Relationships {
    let mut found = Relationships::new();
    for table in users_tables(schema) {
        let keys = resolve_keys(schema, table);
        for key in &keys {
            add(&mut found, key.forward(table));
        }
        for first in &keys {
            for second in &keys {
                if let Some(across) = through_junction(table, first, second) {
                    add(&mut found, across);
                }
            }
        }
        for key in &keys {
            add(&mut found, key.backward(table));
        }
    }
    found
}

/// The tables that a caller may name.
pub(crate) fn users_tables(schema: &Schema) -> impl Iterator<Item = &Arc<Table>> {
    schema
        .tables
        .values()
        .filter(|table| !table.name.starts_with(RESERVED_PREFIX))
}

impl Relationship {
    /// Whether a row of the origin has at most one row of the target.
    pub fn is_to_one(&self) -> bool {
        matches!(
            self.cardinality,
            Cardinality::ManyToOne | Cardinality::OneToOne { .. }
        )
    }

    /// Whether both ends are the same table.
    pub fn is_self(&self) -> bool {
        self.origin.name == self.target.name
    }

    /// Whether the origin's row holds the foreign key.
    pub fn origin_refers(&self) -> bool {
        matches!(
            self.cardinality,
            Cardinality::ManyToOne
                | Cardinality::OneToOne {
                    origin_refers: true
                }
        )
    }

    /// The same in a plan's words, as a condition on the origin's rows.
    pub fn join(&self) -> Join {
        Join {
            table: Arc::clone(&self.target),
            via: self.via(),
            on: self
                .columns
                .iter()
                .map(|(origin, other)| (*origin, self.key_source(*other)))
                .collect(),
        }
    }

    /// The junction in a plan's words.
    pub fn via(&self) -> Option<Via> {
        self.junction.as_ref().map(|junction| Via {
            table: Arc::clone(&junction.table),
            on: junction.columns.clone(),
        })
    }

    /// The far side's key, in the order of `columns`.
    pub fn keys(&self) -> Vec<KeySource> {
        self.columns
            .iter()
            .map(|(_, other)| self.key_source(*other))
            .collect()
    }

    fn key_source(&self, column: ColumnIx) -> KeySource {
        match self.junction {
            Some(_) => KeySource::Via(column),
            None => KeySource::Table(column),
        }
    }
}

/// A foreign key whose target was found.
struct Key<'a> {
    key: &'a ForeignKey,
    target: &'a Arc<Table>,
    columns: Vec<(ColumnIx, ColumnIx)>,
    unique: bool,
}

impl Key<'_> {
    fn forward(&self, table: &Arc<Table>) -> Relationship {
        Relationship {
            origin: Arc::clone(table),
            target: Arc::clone(self.target),
            cardinality: if self.unique {
                Cardinality::OneToOne {
                    origin_refers: true,
                }
            } else {
                Cardinality::ManyToOne
            },
            constraint: self.key.name.clone(),
            columns: self.columns.clone(),
            junction: None,
        }
    }

    fn backward(&self, table: &Arc<Table>) -> Relationship {
        Relationship {
            origin: Arc::clone(self.target),
            target: Arc::clone(table),
            cardinality: if self.unique {
                Cardinality::OneToOne {
                    origin_refers: false,
                }
            } else {
                Cardinality::OneToMany
            },
            constraint: self.key.name.clone(),
            columns: self.columns.iter().map(|(a, b)| (*b, *a)).collect(),
            junction: None,
        }
    }
}

fn resolve_keys<'a>(schema: &'a Schema, table: &'a Table) -> Vec<Key<'a>> {
    let mut keys: Vec<Key<'a>> = table
        .foreign_keys
        .iter()
        .filter_map(|key| {
            let target = schema.table(&key.target)?;
            let columns = key
                .columns
                .iter()
                .zip(&key.target_columns)
                .map(|(own, name)| Some((*own, target.column_ix(name)?)))
                .collect::<Option<Vec<_>>>()?;
            Some(Key {
                key,
                target,
                unique: is_unique(table, &key.columns),
                columns,
            })
        })
        .collect();
    keys.sort_by(|a, b| a.key.name.cmp(&b.key.name));
    keys
}

/// Whether some constraint of the table is on exactly these columns.
fn is_unique(table: &Table, columns: &[ColumnIx]) -> bool {
    let same = |other: &[ColumnIx]| {
        other.len() == columns.len() && other.iter().all(|ix| columns.contains(ix))
    };
    same(&table.primary_key.columns) || table.uniques.iter().any(|unique| same(&unique.columns))
}

fn through_junction(
    junction: &Arc<Table>,
    first: &Key<'_>,
    second: &Key<'_>,
) -> Option<Relationship> {
    let in_key = |key: &Key<'_>| key.columns.iter().all(|(own, _)| junction.is_key(*own));
    let distinct = first.key.name != second.key.name;
    if !distinct || first.unique || second.unique || !in_key(first) || !in_key(second) {
        return None;
    }
    Some(Relationship {
        origin: Arc::clone(first.target),
        target: Arc::clone(second.target),
        cardinality: Cardinality::ManyToMany,
        constraint: first.key.name.clone(),
        columns: first
            .columns
            .iter()
            .map(|(own, far)| (*far, *own))
            .collect(),
        junction: Some(Junction {
            table: Arc::clone(junction),
            constraint: second.key.name.clone(),
            columns: second.columns.clone(),
        }),
    })
}

fn add(found: &mut Relationships, relationship: Relationship) {
    found
        .entry(relationship.origin.name.clone())
        .or_default()
        .push(relationship);
}
