//! Order-preserving bytes of arrays: the format is in [`crate::array`].

use crate::column::ColumnType;
use crate::json;
use crate::numeric::Numeric;
use crate::value::Value;

const END: u8 = 0;
const ITEM: u8 = 1;
const NULL: u8 = 2;

/// Bytes whose order (memcmp) is PostgreSQL's order of arrays; equal for equal arrays.
pub fn to_ordered_bytes(inner: &ColumnType, items: &[Value]) -> Vec<u8> {
    let mut out = Vec::with_capacity(items.len() * 10 + 1);
    for item in items {
        if item.is_null() {
            out.push(NULL);
        } else {
            out.push(ITEM);
            write_item(inner, item, &mut out);
        }
    }
    out.push(END);
    out
}

/// The array that [`to_ordered_bytes`] wrote.
pub fn from_ordered_bytes(inner: &ColumnType, bytes: &[u8]) -> Option<Vec<Value>> {
    let mut items = Vec::new();
    let mut rest = bytes;
    loop {
        let (&tag, after) = rest.split_first()?;
        rest = match tag {
            END if after.is_empty() => return Some(items),
            NULL => {
                items.push(Value::Null);
                after
            }
            ITEM => {
                let (item, after) = read_item(inner, after)?;
                items.push(item);
                after
            }
            _ => return None,
        };
    }
}

/// Appends bytes with an end of their own: `00` becomes `00 ff`, the end is `00 01`.
pub(crate) fn write_escaped(bytes: &[u8], out: &mut Vec<u8>) {
    for (at, run) in bytes.split(|&byte| byte == 0).enumerate() {
        if at > 0 {
            out.extend_from_slice(&[0, 0xff]);
        }
        out.extend_from_slice(run);
    }
    out.extend_from_slice(&[0, 1]);
}

/// Reads what [`write_escaped`] wrote from the front of `bytes`, and gives what follows it.
pub(crate) fn split_escaped(bytes: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut out = Vec::new();
    let mut rest = bytes;
    loop {
        let zero = rest.iter().position(|&byte| byte == 0)?;
        out.extend_from_slice(&rest[..zero]);
        match rest.get(zero + 1)? {
            0xff => out.push(0),
            1 => return Some((out, &rest[zero + 2..])),
            _ => return None,
        }
        rest = &rest[zero + 2..];
    }
}

fn write_item(inner: &ColumnType, item: &Value, out: &mut Vec<u8>) {
    match item {
        Value::Null => {}
        Value::Bool(value) => out.push(u8::from(*value)),
        Value::Int(value) | Value::Timestamp(value) => {
            out.extend_from_slice(&turn_sign(value.cast_unsigned()).to_be_bytes());
        }
        Value::Date(value) => {
            out.extend_from_slice(&(value.cast_unsigned() ^ 1 << 31).to_be_bytes());
        }
        Value::Real(value) => {
            let bits = value.to_bits();
            let mask = if bits >> 31 == 1 { u32::MAX } else { 1 << 31 };
            out.extend_from_slice(&(bits ^ mask).to_be_bytes());
        }
        Value::Double(value) => {
            let bits = value.to_bits();
            let mask = if bits >> 63 == 1 { u64::MAX } else { 1 << 63 };
            out.extend_from_slice(&(bits ^ mask).to_be_bytes());
        }
        Value::Numeric(number) => number.write_ordered_bytes(out),
        Value::Uuid(bytes) => out.extend_from_slice(bytes),
        Value::Text(text) | Value::Json(text) => write_escaped(text.as_bytes(), out),
        Value::Bytes(bytes) => write_escaped(bytes, out),
        Value::Jsonb(text) => json::write_ordered_bytes(text, out),
        // No column holds one; the format could.
        Value::Array(items) => out.extend_from_slice(&to_ordered_bytes(inner, items)),
    }
}

fn read_item<'a>(inner: &ColumnType, bytes: &'a [u8]) -> Option<(Value, &'a [u8])> {
    Some(match inner {
        ColumnType::Boolean => {
            let (&byte, rest) = bytes.split_first()?;
            (Value::Bool(bool_of(byte)?), rest)
        }
        ColumnType::Integer | ColumnType::Bigint => {
            let (bits, rest) = read_u64(bytes)?;
            (Value::Int(turn_sign(bits).cast_signed()), rest)
        }
        ColumnType::Timestamp | ColumnType::Timestamptz => {
            let (bits, rest) = read_u64(bytes)?;
            (Value::Timestamp(turn_sign(bits).cast_signed()), rest)
        }
        ColumnType::Date => {
            let (bits, rest) = read_u32(bytes)?;
            (Value::Date((bits ^ 1 << 31).cast_signed()), rest)
        }
        ColumnType::Real => {
            let (bits, rest) = read_u32(bytes)?;
            let mask = if bits >> 31 == 0 { u32::MAX } else { 1 << 31 };
            (Value::Real(f32::from_bits(bits ^ mask)), rest)
        }
        ColumnType::Double => {
            let (bits, rest) = read_u64(bytes)?;
            let mask = if bits >> 63 == 0 { u64::MAX } else { 1 << 63 };
            (Value::Double(f64::from_bits(bits ^ mask)), rest)
        }
        ColumnType::Numeric { .. } => {
            let (number, rest) = Numeric::split_ordered_bytes(bytes)?;
            (Value::Numeric(number), rest)
        }
        ColumnType::Uuid => {
            let (uuid, rest) = bytes.split_first_chunk::<16>()?;
            (Value::Uuid(*uuid), rest)
        }
        ColumnType::Text => {
            let (text, rest) = split_escaped(bytes)?;
            (Value::Text(String::from_utf8(text).ok()?), rest)
        }
        ColumnType::Json => {
            let (text, rest) = split_escaped(bytes)?;
            (Value::Json(String::from_utf8(text).ok()?), rest)
        }
        ColumnType::Bytea => {
            let (value, rest) = split_escaped(bytes)?;
            (Value::Bytes(value), rest)
        }
        ColumnType::Jsonb => {
            let (text, rest) = json::split_ordered_bytes(bytes)?;
            (Value::Jsonb(text), rest)
        }
        ColumnType::Array(_) => return None,
    })
}

fn turn_sign(bits: u64) -> u64 {
    bits ^ 1 << 63
}

fn bool_of(byte: u8) -> Option<bool> {
    match byte {
        0 => Some(false),
        1 => Some(true),
        _ => None,
    }
}

fn read_u32(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (bits, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*bits), rest))
}

fn read_u64(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (bits, rest) = bytes.split_first_chunk::<8>()?;
    Some((u64::from_be_bytes(*bits), rest))
}
