//! Values computed from one row: in SQL where a condition or an order needs them, in
//! Rust where they are only answered.

use super::{Alias, Sql};
use crate::cell::Param;
use crate::fault::Step;
use crate::functions::{JSONB_COLLATION, path_text, type_text};
use pando_model::column::ColumnType;
use pando_model::json;
use pando_model::plan::Scalar;
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use std::borrow::Cow;

/// The one column that a scalar is computed from.
pub(crate) trait ScalarSource {
    /// Its place.
    fn source(&self) -> ColumnIx;
}

impl ScalarSource for Scalar {
    fn source(&self) -> ColumnIx {
        match self {
            Scalar::Column(ix) | Scalar::Json { column: ix, .. } => *ix,
            Scalar::Cast(inner, _) => inner.source(),
        }
    }
}

/// The scalar's value, from the value of its column.
pub(crate) fn evaluate(scalar: &Scalar, table: &Table, source: Value) -> Step<Value> {
    Ok(match scalar {
        Scalar::Column(_) => source,
        Scalar::Json { path, as_text, .. } => match &source {
            Value::Json(text) => json::extract(text, path, *as_text, false),
            Value::Jsonb(text) => json::extract(text, path, *as_text, true),
            _ => Value::Null,
        },
        Scalar::Cast(inner, to) => {
            let from = inner.ty(table);
            evaluate(inner, table, source)?.cast(&from, to)?
        }
    })
}

impl<'a> Sql<'a> {
    /// Adds a scalar.
    pub(crate) fn scalar(&mut self, scalar: &'a Scalar, table: &Table, alias: Alias) -> &mut Self {
        match scalar {
            Scalar::Column(ix) => self.column(alias, &table.columns[*ix].name),
            Scalar::Json {
                column,
                path,
                as_text,
            } => {
                let jsonb = table.columns[*column].ty == ColumnType::Jsonb;
                self.push("pando_json(")
                    .column(alias, &table.columns[*column].name)
                    .push(", ")
                    .bind(Param::Text(Cow::Owned(path_text(path))))
                    .push(", ")
                    .number(i64::from(*as_text))
                    .push(", ")
                    .number(i64::from(jsonb))
                    .push(")");
                self.collated(jsonb && !as_text)
            }
            Scalar::Cast(inner, to) => {
                self.push("pando_cast(")
                    .scalar(inner, table, alias)
                    .push(", ")
                    .literal(&type_text(&inner.ty(table)))
                    .push(", ")
                    .literal(&type_text(to))
                    .push(")");
                self.collated(*to == ColumnType::Jsonb)
            }
        }
    }

    /// Adds the collation of jsonb.
    pub(crate) fn collated(&mut self, jsonb: bool) -> &mut Self {
        if jsonb {
            self.push(" COLLATE ").push(JSONB_COLLATION);
        }
        self
    }
}

/// Whether a scalar can be NULL.
pub(crate) fn is_nullable(scalar: &Scalar, table: &Table) -> bool {
    match scalar {
        Scalar::Column(ix) => table.columns[*ix].nullable && !table.is_key(*ix),
        _ => true,
    }
}
