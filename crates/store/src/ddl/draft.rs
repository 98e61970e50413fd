//! The schema while a migration is read: as it would be after the statements so
//! far, with what is needed to get there from the schema in force.

use super::fault::{Fault, Place, Result};
use super::names::{fold, quoted, unqualified};
use pando_model::expr::Moment;
use pando_model::plan::Row;
use pando_model::schema::{ColumnSource, Schema, Table};
use sqlparser::ast::{Ident, ObjectName};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The schema in the making.
pub(super) struct Draft {
    pub(super) tables: BTreeMap<String, DraftTable>,
    /// Tables of the schema in force that are dropped.
    pub(super) dropped: Vec<Arc<Table>>,
    pub(super) seeds: Vec<Seed>,
    pub(super) moment: Moment,
}

/// A table in the making.
#[derive(Clone)]
pub(super) struct DraftTable {
    pub(super) table: Table,
    /// The table in force that it was; `None` for a new one.
    pub(super) origin: Option<Arc<Table>>,
    /// Where each column's values come from; of no meaning in a new table.
    pub(super) sources: Vec<ColumnSource>,
    /// Where this migration declares constraints, by their names: they are checked when
    /// all of the file is known.
    pub(super) places: HashMap<String, Place>,
    /// Where the table is declared.
    pub(super) at: Place,
}

/// Rows of an INSERT.
pub(super) struct Seed {
    pub(super) table: String,
    pub(super) rows: Vec<Row>,
}

impl Draft {
    pub(super) fn new(schema: &Schema, moment: Moment) -> Draft {
        let tables = schema
            .tables
            .iter()
            .map(|(name, table)| (name.clone(), DraftTable::of(table)))
            .collect();
        Draft {
            tables,
            dropped: Vec::new(),
            seeds: Vec::new(),
            moment,
        }
    }

    /// Whether a table or an index has the name: they share one space of names.
    pub(super) fn is_relation(&self, name: &str) -> bool {
        self.relation(name).is_some()
    }

    /// Refuses a name that is taken.
    pub(super) fn free_relation(&self, name: &str, at: Place) -> Result<()> {
        match self.relation(name) {
            None => Ok(()),
            Some(known) if known == name => Err(Fault::new(
                at,
                format!("relation {} already exists", quoted(name)),
            )),
            Some(known) => Err(Fault::new(
                at,
                format!(
                    "relation {} differs from {} only in case, which not every engine tells apart",
                    quoted(name),
                    quoted(known)
                ),
            )),
        }
    }

    /// The table or index of a name, as SQLite compares names: without case.
    fn relation(&self, name: &str) -> Option<&str> {
        self.tables
            .values()
            .flat_map(|draft| {
                let table = &draft.table;
                [&table.name, &table.primary_key.name]
                    .into_iter()
                    .chain(table.uniques.iter().map(|unique| &unique.name))
                    .chain(table.indexes.iter().map(|index| &index.name))
            })
            .find(|known| known.eq_ignore_ascii_case(name))
            .map(String::as_str)
    }

    /// The table that a name means, or what is wrong with it.
    pub(super) fn find(&self, name: &ObjectName, near: Place) -> Result<&DraftTable> {
        let (name, at) = self.resolve(name, near)?;
        self.tables.get(&name).ok_or_else(|| missing(&name, at))
    }

    /// The table that a name means, to change it.
    pub(super) fn find_mut(&mut self, name: &ObjectName, near: Place) -> Result<&mut DraftTable> {
        let (name, at) = self.resolve(name, near)?;
        self.tables.get_mut(&name).ok_or_else(|| missing(&name, at))
    }

    /// Whether there is such a table.
    pub(super) fn has(&self, name: &ObjectName, near: Place) -> Result<bool> {
        Ok(self.tables.contains_key(&self.resolve(name, near)?.0))
    }

    /// Foreign keys of other tables that refer to a table.
    pub(super) fn referrers(&self, target: &str) -> impl Iterator<Item = (&Table, &str)> {
        self.tables
            .values()
            .filter(move |draft| draft.table.name != target)
            .flat_map(move |draft| {
                draft
                    .table
                    .foreign_keys
                    .iter()
                    .filter(move |key| key.target == target)
                    .map(|key| (&draft.table, key.name.as_str()))
            })
    }

    /// Inserts into a table come last, when its shape is final: nothing may change it after.
    pub(super) fn not_seeded(&self, table: &str, at: Place) -> Result<()> {
        if self.seeds.iter().any(|seed| seed.table == table) {
            return Err(Fault::new(
                at,
                format!("{} is changed after an INSERT into it", quoted(table)),
            )
            .hint("put the INSERT behind, or into a migration of its own"));
        }
        Ok(())
    }

    fn resolve(&self, name: &ObjectName, near: Place) -> Result<(String, Place)> {
        let ident = unqualified(name, near)?;
        Ok((fold(ident), Place::of_ident(ident, near)))
    }
}

impl DraftTable {
    fn of(table: &Arc<Table>) -> DraftTable {
        DraftTable {
            table: Table::clone(table),
            origin: Some(Arc::clone(table)),
            sources: (0..table.columns.len()).map(ColumnSource::Column).collect(),
            places: HashMap::new(),
            at: Place { line: 1, column: 1 },
        }
    }

    /// A column that a statement names.
    pub(super) fn column(&self, ident: &Ident, near: Place) -> Result<usize> {
        let name = fold(ident);
        self.table.column_ix(&name).ok_or_else(|| {
            Fault::new(
                Place::of_ident(ident, near),
                format!(
                    "column {} of relation {} does not exist",
                    quoted(&name),
                    quoted(&self.table.name)
                ),
            )
        })
    }

    /// A name for a new column, or a new one of a column: no other has it, in any case.
    pub(super) fn free_column(&self, name: &str, at: Place) -> Result<()> {
        let table = quoted(&self.table.name);
        let mut others = self.table.columns.iter().map(|column| &column.name);
        match others.find(|known| known.eq_ignore_ascii_case(name)) {
            None => Ok(()),
            Some(known) if known == name => Err(Fault::new(
                at,
                format!("column {} of relation {table} already exists", quoted(name)),
            )),
            Some(known) => Err(Fault::new(
                at,
                format!(
                    "column {} of relation {table} differs from {} only in case, which not \
                     every engine tells apart",
                    quoted(name),
                    quoted(known)
                ),
            )),
        }
    }

    /// Whether a constraint of the table has the name.
    pub(super) fn has_constraint(&self, name: &str) -> bool {
        let table = &self.table;
        table.primary_key.name == name
            || table.uniques.iter().any(|unique| unique.name == name)
            || table.checks.iter().any(|check| check.name == name)
            || table.foreign_keys.iter().any(|key| key.name == name)
    }

    /// The names of columns.
    pub(super) fn names(&self, columns: &[usize]) -> Vec<&str> {
        columns
            .iter()
            .map(|ix| self.table.columns[*ix].name.as_str())
            .collect()
    }
}

fn missing(name: &str, at: Place) -> Fault {
    Fault::new(at, format!("relation {} does not exist", quoted(name)))
}
