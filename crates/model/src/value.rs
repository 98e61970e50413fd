//! Values: read, written and compared in one way on every engine.
//!
//! PostgreSQL's meaning wins; what it would accept and SQLite could not keep
//! alike is refused here, with PostgreSQL's code and words.

use crate::column::ColumnType;
use crate::error::Refusal;
use crate::numeric::Numeric;
use std::cmp::Ordering;

/// A value of some [`ColumnType`].
#[derive(Clone, Debug, PartialEq)]
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
    Bytes(Vec<u8>),
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
    /// Reads PostgreSQL's text form (filters, CSV, literals); never NULL.
    pub fn parse(ty: &ColumnType, text: &str) -> Result<Value, Refusal> {
        let _ = (ty, text);
        todo!()
    }

    /// Reads a JSON value as `json_populate_record` does: `null` is NULL, a
    /// string is read as text form, arrays as arrays, any value for json and jsonb.
    pub fn from_json(ty: &ColumnType, raw: &str) -> Result<Value, Refusal> {
        let _ = (ty, raw);
        todo!()
    }

    /// Fits a value into a declared type (numeric's precision and scale, integer's width).
    pub fn fit(self, ty: &ColumnType) -> Result<Value, Refusal> {
        let _ = ty;
        todo!()
    }

    /// Appends its JSON form as PostgREST writes it; NULL is `null`.
    pub fn write_json(&self, ty: &ColumnType, out: &mut Vec<u8>) {
        let _ = (ty, out);
        todo!()
    }

    /// Its text form as PostgreSQL writes it; `None` for NULL.
    pub fn to_text(&self, ty: &ColumnType) -> Option<String> {
        let _ = ty;
        todo!()
    }

    /// The same value as another type, as `CAST` has it; NULL stays NULL.
    pub fn cast(&self, from: &ColumnType, to: &ColumnType) -> Result<Value, Refusal> {
        let _ = (from, to);
        todo!()
    }

    /// PostgreSQL's order of two values of one type; NULLs are equal and last. `json` has no
    /// order in PostgreSQL: its text's bytes are compared.
    pub fn compare(&self, other: &Value) -> Ordering {
        let _ = other;
        todo!()
    }

    /// Whether it is NULL.
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }
}
