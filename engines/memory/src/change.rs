//! Changes: insert with its conflicts, update, delete.

use crate::database::Database;
use crate::feed::RowEvent;
use crate::key::Key;
use crate::select::{find_rows, read_returning};
use crate::statement::Statement;
use pando_model::budget::RowBudget;
use pando_model::constraint::{complete_row, merged_twice, too_many_affected};
use pando_model::engine::{Outcome, Result};
use pando_model::error::EngineError;
use pando_model::plan::{Change, Conflict, Delete, Insert, Row, RowSet, Tree, Update};
use pando_model::schema::Table;
use pando_model::value::Value;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Carries out one change on `db`, which is to be thrown away on an error.
pub(crate) fn execute(
    db: &mut Database,
    events: &mut Vec<RowEvent>,
    change: &Change,
    budget: &RowBudget,
) -> Result<Outcome> {
    let statement = Statement::new(db, events);
    match change {
        Change::Insert(insert) => execute_insert(statement, insert, budget),
        Change::Update(update) => execute_update(statement, update, budget),
        Change::Delete(delete) => execute_delete(statement, delete, budget),
    }
}

fn execute_insert(
    mut statement: Statement<'_>,
    insert: &Insert,
    budget: &RowBudget,
) -> Result<Outcome> {
    let mut written = Vec::with_capacity(insert.rows.len());
    let mut touched = BTreeSet::new();
    let mut inserted = 0;
    for row in &insert.rows {
        match insert_row(&mut statement, insert, row, &mut touched) {
            Ok(Some((row, is_new))) => {
                inserted += u64::from(is_new);
                written.push(row);
            }
            Ok(None) => {}
            Err(fault) => return Err(first_fault(statement, fault)),
        }
    }
    statement.settle()?;
    let written = as_settled(statement.db(), &insert.table, written)?;
    Ok(Outcome {
        affected: written.len() as u64,
        inserted,
        rows: returning(statement.db(), insert.returning.as_ref(), &written, budget)?,
        ..Outcome::default()
    })
}

/// The row as stored, and whether it is new; `None` where it was ignored.
fn insert_row(
    statement: &mut Statement<'_>,
    insert: &Insert,
    row: &Row,
    touched: &mut BTreeSet<Key>,
) -> Result<Option<(Arc<Row>, bool)>> {
    let table = &insert.table;
    let key_of = |row: &Row| Key::of(&table.primary_key.columns, row);
    if let Some(conflict) = &insert.conflict {
        // The row as it was proposed has to be sound, whatever becomes of it.
        let mut row = row.clone();
        complete_row(table, &mut row)?;
        if let Some(old) = conflicting(statement.db(), insert, conflict, &row)? {
            let Some(columns) = &conflict.merge else {
                return Ok(None);
            };
            if touched.contains(&key_of(&old)) {
                return Err(merged_twice().into());
            }
            let mut merged = Row::clone(&old);
            for &ix in columns {
                merged[ix] = row[ix].clone();
            }
            let merged = statement.replace(table, &old, merged)?;
            touched.insert(key_of(&merged));
            return Ok(Some((merged, false)));
        }
    }
    let row = statement.insert(table, row.clone())?;
    if insert.conflict.is_some() {
        touched.insert(key_of(&row));
    }
    Ok(Some((row, true)))
}

/// The row that has the same values in the conflict's target.
fn conflicting(
    db: &Database,
    insert: &Insert,
    conflict: &Conflict,
    row: &Row,
) -> Result<Option<Arc<Row>>> {
    let values: Vec<Value> = conflict.target.iter().map(|ix| row[*ix].clone()).collect();
    let table = db.table(&insert.table.name)?;
    Ok(table.lookup(&conflict.target, &values).next().cloned())
}

fn execute_update(
    mut statement: Statement<'_>,
    update: &Update,
    budget: &RowBudget,
) -> Result<Outcome> {
    let table = &update.table;
    let rows = find_rows(statement.db(), table, &update.filter)?;
    check_count(rows.len() as u64, update.max_affected)?;
    let mut written = Vec::with_capacity(rows.len());
    for old in &rows {
        let mut row = Row::clone(old);
        for (ix, value) in &update.set {
            row[*ix] = value.clone();
        }
        match statement.replace(table, old, row) {
            Ok(row) => written.push(row),
            Err(fault) => return Err(first_fault(statement, fault)),
        }
    }
    statement.settle()?;
    let mut written = as_settled(statement.db(), table, written)?;
    written.sort_by_cached_key(|row| Key::of(&table.primary_key.columns, row));
    Ok(Outcome {
        affected: written.len() as u64,
        rows: returning(statement.db(), update.returning.as_ref(), &written, budget)?,
        ..Outcome::default()
    })
}

fn execute_delete(
    mut statement: Statement<'_>,
    delete: &Delete,
    budget: &RowBudget,
) -> Result<Outcome> {
    let rows = find_rows(statement.db(), &delete.table, &delete.filter)?;
    check_count(rows.len() as u64, delete.max_affected)?;
    // Before they go: what is embedded in them may go with them.
    let answer = returning(statement.db(), delete.returning.as_ref(), &rows, budget)?;
    for row in &rows {
        statement.remove(&delete.table, row)?;
    }
    statement.settle()?;
    Ok(Outcome {
        affected: rows.len() as u64,
        rows: answer,
        ..Outcome::default()
    })
}

/// The rows as they are now: a key that a row refers to itself by may have
/// cascaded into it since it was written.
fn as_settled(db: &Database, table: &Table, written: Vec<Arc<Row>>) -> Result<Vec<Arc<Row>>> {
    let state = db.table(&table.name)?;
    let settled = |row: Arc<Row>| state.get(&state.key_of(&row)).cloned().unwrap_or(row);
    Ok(written.into_iter().map(settled).collect())
}

/// The first row with a fault decides: a reference of an earlier row that does
/// not hold comes before the key of a later one.
fn first_fault(mut statement: Statement<'_>, fault: EngineError) -> EngineError {
    match statement.settle() {
        Ok(()) => fault,
        Err(earlier) => earlier,
    }
}

fn check_count(rows: u64, max: Option<u64>) -> Result<()> {
    match max {
        Some(max) if rows > max => Err(too_many_affected(rows).into()),
        _ => Ok(()),
    }
}

fn returning(
    db: &Database,
    tree: Option<&Tree>,
    rows: &[Arc<Row>],
    budget: &RowBudget,
) -> Result<Option<RowSet>> {
    tree.map(|tree| read_returning(db, tree, rows, budget))
        .transpose()
}
