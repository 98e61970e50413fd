//! A write's body as cells: which columns it names, and what it gives for them.
//!
//! Cells stay slices of the body until they are read by their column's type
//! ([`Cell::value`]). All rows name the columns of the first one, unless
//! `columns=` says which are looked at.

mod csv;
mod form;
mod json;

use super::refusals;
use crate::request::{PayloadFormat, TableWrite};
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use std::borrow::Cow;

/// A body, read.
#[derive(Debug)]
pub(crate) struct Payload<'a> {
    /// The columns that it gives values for.
    pub columns: Vec<ColumnIx>,
    /// How many rows it holds.
    pub rows: usize,
    /// The cells, row by row, each row as wide as `columns`.
    cells: Vec<Cell<'a>>,
}

/// What a body gives for one column of one row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell<'a> {
    /// Nothing: the row does not name the column.
    Missing,
    /// NULL.
    Null,
    /// A JSON value.
    Json(&'a str),
    /// A text in PostgreSQL's form.
    Text(Cow<'a, str>),
}

impl<'a> Payload<'a> {
    /// Reads a request's body; refused (`PGRST102`, `PGRST204`) where it is malformed or names
    /// a column that the table does not have.
    pub(crate) fn read(
        table: &Table,
        request: &'a TableWrite,
        rows_max: usize,
    ) -> Result<Payload<'a>, Refusal> {
        let chosen = match &request.columns {
            Some(names) => Some(Chosen::new(table, names)?),
            None => None,
        };
        let payload = match request.format {
            PayloadFormat::Json => json::read(table, &request.body, chosen)?,
            PayloadFormat::Csv => csv::read(table, &request.body, chosen)?,
            PayloadFormat::Form => form::read(table, &request.body, chosen)?,
        };
        if payload.rows > rows_max {
            return Err(refusals::over_limit("rows in its body", rows_max, None));
        }
        Ok(payload)
    }

    /// Whether every row gives a value for a column itself.
    pub(crate) fn gives(&self, column: ColumnIx) -> bool {
        let place = self.columns.iter().position(|known| *known == column);
        place.is_some_and(|place| (0..self.rows).all(|at| self.row(at)[place] != Cell::Missing))
    }

    /// One row's cells, in the order of `columns`.
    pub(crate) fn row(&self, at: usize) -> &[Cell<'a>] {
        let width = self.columns.len();
        &self.cells[at * width..(at + 1) * width]
    }
}

impl Cell<'_> {
    /// Its value as a column's; `None` where nothing is given.
    pub(crate) fn value(&self, ty: &ColumnType) -> Result<Option<Value>, Refusal> {
        let value = match self {
            Cell::Missing => return Ok(None),
            Cell::Null => Value::Null,
            Cell::Json(raw) => Value::from_json(ty, raw)?,
            Cell::Text(text) => Value::parse(ty, text)?,
        };
        value.fit(ty).map(Some)
    }
}

/// The columns of `columns=`.
struct Chosen {
    columns: Vec<ColumnIx>,
}

impl Chosen {
    fn new(table: &Table, names: &[String]) -> Result<Chosen, Refusal> {
        let mut columns = Vec::with_capacity(names.len());
        for name in names {
            let ix = column(table, name)?;
            if !columns.contains(&ix) {
                columns.push(ix);
            }
        }
        Ok(Chosen { columns })
    }
}

/// Where the fields of a header or of a first object go: for each its place among the columns;
/// `None` for one that is not looked at.
fn places<'n>(
    table: &Table,
    names: impl Iterator<Item = &'n str>,
    chosen: Option<Chosen>,
) -> Result<(Vec<ColumnIx>, Vec<Option<usize>>), Refusal> {
    match chosen {
        Some(Chosen { columns }) => {
            let place = |name: &str| {
                let ix = table.column_ix(name)?;
                columns.iter().position(|column| *column == ix)
            };
            let places = names.map(place).collect();
            Ok((columns, places))
        }
        None => {
            let mut columns: Vec<ColumnIx> = Vec::new();
            let mut places = Vec::new();
            for name in names {
                let ix = column(table, name)?;
                let known = columns.iter().position(|column| *column == ix);
                places.push(Some(known.unwrap_or(columns.len())));
                if known.is_none() {
                    columns.push(ix);
                }
            }
            Ok((columns, places))
        }
    }
}

fn column(table: &Table, name: &str) -> Result<ColumnIx, Refusal> {
    table
        .column_ix(name)
        .ok_or_else(|| refusals::unknown_payload_column(&table.name, name))
}

fn utf8(body: &[u8]) -> Result<&str, Refusal> {
    std::str::from_utf8(body).map_err(|_| refusals::bad_body("the body is not UTF-8"))
}
