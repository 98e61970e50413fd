//! Typed rows: fields of a record into values of a table's columns.

use super::chunk::{Fault, RawChunk, Records};
use super::fields::object;
use super::plan::{self, Mapping};
use super::split::CsvField;
use crate::failure::fail;
use pando_model::constraint::complete_row;
use pando_model::error::Refusal;
use pando_model::expr::{Expr, Moment};
use pando_model::plan::Row;
use pando_model::schema::{Column, ColumnIx, Identity, Table};
use pando_model::value::Value;
use std::sync::Arc;

/// Makes rows of a table.
pub struct RowMaker {
    table: Arc<Table>,
    mapping: Mapping,
    fillers: Vec<Filler>,
    moment: Moment,
}

/// What stands in a column that a record does not give.
enum Filler {
    Value(Value),
    Volatile(Expr),
    /// An id, put in where ids are made.
    Id,
}

/// The columns of a chunk's fields.
pub enum Layout {
    /// CSV: for each field its column.
    Fields(Vec<ColumnIx>),
    /// JSON: each record names its own.
    Keys,
}

impl RowMaker {
    /// A maker for a table; `now_us` is the instant that defaults see.
    pub fn new(table: Arc<Table>, mapping: Mapping, now_us: i64) -> anyhow::Result<RowMaker> {
        let moment = Moment { now_us };
        let fillers = table
            .columns
            .iter()
            .map(|column| filler(&table, column, moment))
            .collect::<Result<_, Refusal>>()?;
        Ok(RowMaker {
            table,
            mapping,
            fillers,
            moment,
        })
    }

    /// The table.
    pub fn table(&self) -> &Arc<Table> {
        &self.table
    }

    /// Where a chunk's fields go; refuses headers that are no columns, and columns that
    /// cannot be given.
    pub fn layout(&self, raw: &RawChunk) -> anyhow::Result<Layout> {
        let Records::Csv(header, _) = &raw.records else {
            return Ok(Layout::Keys);
        };
        let names: Vec<&str> = self.table.columns.iter().map(|c| c.name.as_str()).collect();
        let columns = self.mapping.columns_of(&raw.file, header, Some(&names))?;
        let mut places = Vec::with_capacity(columns.len());
        for name in &columns {
            let ix = self
                .table
                .column_ix(name)
                .ok_or_else(|| fail(format!("there is no column {name}")))?;
            if let Some(reason) = not_givable(&self.table.columns[ix]) {
                return fail(format!("{}:1: {reason}", raw.file)).err();
            }
            places.push(ix);
        }
        Ok(Layout::Fields(places))
    }

    /// The row of one record, with NULL where an id belongs.
    pub fn row(&self, layout: &Layout, raw: &RawChunk, at: usize) -> Result<Row, Fault> {
        let mut row: Vec<Option<Value>> = vec![None; self.table.columns.len()];
        match layout {
            Layout::Fields(places) => {
                for (field, ix) in plan::fields(raw, at)?.iter().zip(places) {
                    row[*ix] = Some(self.value_of_field(*ix, field)?);
                }
            }
            Layout::Keys => self.read_object(plan::text(raw, at)?, &mut row)?,
        }
        row.into_iter()
            .zip(&self.fillers)
            .enumerate()
            .map(|(ix, (given, filler))| match (given, filler) {
                (Some(value), _) => Ok(value),
                (None, Filler::Value(value)) => Ok(value.clone()),
                (None, Filler::Id) => Ok(Value::Null),
                (None, Filler::Volatile(expr)) => {
                    evaluate(&self.table, &self.table.columns[ix], expr, self.moment)
                        .map_err(|refusal| self.fault(ix, &refusal))
                }
            })
            .collect()
    }

    /// Columns whose ids are still to be made.
    pub fn id_columns(&self) -> impl Iterator<Item = ColumnIx> {
        let ids = self.fillers.iter().enumerate();
        ids.filter(|(_, filler)| matches!(filler, Filler::Id))
            .map(|(ix, _)| ix)
    }

    /// What is wrong with a row by itself: NOT NULL and CHECK.
    pub fn check(&self, row: &Row) -> Option<Fault> {
        let mut row = row.clone();
        let refusal = complete_row(&self.table, &mut row).err()?;
        Some(fault_of(&refusal))
    }

    fn value_of_field(&self, ix: ColumnIx, field: CsvField<'_>) -> Result<Value, Fault> {
        if self.mapping.is_null(field) {
            return Ok(Value::Null);
        }
        let column = &self.table.columns[ix];
        let text = std::str::from_utf8(field.text)
            .map_err(|_| Fault::new("22021", "the field is not UTF-8").at(&column.name))?;
        Value::parse(&column.ty, text)
            .and_then(|value| value.fit(&column.ty))
            .map_err(|refusal| self.fault(ix, &refusal))
    }

    fn read_object(&self, text: &str, row: &mut [Option<Value>]) -> Result<(), Fault> {
        // Of equal keys the last counts.
        for (key, raw) in object(text)? {
            let name = self.mapping.column_of(&key);
            let Some(ix) = self.table.column_ix(name) else {
                return Err(Fault::new("42703", format!("the key `{key}` is no column")));
            };
            let column = &self.table.columns[ix];
            if let Some(reason) = not_givable(column) {
                return Err(Fault::new("428C9", reason).at(&column.name));
            }
            let value = match raw.get() {
                "null" => Ok(Value::Null),
                raw => Value::from_json(&column.ty, raw).and_then(|value| value.fit(&column.ty)),
            };
            row[ix] = Some(value.map_err(|refusal| self.fault(ix, &refusal))?);
        }
        Ok(())
    }

    fn fault(&self, ix: ColumnIx, refusal: &Refusal) -> Fault {
        fault_of(refusal).at(&self.table.columns[ix].name)
    }
}

/// A refusal as a fault of a row.
pub fn fault_of(refusal: &Refusal) -> Fault {
    let reason = match &refusal.details {
        Some(details) => format!("{}: {details}", refusal.message),
        None => refusal.message.clone(),
    };
    Fault::new(&refusal.code, reason)
}

fn filler(table: &Table, column: &Column, moment: Moment) -> Result<Filler, Refusal> {
    if column.identity.is_some() {
        return Ok(Filler::Id);
    }
    match &column.default {
        // Generated columns too: the engine computes them.
        None => Ok(Filler::Value(Value::Null)),
        Some(expr) if expr.is_volatile() => Ok(Filler::Volatile(expr.clone())),
        Some(expr) => evaluate(table, column, expr, moment).map(Filler::Value),
    }
}

/// A default's value; it looks at no column.
fn evaluate(table: &Table, column: &Column, expr: &Expr, moment: Moment) -> Result<Value, Refusal> {
    expr.evaluate(table, &[], moment)?.fit(&column.ty)
}

fn not_givable(column: &Column) -> Option<String> {
    if column.generated.is_some() {
        return Some(format!("the column {} is generated", column.name));
    }
    (column.identity == Some(Identity::Always)).then(|| {
        format!(
            "the column {} makes its own ids (GENERATED ALWAYS)",
            column.name
        )
    })
}
