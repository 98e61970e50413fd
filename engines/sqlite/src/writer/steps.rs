//! The steps of a write, each seeing what those before it did.

use super::Transaction;
use crate::fault;
use crate::tree::{read_count, read_tree};
use pando_model::engine::{Outcome, Step};
use pando_model::steps;

impl Transaction<'_> {
    /// Takes steps in order; their outcomes.
    pub(super) fn take_steps(&mut self, steps: &[Step]) -> fault::Step<Vec<Outcome>> {
        steps::take(steps, &mut |step| match step {
            Step::Change(change) => self.carry_out(change),
            Step::Read { tree, count } => {
                let mut rows = read_tree(self.conn, tree)?;
                if *count {
                    rows.total = Some(read_count(self.conn, &tree.select)?);
                }
                Ok(Outcome::found(rows))
            }
            // Taken apart before.
            Step::Decide(_) | Step::Group(_) => Ok(Outcome::default()),
        })
    }
}
