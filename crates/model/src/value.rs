//! Values: read, written and compared in one way on every engine.
//!
//! PostgreSQL's meaning wins; what it would accept and SQLite could not keep
//! alike is refused here, with PostgreSQL's code and words: U+0000 in texts (22021), NaN and
//! infinities (22003), years outside of 0001 to 9999 (22008). −0.0 becomes 0.

mod cast;
mod fit;
mod order;
mod read_json;
mod read_text;
mod write;

pub(crate) use cast::check as check_cast;

use crate::column::ColumnType;
use crate::error::Refusal;
use crate::numeric::Numeric;
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// A value of some [`ColumnType`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Value {
    /// SQL's NULL, of any type.
    Null,
    /// `boolean`.
    Bool(bool),
    /// `integer` and `bigint`.
    Int(i64),
    /// `real`.
    Real(f32),
    /// `double precision`.
    Double(f64),
    /// `numeric`.
    Numeric(Numeric),
    /// `text`.
    Text(String),
    /// `bytea`.
    Bytes(#[serde(with = "serde_bytes")] Vec<u8>),
    /// `date`: days since 1970-01-01.
    Date(i32),
    /// `timestamp` and `timestamptz`: microseconds since 1970.
    Timestamp(i64),
    /// `uuid`.
    Uuid([u8; 16]),
    /// `json`: its text.
    Json(String),
    /// `jsonb`: its canonical text ([`crate::json::canonical`]).
    Jsonb(String),
    /// An array of one dimension.
    Array(Vec<Value>),
}

impl Value {
    /// Reads PostgreSQL's text form (filters, CSV, literals); never NULL. A numeric's
    /// declared precision is not applied, as it is not to a filter's operand: [`Value::fit`] does.
    pub fn parse(ty: &ColumnType, text: &str) -> Result<Value, Refusal> {
        read_text::read(ty, text)
    }

    /// Reads a JSON value as `json_populate_record` does: `null` is NULL, a
    /// string is read as text form, arrays as arrays, any value for json and jsonb; fitted
    /// into the type. `raw` is valid JSON.
    pub fn from_json(ty: &ColumnType, raw: &str) -> Result<Value, Refusal> {
        read_json::read(ty, raw)
    }

    /// Fits a value into a declared type (numeric's precision and scale, integer's width).
    pub fn fit(self, ty: &ColumnType) -> Result<Value, Refusal> {
        fit::fit(self, ty)
    }

    /// Appends its JSON form as PostgREST writes it; NULL is `null`.
    pub fn write_json(&self, ty: &ColumnType, out: &mut Vec<u8>) {
        write::write_json(self, ty, out);
    }

    /// Appends its text form as PostgreSQL's output functions write it; nothing for NULL.
    pub fn write_text(&self, ty: &ColumnType, out: &mut Vec<u8>) {
        write::write_text(self, ty, out);
    }

    /// Its text form as PostgreSQL's output functions write it (a boolean is `t` or `f`);
    /// `None` for NULL.
    pub fn to_text(&self, ty: &ColumnType) -> Option<String> {
        if self.is_null() {
            return None;
        }
        let mut out = Vec::new();
        write::write_text(self, ty, &mut out);
        // Only UTF-8 is written: nothing is lost.
        Some(
            String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into()),
        )
    }

    /// The same value as another type, as `CAST` has it; NULL stays NULL.
    pub fn cast(&self, from: &ColumnType, to: &ColumnType) -> Result<Value, Refusal> {
        cast::cast(self, from, to)
    }

    /// PostgreSQL's order of two values of one type; NULLs are equal and last. `json` has no
    /// order in PostgreSQL: its text's bytes are compared.
    pub fn compare(&self, other: &Value) -> Ordering {
        order::compare(self, other)
    }

    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}

/// Numbers with a fraction by their bits: no NaN is a value, and −0.0 none either.
impl Hash for Value {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::mem::discriminant(self).hash(state);
        match self {
            Value::Null => {}
            Value::Bool(truth) => truth.hash(state),
            Value::Int(number) => number.hash(state),
            Value::Real(number) => number.to_bits().hash(state),
            Value::Double(number) => number.to_bits().hash(state),
            Value::Numeric(number) => number.hash(state),
            Value::Text(text) | Value::Json(text) | Value::Jsonb(text) => text.hash(state),
            Value::Bytes(bytes) => bytes.hash(state),
            Value::Date(days) => days.hash(state),
            Value::Timestamp(at) => at.hash(state),
            Value::Uuid(id) => id.hash(state),
            Value::Array(values) => values.hash(state),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
