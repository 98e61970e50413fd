//! The steps of a write, each seeing what those before it did.
//!
//! What its reads may cost is bounded, for all other writes wait meanwhile.

use super::Transaction;
use crate::fault::{self, Fault};
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::Tree;
use pando_model::tree::read_counted;
use pando_model::{statement, steps};
use rusqlite::ErrorCode;

impl Transaction<'_> {
    /// Takes steps in order; their outcomes. Its reads take so many steps of SQLite's machine
    /// together at most.
    pub(super) fn take_steps(
        &mut self,
        steps: &[Step],
        read_steps: i64,
    ) -> fault::Step<Vec<Outcome>> {
        let mut left = read_steps;
        steps::take(steps, &mut |step| match step {
            Step::Change(change) => statement::carry_out(self, change),
            Step::Read { tree, count } => self.read(tree, *count, &mut left),
            // Taken apart before.
            Step::Decide(_) | Step::Group(_) => Ok(Outcome::default()),
        })
    }

    fn read(&self, tree: &Tree, count: bool, left: &mut i64) -> fault::Step<Outcome> {
        let control = self.conn.control();
        control.allow(Some(*left), None);
        let read = read_counted(self.conn, tree, count).map(Outcome::found);
        *left = control.steps_left();
        // A change that is interrupted would take the whole group back.
        control.allow(None, None);
        read.map_err(|fault| match fault.code() {
            Some(ErrorCode::OperationInterrupted) => too_much_work(),
            _ => fault,
        })
    }
}

fn too_much_work() -> Fault {
    let message = "the reads of a transaction that writes take too long while all others wait";
    let refusal = Refusal::new("54000", message);
    refusal
        .hint(
            "Read by a key or an indexed column; or read in a request before, and write under \
             the ETag that it gave (If-Match).",
        )
        .into()
}
