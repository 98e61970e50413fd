//! Reads: the rows of single statements. How a tree is made of them is the model's.

use crate::cell::value_of;
use crate::connection::Conn;
use crate::fault::{Fault, Step};
use crate::sql::{self, Decode, Statement};
use pando_model::budget::bytes_of;
use pando_model::plan::{Filter, Row, Select};
use pando_model::schema::{ColumnIx, Table};
use pando_model::tree::{Keyed, Source, by_key};
use pando_model::value::Value;
use rusqlite::types::ValueRef;
use std::sync::Arc;

impl Source for Conn {
    type Fault = Fault;

    fn select(&self, select: &Select, keyed: Option<Keyed<'_>>) -> Step<Vec<Row>> {
        answered(self, &sql::select(select, keyed), &select.table)
    }

    fn count(&self, select: &Select) -> Step<u64> {
        let count = sql::count(select);
        let total = self.first_int(&count.text, &count.params)?;
        Ok(total.map_or(0, i64::unsigned_abs))
    }
}

/// Whole rows that pass a filter, in the order of the primary key; those that are `answered`
/// are taken from the budget.
pub(crate) fn read_whole_rows(
    conn: &Conn,
    table: &Table,
    filter: &Filter,
    is_answered: bool,
) -> Step<Vec<Row>> {
    let statement = sql::whole_rows(table, filter);
    match is_answered {
        true => answered(conn, &statement, table),
        false => run(conn, &statement, table),
    }
}

/// The first of them: so many, or so many bytes and what is left of a row.
pub(crate) fn read_first_rows(
    conn: &Conn,
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
    let mut bytes = 0;
    run_while(conn, &statement, table, |value| {
        bytes += bytes_of(value);
        Ok(bytes < bytes_max)
    })
}

/// The next whole rows that pass behind `after`, in the order of the primary key.
pub(crate) fn read_page(
    conn: &Conn,
    table: &Arc<Table>,
    filter: &Filter,
    after: Option<&Row>,
    limit: u64,
) -> Step<Vec<Row>> {
    let all: Vec<ColumnIx> = (0..table.columns.len()).collect();
    let select = Select {
        limit: Some(limit),
        ..by_key(table, &all, filter, after)
    };
    run(conn, &sql::select(&select, None), table)
}

/// The primary keys of all rows that pass behind `after`, in their order.
pub(crate) fn read_keys_behind(
    conn: &Conn,
    table: &Arc<Table>,
    filter: &Filter,
    after: &Row,
) -> Step<Vec<Vec<Value>>> {
    let select = by_key(table, &table.primary_key.columns, filter, Some(after));
    run(conn, &sql::select(&select, None), table)
}

/// The rows of a statement, which are answered.
fn answered(conn: &Conn, statement: &Statement<'_>, table: &Table) -> Step<Vec<Row>> {
    let budget = conn.budget();
    run_while(conn, statement, table, |value| {
        budget.take(value)?;
        Ok(true)
    })
}

fn run(conn: &Conn, statement: &Statement<'_>, table: &Table) -> Step<Vec<Row>> {
    run_while(conn, statement, table, |_| Ok(true))
}

/// The rows up to the one with a value that is not to `go_on`.
fn run_while(
    conn: &Conn,
    statement: &Statement<'_>,
    table: &Table,
    mut go_on: impl FnMut(&Value) -> Step<bool>,
) -> Step<Vec<Row>> {
    let mut rows = Vec::new();
    conn.select_while(&statement.sql.text, &statement.sql.params, |raw| {
        let mut row = Vec::with_capacity(statement.decode.len());
        let mut goes_on = true;
        for (place, decode) in statement.decode.iter().enumerate() {
            let cell = raw.get_ref(place)?;
            if let ValueRef::Text(bytes) | ValueRef::Blob(bytes) = cell {
                match decode {
                    Decode::Scalar(..) => conn.control().charge_reading(bytes.len())?,
                    _ => conn.control().charge_copying(bytes.len())?,
                }
            }
            let value = match decode {
                Decode::Column(ty) => value_of(cell, ty)?,
                Decode::Scalar(scalar, ty) => scalar.evaluate(table, value_of(cell, ty)?)?,
                Decode::Result(ty) => value_of(cell, ty)?,
            };
            goes_on &= go_on(&value)?;
            row.push(value);
        }
        rows.push(row);
        Ok(goes_on)
    })?;
    Ok(rows)
}
