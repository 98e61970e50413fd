//! Arithmetic and concatenation of values that are not NULL.

use super::BinaryOp;
use super::evaluate::{Typed, recast};
use crate::column::ColumnType as T;
use crate::error::Refusal;
use crate::numeric::{Numeric, division_by_zero};
use crate::value::Value;

/// `+ - * / %`; `ty` is the result's type.
pub(super) fn binary(
    op: BinaryOp,
    (left, left_ty): (Value, &T),
    (right, right_ty): (Value, &T),
    ty: T,
) -> Result<Typed, Refusal> {
    let value = match (&left, &right) {
        (Value::Date(days), Value::Int(more)) => days_later(op, *days, *more)?,
        (Value::Int(more), Value::Date(days)) => days_later(op, *days, *more)?,
        (Value::Date(left), Value::Date(right)) => Value::Int(i64::from(*left) - i64::from(*right)),
        _ => {
            let left = recast(left, left_ty, &ty)?;
            let right = recast(right, right_ty, &ty)?;
            match (left, right) {
                (Value::Int(left), Value::Int(right)) => integers(op, left, right, &ty)?,
                (Value::Numeric(left), Value::Numeric(right)) => {
                    Value::Numeric(numerics(op, &left, &right)?)
                }
                (Value::Double(left), Value::Double(right)) => {
                    Value::Double(doubles(op, left, right)?)
                }
                // A real's product is exact as a double, and its quotient rounds alike.
                (Value::Real(left), Value::Real(right)) => {
                    let result = doubles(op, f64::from(left), f64::from(right))?;
                    Value::Double(result).cast(&T::Double, &T::Real)?
                }
                _ => Value::Null,
            }
        }
    };
    Ok((keep_scale(value, &ty)?, ty))
}

/// `-`.
pub(super) fn negate(value: Value, ty: T) -> Result<Typed, Refusal> {
    let value = match value {
        Value::Int(number) => Value::Int(number.checked_neg().ok_or_else(|| out_of_range(&ty))?),
        Value::Numeric(number) => Value::Numeric(number.negated()),
        Value::Double(number) => Value::Double(-number),
        Value::Real(number) => Value::Real(-number),
        other => other,
    };
    Ok((keep_scale(value, &ty)?, ty))
}

/// `||`.
pub(super) fn concat(
    (left, left_ty): (Value, &T),
    (right, right_ty): (Value, &T),
    ty: T,
) -> Result<Typed, Refusal> {
    let value = match (left, right) {
        (Value::Array(mut left), Value::Array(right)) => {
            left.extend(right);
            Value::Array(left)
        }
        (Value::Array(array), Value::Null) if matches!(right_ty, T::Array(_)) => {
            Value::Array(array)
        }
        (Value::Null, Value::Array(array)) if matches!(left_ty, T::Array(_)) => Value::Array(array),
        (Value::Array(mut array), item) => {
            array.push(item);
            Value::Array(array)
        }
        (item, Value::Array(mut array)) => {
            array.insert(0, item);
            Value::Array(array)
        }
        (Value::Bytes(mut left), Value::Bytes(right)) => {
            left.extend(right);
            Value::Bytes(left)
        }
        (Value::Null, Value::Null) => Value::Null,
        (left, right) => {
            let left = left.cast(left_ty, &T::Text)?;
            let right = right.cast(right_ty, &T::Text)?;
            match (left, right) {
                (Value::Text(left), Value::Text(right)) => Value::Text(left + &right),
                _ => Value::Null,
            }
        }
    };
    Ok((value, ty))
}

/// Fits a value into a type, and lets a numeric print the digits it has.
fn keep_scale(value: Value, ty: &T) -> Result<Value, Refusal> {
    match value {
        Value::Numeric(_) => Ok(value),
        other => other.fit(ty),
    }
}

fn integers(op: BinaryOp, left: i64, right: i64, ty: &T) -> Result<Value, Refusal> {
    let result = match op {
        BinaryOp::Add => left.checked_add(right),
        BinaryOp::Subtract => left.checked_sub(right),
        BinaryOp::Multiply => left.checked_mul(right),
        BinaryOp::Divide | BinaryOp::Modulo if right == 0 => return Err(division_by_zero()),
        BinaryOp::Divide => left.checked_div(right),
        // The only remainder that overflows is 0.
        _ => Some(left.checked_rem(right).unwrap_or(0)),
    };
    result.map(Value::Int).ok_or_else(|| out_of_range(ty))
}

fn numerics(op: BinaryOp, left: &Numeric, right: &Numeric) -> Result<Numeric, Refusal> {
    match op {
        BinaryOp::Add => left.add(right),
        BinaryOp::Subtract => left.subtract(right),
        BinaryOp::Multiply => left.multiply(right),
        BinaryOp::Divide => left.divide(right),
        _ => left.remainder(right),
    }
}

fn doubles(op: BinaryOp, left: f64, right: f64) -> Result<f64, Refusal> {
    let result = match op {
        BinaryOp::Add => left + right,
        BinaryOp::Subtract => left - right,
        BinaryOp::Multiply => left * right,
        _ if right == 0.0 => return Err(division_by_zero()),
        _ => left / right,
    };
    if !result.is_finite() {
        return Err(Refusal::new("22003", "value out of range: overflow"));
    }
    let scales = matches!(op, BinaryOp::Multiply | BinaryOp::Divide);
    if scales && result == 0.0 && left != 0.0 && right != 0.0 {
        return Err(Refusal::new("22003", "value out of range: underflow"));
    }
    Ok(result)
}

fn days_later(op: BinaryOp, days: i32, more: i64) -> Result<Value, Refusal> {
    let more = if op == BinaryOp::Subtract {
        -more
    } else {
        more
    };
    i32::try_from(i64::from(days) + more)
        .map(Value::Date)
        .map_err(|_| out_of_range(&T::Date))
}

/// 22003 (22008 for dates): `integer out of range`.
pub(super) fn out_of_range(ty: &T) -> Refusal {
    let code = if *ty == T::Date { "22008" } else { "22003" };
    Refusal::new(code, format!("{ty} out of range"))
}
