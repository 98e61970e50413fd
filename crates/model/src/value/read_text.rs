//! PostgreSQL's input functions: values from their text form.

use super::Value;
use crate::column::ColumnType;
use crate::error::Refusal;
use crate::numeric::Numeric;
use crate::{array, datetime, json};
use std::num::IntErrorKind;

pub(super) fn read(ty: &ColumnType, text: &str) -> Result<Value, Refusal> {
    Ok(match ty {
        ColumnType::Text => Value::Text(checked_text(text)?.to_owned()),
        ColumnType::Integer | ColumnType::Bigint => Value::Int(read_int(ty, text)?),
        ColumnType::Boolean => Value::Bool(read_bool(text).ok_or_else(|| invalid(ty, text))?),
        ColumnType::Real => read_real(text)?,
        ColumnType::Double => read_double(text)?,
        ColumnType::Numeric { .. } => Value::Numeric(Numeric::parse(text)?),
        ColumnType::Date => Value::Date(datetime::parse_date(text)?),
        ColumnType::Timestamp => Value::Timestamp(datetime::parse_timestamp(text)?),
        ColumnType::Timestamptz => Value::Timestamp(datetime::parse_timestamptz(text)?),
        ColumnType::Uuid => Value::Uuid(read_uuid(text).ok_or_else(|| invalid(ty, text))?),
        ColumnType::Json => {
            json::validate(text)?;
            Value::Json(text.to_owned())
        }
        ColumnType::Jsonb => Value::Jsonb(json::canonical(text)?),
        ColumnType::Bytea => Value::Bytes(read_bytes(text)?),
        ColumnType::Array(inner) => Value::Array(array::parse(inner, text)?),
    })
}

/// The text, unless it holds a U+0000.
pub(super) fn checked_text(text: &str) -> Result<&str, Refusal> {
    if text.contains('\0') {
        return Err(Refusal::new(
            "22021",
            "invalid byte sequence for encoding \"UTF8\": 0x00",
        ));
    }
    Ok(text)
}

/// 22P02: `invalid input syntax for type integer: "x"`.
pub(super) fn invalid(ty: &ColumnType, text: &str) -> Refusal {
    // A declared precision is not part of the name that PostgreSQL gives.
    let name = match ty {
        ColumnType::Numeric { .. } => "numeric".to_owned(),
        ty => ty.to_string(),
    };
    Refusal::new(
        "22P02",
        format!("invalid input syntax for type {name}: \"{text}\""),
    )
}

fn read_int(ty: &ColumnType, text: &str) -> Result<i64, Refusal> {
    let number = match trim(text).parse::<i64>() {
        Ok(number) => Some(number),
        Err(error) => match error.kind() {
            IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => None,
            _ => return Err(invalid(ty, text)),
        },
    };
    number
        .filter(|number| *ty != ColumnType::Integer || i32::try_from(*number).is_ok())
        .ok_or_else(|| {
            Refusal::new(
                "22003",
                format!("value \"{text}\" is out of range for type {ty}"),
            )
        })
}

/// Any beginning of `true`, `false`, `yes`, `no`, `on`, `off` that is one's only.
fn read_bool(text: &str) -> Option<bool> {
    let text = trim(text);
    let begins = |word: &str| {
        word.get(..text.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(text))
    };
    match text.as_bytes().first()? {
        b'1' if text.len() == 1 => Some(true),
        b'0' if text.len() == 1 => Some(false),
        _ if begins("true") || begins("yes") => Some(true),
        _ if begins("false") || begins("no") => Some(false),
        _ if text.len() > 1 && begins("on") => Some(true),
        _ if text.len() > 1 && begins("off") => Some(false),
        _ => None,
    }
}

fn read_double(text: &str) -> Result<Value, Refusal> {
    let ty = ColumnType::Double;
    let trimmed = trim(text);
    let number: f64 = trimmed.parse().map_err(|_| invalid(&ty, text))?;
    if !number.is_finite() || (number == 0.0 && has_digits(trimmed)) {
        return Err(out_of_domain(&ty, trimmed));
    }
    Ok(Value::Double(number + 0.0))
}

fn read_real(text: &str) -> Result<Value, Refusal> {
    let ty = ColumnType::Real;
    let trimmed = trim(text);
    let number: f32 = trimmed.parse().map_err(|_| invalid(&ty, text))?;
    if !number.is_finite() || (number == 0.0 && has_digits(trimmed)) {
        return Err(out_of_domain(&ty, trimmed));
    }
    Ok(Value::Real(number + 0.0))
}

/// Whether a digit other than zero stands before the exponent.
fn has_digits(number: &str) -> bool {
    number
        .bytes()
        .take_while(|byte| !matches!(byte, b'e' | b'E'))
        .any(|byte| matches!(byte, b'1'..=b'9'))
}

fn out_of_domain(ty: &ColumnType, number: &str) -> Refusal {
    Refusal::new(
        "22003",
        format!("\"{number}\" is out of range for type {ty}"),
    )
}

/// 32 hexadecimal digits, with a hyphen after any four, in braces or not.
fn read_uuid(text: &str) -> Option<[u8; 16]> {
    let mut rest = match text.strip_prefix('{') {
        Some(inner) => inner.strip_suffix('}')?.as_bytes(),
        None => text.as_bytes(),
    };
    let mut uuid = [0; 16];
    for (at, byte) in uuid.iter_mut().enumerate() {
        let (pair, after) = rest.split_first_chunk::<2>()?;
        *byte = hex_digit(pair[0])? << 4 | hex_digit(pair[1])?;
        rest = match after {
            [b'-', after @ ..] if at % 2 == 1 && at < 15 => after,
            after => after,
        };
    }
    rest.is_empty().then_some(uuid)
}

/// `\x6869`, or the older form with `\\` and `\ooo`.
fn read_bytes(text: &str) -> Result<Vec<u8>, Refusal> {
    match text.strip_prefix("\\x") {
        Some(hex) => read_hex_bytes(hex),
        None => read_escaped_bytes(text.as_bytes())
            .ok_or_else(|| Refusal::new("22P02", "invalid input syntax for type bytea")),
    }
}

fn read_hex_bytes(hex: &str) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::with_capacity(hex.len() / 2);
    let mut chars = hex.chars();
    while let Some(c) = chars.next() {
        if matches!(c, ' ' | '\n' | '\t' | '\r') {
            continue;
        }
        let high = hex_char(c)?;
        let Some(low) = chars.next() else {
            return Err(Refusal::new(
                "22023",
                "invalid hexadecimal data: odd number of digits",
            ));
        };
        bytes.push(high << 4 | hex_char(low)?);
    }
    Ok(bytes)
}

fn hex_char(c: char) -> Result<u8, Refusal> {
    u8::try_from(c)
        .ok()
        .and_then(hex_digit)
        .ok_or_else(|| Refusal::new("22023", format!("invalid hexadecimal digit: \"{c}\"")))
}

fn read_escaped_bytes(mut text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    while let Some((&first, rest)) = text.split_first() {
        text = match (first, rest) {
            (b'\\', [b'\\', rest @ ..]) => {
                bytes.push(b'\\');
                rest
            }
            (
                b'\\',
                [
                    high @ b'0'..=b'3',
                    middle @ b'0'..=b'7',
                    low @ b'0'..=b'7',
                    rest @ ..,
                ],
            ) => {
                bytes.push((high - b'0') << 6 | (middle - b'0') << 3 | (low - b'0'));
                rest
            }
            (b'\\', _) => return None,
            (plain, rest) => {
                bytes.push(plain);
                rest
            }
        };
    }
    Some(bytes)
}

fn hex_digit(byte: u8) -> Option<u8> {
    const NONE: u8 = 16;
    const DIGITS: [u8; 256] = {
        let mut digits = [NONE; 256];
        let mut digit = 0;
        while digit < 16 {
            digits[b"0123456789abcdef"[digit] as usize] = digit as u8;
            digits[b"0123456789ABCDEF"[digit] as usize] = digit as u8;
            digit += 1;
        }
        digits
    };
    let digit = DIGITS[usize::from(byte)];
    (digit != NONE).then_some(digit)
}

/// Without what PostgreSQL's `isspace` takes for space.
fn trim(text: &str) -> &str {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | 0xb | 0xc | b'\r');
    match text.as_bytes() {
        // Most have none, and are not looked at character by character.
        [first, .., last] if !is_space(first) && !is_space(last) => text,
        _ => text.trim_matches([' ', '\t', '\n', '\u{b}', '\u{c}', '\r']),
    }
}
