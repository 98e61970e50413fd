//! Values computed from one row: their type, and how they are computed.

use super::Scalar;
use crate::column::ColumnType;
use crate::error::Refusal;
use crate::json;
use crate::schema::{ColumnIx, Table};
use crate::value::Value;

impl Scalar {
    /// The type of its values.
    pub fn ty(&self, table: &Table) -> ColumnType {
        match self {
            Scalar::Column(ix) => table.columns[*ix].ty.clone(),
            Scalar::Json { as_text: true, .. } => ColumnType::Text,
            Scalar::Json { column, .. } => table.columns[*column].ty.clone(),
            Scalar::Cast(_, ty) => ty.clone(),
        }
    }

    /// The one column that it is computed from.
    pub fn source(&self) -> ColumnIx {
        match self {
            Scalar::Column(ix) | Scalar::Json { column: ix, .. } => *ix,
            Scalar::Cast(inner, _) => inner.source(),
        }
    }

    /// Its value, from the value of its column.
    pub fn evaluate(&self, table: &Table, source: Value) -> Result<Value, Refusal> {
        Ok(match self {
            Scalar::Column(_) => source,
            Scalar::Json { path, as_text, .. } => match &source {
                Value::Json(text) => json::extract(text, path, *as_text, false),
                Value::Jsonb(text) => json::extract(text, path, *as_text, true),
                _ => Value::Null,
            },
            Scalar::Cast(inner, to) => {
                let from = inner.ty(table);
                inner.evaluate(table, source)?.cast(&from, to)?
            }
        })
    }

    /// Whether it can be NULL.
    pub fn is_nullable(&self, table: &Table) -> bool {
        match self {
            Scalar::Column(ix) => table.columns[*ix].nullable && !table.is_key(*ix),
            _ => true,
        }
    }
}
