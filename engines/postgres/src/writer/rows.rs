//! Single rows: stored, replaced, taken out, each with its fence and its event.
//!
//! A statement that PostgreSQL refuses takes its transaction down, so nothing is tried that may
//! be: a new row is left out where one of its keys is there already, and a key that changes is
//! looked for first. Only then is it found out which key it was, in the order in which
//! PostgreSQL would have met it.

use super::Transaction;
use crate::cell::Param;
use crate::fault::{Fault, Step};
use crate::layout::equalities;
use crate::sql::quoted;
use pando_model::budget::RowBudget;
use pando_model::canonical;
use pando_model::constraint::duplicate_key;
use pando_model::engine::FeedKind;
use pando_model::error::EngineError;
use pando_model::layout::Physical;
use pando_model::plan::{Filter, Insert, Row, Select};
use pando_model::reshape::keys_of;
use pando_model::schema::{ColumnIx, SLOT_COLUMN, Table};
use pando_model::slot::Slot;
use pando_model::statement::{Storage, differs};
use pando_model::tree::{Keyed, Source};
use pando_model::value::Value;
use std::sync::Arc;

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

    fn is_about_the_request(fault: &Fault) -> bool {
        fault.is_about_the_request()
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
        _table: &Table,
        _columns: &[ColumnIx],
        values: &[&Value],
    ) -> Step<bool> {
        let params: Vec<_> = values.iter().map(|value| Param::of(value)).collect();
        self.session.exists(text, &params)
    }

    fn try_insert(&mut self, physical: &Physical, row: &Row) -> Step<Option<Fault>> {
        let table = &*physical.table;
        let slot = canonical::slot_of_row(table, row);
        self.fence(slot)?;
        let params: Vec<_> = insert_params(slot, row).collect();
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
        if let Some(refusal) = self.duplicate(table, row, Some(old))? {
            return Err(refusal);
        }
        self.store_in_place(table, (old_slot, old), (slot, row))?;
        self.recorder
            .note_replaced(table, (old_slot, old), (slot, row));
        Ok(())
    }

    fn remove(&mut self, physical: &Physical, row: &Row) -> Step<()> {
        let table = &*physical.table;
        let slot = canonical::slot_of_row(table, row);
        self.fence(slot)?;
        let mut params = vec![slot_param(slot)];
        params.extend(cells(&table.primary_key.columns, row));
        self.session.execute(&physical.delete, &params)?;
        self.recorder.note(table, FeedKind::Delete, slot, row);
        Ok(())
    }

    fn diagnose(&self, table: &Table, row: &Row, fault: Fault) -> Step<Fault> {
        Ok(self.duplicate(table, row, None)?.unwrap_or(fault))
    }

    fn insert_in_bulk(
        &mut self,
        insert: &Insert,
        physical: &Arc<Physical>,
    ) -> Step<Option<Vec<Row>>> {
        self.store_in_bulk(insert, physical)
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
        let changed: Vec<ColumnIx> = (0..row.len()).filter(|ix| old[*ix] != row[*ix]).collect();
        if changed.is_empty() && old_slot == slot {
            return Ok(());
        }
        let mut set = Vec::with_capacity(changed.len() + 1);
        let mut params = Vec::with_capacity(changed.len() + 4);
        if old_slot != slot {
            set.push(format!("{SLOT_COLUMN} = $1"));
            params.push(slot_param(slot));
        }
        for ix in &changed {
            let name = quoted(&table.columns[*ix].name);
            params.push(Param::of(&row[*ix]));
            set.push(format!("{name} = ${}", params.len()));
        }
        params.push(slot_param(old_slot));
        let sql = format!(
            "UPDATE {} SET {} WHERE {SLOT_COLUMN} = ${} AND {}",
            quoted(&table.name),
            set.join(", "),
            params.len(),
            equalities(table, &table.primary_key.columns, params.len() + 1)
        );
        params.extend(cells(&table.primary_key.columns, old));
        self.session.execute(&sql, &params)?;
        Ok(())
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
            if columns == key {
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

/// A slot and a row, as an `INSERT` has them.
pub(crate) fn insert_params(slot: Slot, row: &Row) -> impl Iterator<Item = Param<'_>> {
    std::iter::once(slot_param(slot)).chain(row.iter().map(Param::of))
}

/// The cells of some columns.
fn cells<'r>(columns: &'r [ColumnIx], row: &'r Row) -> impl Iterator<Item = Param<'r>> {
    columns.iter().map(|ix| Param::of(&row[*ix]))
}

/// A slot as a parameter.
fn slot_param(slot: Slot) -> Param<'static> {
    Param::int(i64::from(slot.number()))
}
