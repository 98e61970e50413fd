//! PostgreSQL's output functions, and PostgREST's JSON.

use super::Value;
use crate::column::ColumnType;
use crate::{array, datetime, float, json};

/// Appends the JSON form.
pub(super) fn write_json(value: &Value, ty: &ColumnType, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(true) => out.extend_from_slice(b"true"),
        Value::Bool(false) => out.extend_from_slice(b"false"),
        Value::Text(text) => json::write_string(text, out),
        Value::Int(_) | Value::Real(_) | Value::Double(_) | Value::Numeric(_) => {
            write_text(value, ty, out);
        }
        Value::Json(text) | Value::Jsonb(text) => out.extend_from_slice(text.as_bytes()),
        Value::Timestamp(us) => {
            out.push(b'"');
            datetime::write_timestamp(*us, b'T', out);
            if *ty == ColumnType::Timestamptz {
                out.extend_from_slice(b"+00:00");
            }
            out.push(b'"');
        }
        Value::Date(_) | Value::Uuid(_) => {
            out.push(b'"');
            write_text(value, ty, out);
            out.push(b'"');
        }
        Value::Bytes(bytes) => {
            out.extend_from_slice(b"\"\\\\x");
            write_hex(bytes, out);
            out.push(b'"');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                write_json(item, inner(ty), out);
            }
            out.push(b']');
        }
    }
}

/// Appends the text form; nothing for NULL.
pub(super) fn write_text(value: &Value, ty: &ColumnType, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Bool(value) => out.push(if *value { b't' } else { b'f' }),
        Value::Int(number) => {
            let mut buffer = itoa::Buffer::new();
            out.extend_from_slice(buffer.format(*number).as_bytes());
        }
        Value::Real(number) => float::write_real(*number, out),
        Value::Double(number) => float::write_double(*number, out),
        Value::Numeric(number) => {
            let scale = match ty {
                ColumnType::Numeric {
                    limit: Some((_, scale)),
                } => u32::from(*scale),
                _ => 0,
            };
            number.write(scale, out);
        }
        Value::Text(text) | Value::Json(text) | Value::Jsonb(text) => {
            out.extend_from_slice(text.as_bytes());
        }
        Value::Bytes(bytes) => {
            out.extend_from_slice(b"\\x");
            write_hex(bytes, out);
        }
        Value::Date(days) => datetime::write_date(*days, out),
        Value::Timestamp(us) => {
            datetime::write_timestamp(*us, b' ', out);
            if *ty == ColumnType::Timestamptz {
                out.extend_from_slice(b"+00");
            }
        }
        Value::Uuid(uuid) => {
            for (at, group) in [
                &uuid[..4],
                &uuid[4..6],
                &uuid[6..8],
                &uuid[8..10],
                &uuid[10..],
            ]
            .into_iter()
            .enumerate()
            {
                if at > 0 {
                    out.push(b'-');
                }
                write_hex(group, out);
            }
        }
        Value::Array(items) => array::write_text(inner(ty), items, out),
    }
}

/// The type of an array's items.
fn inner(ty: &ColumnType) -> &ColumnType {
    match ty {
        ColumnType::Array(inner) => inner,
        other => other,
    }
}

fn write_hex(bytes: &[u8], out: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.reserve(bytes.len() * 2);
    for byte in bytes {
        out.push(HEX[usize::from(byte >> 4)]);
        out.push(HEX[usize::from(byte & 15)]);
    }
}
