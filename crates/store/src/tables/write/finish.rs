//! The answer to a write, made inside its transaction: what is refused here
//! rolls everything back.

use crate::request::{Returning, Shape, TableWrite, Verb};
use crate::session::TableAnswer;
use crate::tables::refusals;
use crate::tables::shape::Layout;
use crate::tables::shape::children::Level;
use crate::tables::shape::page;
use bytes::Bytes;
use pando_model::engine::Outcome;
use pando_model::error::Refusal;
use pando_model::plan::{Row, RowSet};
use pando_model::schema::Table;
use std::sync::Arc;

/// Makes an answer of what the changes did.
pub(crate) struct Finisher {
    request: Arc<TableWrite>,
    answer: Answer,
}

enum Answer {
    /// How many.
    Count,
    /// Where the new row is.
    Location(Arc<Table>),
    /// The rows.
    Rows(Layout),
}

impl Finisher {
    /// Answers how many rows were affected.
    pub(super) fn of_count(request: &Arc<TableWrite>) -> Finisher {
        Finisher {
            request: Arc::clone(request),
            answer: Answer::Count,
        }
    }

    /// Answers where the one new row is; the change returns its primary key.
    pub(super) fn of_location(request: &Arc<TableWrite>, table: &Arc<Table>) -> Finisher {
        Finisher {
            request: Arc::clone(request),
            answer: Answer::Location(Arc::clone(table)),
        }
    }

    /// Answers the rows that the change returns.
    pub(super) fn of_rows(request: &Arc<TableWrite>, layout: Layout) -> Finisher {
        Finisher {
            request: Arc::clone(request),
            answer: Answer::Rows(layout),
        }
    }

    /// The answer.
    pub(crate) fn finish(&self, mut outcomes: Vec<Outcome>) -> Result<TableAnswer, Refusal> {
        let request = &self.request;
        let outcome = outcomes.pop().unwrap_or_default();
        let affected = outcome.affected;
        if request.shape == Shape::Object && affected != 1 {
            return Err(refusals::not_singular(affected));
        }
        let mut answer = TableAnswer {
            body: Bytes::new(),
            rows: 0,
            offset: 0,
            total: request.count.map(|_| affected),
            truncated: false,
            cursor: None,
            affected,
            inserted: outcome.inserted,
            location: None,
        };
        match &self.answer {
            Answer::Count => {}
            Answer::Location(table) => {
                if let Some(rows) = &outcome.rows
                    && let [key] = rows.rows.as_slice()
                {
                    answer.location = location(table, key);
                }
            }
            Answer::Rows(layout) => {
                let rows = outcome.rows.unwrap_or_else(|| nothing(layout));
                let level = Level::new(layout, &rows);
                let page = page::write(&level, request.shape, 0, u64::MAX)?;
                answer.body = page.body;
                answer.rows = page.rows;
            }
        }
        debug_assert!(request.returning != Returning::Minimal || answer.rows == 0);
        debug_assert!(answer.location.is_none() || request.verb == Verb::Insert);
        Ok(answer)
    }
}

/// An answer over no rows.
fn nothing(layout: &Layout) -> RowSet {
    RowSet {
        rows: Vec::new(),
        children: layout
            .children
            .iter()
            .map(|child| nothing(&child.layout))
            .collect(),
        total: None,
    }
}

/// The filters that find a row by its primary key: `id=eq.1`.
fn location(table: &Table, key: &Row) -> Option<String> {
    let columns = table.primary_key.columns.iter().zip(key);
    let parts = columns.map(|(ix, value)| {
        let column = &table.columns[*ix];
        let text = value.to_text(&column.ty)?;
        Some(format!("{}=eq.{}", encode(&column.name), encode(&text)))
    });
    Some(parts.collect::<Option<Vec<_>>>()?.join("&"))
}

/// Percent-encodes all but RFC 3986's unreserved characters.
fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn a_location_holds_only_unreserved_characters() {
        assert_eq!(encode("Rock & R+ll"), "Rock%20%26%20R%2Bll");
        assert_eq!(encode("김"), "%EA%B9%80");
        assert_eq!(encode("a-b_c.d~1"), "a-b_c.d~1");
    }
}
