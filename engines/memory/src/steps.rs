//! The steps of a write, each seeing what those before it did.

use crate::change;
use crate::database::Database;
use crate::feed::RowEvent;
use crate::select;
use pando_model::engine::{Outcome, Result, Step};

/// Takes steps in order on `db`, which is to be thrown away on an error; their outcomes.
pub(crate) fn take(
    db: &mut Database,
    events: &mut Vec<RowEvent>,
    steps: &[Step],
) -> Result<Vec<Outcome>> {
    let mut outcomes = Vec::with_capacity(steps.len());
    take_into(db, events, steps, &mut outcomes)?;
    Ok(outcomes)
}

fn take_into(
    db: &mut Database,
    events: &mut Vec<RowEvent>,
    steps: &[Step],
    outcomes: &mut Vec<Outcome>,
) -> Result<()> {
    for step in steps {
        let outcome = match step {
            Step::Change(change) => change::execute(db, events, change)?,
            Step::Read { tree, count } => Outcome {
                rows: Some(select::read_tree(db, tree, *count)?),
                ..Outcome::default()
            },
            Step::Decide(decide) => {
                take_into(db, events, &decide(outcomes)?, outcomes)?;
                continue;
            }
            Step::Group(steps) => Outcome {
                group: take(db, events, steps)?,
                ..Outcome::default()
            },
        };
        outcomes.push(outcome);
    }
    Ok(())
}
