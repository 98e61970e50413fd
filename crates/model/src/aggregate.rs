//! Aggregates, and one accumulator for all engines.
//!
//! Result types are PostgreSQL's: of integers `sum` is a bigint, of bigints a numeric, `avg`
//! of either a numeric. Sums are exact in any order, those of doubles and reals too,
//! which are rounded once, at the end; PostgreSQL's depend on the order of rows.

mod exact_sum;

use crate::column::ColumnType;
use crate::error::Refusal;
use crate::numeric::Numeric;
use crate::value::Value;
use exact_sum::ExactSum;
use std::cmp::Ordering;

/// PostgREST's aggregates.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AggregateFn {
    /// Rows, or values that are not NULL.
    Count,
    /// Sum; of integer bigint, of bigint numeric, exact for all but doubles.
    Sum,
    /// Mean; of integers and numerics a numeric with PostgreSQL's scale.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

impl AggregateFn {
    /// The type of its result; `None` as input counts rows.
    pub fn result_type(self, input: Option<&ColumnType>) -> ColumnType {
        use ColumnType as T;
        const NUMERIC: ColumnType = T::Numeric { limit: None };
        match (self, input) {
            (AggregateFn::Count, _) | (_, None) => T::Bigint,
            (AggregateFn::Sum, Some(T::Integer)) => T::Bigint,
            (AggregateFn::Sum, Some(T::Real)) => T::Real,
            (AggregateFn::Sum | AggregateFn::Avg, Some(T::Double)) => T::Double,
            (AggregateFn::Avg, Some(T::Real)) => T::Double,
            (AggregateFn::Sum | AggregateFn::Avg, Some(_)) => NUMERIC,
            (AggregateFn::Min | AggregateFn::Max, Some(ty)) => ty.clone(),
        }
    }

    /// Refuses (42883, as PostgreSQL words it) what cannot be aggregated: `sum(text)`.
    pub fn check(self, input: Option<&ColumnType>) -> Result<(), Refusal> {
        use ColumnType as T;
        let is_number = matches!(
            input,
            Some(T::Integer | T::Bigint | T::Real | T::Double | T::Numeric { .. })
        );
        let known = match self {
            AggregateFn::Count => true,
            AggregateFn::Sum | AggregateFn::Avg => is_number,
            AggregateFn::Min | AggregateFn::Max => match input {
                Some(T::Array(item)) => !matches!(**item, T::Json),
                Some(T::Text | T::Date | T::Timestamp | T::Timestamptz) => true,
                _ => is_number,
            },
        };
        if known {
            return Ok(());
        }
        let input = match input {
            Some(T::Numeric { .. }) => "numeric".to_owned(),
            Some(ty) => ty.to_string(),
            None => String::new(),
        };
        Err(Refusal::new(
            "42883",
            format!("function {}({input}) does not exist", self.name()),
        )
        .hint(
            "No function matches the given name and argument types. You might need to add \
             explicit type casts.",
        ))
    }

    /// Its name in SQL.
    pub fn name(self) -> &'static str {
        match self {
            AggregateFn::Count => "count",
            AggregateFn::Sum => "sum",
            AggregateFn::Avg => "avg",
            AggregateFn::Min => "min",
            AggregateFn::Max => "max",
        }
    }
}

/// Takes values in any order and gives the same result.
#[derive(Clone, Debug)]
pub struct Accumulator {
    function: AggregateFn,
    input: Option<ColumnType>,
    /// How many values were taken.
    count: u64,
    state: State,
}

#[derive(Clone, Debug)]
enum State {
    /// Nothing but the count.
    Nothing,
    /// The sum of integers; 2^64 of them cannot overflow it.
    Integers(i128),
    Numerics(Numeric),
    Floats(Box<ExactSum>),
    /// The least or the greatest so far.
    Extreme(Option<Value>),
}

impl Accumulator {
    /// An empty one. `function` was checked with this input.
    pub fn new(function: AggregateFn, input: Option<ColumnType>) -> Accumulator {
        let state = match (function, &input) {
            (AggregateFn::Count, _) => State::Nothing,
            (AggregateFn::Min | AggregateFn::Max, _) => State::Extreme(None),
            (_, Some(ColumnType::Real | ColumnType::Double)) => State::Floats(Box::default()),
            (_, Some(ColumnType::Numeric { .. })) => State::Numerics(Numeric::from(0_i64)),
            _ => State::Integers(0),
        };
        Accumulator {
            function,
            input,
            count: 0,
            state,
        }
    }

    /// Takes a value (for a count of rows, any).
    pub fn push(&mut self, value: &Value) -> Result<(), Refusal> {
        if value.is_null() && self.input.is_some() {
            return Ok(());
        }
        self.count += 1;
        match (&mut self.state, value) {
            (State::Integers(sum), Value::Int(number)) => *sum += i128::from(*number),
            (State::Numerics(sum), Value::Numeric(number)) => {
                *sum = match &self.input {
                    Some(ColumnType::Numeric {
                        limit: Some((_, scale)),
                    }) if number.scale() < u32::from(*scale) => {
                        sum.add(&number.rounded(i64::from(*scale)))?
                    }
                    _ => sum.add(number)?,
                };
            }
            (State::Floats(sum), Value::Double(number)) => sum.add(*number),
            (State::Floats(sum), Value::Real(number)) => sum.add(f64::from(*number)),
            (State::Extreme(extreme), value) => {
                let wanted = match self.function {
                    AggregateFn::Min => Ordering::Less,
                    _ => Ordering::Greater,
                };
                if extreme
                    .as_ref()
                    .is_none_or(|extreme| value.compare(extreme) == wanted)
                {
                    *extreme = Some(value.clone());
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The result; NULL over no values, 0 for counts.
    pub fn finish(self) -> Result<Value, Refusal> {
        let count = i64::try_from(self.count).map_err(|_| overflow("bigint out of range"))?;
        if self.function == AggregateFn::Count {
            return Ok(Value::Int(count));
        }
        if count == 0 {
            return Ok(Value::Null);
        }
        let mean = self.function == AggregateFn::Avg;
        match self.state {
            State::Nothing => Ok(Value::Null),
            State::Extreme(extreme) => Ok(extreme.unwrap_or(Value::Null)),
            State::Integers(sum) if mean => divided(&Numeric::from(sum), count),
            State::Integers(sum) if self.input == Some(ColumnType::Bigint) => {
                Ok(Value::Numeric(Numeric::from(sum)))
            }
            State::Integers(sum) => i64::try_from(sum)
                .map(Value::Int)
                .map_err(|_| overflow("bigint out of range")),
            State::Numerics(sum) if mean => divided(&sum, count),
            State::Numerics(sum) => Ok(Value::Numeric(sum)),
            State::Floats(sum) if mean => {
                // The sum may be beyond the range where the mean is not.
                finite(sum.mean(self.count)).map(Value::Double)
            }
            State::Floats(sum) if self.input == Some(ColumnType::Real) => {
                let rounded = sum.round_to_f32();
                finite(f64::from(rounded)).map(|_| Value::Real(rounded))
            }
            State::Floats(sum) => finite(sum.round_to_f64()).map(Value::Double),
        }
    }
}

fn divided(sum: &Numeric, count: i64) -> Result<Value, Refusal> {
    sum.divide(&Numeric::from(count)).map(Value::Numeric)
}

fn finite(number: f64) -> Result<f64, Refusal> {
    if number.is_finite() {
        Ok(number)
    } else {
        Err(overflow("value out of range: overflow"))
    }
}

fn overflow(message: &str) -> Refusal {
    Refusal::new("22003", message)
}

#[cfg(test)]
mod tests;
