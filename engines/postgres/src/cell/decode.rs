//! From bytes to values. What PostgreSQL has and Pando has not, which only others than Pando can
//! have written, is refused.

use super::{
    DAYS_TO_2000, GROUP_DIGITS, INFINITY, JSONB_VERSION, NAN, NEGATIVE, NEGATIVE_INFINITY,
    US_TO_2000,
};
use crate::fault::{Fault, corrupt};
use pando_model::column::ColumnType;
use pando_model::datetime;
use pando_model::error::Refusal;
use pando_model::json;
use pando_model::numeric::Numeric;
use pando_model::value::Value;
use std::error::Error;
use tokio_postgres::types::{FromSql, Type};

type Fallible<T> = Result<T, Box<dyn Error + Sync + Send>>;

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

/// What a column's cell holds: a numeric of any size has no zeros at its end, whoever wrote it.
pub(crate) fn column_of(raw: Option<Raw<'_>>, ty: &ColumnType) -> Result<Value, Fault> {
    Ok(match (value_of(raw, ty)?, ty) {
        (Value::Numeric(number), ColumnType::Numeric { limit: None }) => {
            Value::Numeric(number.trimmed())
        }
        (value, _) => value,
    })
}

/// A value that PostgreSQL has and Pando has not: only others than Pando can have written it.
fn not_held(ty: &ColumnType) -> Fault {
    let code = match ty {
        ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz => "22008",
        _ => "22003",
    };
    let what = format!("a row holds a value of type {ty} that Pando does not have");
    let refusal = Refusal::new(code, what).details(
        "NaN, infinity, years before 0001 and after 9999, numbers of more than 1,000 digits, JSON that \
         is nested deeper than 128, and arrays in arrays are such.",
    );
    refusal
        .hint("`pando adopt --check-rows` says where such values are; change them with psql.")
        .into()
}

fn decode(bytes: &[u8], ty: &ColumnType) -> Result<Option<Value>, Fault> {
    Ok(match ty {
        ColumnType::Text => text_of(bytes).map(Value::Text),
        ColumnType::Json => text_of(bytes).map(Value::Json),
        ColumnType::Jsonb => match bytes.split_first() {
            Some((&JSONB_VERSION, text)) => match text_of(text) {
                Some(text) => {
                    let canonical = json::canonical(&text);
                    Some(Value::Jsonb(canonical.map_err(|_| not_held(ty))?))
                }
                None => None,
            },
            _ => None,
        },
        ColumnType::Integer | ColumnType::Bigint => match *bytes {
            [a, b] => Some(Value::Int(i64::from(i16::from_be_bytes([a, b])))),
            [a, b, c, d] => Some(Value::Int(i64::from(i32::from_be_bytes([a, b, c, d])))),
            _ => eight(bytes).map(|bytes| Value::Int(i64::from_be_bytes(bytes))),
        },
        ColumnType::Boolean => match bytes {
            [value] => Some(Value::Bool(*value != 0)),
            _ => None,
        },
        ColumnType::Real => match four(bytes).map(f32::from_be_bytes) {
            Some(number) if !number.is_finite() => return Err(not_held(ty)),
            number => number.map(|number| Value::Real(number + 0.0)),
        },
        ColumnType::Double => match eight(bytes).map(f64::from_be_bytes) {
            Some(number) if !number.is_finite() => return Err(not_held(ty)),
            number => number.map(|number| Value::Double(number + 0.0)),
        },
        ColumnType::Numeric { .. } => decode_numeric(bytes)?.map(Value::Numeric),
        ColumnType::Date => match four(bytes).map(i32::from_be_bytes) {
            // Infinity is the greatest number.
            Some(days) => {
                let days = days.saturating_add(DAYS_TO_2000);
                if !(datetime::DATE_MIN..=datetime::DATE_MAX).contains(&days) {
                    return Err(not_held(ty));
                }
                Some(Value::Date(days))
            }
            None => None,
        },
        ColumnType::Timestamp | ColumnType::Timestamptz => match eight(bytes) {
            Some(bytes) => {
                let us = i64::from_be_bytes(bytes).saturating_add(US_TO_2000);
                let us = datetime::in_range(us).ok_or_else(|| not_held(ty))?;
                Some(Value::Timestamp(us))
            }
            None => None,
        },
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
    if dimensions > 1 {
        return Err(not_held(&ColumnType::Array(Box::new(inner.clone()))));
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
    if [NAN, INFINITY, NEGATIVE_INFINITY].contains(sign) {
        return Err(not_held(&ColumnType::Numeric { limit: None }));
    }
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
    let number = Numeric::parse(&text);
    let number = number.map_err(|_| not_held(&ColumnType::Numeric { limit: None }))?;
    Ok(Some(number.rounded(i64::from(*scale))))
}

#[cfg(test)]
mod tests {
    use super::super::encode_numeric;
    use super::*;
    use bytes::BytesMut;

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
    fn values_that_only_postgresql_has_are_refused() {
        let timestamp = i64::MIN.to_be_bytes();
        let nested = [2_i32, 0, 23].map(i32::to_be_bytes).concat();
        for (bytes, ty) in [
            (&f64::NAN.to_be_bytes()[..], ColumnType::Double),
            (&f32::INFINITY.to_be_bytes()[..], ColumnType::Real),
            (&i32::MAX.to_be_bytes()[..], ColumnType::Date),
            (&(-800_000_i32).to_be_bytes()[..], ColumnType::Date),
            (&timestamp[..], ColumnType::Timestamptz),
            (
                &[0, 0, 0, 0, 0xc0, 0, 0, 0][..],
                ColumnType::Numeric { limit: None },
            ),
            (
                &nested[..],
                ColumnType::Array(Box::new(ColumnType::Integer)),
            ),
        ] {
            let fault = decode(bytes, &ty).unwrap_err();
            assert!(fault.is_about_the_request(), "{ty}");
        }
    }

    #[test]
    fn bytes_that_are_no_value_are_told_apart() {
        for (bytes, ty) in [
            (&[1_u8, 2, 3][..], ColumnType::Integer),
            (&[][..], ColumnType::Boolean),
            (&[2, b'1'][..], ColumnType::Jsonb),
            (&[0xff][..], ColumnType::Text),
            (
                &[0, 1, 0, 0, 0x80, 0, 0, 0, 0, 1][..],
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
