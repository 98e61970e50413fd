//! Aggregates, and one accumulator for all engines.

use crate::column::ColumnType;
use crate::error::Refusal;
use crate::value::Value;

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
        let _ = input;
        todo!()
    }

    /// Refuses (42883, as PostgreSQL words it) what cannot be aggregated: `sum(text)`.
    pub fn check(self, input: Option<&ColumnType>) -> Result<(), Refusal> {
        let _ = input;
        todo!()
    }
}

/// Takes values in any order and gives the same result: doubles are summed
/// exactly (Shewchuk 1997) and rounded once.
#[derive(Clone, Debug)]
pub struct Accumulator {
    _private: (),
}

impl Accumulator {
    /// An empty one.
    pub fn new(function: AggregateFn, input: Option<ColumnType>) -> Accumulator {
        let _ = (function, input);
        todo!()
    }

    /// Takes a value (for a count of rows, any).
    pub fn push(&mut self, value: &Value) -> Result<(), Refusal> {
        let _ = value;
        todo!()
    }

    /// The result; NULL over no values, 0 for counts.
    pub fn finish(self) -> Result<Value, Refusal> {
        todo!()
    }
}
