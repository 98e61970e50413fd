//! Write-through: a write answers questions inside its own transaction, so that what is kept of
//! them is what it wrote, as of its position.

use pando_model::engine::{LaidDown, Outcome, Step, Write};
use pando_model::plan::RowSet;
use parking_lot::Mutex;
use std::sync::Arc;

/// What the questions found, once the write is done.
pub(super) type Found = Arc<Mutex<Vec<RowSet>>>;

/// The same write, which reads at its end.
pub(super) fn reading(mut write: Write, questions: &[LaidDown]) -> (Write, Found) {
    let found = Found::default();
    write.steps.extend(questions.iter().map(|one| Step::Read {
        tree: Arc::clone(&one.tree),
        count: false,
    }));
    let (told, asked) = (Arc::clone(&found), questions.len());
    let mut finish = write.finish;
    write.finish = Box::new(move |mut outcomes: Vec<Outcome>| {
        let own = outcomes.len().saturating_sub(asked);
        let read = outcomes.split_off(own).into_iter();
        *told.lock() = read.map(|read| read.rows.unwrap_or_default()).collect();
        finish(outcomes)
    });
    (write, found)
}
