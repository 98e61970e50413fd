//! Canonical key bytes: what slots are computed from, and what keys are compared by.
//!
//! **Frozen**: `tests/vectors/canonical.json` holds vectors for every type. A key is its
//! parts, one after the other; a part is
//!
//! | bytes | what |
//! |---|---|
//! | 1 | tag |
//! | 4 | length of the payload, big-endian |
//! | length | payload |
//!
//! | tag | types | payload |
//! |---|---|---|
//! | 0 | NULL of any type | nothing |
//! | 1 | integer, bigint | 8 bytes, two's complement, big-endian |
//! | 2 | boolean | `00` or `01` |
//! | 3 | real, double precision | the value as IEEE 754 double, 8 bytes, big-endian |
//! | 4 | numeric | its ordered bytes ([`crate::numeric`]): equal for equal numbers |
//! | 5 | text | UTF-8 |
//! | 6 | bytea | the bytes |
//! | 7 | date | days since 1970-01-01, 4 bytes, two's complement, big-endian |
//! | 8 | timestamp, timestamptz | microseconds since 1970, 8 bytes likewise |
//! | 9 | uuid | 16 bytes |
//! | 10 | json | its text |
//! | 11 | jsonb | its canonical text ([`crate::json`]) |
//! | 12 | array | its items as parts |
//!
//! Two values of comparable types have the same bytes exactly if they are equal, and a
//! column may grow from integer to bigint, or from real to double precision, without a
//! row changing its slot. The order of the bytes means nothing.

use crate::column::ColumnType;
use crate::json;
use crate::numeric::Numeric;
use crate::plan::Row;
use crate::schema::{ColumnIx, Table};
use crate::slot::Slot;
use crate::value::Value;

/// A part's tag and length.
const HEADER: usize = 5;
/// How deep arrays may lie in each other when bytes are read; no column holds more than one.
const ARRAY_DEPTH_MAX: usize = 4;

/// The canonical bytes of a composite key: each part tagged by type and length-prefixed. Integer and bigint
/// of one number have the same bytes; a NULL part has its own tag.
pub fn key_bytes(table: &Table, columns: &[ColumnIx], row: &[Value]) -> Vec<u8> {
    debug_assert!(columns.iter().all(|&ix| ix < table.columns.len()));
    let mut out = Vec::with_capacity(columns.len() * (HEADER + 16));
    for &ix in columns {
        write_part(row.get(ix).unwrap_or(&Value::Null), &mut out);
    }
    out
}

/// The canonical bytes of a key given as values with their types.
pub fn bytes_of(parts: &[(&ColumnType, &Value)]) -> Vec<u8> {
    let mut out = Vec::with_capacity(parts.len() * (HEADER + 16));
    for (_, value) in parts {
        write_part(value, &mut out);
    }
    out
}

/// The values that [`bytes_of`] wrote; `None` for bytes that it did not write.
pub fn values_of(types: &[&ColumnType], bytes: &[u8]) -> Option<Vec<Value>> {
    let mut rest = bytes;
    let mut values = Vec::with_capacity(types.len());
    for ty in types {
        let (value, after) = read_part(ty, rest, 0)?;
        values.push(value);
        rest = after;
    }
    rest.is_empty().then_some(values)
}

/// The slot of a whole row: by its shard key, or the pseudo-slot of reference tables; rows of
/// the catalog's own tables lie in the catalog's.
pub fn slot_of_row(table: &Table, row: &Row) -> Slot {
    if table.is_catalog() {
        Slot::CATALOG
    } else if table.reference {
        Slot::REFERENCE
    } else {
        Slot::of_key(&key_bytes(table, &table.shard_key, row))
    }
}

fn write_part(value: &Value, out: &mut Vec<u8>) {
    let start = out.len();
    out.extend_from_slice(&[tag_of(value), 0, 0, 0, 0]);
    match value {
        Value::Null => {}
        Value::Int(number) | Value::Timestamp(number) => {
            out.extend_from_slice(&number.to_be_bytes());
        }
        Value::Bool(value) => out.push(u8::from(*value)),
        // Adding zero turns −0.0 into 0.
        Value::Real(number) => out.extend_from_slice(&(f64::from(*number) + 0.0).to_be_bytes()),
        Value::Double(number) => out.extend_from_slice(&(number + 0.0).to_be_bytes()),
        Value::Numeric(number) => number.write_ordered_bytes(out),
        Value::Text(text) | Value::Json(text) | Value::Jsonb(text) => {
            out.extend_from_slice(text.as_bytes());
        }
        Value::Bytes(bytes) => out.extend_from_slice(bytes),
        Value::Date(days) => out.extend_from_slice(&days.to_be_bytes()),
        Value::Uuid(bytes) => out.extend_from_slice(bytes),
        Value::Array(items) => items.iter().for_each(|item| write_part(item, out)),
    }
    // A value of 4 GiB is beyond every limit of a request.
    let len = u32::try_from(out.len() - start - HEADER).unwrap_or(u32::MAX);
    out[start + 1..start + HEADER].copy_from_slice(&len.to_be_bytes());
}

fn tag_of(value: &Value) -> u8 {
    match value {
        Value::Null => 0,
        Value::Int(_) => 1,
        Value::Bool(_) => 2,
        Value::Real(_) | Value::Double(_) => 3,
        Value::Numeric(_) => 4,
        Value::Text(_) => 5,
        Value::Bytes(_) => 6,
        Value::Date(_) => 7,
        Value::Timestamp(_) => 8,
        Value::Uuid(_) => 9,
        Value::Json(_) => 10,
        Value::Jsonb(_) => 11,
        Value::Array(_) => 12,
    }
}

fn read_part<'a>(ty: &ColumnType, bytes: &'a [u8], depth: usize) -> Option<(Value, &'a [u8])> {
    let (&[tag, len @ ..], rest) = bytes.split_first_chunk::<HEADER>()?;
    let len = usize::try_from(u32::from_be_bytes(len)).ok()?;
    let (payload, rest) = rest.split_at_checked(len)?;
    if tag == 0 {
        return payload.is_empty().then_some((Value::Null, rest));
    }
    let value = read_payload(ty, payload, depth)?;
    // What is outside of the type's domain was never written.
    let value = value.fit(ty).ok()?;
    (tag == tag_of(&value)).then_some((value, rest))
}

fn read_payload(ty: &ColumnType, payload: &[u8], depth: usize) -> Option<Value> {
    let text = || String::from_utf8(payload.to_vec()).ok();
    Some(match ty {
        ColumnType::Integer | ColumnType::Bigint => {
            Value::Int(i64::from_be_bytes(payload.try_into().ok()?))
        }
        ColumnType::Timestamp | ColumnType::Timestamptz => {
            Value::Timestamp(i64::from_be_bytes(payload.try_into().ok()?))
        }
        ColumnType::Boolean => match payload {
            [0] => Value::Bool(false),
            [1] => Value::Bool(true),
            _ => return None,
        },
        ColumnType::Real => {
            let number = read_double(payload)?;
            let narrow = number as f32;
            if f64::from(narrow) != number {
                return None;
            }
            Value::Real(narrow)
        }
        ColumnType::Double => Value::Double(read_double(payload)?),
        ColumnType::Numeric { .. } => Value::Numeric(Numeric::from_ordered_bytes(payload)?),
        ColumnType::Text => Value::Text(text().filter(|text| !text.contains('\0'))?),
        ColumnType::Json => Value::Json(text().filter(|text| json::validate(text).is_ok())?),
        ColumnType::Jsonb => {
            Value::Jsonb(text().filter(|text| json::canonical(text).as_ref() == Ok(text))?)
        }
        ColumnType::Bytea => Value::Bytes(payload.to_vec()),
        ColumnType::Date => Value::Date(i32::from_be_bytes(payload.try_into().ok()?)),
        ColumnType::Uuid => Value::Uuid(payload.try_into().ok()?),
        ColumnType::Array(_) if depth >= ARRAY_DEPTH_MAX => return None,
        ColumnType::Array(inner) => {
            let mut items = Vec::new();
            let mut rest = payload;
            while !rest.is_empty() {
                let (item, after) = read_part(inner, rest, depth + 1)?;
                items.push(item);
                rest = after;
            }
            Value::Array(items)
        }
    })
}

/// A double that is in the domain: finite, and not −0.0.
fn read_double(payload: &[u8]) -> Option<f64> {
    let number = f64::from_be_bytes(payload.try_into().ok()?);
    (number.is_finite() && (number != 0.0 || number.is_sign_positive())).then_some(number)
}
