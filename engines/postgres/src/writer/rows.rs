//! Single rows: stored, replaced, taken out, each with its fence and its event.
//!
//! A statement that PostgreSQL refuses takes its transaction down, so nothing is tried that may
//! be: a new row is left out where one of its keys is there already, and a key that changes is
//! looked for first. Only then is it found out which key it was, in the order in which
//! PostgreSQL would have met it.

use super::Transaction;
use crate::cell::Param;
use crate::fault::{Fault, Step, unavailable};
use crate::layout::{LEAVING_OUT, at_key, equalities, insert_sql, stored_columns};
use crate::sql::quoted;
use pando_model::budget::RowBudget;
use pando_model::canonical;
use pando_model::constraint::duplicate_key;
use pando_model::engine::FeedKind;
use pando_model::error::{EngineError, Refusal};
use pando_model::layout::Physical;
use pando_model::plan::{Filter, Insert, Row, Select};
use pando_model::reshape::keys_of;
use pando_model::schema::{ColumnIx, SLOT_COLUMN, Table};
use pando_model::slot::Slot;
use pando_model::stamp::Position;
use pando_model::statement::{Storage, differs};
use pando_model::tree::{Keyed, Source};
use pando_model::value::Value;
use std::sync::Arc;
use std::time::Duration;

/// When to come back, where another writer was in the way.
const SHORTLY: Duration = Duration::from_millis(100);

impl Source for Transaction<'_> {
    type Fault = Fault;

    fn select(&self, select: &Select, keyed: Option<Keyed<'_>>) -> Step<Vec<Row>> {
        self.session.select(select, keyed)
    }

    fn count(&self, select: &Select) -> Step<u64> {
        self.session.count(select)
    }
}

impl Storage for Transaction<'_> {
    fn budget(&self) -> &RowBudget {
        self.session.budget()
    }

    fn position(&self) -> Position {
        self.next_position()
    }

    fn is_about_the_request(fault: &Fault) -> bool {
        // PostgreSQL's own word has ended the transaction: nothing can be looked up in it.
        matches!(fault, Fault::Engine(_)) && fault.is_about_the_request()
    }

    fn physical(&self, name: &str) -> Step<Arc<Physical>> {
        Ok(self.layout.table(name)?)
    }

    fn whole_rows(&self, table: &Table, filter: &Filter, answered: bool) -> Step<Vec<Row>> {
        self.session.read_whole_rows(table, filter, answered)
    }

    fn first_rows(
        &self,
        table: &Arc<Table>,
        filter: &Filter,
        limit: Option<u64>,
        bytes_max: usize,
    ) -> Step<Vec<Row>> {
        self.session
            .read_first_rows(table, filter, limit, bytes_max)
    }

    fn keys_behind(
        &self,
        table: &Arc<Table>,
        filter: &Filter,
        after: &Row,
    ) -> Step<Vec<Vec<Value>>> {
        self.session.read_keys_behind(table, filter, after)
    }

    fn finds(
        &self,
        text: &str,
        table: &Table,
        _columns: &[ColumnIx],
        values: &[&Value],
    ) -> Step<bool> {
        self.session.plan_for(table);
        let params: Vec<_> = values.iter().map(|value| Param::of(value)).collect();
        self.session.exists(text, &params)
    }

    fn try_insert(&mut self, physical: &Physical, row: &Row) -> Step<Option<Fault>> {
        let table = &*physical.table;
        let slot = canonical::slot_of_row(table, row);
        self.fence(slot)?;
        self.session.plan_for(table);
        let params: Vec<_> = insert_params(table, slot, row).collect();
        if self.session.execute(&physical.insert, &params)? == 0 {
            return Ok(Some(unexplained(table)));
        }
        self.recorder.note(table, FeedKind::Insert, slot, row);
        Ok(None)
    }

    fn replace(&mut self, physical: &Physical, old: &Row, row: &Row) -> Step<()> {
        let table = &*physical.table;
        let (old_slot, slot) = (
            canonical::slot_of_row(table, old),
            canonical::slot_of_row(table, row),
        );
        self.fence(old_slot)?;
        self.fence(slot)?;
        self.session.plan_for(table);
        if let Some(refusal) = self.duplicate(table, row, Some(old))? {
            return Err(refusal);
        }
        self.note_cascades(physical, old, Some(row))?;
        self.store_in_place(table, (old_slot, old), (slot, row))?;
        self.recorder
            .note_replaced(table, (old_slot, old), (slot, row));
        Ok(())
    }

    fn remove(&mut self, physical: &Physical, row: &Row) -> Step<()> {
        let table = &*physical.table;
        let slot = canonical::slot_of_row(table, row);
        self.fence(slot)?;
        self.session.plan_for(table);
        self.note_cascades(physical, row, None)?;
        let params: Vec<_> = key_params(table, slot, row).collect();
        if self.session.execute(&physical.delete, &params)? == 0 && table.adopted {
            return Err(left_alone(table));
        }
        self.recorder.note(table, FeedKind::Delete, slot, row);
        Ok(())
    }

    fn diagnose(&self, table: &Table, row: &Row, fault: Fault) -> Step<Fault> {
        match self.duplicate(table, row, None)? {
            Some(known) => Ok(known),
            None if table.adopted => self.refusal_of_the_table(table, row),
            None => Ok(fault),
        }
    }

    fn insert_in_bulk(
        &mut self,
        insert: &Insert,
        physical: &Arc<Physical>,
    ) -> Step<Option<Vec<Row>>> {
        self.store_in_bulk(insert, physical)
    }

    fn remove_named(&mut self, physical: &Physical, rows: &[Row]) -> Step<u64> {
        self.remove_by_key(physical, rows)
    }

    fn remove_all(&mut self, physical: &Physical, rows: &[Row]) -> Step<()> {
        self.remove_together(physical, rows)
    }
}

impl Transaction<'_> {
    /// Writes the columns that differ, so that no index is touched without need.
    fn store_in_place(
        &mut self,
        table: &Table,
        (old_slot, old): (Slot, &Row),
        (slot, row): (Slot, &Row),
    ) -> Step<()> {
        let changed: Vec<ColumnIx> = stored_columns(table)
            .filter(|ix| old[*ix] != row[*ix])
            .collect();
        let moves = old_slot != slot && !table.adopted;
        if changed.is_empty() && !moves {
            return Ok(());
        }
        let mut set = Vec::with_capacity(changed.len() + 1);
        let mut params = Vec::with_capacity(changed.len() + 4);
        if moves {
            set.push(format!("{SLOT_COLUMN} = $1"));
            params.push(slot_param(slot));
        }
        for ix in &changed {
            let name = quoted(&table.columns[*ix].name);
            params.push(Param::of(&row[*ix]));
            set.push(format!("{name} = ${}", params.len()));
        }
        let sql = format!(
            "UPDATE {} SET {} WHERE {}",
            quoted(&table.name),
            set.join(", "),
            at_key(table, params.len() + 1)
        );
        params.extend(key_params(table, old_slot, old));
        if self.session.execute(&sql, &params)? == 0 && table.adopted {
            return Err(left_alone(table));
        }
        Ok(())
    }

    /// What an adopted table has against a row that none of its known keys explains: the row is
    /// stored without a way out, so that PostgreSQL says it.
    fn refusal_of_the_table(&self, table: &Table, row: &Row) -> Step<Fault> {
        let slot = canonical::slot_of_row(table, row);
        let params: Vec<_> = insert_params(table, slot, row).collect();
        let sql = insert_sql(table, &table.name, 1);
        let sql = sql.strip_suffix(LEAVING_OUT).unwrap_or(&sql);
        match self.session.execute(sql, &params) {
            Ok(0) => Ok(left_alone(table)),
            // What was in the way has gone meanwhile: the same request may succeed.
            Ok(_) => Ok(unavailable("the row was in the way of another", SHORTLY).into()),
            Err(fault) => Ok(fault),
        }
    }

    /// The refusal of a row that has a key of another one: the primary key, then the uniques in
    /// order of declaration. `old` is the row that it is to replace, whose keys are its own.
    fn duplicate(&self, table: &Table, row: &Row, old: Option<&Row>) -> Step<Option<Fault>> {
        let key = &table.primary_key.columns;
        for (name, columns) in keys_of(table) {
            let is_kept = old.is_some_and(|old| !differs(columns, old, row));
            if is_kept || columns.iter().any(|ix| row[*ix].is_null()) {
                continue;
            }
            let mut sql = format!(
                "SELECT 1 FROM {} WHERE {}",
                quoted(&table.name),
                equalities(table, columns, 1)
            );
            let mut params: Vec<_> = cells(columns, row).collect();
            if columns == key && !table.adopted {
                params.push(slot_param(canonical::slot_of_row(table, row)));
                sql.push_str(&format!(" AND {SLOT_COLUMN} = ${}", params.len()));
            }
            if let Some(old) = old {
                let own = equalities(table, key, params.len() + 1);
                sql.push_str(&format!(" AND NOT ({own})"));
                params.extend(cells(key, old));
            }
            if self.session.exists(&sql, &params)? {
                return Ok(Some(duplicate_key(table, name, columns, row).into()));
            }
        }
        Ok(None)
    }
}

/// A row was left out, and none of its keys explains it.
fn unexplained(table: &Table) -> Fault {
    let what = format!("a row of {} was left out for no key of its own", table.name);
    EngineError::internal("insert a row", what).into()
}

/// A trigger of an adopted table has PostgreSQL pass over a row.
fn left_alone(table: &Table) -> Fault {
    let what = format!("a trigger of \"{}\" left the row as it was", table.name);
    Refusal::new("27000", what).into()
}

/// A slot and a row, as an `INSERT` has them.
pub(crate) fn insert_params<'r>(
    table: &'r Table,
    slot: Slot,
    row: &'r Row,
) -> impl Iterator<Item = Param<'r>> {
    slot_of(table, slot).chain(stored_columns(table).map(|ix| Param::of(&row[ix])))
}

/// A slot and a primary key, as [`at_key`] has them.
pub(crate) fn key_params<'r>(
    table: &'r Table,
    slot: Slot,
    row: &'r Row,
) -> impl Iterator<Item = Param<'r>> {
    slot_of(table, slot).chain(cells(&table.primary_key.columns, row))
}

/// The slot, where the table has a column for it.
fn slot_of<'p>(table: &Table, slot: Slot) -> impl Iterator<Item = Param<'p>> + use<'p> {
    (!table.adopted).then(|| slot_param(slot)).into_iter()
}

/// The cells of some columns.
fn cells<'r>(columns: &'r [ColumnIx], row: &'r Row) -> impl Iterator<Item = Param<'r>> {
    columns.iter().map(|ix| Param::of(&row[*ix]))
}

/// A slot as a parameter.
fn slot_param<'p>(slot: Slot) -> Param<'p> {
    Param::int(i64::from(slot.number()))
}
