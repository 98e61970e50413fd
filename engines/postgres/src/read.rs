//! Rows that are read on a session: whole ones, pages of them, and those of a plan.

use crate::fault::{Fault, Step};
use crate::session::Session;
use crate::sql::{self, Statement};
use pando_model::budget::bytes_of;
use pando_model::plan::{Filter, Row, Select};
use pando_model::schema::{ColumnIx, Table};
use pando_model::tree::{Keyed, Source, by_key};
use pando_model::value::Value;
use std::sync::Arc;

impl Session {
    /// Whole rows that pass a filter, in the order of the primary key; those that are
    /// `answered` are taken from the budget.
    pub(crate) fn read_whole_rows(
        &self,
        table: &Table,
        filter: &Filter,
        is_answered: bool,
    ) -> Step<Vec<Row>> {
        let statement = sql::whole_rows(table, filter).held(table);
        match is_answered {
            true => self.answered(&statement, table),
            false => self.run_while(&statement, table, |_| Ok(true)),
        }
    }

    /// The first of them: so many, or so many bytes and what is left of a row.
    pub(crate) fn read_first_rows(
        &self,
        table: &Arc<Table>,
        filter: &Filter,
        limit: Option<u64>,
        bytes_max: usize,
    ) -> Step<Vec<Row>> {
        let all: Vec<ColumnIx> = (0..table.columns.len()).collect();
        let select;
        let statement = if limit.is_some() {
            select = Select {
                limit,
                ..by_key(table, &all, filter, None)
            };
            sql::select(&select, None)
        } else {
            sql::whole_rows(table, filter)
        };
        let statement = statement.held(table);
        let mut bytes = 0;
        self.run_while(&statement, table, |value| {
            bytes += bytes_of(value);
            Ok(bytes < bytes_max)
        })
    }

    /// The next whole rows that pass behind `after`, in the order of the primary key.
    pub(crate) fn read_page(
        &self,
        table: &Arc<Table>,
        after: Option<&Row>,
        limit: u64,
    ) -> Step<Vec<Row>> {
        let all: Vec<ColumnIx> = (0..table.columns.len()).collect();
        let select = Select {
            limit: Some(limit),
            ..by_key(table, &all, &Filter::Const(true), after)
        };
        self.run_while(&sql::select(&select, None), table, |_| Ok(true))
    }

    /// The primary keys of all rows that pass behind `after`, in their order.
    pub(crate) fn read_keys_behind(
        &self,
        table: &Arc<Table>,
        filter: &Filter,
        after: &Row,
    ) -> Step<Vec<Vec<Value>>> {
        let select = by_key(table, &table.primary_key.columns, filter, Some(after));
        self.run_while(&sql::select(&select, None), table, |_| Ok(true))
    }

    /// The rows of a statement, which are answered.
    fn answered(&self, statement: &Statement<'_>, table: &Table) -> Step<Vec<Row>> {
        self.run_while(statement, table, |value| {
            self.budget().take(value)?;
            Ok(true)
        })
    }

    /// The rows up to the one with a value that is not to `go_on`.
    fn run_while(
        &self,
        statement: &Statement<'_>,
        table: &Table,
        mut go_on: impl FnMut(&Value) -> Step<bool>,
    ) -> Step<Vec<Row>> {
        self.plan_for(table);
        let mut rows = Vec::new();
        self.select_while(&statement.sql.text, &statement.sql.params, |raw| {
            let mut goes_on = true;
            let row = statement.row(raw, table, 0, &mut |value| {
                goes_on &= go_on(value)?;
                Ok(())
            })?;
            rows.push(row);
            Ok(goes_on)
        })?;
        Ok(rows)
    }
}

impl Source for Session {
    type Fault = Fault;

    fn select(&self, select: &Select, keyed: Option<Keyed<'_>>) -> Step<Vec<Row>> {
        self.answered(&sql::select(select, keyed), &select.table)
    }

    fn count(&self, select: &Select) -> Step<u64> {
        let count = sql::count(select);
        self.plan_for(&select.table);
        let total = self.first_int(&count.text, &count.params)?;
        Ok(total.map_or(0, i64::unsigned_abs))
    }
}
