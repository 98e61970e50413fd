//! Values as PostgreSQL sends and takes them, in its binary forms.
//!
//! | type | bytes |
//! |---|---|
//! | text, json, jsonb | UTF-8; jsonb with a version before it |
//! | integer, bigint, boolean, real, double precision | big-endian |
//! | numeric | groups of four decimal digits |
//! | date, timestamp(tz) | days or microseconds since 2000 |
//! | uuid, bytea | as they are |
//! | arrays | dimensions, then each item with its length |
//!
//! What PostgreSQL holds is written canonically here, never as its own text forms would.

use crate::fault::{Fault, corrupt};
use bytes::{BufMut, BytesMut};
use pando_model::column::ColumnType;
use pando_model::json;
use pando_model::numeric::Numeric;
use pando_model::value::Value;
use std::borrow::Cow;
use std::error::Error;
use tokio_postgres::types::{FromSql, IsNull, Kind, ToSql, Type};

/// Days from 1970 to 2000.
const DAYS_TO_2000: i32 = 10_957;
/// Microseconds from 1970 to 2000.
const US_TO_2000: i64 = 946_684_800_000_000;
/// The one version of jsonb's binary form.
const JSONB_VERSION: u8 = 1;
/// A numeric's digits are to this base.
const GROUP_DIGITS: usize = 4;
const NEGATIVE: u16 = 0x4000;

/// What a value cannot be sent for.
pub(crate) type Fallible<T> = Result<T, Box<dyn Error + Sync + Send>>;

/// A statement's parameter; the statement says as which type it is sent.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Param<'a>(pub(crate) Cow<'a, Value>);

impl<'a> Param<'a> {
    /// A value that lies elsewhere.
    pub(crate) fn of(value: &'a Value) -> Param<'a> {
        Param(Cow::Borrowed(value))
    }

    /// A number.
    pub(crate) fn int(number: i64) -> Param<'a> {
        Param(Cow::Owned(Value::Int(number)))
    }

    /// A text.
    pub(crate) fn text(text: impl Into<String>) -> Param<'a> {
        Param(Cow::Owned(Value::Text(text.into())))
    }

    /// A list, for `ANY` or `unnest`.
    pub(crate) fn list(values: Vec<Value>) -> Param<'a> {
        Param(Cow::Owned(Value::Array(values)))
    }
}

impl ToSql for Param<'_> {
    fn to_sql(&self, ty: &Type, out: &mut BytesMut) -> Fallible<IsNull> {
        encode(&self.0, ty, out)
    }

    fn accepts(_: &Type) -> bool {
        true
    }

    fn to_sql_checked(&self, ty: &Type, out: &mut BytesMut) -> Fallible<IsNull> {
        encode(&self.0, ty, out)
    }
}

fn encode(value: &Value, ty: &Type, out: &mut BytesMut) -> Fallible<IsNull> {
    match value {
        Value::Null => return Ok(IsNull::Yes),
        Value::Bool(value) => out.put_u8(u8::from(*value)),
        Value::Int(number) => encode_int(*number, ty, out)?,
        Value::Real(number) => out.put_f32(*number),
        Value::Double(number) => out.put_f64(*number),
        Value::Numeric(number) => encode_numeric(number, out)?,
        Value::Text(text) | Value::Json(text) => out.put_slice(text.as_bytes()),
        Value::Jsonb(text) => {
            if *ty == Type::JSONB {
                out.put_u8(JSONB_VERSION);
            }
            out.put_slice(text.as_bytes());
        }
        Value::Bytes(bytes) => out.put_slice(bytes),
        Value::Uuid(bytes) => out.put_slice(bytes),
        Value::Date(days) => out.put_i32(days - DAYS_TO_2000),
        Value::Timestamp(us) => out.put_i64(us - US_TO_2000),
        Value::Array(items) => encode_array(items.iter(), ty, out)?,
    }
    Ok(IsNull::No)
}

fn encode_int(number: i64, ty: &Type, out: &mut BytesMut) -> Fallible<()> {
    match *ty {
        Type::INT8 => out.put_i64(number),
        Type::INT4 => out.put_i32(i32::try_from(number)?),
        Type::INT2 => out.put_i16(i16::try_from(number)?),
        _ => return Err(format!("a number is no {ty}").into()),
    }
    Ok(())
}

/// A list's items as an array of its type.
pub(crate) fn encode_array<'v>(
    items: impl ExactSizeIterator<Item = &'v Value> + Clone,
    ty: &Type,
    out: &mut BytesMut,
) -> Fallible<()> {
    let Kind::Array(inner) = ty.kind() else {
        return Err(format!("a list is no {ty}").into());
    };
    out.put_i32(i32::from(items.len() > 0));
    out.put_i32(i32::from(items.clone().any(Value::is_null)));
    out.put_u32(inner.oid());
    if items.len() == 0 {
        return Ok(());
    }
    out.put_i32(i32::try_from(items.len())?);
    out.put_i32(1);
    for item in items {
        let at = out.len();
        out.put_i32(-1);
        if let IsNull::No = encode(item, inner, out)? {
            let length = i32::try_from(out.len() - at - 4)?;
            out[at..at + 4].copy_from_slice(&length.to_be_bytes());
        }
    }
    Ok(())
}

/// Groups of four digits around the point, without groups of zeros at either end.
fn encode_numeric(number: &Numeric, out: &mut BytesMut) -> Fallible<()> {
    let text = number.to_string();
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (NEGATIVE, digits),
        None => (0, text.as_str()),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut padded = "0".repeat(whole.len().next_multiple_of(GROUP_DIGITS) - whole.len());
    padded.push_str(whole);
    let mut weight = (padded.len() / GROUP_DIGITS) as i16 - 1;
    padded.push_str(fraction);
    padded.push_str(&"0".repeat(fraction.len().next_multiple_of(GROUP_DIGITS) - fraction.len()));
    let group = |at: usize| padded[at..at + GROUP_DIGITS].parse::<u16>();
    let mut groups = Vec::with_capacity(padded.len() / GROUP_DIGITS);
    for at in (0..padded.len()).step_by(GROUP_DIGITS) {
        groups.push(group(at)?);
    }
    let leading = groups.iter().take_while(|group| **group == 0).count();
    groups.drain(..leading);
    weight -= leading as i16;
    groups.truncate(groups.len() - groups.iter().rev().take_while(|group| **group == 0).count());
    if groups.is_empty() {
        weight = 0;
    }
    out.put_i16(i16::try_from(groups.len())?);
    out.put_i16(weight);
    out.put_u16(if groups.is_empty() { 0 } else { sign });
    out.put_u16(u16::try_from(number.scale())?);
    groups.iter().for_each(|group| out.put_u16(*group));
    Ok(())
}

/// A cell's bytes as they came.
pub(crate) struct Raw<'a>(pub(crate) &'a [u8]);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Fallible<Raw<'a>> {
        Ok(Raw(raw))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// What a cell of type `ty` holds.
pub(crate) fn value_of(raw: Option<Raw<'_>>, ty: &ColumnType) -> Result<Value, Fault> {
    let Some(Raw(bytes)) = raw else {
        return Ok(Value::Null);
    };
    decode(bytes, ty)?.ok_or_else(|| {
        let length = bytes.len();
        Fault::Engine(corrupt(format!(
            "a cell of type {ty} holds {length} bytes that are none"
        )))
    })
}

fn decode(bytes: &[u8], ty: &ColumnType) -> Result<Option<Value>, Fault> {
    Ok(match ty {
        ColumnType::Text => text_of(bytes).map(Value::Text),
        ColumnType::Json => text_of(bytes).map(Value::Json),
        ColumnType::Jsonb => match bytes.split_first() {
            Some((&JSONB_VERSION, text)) => match text_of(text) {
                Some(text) => Some(Value::Jsonb(json::canonical(&text)?)),
                None => None,
            },
            _ => None,
        },
        ColumnType::Integer | ColumnType::Bigint => match *bytes {
            [a, b, c, d] => Some(Value::Int(i64::from(i32::from_be_bytes([a, b, c, d])))),
            _ => eight(bytes).map(|bytes| Value::Int(i64::from_be_bytes(bytes))),
        },
        ColumnType::Boolean => match bytes {
            [value] => Some(Value::Bool(*value != 0)),
            _ => None,
        },
        ColumnType::Real => four(bytes).map(|bytes| Value::Real(f32::from_be_bytes(bytes) + 0.0)),
        ColumnType::Double => {
            eight(bytes).map(|bytes| Value::Double(f64::from_be_bytes(bytes) + 0.0))
        }
        ColumnType::Numeric { .. } => decode_numeric(bytes)?.map(Value::Numeric),
        ColumnType::Date => four(bytes)
            .and_then(|bytes| i32::from_be_bytes(bytes).checked_add(DAYS_TO_2000))
            .map(Value::Date),
        ColumnType::Timestamp | ColumnType::Timestamptz => eight(bytes)
            .and_then(|bytes| i64::from_be_bytes(bytes).checked_add(US_TO_2000))
            .map(Value::Timestamp),
        ColumnType::Uuid => bytes.try_into().ok().map(Value::Uuid),
        ColumnType::Bytea => Some(Value::Bytes(bytes.to_vec())),
        ColumnType::Array(inner) => decode_array(bytes, inner)?,
    })
}

fn text_of(bytes: &[u8]) -> Option<String> {
    std::str::from_utf8(bytes).ok().map(str::to_owned)
}

fn four(bytes: &[u8]) -> Option<[u8; 4]> {
    bytes.try_into().ok()
}

fn eight(bytes: &[u8]) -> Option<[u8; 8]> {
    bytes.try_into().ok()
}

fn decode_array(bytes: &[u8], inner: &ColumnType) -> Result<Option<Value>, Fault> {
    let mut rest = bytes;
    let (Some(dimensions), Some(_), Some(_)) = (int(&mut rest), int(&mut rest), int(&mut rest))
    else {
        return Ok(None);
    };
    if dimensions == 0 {
        return Ok(Some(Value::Array(Vec::new())));
    }
    let (Some(count), Some(_)) = (int(&mut rest), int(&mut rest)) else {
        return Ok(None);
    };
    let mut items = Vec::new();
    for _ in 0..count {
        let Some(length) = int(&mut rest) else {
            return Ok(None);
        };
        let Ok(length) = usize::try_from(length) else {
            items.push(Value::Null);
            continue;
        };
        let Some((item, behind)) = rest.split_at_checked(length) else {
            return Ok(None);
        };
        let Some(item) = decode(item, inner)? else {
            return Ok(None);
        };
        items.push(item);
        rest = behind;
    }
    Ok((dimensions == 1).then_some(Value::Array(items)))
}

/// The next four bytes.
fn int(rest: &mut &[u8]) -> Option<i32> {
    let (first, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(i32::from_be_bytes(*first))
}

fn decode_numeric(bytes: &[u8]) -> Result<Option<Numeric>, Fault> {
    let words: Vec<u16> = bytes
        .chunks_exact(2)
        .map(|pair| u16::from_be_bytes([pair[0], pair[1]]))
        .collect();
    let [count, weight, sign, scale, groups @ ..] = words.as_slice() else {
        return Ok(None);
    };
    if usize::from(*count) != groups.len() || ![0, NEGATIVE].contains(sign) {
        return Ok(None);
    }
    let weight = i64::from(*weight as i16);
    let mut text = String::with_capacity(groups.len() * GROUP_DIGITS + 16);
    if *sign == NEGATIVE {
        text.push('-');
    }
    text.push('0');
    for group in groups {
        text.push_str(&format!("{group:04}"));
    }
    // The first group stands for itself times 10,000 to its weight.
    let behind_point = groups.len() as i64 - 1 - weight;
    text.push_str(&format!("e{}", -behind_point * GROUP_DIGITS as i64));
    let number = Numeric::parse(&text)?;
    Ok(Some(number.rounded(i64::from(*scale))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numerics_come_back_with_their_digits() {
        for text in [
            "0",
            "1",
            "-1",
            "9999",
            "10000",
            "0.0001",
            "0.00001",
            "-0.1",
            "123456789.987654321",
            "100000000",
            "1e-20",
            "12345678901234567890.5",
        ] {
            let number = Numeric::parse(text).unwrap();
            let mut out = BytesMut::new();
            encode_numeric(&number, &mut out).unwrap();
            let back = decode_numeric(&out).unwrap().unwrap();
            assert_eq!(back.to_string(), number.to_string());
        }
        let two_places = Numeric::parse("1.5").unwrap().rounded(2);
        let mut out = BytesMut::new();
        encode_numeric(&two_places, &mut out).unwrap();
        assert_eq!(decode_numeric(&out).unwrap().unwrap().to_string(), "1.50");
    }

    #[test]
    fn bytes_that_are_no_value_are_told_apart() {
        for (bytes, ty) in [
            (&[1_u8, 2, 3][..], ColumnType::Integer),
            (&[][..], ColumnType::Boolean),
            (&[2, b'1'][..], ColumnType::Jsonb),
            (&[0xff][..], ColumnType::Text),
            (
                &[0, 1, 0, 0, 0xc0, 0, 0, 0, 0, 1][..],
                ColumnType::Numeric { limit: None },
            ),
            (
                &[0, 0, 0, 2][..],
                ColumnType::Array(Box::new(ColumnType::Integer)),
            ),
        ] {
            assert!(decode(bytes, &ty).unwrap().is_none(), "{ty}");
        }
    }
}
