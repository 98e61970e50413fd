//! Fitting a value into a declared type.

use super::Value;
use crate::column::ColumnType;
use crate::datetime;
use crate::error::Refusal;

pub(super) fn fit(value: Value, ty: &ColumnType) -> Result<Value, Refusal> {
    Ok(match (value, ty) {
        (Value::Int(number), ColumnType::Integer) => match i32::try_from(number) {
            Ok(_) => Value::Int(number),
            Err(_) => return Err(out_of_range(ty)),
        },
        (Value::Numeric(number), ColumnType::Numeric { limit: None }) => {
            Value::Numeric(number.trimmed())
        }
        (
            Value::Numeric(number),
            ColumnType::Numeric {
                limit: Some((precision, scale)),
            },
        ) => Value::Numeric(number.fit(*precision, *scale)?),
        // Adding zero turns −0.0 into 0.
        (Value::Double(number), _) if number.is_finite() => Value::Double(number + 0.0),
        (Value::Real(number), _) if number.is_finite() => Value::Real(number + 0.0),
        (Value::Double(_) | Value::Real(_), _) => return Err(out_of_range(ty)),
        (Value::Date(days), _) => match (datetime::DATE_MIN..=datetime::DATE_MAX).contains(&days) {
            true => Value::Date(days),
            false => return Err(out_of_range(ty)),
        },
        (Value::Timestamp(us), _) => match datetime::in_range(us) {
            Some(us) => Value::Timestamp(us),
            None => return Err(Refusal::new("22008", "timestamp out of range")),
        },
        (Value::Array(items), ColumnType::Array(inner)) => Value::Array(
            items
                .into_iter()
                .map(|item| fit(item, inner))
                .collect::<Result<_, _>>()?,
        ),
        (value, _) => value,
    })
}

/// 22003 (22008 for dates): `integer out of range`.
pub(super) fn out_of_range(ty: &ColumnType) -> Refusal {
    let code = if *ty == ColumnType::Date {
        "22008"
    } else {
        "22003"
    };
    Refusal::new(code, format!("{ty} out of range"))
}
