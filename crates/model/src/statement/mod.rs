//! What one change does to rows: the same on every engine that keeps tables in a database.
//!
//! Row by row, as PostgreSQL has it: each passes its own rules, then the keys, then, when all
//! rows of the statement are there, the foreign keys and what their ends bring about
//! ([`foreign`]). The first row with a fault decides. An engine gives a [`Storage`]: how rows
//! are found, stored and taken out in its open transaction.

mod change;
mod conflict;
mod foreign;
mod named;
mod recorder;
mod rows;
mod targets;

pub use change::{carry_out, differs};
pub use foreign::{check_references_of, target_exists};
pub use recorder::{Recorder, RowEvent};

use crate::budget::RowBudget;
use crate::layout::{Physical, Reference};
use crate::plan::{Filter, Insert, Row};
use crate::schema::{ColumnIx, Table};
use crate::stamp::Position;
use crate::tree::Source;
use crate::value::Value;
use std::sync::Arc;

/// The rows of an open transaction.
pub trait Storage: Source {
    /// What is left to the request.
    fn budget(&self) -> &RowBudget;

    /// The position of the write that is being carried out.
    fn position(&self) -> Position;

    /// Whether a fault is about the request, and not about the machine.
    fn is_about_the_request(fault: &Self::Fault) -> bool;

    /// A table that a plan names.
    fn physical(&self, name: &str) -> Result<Arc<Physical>, Self::Fault>;

    /// Whole rows that pass, in the order of the primary key; those that are `answered` are
    /// taken from the budget while they are read.
    fn whole_rows(
        &self,
        table: &Table,
        filter: &Filter,
        answered: bool,
    ) -> Result<Vec<Row>, Self::Fault>;

    /// The first of them: so many, or so many bytes and what is left of a row.
    fn first_rows(
        &self,
        table: &Arc<Table>,
        filter: &Filter,
        limit: Option<u64>,
        bytes_max: usize,
    ) -> Result<Vec<Row>, Self::Fault>;

    /// The primary keys of all rows that pass behind `after`, in their order.
    fn keys_behind(
        &self,
        table: &Arc<Table>,
        filter: &Filter,
        after: &Row,
    ) -> Result<Vec<Vec<Value>>, Self::Fault>;

    /// Whether a statement of [`crate::layout::Texts::find`] gives a row for these values of
    /// `columns`.
    fn finds(
        &self,
        text: &str,
        table: &Table,
        columns: &[ColumnIx],
        values: &[&Value],
    ) -> Result<bool, Self::Fault>;

    /// Stores a row that is complete, notes it in the feed, and answers `None`; unless one of
    /// its keys is there already: then nothing was changed, and this is the engine's fault.
    fn try_insert(
        &mut self,
        physical: &Physical,
        row: &Row,
    ) -> Result<Option<Self::Fault>, Self::Fault>;

    /// Stores a row that is complete in the place of `old`, and notes it in the feed. A key that
    /// is there already is refused in PostgreSQL's words.
    fn replace(&mut self, physical: &Physical, old: &Row, row: &Row) -> Result<(), Self::Fault>;

    /// Takes a row out, and notes it in the feed.
    fn remove(&mut self, physical: &Physical, row: &Row) -> Result<(), Self::Fault>;

    /// Which key of `row` was there already, in PostgreSQL's words: the primary key, then the
    /// uniques in order of declaration. A breach that none of them explains stays as it is.
    fn diagnose(
        &self,
        table: &Table,
        row: &Row,
        fault: Self::Fault,
    ) -> Result<Self::Fault, Self::Fault>;

    /// Inserts many rows at once, and gives them as they are stored, in their order, if they are
    /// to be answered; `None` where they have to be taken one by one, and then nothing was changed.
    fn insert_in_bulk(
        &mut self,
        insert: &Insert,
        physical: &Arc<Physical>,
    ) -> Result<Option<Vec<Row>>, Self::Fault>;

    /// Takes out what is there of the rows with these primary keys, notes it in the feed, and
    /// gives how many rows it was. The keys are all different, and nothing refers to the table;
    /// what else is in `rows` is not theirs.
    fn remove_named(&mut self, physical: &Physical, rows: &[Row]) -> Result<u64, Self::Fault>;

    /// Takes rows out, and notes them in the feed.
    fn remove_all(&mut self, physical: &Physical, rows: &[Row]) -> Result<(), Self::Fault> {
        rows.iter().try_for_each(|row| self.remove(physical, row))
    }
}

/// How rows that refer, or are referred to, are looked for.
impl Reference {
    fn target_holds<S: Storage>(&self, storage: &S, values: &[&Value]) -> Result<bool, S::Fault> {
        storage.finds(
            &self.find_target,
            &self.target,
            &self.target_columns,
            values,
        )
    }

    fn child_holds<S: Storage>(&self, storage: &S, values: &[&Value]) -> Result<bool, S::Fault> {
        let columns = &self.foreign_key().columns;
        storage.finds(&self.find_child, &self.child, columns, values)
    }
}
