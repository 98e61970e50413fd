//! Steps, each seeing what those before it did.

use crate::change;
use crate::database::Database;
use crate::feed::RowEvent;
use crate::select;
use pando_model::budget::RowBudget;
use pando_model::engine::{Outcome, Result, Step};
use pando_model::error::EngineError;
use pando_model::steps;

/// Takes the steps of a write in order on `db`, which is to be thrown away on an error; their
/// outcomes.
pub(crate) fn take(
    db: &mut Database,
    events: &mut Vec<RowEvent>,
    steps: &[Step],
) -> Result<Vec<Outcome>> {
    let budget = RowBudget::default();
    steps::take(steps, &mut |step| match step {
        Step::Change(change) => change::execute(db, events, change, &budget),
        other => read(db, other, &budget),
    })
}

/// Takes steps that only read.
pub(crate) fn take_reads(db: &Database, steps: &[Step]) -> Result<Vec<Outcome>> {
    let budget = RowBudget::default();
    steps::take(steps, &mut |step| read(db, step, &budget))
}

fn read(db: &Database, step: &Step, budget: &RowBudget) -> Result<Outcome> {
    match step {
        Step::Read { tree, count } => {
            let rows = select::read_tree(db, tree, *count, budget)?;
            Ok(Outcome::found(rows))
        }
        Step::Change(_) => Err(EngineError::internal("take a read", "it is a change")),
        // Taken apart before.
        Step::Decide(_) | Step::Group(_) => Ok(Outcome::default()),
    }
}
