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

mod decode;

pub(crate) use decode::{Raw, column_of, value_of};

use bytes::{BufMut, BytesMut};
use pando_model::numeric::Numeric;
use pando_model::value::Value;
use std::borrow::Cow;
use std::error::Error;
use tokio_postgres::types::{IsNull, Kind, ToSql, Type};

/// Days from 1970 to 2000.
const DAYS_TO_2000: i32 = 10_957;
/// Microseconds from 1970 to 2000.
const US_TO_2000: i64 = 946_684_800_000_000;
/// The one version of jsonb's binary form.
const JSONB_VERSION: u8 = 1;
/// A numeric's digits are to this base.
const GROUP_DIGITS: usize = 4;
const NEGATIVE: u16 = 0x4000;
const NAN: u16 = 0xc000;
const INFINITY: u16 = 0xd000;
const NEGATIVE_INFINITY: u16 = 0xf000;

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

    /// Bytes.
    pub(crate) fn bytes(bytes: &[u8]) -> Param<'a> {
        Param(Cow::Owned(Value::Bytes(bytes.to_vec())))
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
