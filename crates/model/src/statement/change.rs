//! Changes: insert, update, delete, and what they answer of their rows.

use super::Storage;
use super::conflict::{Conflicts, Touched};
use super::foreign::{References, Statement};
use super::named;
use super::rows::Rows;
use super::targets::Finding;
use crate::engine::Outcome;
use crate::error::Refusal;
use crate::plan::{Change, Delete, Filter, Insert, Output, Row, RowSet, Select, Tree, Update};
use crate::schema::{ColumnIx, Table};
use crate::tree::{read_tree, with_children};
use std::sync::Arc;

/// Carries one change out.
pub fn carry_out<S: Storage>(storage: &mut S, change: &Change) -> Result<Outcome, S::Fault> {
    match change {
        Change::Insert(insert) => storage.insert(insert),
        Change::Update(update) => storage.update(update),
        Change::Delete(delete) => storage.delete(delete),
    }
}

impl<S: Storage> Changes for S {}

trait Changes: Storage + Sized {
    /// New rows, and rows merged into old ones.
    fn insert(&mut self, insert: &Insert) -> Result<Outcome, Self::Fault> {
        let physical = self.physical(&insert.table.name)?;
        if let Some(stored) = self.insert_in_bulk(insert, &physical)? {
            let rows = insert.rows.len() as u64;
            let stored = self.as_settled(&Statement::default(), &insert.table, stored)?;
            return Ok(Outcome {
                affected: rows,
                inserted: rows,
                rows: self.returned(insert.returning.as_ref(), stored)?,
                ..Outcome::default()
            });
        }
        let mut statement = Statement::default();
        let mut touched = Touched::default();
        let mut written = Vec::new();
        let (mut affected, mut inserted) = (0, 0);
        for row in &insert.rows {
            let stored = match &insert.conflict {
                None => self
                    .insert_row(&mut statement, &physical, row.clone())
                    .map(|row| Some((row, true))),
                Some(conflict) => {
                    self.insert_or_merge(&mut statement, &physical, conflict, row, &mut touched)
                }
            };
            match stored {
                Ok(Some((row, is_new))) => {
                    affected += 1;
                    inserted += u64::from(is_new);
                    if insert.returning.is_some() {
                        self.budget().take_row(&row)?;
                        written.push(row);
                    }
                }
                Ok(None) => {}
                Err(fault) => return Err(self.first_fault(statement, fault)),
            }
        }
        self.settle(&mut statement)?;
        let written = self.as_settled(&statement, &insert.table, written)?;
        Ok(Outcome {
            affected,
            inserted,
            rows: self.returned(insert.returning.as_ref(), written)?,
            ..Outcome::default()
        })
    }

    /// New values for the rows that pass.
    fn update(&mut self, update: &Update) -> Result<Outcome, Self::Fault> {
        let physical = self.physical(&update.table.name)?;
        let table = &update.table;
        let targets = self.targets(table, &update.filter, update.max_affected)?;
        let affected = targets.count();
        let mut statement = Statement::default();
        let mut written = Vec::new();
        let mut moved = false;
        let replaced = self.for_each(table, targets, |storage, rows| {
            for old in rows {
                let mut row = old.clone();
                for (ix, value) in &update.set {
                    row[*ix] = value.clone();
                }
                let row = storage.replace_row(&mut statement, &physical, &old, row)?;
                moved |= differs(&table.primary_key.columns, &old, &row);
                if update.returning.is_some() {
                    storage.budget().take_row(&row)?;
                    written.push(row);
                }
            }
            Ok(())
        });
        if let Err(fault) = replaced {
            return Err(self.first_fault(statement, fault));
        }
        self.settle(&mut statement)?;
        let mut written = self.as_settled(&statement, table, written)?;
        if moved {
            sort_by_key(table, &mut written);
        }
        Ok(Outcome {
            affected,
            rows: self.returned(update.returning.as_ref(), written)?,
            ..Outcome::default()
        })
    }

    /// The rows that pass go.
    fn delete(&mut self, delete: &Delete) -> Result<Outcome, Self::Fault> {
        let physical = self.physical(&delete.table.name)?;
        if let Some(rows) = named::rows_of(delete, &physical) {
            return Ok(Outcome {
                affected: self.remove_named(&physical, &rows)?,
                ..Outcome::default()
            });
        }
        let targets = self.targets(&delete.table, &delete.filter, delete.max_affected)?;
        let affected = targets.count();
        // Before they go: what is embedded in them may go with them.
        let returned = match &delete.returning {
            Some(tree) => {
                let rows = self.whole_rows(&delete.table, &delete.filter, true)?;
                self.returned(Some(tree), rows)?
            }
            None => None,
        };
        let mut statement = Statement::default();
        self.for_each(&delete.table, targets, |storage, rows| {
            storage.remove_rows(&mut statement, &physical, &rows)
        })?;
        self.settle(&mut statement)?;
        Ok(Outcome {
            affected,
            rows: returned,
            ..Outcome::default()
        })
    }

    /// The rows as they are now: a key that a row refers to itself by may have cascaded into
    /// it since it was written, and an adopted table may have triggers.
    fn as_settled(
        &self,
        statement: &Statement,
        table: &Table,
        rows: Vec<Row>,
    ) -> Result<Vec<Row>, Self::Fault> {
        if table.adopted {
            return self.as_stored(table, rows);
        }
        if !statement.has_cascaded() {
            return Ok(rows);
        }
        rows.into_iter()
            .map(|row| Ok(self.stored(table, &row)?.unwrap_or(row)))
            .collect()
    }

    /// The rows as they are stored, in one look.
    fn as_stored(&self, table: &Table, rows: Vec<Row>) -> Result<Vec<Row>, Self::Fault> {
        if rows.is_empty() {
            return Ok(rows);
        }
        let columns = &table.primary_key.columns;
        let key_of = |row: &Row| columns.iter().map(|ix| row[*ix].clone()).collect();
        let keys = Filter::Keys {
            columns: columns.clone(),
            keys: rows.iter().map(key_of).collect(),
        };
        let stored = self.whole_rows(table, &keys, false)?;
        let budget = self.budget();
        let now = rows.into_iter().map(|row| {
            let found = stored.binary_search_by(|found| compare_keys(columns, found, &row));
            let Ok(place) = found else {
                return Ok(row);
            };
            budget.give_back(&row);
            budget.take_row(&stored[place])?;
            Ok(stored[place].clone())
        });
        now.collect()
    }

    /// The first row with a fault decides: a reference of an earlier row that does not hold
    /// comes before the key of a later one.
    fn first_fault(&mut self, mut statement: Statement, fault: Self::Fault) -> Self::Fault {
        if !Self::is_about_the_request(&fault) {
            return fault;
        }
        match self.settle(&mut statement) {
            Ok(()) => fault,
            Err(earlier) => earlier,
        }
    }

    /// What a change answers of its rows, which are stored as they are given.
    fn returned(&self, tree: Option<&Tree>, rows: Vec<Row>) -> Result<Option<RowSet>, Self::Fault> {
        let Some(tree) = tree else {
            return Ok(None);
        };
        let select = &tree.select;
        let plain = select.filter == Filter::Const(true)
            && select.order.is_empty()
            && !select.is_aggregate();
        if plain {
            let skip = usize::try_from(select.offset).unwrap_or(usize::MAX);
            let take = select.limit.map_or(usize::MAX, |limit| {
                usize::try_from(limit).unwrap_or(usize::MAX)
            });
            let budget = self.budget();
            let shaped = rows
                .into_iter()
                .skip(skip)
                .take(take)
                .map(|row| {
                    let shaped = project(select, &row)?;
                    // It goes, and what is made of it stays: not both count.
                    budget.give_back(&row);
                    budget.take_row(&shaped)?;
                    Ok(shaped)
                })
                .collect::<Result<_, Self::Fault>>()?;
            return with_children(self, tree, shaped).map(Some);
        }
        self.returned_by_select(tree, rows).map(Some)
    }

    /// The same by a select of the rows' keys, where more is asked than their values.
    fn returned_by_select(&self, tree: &Tree, rows: Vec<Row>) -> Result<RowSet, Self::Fault> {
        let columns = tree.select.table.primary_key.columns.clone();
        let key_of = |row: &Row| columns.iter().map(|ix| row[*ix].clone()).collect();
        let keys = Filter::Keys {
            keys: rows.iter().map(key_of).collect(),
            columns: columns.clone(),
        };
        let mut tree = tree.clone();
        let filter = std::mem::replace(&mut tree.select.filter, Filter::Const(true));
        tree.select.filter = Filter::And(vec![keys, filter]);
        let ordered = !tree.select.order.is_empty() || tree.select.is_aggregate();
        let budget = self.budget();
        if ordered {
            rows.iter().for_each(|row| budget.give_back(row));
            drop(rows);
            return read_tree(self, &tree);
        }
        // Filtered, but in the order given: find out which pass, and shape those.
        let passing = self.whole_rows(&tree.select.table, &tree.select.filter, true)?;
        let same = |a: &Row, b: &Row| !differs(&columns, a, b);
        let kept = rows
            .into_iter()
            .filter(|row| {
                passing
                    .binary_search_by(|found| compare_keys(&columns, found, row))
                    .is_ok_and(|place| same(&passing[place], row))
            })
            .collect();
        passing.iter().for_each(|row| budget.give_back(row));
        tree.select.filter = Filter::Const(true);
        match self.returned(Some(&tree), kept)? {
            Some(set) => Ok(set),
            None => Ok(RowSet::default()),
        }
    }
}

fn project(select: &Select, row: &Row) -> Result<Row, Refusal> {
    let mut shaped = Vec::with_capacity(select.output.len());
    for output in &select.output {
        if let Output::Scalar(scalar) = output {
            let source = row[scalar.source()].clone();
            shaped.push(scalar.evaluate(&select.table, source)?);
        }
    }
    Ok(shaped)
}

fn sort_by_key(table: &Arc<Table>, rows: &mut [Row]) {
    rows.sort_by(|a, b| compare_keys(&table.primary_key.columns, a, b));
}

pub(super) fn compare_keys(columns: &[usize], a: &Row, b: &Row) -> std::cmp::Ordering {
    columns
        .iter()
        .map(|ix| a[*ix].compare(&b[*ix]))
        .find(|order| order.is_ne())
        .unwrap_or(std::cmp::Ordering::Equal)
}

/// Whether two rows have other values in these columns.
pub fn differs(columns: &[ColumnIx], old: &Row, new: &Row) -> bool {
    columns.iter().any(|ix| old[*ix].compare(&new[*ix]).is_ne())
}
