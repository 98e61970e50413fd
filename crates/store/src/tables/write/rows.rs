//! Whole rows of a body: what it leaves out is filled in.

use crate::session;
use crate::store::Store;
use crate::tables::payload::{Cell, Payload};
use crate::tables::refusals;
use pando_model::error::Refusal;
use pando_model::expr::{Expr, Moment};
use pando_model::plan::Row;
use pando_model::schema::{Column, ColumnIx, Identity, Table};
use pando_model::value::Value;

/// What stands in a column for which nothing is given.
enum Filler<'a> {
    /// The same in every row.
    Value(Value),
    /// Something else in every row.
    Expr(&'a Expr),
    /// A new id.
    Id,
}

/// The rows of a body, as wide as the table. `missing_default`: a row that does not name a
/// column that others name takes its default, and not NULL.
pub(super) async fn whole(
    store: &Store,
    table: &Table,
    payload: &Payload<'_>,
    missing_default: bool,
) -> session::Result<Vec<Row>> {
    for ix in &payload.columns {
        check_given(&table.columns[*ix], false)?;
    }
    let now_us = store.clock().now_us();
    let fillers = fillers(table, now_us)?;
    let places: Vec<Option<usize>> = (0..table.columns.len())
        .map(|ix| payload.columns.iter().position(|given| *given == ix))
        .collect();
    let mut rows = Vec::with_capacity(payload.rows);
    for at in 0..payload.rows {
        rows.push(given(table, &places, payload.row(at), missing_default)?);
    }
    fill(store, table, &fillers, now_us, rows).await
}

/// The columns of a body's first row and their values, for an update.
pub(super) fn new_values(
    table: &Table,
    payload: &Payload<'_>,
    missing_default: bool,
    now_us: i64,
) -> Result<Vec<(ColumnIx, Value)>, Refusal> {
    let mut set = Vec::with_capacity(payload.columns.len());
    for (ix, cell) in payload.columns.iter().zip(payload.row(0)) {
        let column = &table.columns[*ix];
        check_given(column, true)?;
        let value = match cell.value(&column.ty)? {
            Some(value) => value,
            None if missing_default => match filler(table, column, now_us)? {
                Filler::Value(value) => value,
                Filler::Expr(expr) => evaluate(table, column, expr, now_us)?,
                Filler::Id => continue,
            },
            None => Value::Null,
        };
        set.push((*ix, value));
    }
    Ok(set)
}

/// A row's given values; `None` where something is to be filled in.
fn given(
    table: &Table,
    places: &[Option<usize>],
    cells: &[Cell<'_>],
    missing_default: bool,
) -> Result<Vec<Option<Value>>, Refusal> {
    let columns = table.columns.iter().zip(places);
    let value = |(column, place): (&Column, &Option<usize>)| match place {
        None => Ok(None),
        Some(place) => match cells[*place].value(&column.ty)? {
            None if !missing_default => Ok(Some(Value::Null)),
            value => Ok(value),
        },
    };
    columns.map(value).collect()
}

async fn fill(
    store: &Store,
    table: &Table,
    fillers: &[Filler<'_>],
    now_us: i64,
    rows: Vec<Vec<Option<Value>>>,
) -> session::Result<Vec<Row>> {
    let is_new_id = |(value, filler): (&Option<Value>, &Filler<'_>)| {
        value.is_none() && matches!(filler, Filler::Id)
    };
    let wanted = rows.iter().flat_map(|row| row.iter().zip(fillers));
    let wanted = wanted.filter(|pair| is_new_id(*pair)).count();
    let mut ids = if wanted == 0 {
        Vec::new().into_iter()
    } else {
        store.ids().reserve(wanted).await?.into_iter()
    };
    let mut whole = Vec::with_capacity(rows.len());
    for row in rows {
        let mut filled = Row::with_capacity(table.columns.len());
        for ((value, filler), column) in row.into_iter().zip(fillers).zip(&table.columns) {
            filled.push(match (value, filler) {
                (Some(value), _) => value,
                (None, Filler::Value(value)) => value.clone(),
                (None, Filler::Expr(expr)) => evaluate(table, column, expr, now_us)?,
                (None, Filler::Id) => ids.next().map_or(Value::Null, Value::Int),
            });
        }
        whole.push(filled);
    }
    Ok(whole)
}

fn fillers(table: &Table, now_us: i64) -> Result<Vec<Filler<'_>>, Refusal> {
    let columns = table.columns.iter();
    columns
        .map(|column| filler(table, column, now_us))
        .collect()
}

/// Generated columns are NULL here: the engine computes them.
fn filler<'a>(table: &Table, column: &'a Column, now_us: i64) -> Result<Filler<'a>, Refusal> {
    if column.identity.is_some() {
        return Ok(Filler::Id);
    }
    match &column.default {
        None => Ok(Filler::Value(Value::Null)),
        Some(expr) if expr.is_volatile() => Ok(Filler::Expr(expr)),
        Some(expr) => Ok(Filler::Value(evaluate(table, column, expr, now_us)?)),
    }
}

/// A default's value; it looks at no column.
fn evaluate(table: &Table, column: &Column, expr: &Expr, now_us: i64) -> Result<Value, Refusal> {
    expr.evaluate(table, &[], Moment { now_us })?
        .fit(&column.ty)
}

fn check_given(column: &Column, update: bool) -> Result<(), Refusal> {
    if column.generated.is_some() {
        return Err(refusals::generated_column(&column.name, update));
    }
    if column.identity == Some(Identity::Always) {
        return Err(refusals::identity_column(&column.name, update));
    }
    Ok(())
}
