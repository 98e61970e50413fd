//! Values as SQLite stores them, and back.
//!
//! | type | stored as |
//! |---|---|
//! | text, json | TEXT, compared by its bytes |
//! | jsonb | TEXT, canonical, compared by the collation `pando_jsonb` |
//! | integer, bigint, boolean, date, timestamp(tz) | INTEGER |
//! | real, double precision | REAL |
//! | numeric, arrays | BLOB whose bytes sort as the values do |
//! | uuid, bytea | BLOB |
//!
//! So the stored order is the order of the values, and indexes serve it.

use crate::fault::{Fault, corrupt};
use pando_model::array;
use pando_model::column::ColumnType;
use pando_model::numeric::Numeric;
use pando_model::value::Value;
use rusqlite::ToSql;
use rusqlite::types::{ToSqlOutput, Value as Owned, ValueRef};
use std::borrow::Cow;
use std::rc::Rc;

/// A statement's parameter.
#[derive(Clone, Debug)]
pub(crate) enum Param<'a> {
    Null,
    Int(i64),
    Real(f64),
    Text(Cow<'a, str>),
    Blob(Cow<'a, [u8]>),
    /// All values of a list, for `rarray`.
    List(Rc<Vec<Owned>>),
}

impl ToSql for Param<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Param::Null => ToSqlOutput::Borrowed(ValueRef::Null),
            Param::Int(value) => ToSqlOutput::Borrowed(ValueRef::Integer(*value)),
            Param::Real(value) => ToSqlOutput::Borrowed(ValueRef::Real(*value)),
            Param::Text(text) => ToSqlOutput::Borrowed(ValueRef::Text(text.as_bytes())),
            Param::Blob(bytes) => ToSqlOutput::Borrowed(ValueRef::Blob(bytes)),
            Param::List(list) => return list.to_sql(),
        })
    }
}

impl<'a> Param<'a> {
    /// A value of a column of type `ty`.
    pub(crate) fn of(value: &'a Value, ty: &ColumnType) -> Param<'a> {
        match value {
            Value::Null => Param::Null,
            Value::Bool(value) => Param::Int(i64::from(*value)),
            Value::Int(value) | Value::Timestamp(value) => Param::Int(*value),
            Value::Date(days) => Param::Int(i64::from(*days)),
            Value::Real(value) => Param::Real(f64::from(*value)),
            Value::Double(value) => Param::Real(*value),
            Value::Numeric(number) => Param::Blob(Cow::Owned(number.to_ordered_bytes())),
            Value::Text(text) | Value::Json(text) | Value::Jsonb(text) => {
                Param::Text(Cow::Borrowed(text))
            }
            Value::Bytes(bytes) => Param::Blob(Cow::Borrowed(bytes)),
            Value::Uuid(bytes) => Param::Blob(Cow::Borrowed(bytes)),
            Value::Array(items) => {
                Param::Blob(Cow::Owned(array::to_ordered_bytes(inner_type(ty), items)))
            }
        }
    }

    /// The same, owning what it holds.
    pub(crate) fn into_owned(self) -> Owned {
        match self {
            Param::Null | Param::List(_) => Owned::Null,
            Param::Int(value) => Owned::Integer(value),
            Param::Real(value) => Owned::Real(value),
            Param::Text(text) => Owned::Text(text.into_owned()),
            Param::Blob(bytes) => Owned::Blob(bytes.into_owned()),
        }
    }
}

/// An aggregate's result: a numeric keeps the digits that it prints, behind the bytes that
/// it is ordered by.
pub(crate) fn result_cell(value: &Value, ty: &ColumnType) -> Owned {
    match value {
        Value::Numeric(number) => {
            let mut bytes = number.to_ordered_bytes();
            bytes.extend(number.scale().to_be_bytes());
            Owned::Blob(bytes)
        }
        other => Param::of(other, ty).into_owned(),
    }
}

/// The type of an array's items; of what is no array, itself.
pub(crate) fn inner_type(ty: &ColumnType) -> &ColumnType {
    match ty {
        ColumnType::Array(inner) => inner,
        other => other,
    }
}

/// What a cell of type `ty` holds.
pub(crate) fn value_of(raw: ValueRef<'_>, ty: &ColumnType) -> Result<Value, Fault> {
    let value = match (raw, ty) {
        (ValueRef::Null, _) => Some(Value::Null),
        (ValueRef::Integer(number), _) => integer_value(number, ty),
        (ValueRef::Real(number), ColumnType::Double) => Some(Value::Double(number)),
        (ValueRef::Real(number), ColumnType::Real) => Some(Value::Real(number as f32)),
        (ValueRef::Text(bytes), _) => text_value(bytes, ty),
        (ValueRef::Blob(bytes), _) => blob_value(bytes, ty)?,
        _ => None,
    };
    value.ok_or_else(|| {
        let found = raw.data_type();
        Fault::Engine(corrupt(format!("a cell of type {ty} holds {found}")))
    })
}

fn integer_value(number: i64, ty: &ColumnType) -> Option<Value> {
    Some(match ty {
        ColumnType::Integer | ColumnType::Bigint => Value::Int(number),
        ColumnType::Boolean => Value::Bool(number != 0),
        ColumnType::Date => Value::Date(i32::try_from(number).ok()?),
        ColumnType::Timestamp | ColumnType::Timestamptz => Value::Timestamp(number),
        ColumnType::Double => Value::Double(number as f64),
        ColumnType::Real => Value::Real(number as f32),
        _ => return None,
    })
}

fn text_value(bytes: &[u8], ty: &ColumnType) -> Option<Value> {
    let text = std::str::from_utf8(bytes).ok()?.to_owned();
    Some(match ty {
        ColumnType::Text => Value::Text(text),
        ColumnType::Json => Value::Json(text),
        ColumnType::Jsonb => Value::Jsonb(text),
        _ => return None,
    })
}

fn blob_value(bytes: &[u8], ty: &ColumnType) -> Result<Option<Value>, Fault> {
    Ok(match ty {
        ColumnType::Uuid => bytes.try_into().ok().map(Value::Uuid),
        ColumnType::Bytea => Some(Value::Bytes(bytes.to_vec())),
        ColumnType::Numeric { limit } => match Numeric::split_ordered_bytes(bytes) {
            // The bytes are the number's alone; its declared scale is the column's.
            Some((number, [])) if limit.is_some() => Some(Value::Numeric(number).fit(ty)?),
            Some((number, [])) => Some(Value::Numeric(number)),
            Some((number, scale)) => scale.try_into().ok().map(|scale| {
                let places = i64::from(u32::from_be_bytes(scale));
                Value::Numeric(number.rounded(places))
            }),
            None => None,
        },
        ColumnType::Array(inner) => array::from_ordered_bytes(inner, bytes).map(Value::Array),
        _ => None,
    })
}
