//! How many bytes the rows of one request may take.
//!
//! Rows are bounded by number, and each by the body that brought it; a thousand of the largest
//! documents are more than a machine has memory for all the same. So every engine counts what it
//! reads for a request, its children and all of its steps together, and stops amid the rows.

use crate::error::Refusal;
use crate::value::Value;
use std::cell::Cell;

/// Bytes of all rows that one request reads: eight of the largest bodies, and as many as an
/// answer may have.
pub const ROW_BYTES_MAX: usize = 128 << 20;
/// The code of the refusal of what is more.
pub const EXCEEDED: &str = "54000";
/// What a value is counted as besides its text or bytes.
const VALUE_BYTES: usize = 16;

/// What is left to one request. It is for one thread: an engine takes a request's reads in turn.
#[derive(Debug)]
pub struct RowBudget {
    left: Cell<usize>,
}

impl Default for RowBudget {
    fn default() -> RowBudget {
        RowBudget {
            left: Cell::new(ROW_BYTES_MAX),
        }
    }
}

impl RowBudget {
    /// The next request begins.
    pub fn refill(&self) {
        self.left.set(ROW_BYTES_MAX);
    }

    /// Counts a value that is about to be kept; refused ([`EXCEEDED`]) where it is one too many.
    pub fn take(&self, value: &Value) -> Result<(), Refusal> {
        let left = self.left.get().checked_sub(bytes_of(value));
        self.left.set(left.ok_or_else(refusal)?);
        Ok(())
    }

    /// Counts the values of a row.
    pub fn take_row(&self, row: &[Value]) -> Result<(), Refusal> {
        row.iter().try_for_each(|value| self.take(value))
    }

    /// A row that was counted is not kept any more.
    pub fn give_back(&self, row: &[Value]) {
        let left = self.left.get() + row.iter().map(bytes_of).sum::<usize>();
        self.left.set(left.min(ROW_BYTES_MAX));
    }
}

/// What a value is counted as.
pub fn bytes_of(value: &Value) -> usize {
    let content = match value {
        Value::Text(text) | Value::Json(text) | Value::Jsonb(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Array(items) => items.iter().map(bytes_of).sum(),
        _ => 0,
    };
    VALUE_BYTES + content
}

fn refusal() -> Refusal {
    let message = format!("the rows that this request reads have more than {ROW_BYTES_MAX} bytes");
    Refusal::new(EXCEEDED, message).hint(
        "Ask for less at once: a smaller limit, fewer columns, or fewer reads in one batch or transaction.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_all_that_a_request_has_and_the_next_one_has_it_again() {
        let budget = RowBudget::default();
        let quarter = Value::Bytes(vec![0; ROW_BYTES_MAX / 4 - VALUE_BYTES]);
        for _ in 0..2 {
            let row = [quarter.clone(), Value::Array(vec![])];
            assert_eq!(budget.take_row(&row[..1]), Ok(()));
            for _ in 0..3 {
                assert_eq!(budget.take(&quarter), Ok(()));
            }
            budget.give_back(&row[..1]);
            assert_eq!(budget.take(&quarter), Ok(()));
            let refusal = budget.take_row(&[Value::Null]).unwrap_err();
            assert_eq!(refusal.code, "54000");
            assert!(refusal.hint.is_some(), "it says how to mend it");
            budget.refill();
        }
    }

    #[test]
    fn every_value_counts_for_something() {
        let text = || "가나".to_owned();
        for (value, content) in [
            (Value::Null, 0),
            (Value::Int(1), 0),
            (Value::Text(text()), 6),
            (Value::Json(text()), 6),
            (Value::Jsonb(text()), 6),
            (Value::Bytes(vec![1, 2]), 2),
            (Value::Array(vec![Value::Text(text()), Value::Null]), 38),
        ] {
            assert_eq!(bytes_of(&value), VALUE_BYTES + content, "{value:?}");
        }
    }
}
