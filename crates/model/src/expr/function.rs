//! The functions that expressions may call.

use super::evaluate::{Context, Typed, compare};
use super::types::{self, NUMERIC};
use super::{BinaryOp, Expr, Function, arithmetic};
use crate::column::ColumnType as T;
use crate::datetime::DAY_US;
use crate::error::Refusal;
use crate::json;
use crate::schema::Table;
use crate::value::Value;
use std::sync::{Mutex, PoisonError};
use uuid::timestamp::context::ContextV7;
use uuid::{Timestamp, Uuid};

/// The type of a call; refuses (42883) arguments that do not fit.
pub(super) fn ty(function: Function, arguments: &[Expr], table: &Table) -> Result<T, Refusal> {
    let types = arguments
        .iter()
        .map(|argument| types::of(argument, table))
        .collect::<Result<Vec<T>, Refusal>>()?;
    let found = match (function, types.as_slice()) {
        (Function::Now, []) => Some(T::Timestamptz),
        (Function::CurrentDate, []) => Some(T::Date),
        (Function::GenRandomUuid | Function::UuidV7, []) => Some(T::Uuid),
        (Function::Length | Function::OctetLength, [T::Text | T::Bytea]) => Some(T::Integer),
        (Function::Lower | Function::Upper, [T::Text]) => Some(T::Text),
        (Function::Trim, [T::Text] | [T::Text, T::Text]) => Some(T::Text),
        (Function::Abs, [ty]) if types::is_number(ty) => Some(types::unlimited(ty.clone())),
        (Function::Round, [T::Numeric { .. }]) => Some(NUMERIC),
        (Function::Round, [ty]) if types::is_number(ty) => Some(T::Double),
        (Function::Round, [T::Numeric { .. } | T::Integer | T::Bigint, T::Integer]) => {
            Some(NUMERIC)
        }
        (Function::Coalesce | Function::Greatest | Function::Least, [_, ..]) => {
            let ty = types::common(name(function), arguments.iter(), table)?;
            let ordered = function == Function::Coalesce || types::comparable(&ty, &ty).is_some();
            ordered.then_some(ty)
        }
        (Function::NullIf, [left, right]) => {
            let (left, right) = types::adopted(
                BinaryOp::Eq,
                (&arguments[0], left.clone()),
                (&arguments[1], right.clone()),
            );
            types::binary(BinaryOp::Eq, &left, &right)?;
            Some(left)
        }
        (Function::ArrayLength, [T::Array(_), T::Integer]) => Some(T::Integer),
        (Function::JsonbTypeof, [T::Jsonb]) => Some(T::Text),
        _ => None,
    };
    found.ok_or_else(|| {
        let types: Vec<String> = types.iter().map(types::name).collect();
        Refusal::new(
            "42883",
            format!(
                "function {}({}) does not exist",
                name(function).to_lowercase(),
                types.join(", ")
            ),
        )
        .hint(
            "No function matches the given name and argument types. You might need to add \
             explicit type casts.",
        )
    })
}

/// A call's value.
pub(super) fn call(
    context: &Context<'_>,
    function: Function,
    arguments: &[Expr],
    depth: usize,
) -> Result<Typed, Refusal> {
    let ty = ty(function, arguments, context.table)?;
    match function {
        Function::Now => Ok((Value::Timestamp(context.moment.now_us), ty)),
        Function::CurrentDate => {
            let days = i32::try_from(context.moment.now_us.div_euclid(DAY_US));
            let days = days.map_err(|_| arithmetic::out_of_range(&ty))?;
            Ok((Value::Date(days).fit(&ty)?, ty))
        }
        Function::GenRandomUuid => Ok((Value::Uuid(Uuid::new_v4().into_bytes()), ty)),
        Function::UuidV7 => Ok((Value::Uuid(uuid_v7(context.moment.now_us)), ty)),
        Function::Coalesce => {
            for argument in arguments {
                let (value, ty) = context.value_as(argument, ty.clone(), depth)?;
                if !value.is_null() {
                    return Ok((value, ty));
                }
            }
            Ok((Value::Null, ty))
        }
        Function::Greatest | Function::Least => {
            let mut extreme = Value::Null;
            for argument in arguments {
                let (value, _) = context.value_as(argument, ty.clone(), depth)?;
                let replaces = match value.compare(&extreme) {
                    _ if value.is_null() => false,
                    _ if extreme.is_null() => true,
                    order if function == Function::Greatest => order.is_gt(),
                    order => order.is_lt(),
                };
                if replaces {
                    extreme = value;
                }
            }
            Ok((extreme, ty))
        }
        Function::NullIf => null_if(context, arguments, ty, depth),
        _ => {
            let values = arguments
                .iter()
                .map(|argument| context.value(argument, depth).map(|(value, _)| value))
                .collect::<Result<Vec<Value>, Refusal>>()?;
            if values.iter().any(Value::is_null) {
                return Ok((Value::Null, ty));
            }
            Ok((strict(function, &values, &ty)?, ty))
        }
    }
}

fn null_if(
    context: &Context<'_>,
    arguments: &[Expr],
    ty: T,
    depth: usize,
) -> Result<Typed, Refusal> {
    let [left, right] = arguments else {
        return Ok((Value::Null, ty));
    };
    let (left, _) = context.value_as(left, ty.clone(), depth)?;
    let right = if types::is_unknown(right) {
        context.value_as(right, ty.clone(), depth)?
    } else {
        context.value(right, depth)?
    };
    let equal = !left.is_null()
        && !right.0.is_null()
        && compare((left.clone(), &ty), (right.0, &right.1))?.is_eq();
    Ok((if equal { Value::Null } else { left }, ty))
}

/// Functions of values none of which is NULL.
fn strict(function: Function, values: &[Value], ty: &T) -> Result<Value, Refusal> {
    Ok(match (function, values) {
        (Function::Length, [Value::Text(text)]) => length(text.chars().count()),
        (Function::Length | Function::OctetLength, [Value::Bytes(bytes)]) => length(bytes.len()),
        (Function::OctetLength, [Value::Text(text)]) => length(text.len()),
        (Function::Lower, [Value::Text(text)]) => Value::Text(text.to_ascii_lowercase()),
        (Function::Upper, [Value::Text(text)]) => Value::Text(text.to_ascii_uppercase()),
        (Function::Trim, [Value::Text(text)]) => Value::Text(text.trim_matches(' ').to_owned()),
        (Function::Trim, [Value::Text(text), Value::Text(set)]) => {
            Value::Text(text.trim_matches(|c| set.contains(c)).to_owned())
        }
        (Function::Abs, [Value::Int(number)]) => {
            let number = number.checked_abs();
            Value::Int(number.ok_or_else(|| arithmetic::out_of_range(ty))?).fit(ty)?
        }
        (Function::Abs, [Value::Numeric(number)]) => Value::Numeric(number.clone().abs()),
        (Function::Abs, [Value::Real(number)]) => Value::Real(number.abs()),
        (Function::Abs, [Value::Double(number)]) => Value::Double(number.abs()),
        (Function::Round, [Value::Numeric(number)]) => Value::Numeric(number.rounded(0)),
        (Function::Round, [Value::Numeric(number), Value::Int(places)]) => {
            Value::Numeric(number.rounded(*places))
        }
        (Function::Round, [Value::Int(number), Value::Int(places)]) => {
            Value::Numeric(crate::numeric::Numeric::from(*number).rounded(*places))
        }
        (Function::Round, [Value::Int(number)]) => Value::Double(*number as f64),
        (Function::Round, [Value::Real(number)]) => {
            Value::Double(f64::from(number.round_ties_even())).fit(ty)?
        }
        (Function::Round, [Value::Double(number)]) => {
            Value::Double(number.round_ties_even()).fit(ty)?
        }
        (Function::ArrayLength, [Value::Array(items), Value::Int(1)]) if !items.is_empty() => {
            length(items.len())
        }
        (Function::JsonbTypeof, [Value::Jsonb(text)]) => Value::Text(json::type_of(text).into()),
        _ => Value::Null,
    })
}

fn length(len: usize) -> Value {
    Value::Int(i64::try_from(len).unwrap_or(i64::MAX))
}

/// Rises within one process, also within a millisecond.
fn uuid_v7(now_us: i64) -> [u8; 16] {
    static CONTEXT: Mutex<ContextV7> = Mutex::new(ContextV7::new());
    // A panic elsewhere leaves the counter as good as it was.
    let context = CONTEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let seconds = u64::try_from(now_us.div_euclid(1_000_000)).unwrap_or(0);
    let nanos = u32::try_from(now_us.rem_euclid(1_000_000) * 1000).unwrap_or(0);
    Uuid::new_v7(Timestamp::from_unix(&*context, seconds, nanos)).into_bytes()
}

fn name(function: Function) -> &'static str {
    match function {
        Function::Now => "NOW",
        Function::CurrentDate => "CURRENT_DATE",
        Function::GenRandomUuid => "GEN_RANDOM_UUID",
        Function::UuidV7 => "UUIDV7",
        Function::Length => "LENGTH",
        Function::OctetLength => "OCTET_LENGTH",
        Function::Lower => "LOWER",
        Function::Upper => "UPPER",
        Function::Trim => "TRIM",
        Function::Abs => "ABS",
        Function::Round => "ROUND",
        Function::Coalesce => "COALESCE",
        Function::NullIf => "NULLIF",
        Function::Greatest => "GREATEST",
        Function::Least => "LEAST",
        Function::ArrayLength => "ARRAY_LENGTH",
        Function::JsonbTypeof => "JSONB_TYPEOF",
    }
}
