//! The steps of a write, each seeing what those before it did.

use crate::change;
use crate::database::Database;
use crate::feed::RowEvent;
use crate::select;
use pando_model::engine::{Outcome, Result, Step};
use pando_model::steps;

/// Takes steps in order on `db`, which is to be thrown away on an error; their outcomes.
pub(crate) fn take(
    db: &mut Database,
    events: &mut Vec<RowEvent>,
    steps: &[Step],
) -> Result<Vec<Outcome>> {
    steps::take(steps, &mut |step| match step {
        Step::Change(change) => change::execute(db, events, change),
        Step::Read { tree, count } => Ok(Outcome {
            rows: Some(select::read_tree(db, tree, *count)?),
            ..Outcome::default()
        }),
        // Taken apart before.
        Step::Decide(_) | Step::Group(_) => Ok(Outcome::default()),
    })
}
