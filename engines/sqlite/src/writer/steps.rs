//! The steps of a write, each seeing what those before it did.

use super::Transaction;
use crate::fault;
use crate::tree::{read_count, read_tree};
use pando_model::engine::{Outcome, Step};

impl Transaction<'_> {
    /// Takes steps in order; their outcomes.
    pub(super) fn take_steps(&mut self, steps: &[Step]) -> fault::Step<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(steps.len());
        self.take_into(steps, &mut outcomes)?;
        Ok(outcomes)
    }

    fn take_into(&mut self, steps: &[Step], outcomes: &mut Vec<Outcome>) -> fault::Step<()> {
        for step in steps {
            let outcome = match step {
                Step::Change(change) => self.carry_out(change)?,
                Step::Read { tree, count } => {
                    let mut rows = read_tree(self.conn, tree)?;
                    if *count {
                        rows.total = Some(read_count(self.conn, &tree.select)?);
                    }
                    Outcome {
                        rows: Some(rows),
                        ..Outcome::default()
                    }
                }
                Step::Decide(decide) => {
                    self.take_into(&decide(outcomes)?, outcomes)?;
                    continue;
                }
                Step::Group(steps) => Outcome {
                    group: self.take_steps(steps)?,
                    ..Outcome::default()
                },
            };
            outcomes.push(outcome);
        }
        Ok(())
    }
}
