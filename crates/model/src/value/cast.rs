//! `CAST`: the same value as another type.
//!
//! Every type can be cast to text and from it; besides, what PostgreSQL casts between
//! numbers, booleans and integers, dates and times, json and jsonb, jsonb's scalars, and
//! arrays item by item. Anything else is refused (42846).

use super::Value;
use super::fit::out_of_range;
use crate::column::ColumnType;
use crate::datetime::DAY_US;
use crate::error::Refusal;
use crate::json;
use crate::numeric::Numeric;

pub(super) fn cast(value: &Value, from: &ColumnType, to: &ColumnType) -> Result<Value, Refusal> {
    check(from, to)?;
    match (value, to) {
        (Value::Null, _) => Ok(Value::Null),
        (Value::Bool(true), ColumnType::Text) => Ok(Value::Text("true".into())),
        (Value::Bool(false), ColumnType::Text) => Ok(Value::Text("false".into())),
        (_, ColumnType::Text) => Ok(Value::Text(value.to_text(from).unwrap_or_default())),
        (Value::Text(text), _) => Value::parse(to, text)?.fit(to),
        (Value::Array(items), ColumnType::Array(to_item)) => {
            let from_item = match from {
                ColumnType::Array(item) => item,
                other => other,
            };
            items
                .iter()
                .map(|item| cast(item, from_item, to_item))
                .collect::<Result<_, _>>()
                .map(Value::Array)
        }
        (Value::Jsonb(text), _) if *to != ColumnType::Json && *to != ColumnType::Jsonb => {
            cast_jsonb(text, to)
        }
        _ => cast_scalar(value, to)?.fit(to),
    }
}

/// Whether there is such a cast; refuses (42846) in PostgreSQL's words.
pub(crate) fn check(from: &ColumnType, to: &ColumnType) -> Result<(), Refusal> {
    use ColumnType as T;
    let known = match (from, to) {
        (T::Text, _) | (_, T::Text) => true,
        (T::Array(from), T::Array(to)) => return check(from, to),
        (T::Boolean, T::Integer) | (T::Integer, T::Boolean) => true,
        (T::Date | T::Timestamp | T::Timestamptz, T::Date | T::Timestamp | T::Timestamptz) => true,
        (T::Json | T::Jsonb, T::Json | T::Jsonb) => true,
        (T::Jsonb, T::Boolean) => true,
        (from, to) if is_number(to) => is_number(from) || *from == T::Jsonb,
        (from, to) => from == to,
    };
    if known {
        Ok(())
    } else {
        Err(Refusal::new(
            "42846",
            format!("cannot cast type {} to {}", bare(from), bare(to)),
        ))
    }
}

fn is_number(ty: &ColumnType) -> bool {
    matches!(
        ty,
        ColumnType::Integer
            | ColumnType::Bigint
            | ColumnType::Real
            | ColumnType::Double
            | ColumnType::Numeric { .. }
    )
}

/// A type's name without a declared precision.
fn bare(ty: &ColumnType) -> String {
    match ty {
        ColumnType::Numeric { .. } => "numeric".to_owned(),
        other => other.to_string(),
    }
}

fn cast_scalar(value: &Value, to: &ColumnType) -> Result<Value, Refusal> {
    Ok(match (value, to) {
        (Value::Bool(value), ColumnType::Integer) => Value::Int(i64::from(*value)),
        (Value::Int(number), ColumnType::Boolean) => Value::Bool(*number != 0),
        (Value::Int(number), ColumnType::Numeric { .. }) => Value::Numeric(Numeric::from(*number)),
        // Rounding to the nearest is what PostgreSQL does.
        (Value::Int(number), ColumnType::Real) => Value::Real(*number as f32),
        (Value::Int(number), ColumnType::Double) => Value::Double(*number as f64),
        (Value::Real(number), ColumnType::Double) => Value::Double(f64::from(*number)),
        (Value::Double(number), ColumnType::Real) => Value::Real(narrow(*number)?),
        (Value::Real(number), ColumnType::Numeric { .. }) => {
            Value::Numeric(Numeric::from_f32(*number)?)
        }
        (Value::Double(number), ColumnType::Numeric { .. }) => {
            Value::Numeric(Numeric::from_f64(*number)?)
        }
        (Value::Real(number), ColumnType::Integer | ColumnType::Bigint) => {
            Value::Int(whole(f64::from(*number), to)?)
        }
        (Value::Double(number), ColumnType::Integer | ColumnType::Bigint) => {
            Value::Int(whole(*number, to)?)
        }
        (Value::Numeric(number), ColumnType::Integer | ColumnType::Bigint) => {
            Value::Int(number.to_i64().ok_or_else(|| out_of_range(to))?)
        }
        (Value::Numeric(number), ColumnType::Real | ColumnType::Double) => {
            Value::parse(to, &number.to_string())?
        }
        (Value::Date(days), ColumnType::Timestamp | ColumnType::Timestamptz) => {
            Value::Timestamp(i64::from(*days) * DAY_US)
        }
        (Value::Timestamp(us), ColumnType::Date) => {
            Value::Date(i32::try_from(us.div_euclid(DAY_US)).map_err(|_| out_of_range(to))?)
        }
        (Value::Json(text), ColumnType::Jsonb) => Value::Jsonb(json::canonical(text)?),
        (Value::Jsonb(text), ColumnType::Json) => Value::Json(text.clone()),
        (value, _) => value.clone(),
    })
}

/// The nearest real; refused where it would be infinite, or zero without being it.
fn narrow(number: f64) -> Result<f32, Refusal> {
    let real = number as f32;
    if real.is_infinite() {
        return Err(Refusal::new("22003", "value out of range: overflow"));
    }
    if real == 0.0 && number != 0.0 {
        return Err(Refusal::new("22003", "value out of range: underflow"));
    }
    Ok(real)
}

/// The nearest integer, halves to even.
fn whole(number: f64, to: &ColumnType) -> Result<i64, Refusal> {
    let rounded = number.round_ties_even();
    // 2^63 itself is the first double that is too large.
    if !(-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&rounded) {
        return Err(out_of_range(to));
    }
    Ok(rounded as i64)
}

fn cast_jsonb(text: &str, to: &ColumnType) -> Result<Value, Refusal> {
    match (json::type_of(text), to) {
        ("boolean", ColumnType::Boolean) => Ok(Value::Bool(text == "true")),
        ("number", to) if is_number(to) => {
            let number = Value::Numeric(Numeric::parse(text)?);
            cast(&number, &ColumnType::Numeric { limit: None }, to)
        }
        (kind, to) => {
            let kind = match kind {
                "array" | "object" => format!("jsonb {kind}"),
                "boolean" => "jsonb boolean".to_owned(),
                "number" => "jsonb numeric".to_owned(),
                "string" => "jsonb string".to_owned(),
                _ => "jsonb null".to_owned(),
            };
            Err(Refusal::new(
                "22023",
                format!("cannot cast {kind} to type {}", bare(to)),
            ))
        }
    }
}
