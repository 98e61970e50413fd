//! Foreign keys, kept by Pando and not by the database below; why, is told in
//! `docs/decisions/0001-layout-on-sqlite.md`.
//!
//! They are looked at when a statement's rows are all there: first what the end or the
//! change of a key does to the rows that refer to it (RESTRICT, CASCADE, SET NULL), which
//! may have the same effects in turn; then whether every reference holds (NO ACTION, and
//! the referring side). A queue, not recursion: a chain of cascades may be as long
//! as a table.

use super::Storage;
use super::change::differs;
use super::rows::Rows;
use crate::canonical;
use crate::constraint::{missing_target, still_referenced};
use crate::layout::{Physical, Reference};
use crate::plan::{Filter, Row};
use crate::schema::{ColumnIx, ReferentialAction, Table};
use crate::value::Value;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// What a statement's rows have set going.
#[derive(Debug, Default)]
pub(super) struct Statement {
    effects: VecDeque<Effect>,
    checks: Vec<Check>,
    cascaded: bool,
}

/// A key that is not there any more, seen from one foreign key: the target's
/// `incoming[reference]`.
#[derive(Debug)]
pub(super) struct Effect {
    target: Arc<Physical>,
    reference: usize,
    old: Arc<Row>,
    /// The row as it is now; `None` when it is gone.
    new: Option<Arc<Row>>,
}

/// What was looked for already: a foreign key by its table and place, and the bytes of what
/// it refers to.
pub(super) type Known = HashSet<(*const Physical, usize, Vec<u8>)>;

/// What has to hold when the statement ends.
#[derive(Debug)]
enum Check {
    /// The foreign keys of a row, if it is still stored like this.
    References(Arc<Physical>, Row),
    /// Nothing refers to a key that is gone.
    Unreferenced(Effect),
}

impl Effect {
    fn reference(&self) -> &Reference {
        &self.target.incoming[self.reference]
    }

    /// The key that is gone, as the referring columns hold it.
    fn gone(&self) -> Vec<Value> {
        let columns = &self.reference().target_columns;
        columns.iter().map(|ix| self.old[*ix].clone()).collect()
    }
}

impl Statement {
    /// A row is new.
    pub(super) fn inserted(&mut self, physical: &Arc<Physical>, row: &Row) {
        if !physical.outgoing.is_empty() {
            self.checks
                .push(Check::References(physical.clone(), row.clone()));
        }
    }

    /// A row has other values.
    pub(super) fn replaced(&mut self, physical: &Arc<Physical>, old: &Row, row: &Row) {
        self.affect(physical, old, Some(row));
        let concerned = physical
            .outgoing
            .iter()
            .any(|reference| differs(&reference.foreign_key().columns, old, row));
        if concerned {
            self.checks
                .push(Check::References(physical.clone(), row.clone()));
        }
    }

    /// Whether rows were changed because others were.
    pub(super) fn has_cascaded(&self) -> bool {
        self.cascaded
    }

    /// A row is gone.
    pub(super) fn removed(&mut self, physical: &Arc<Physical>, row: &Row) {
        self.affect(physical, row, None);
    }

    fn affect(&mut self, physical: &Arc<Physical>, old: &Row, new: Option<&Row>) {
        let concerned: Vec<usize> = physical
            .incoming
            .iter()
            .enumerate()
            .filter(|(_, reference)| {
                let columns = &reference.target_columns;
                let known = columns.iter().all(|ix| !old[*ix].is_null());
                known && new.is_none_or(|new| differs(columns, old, new))
            })
            .map(|(place, _)| place)
            .collect();
        if concerned.is_empty() {
            return;
        }
        let (old, new) = (Arc::new(old.clone()), new.cloned().map(Arc::new));
        for reference in concerned {
            self.effects.push_back(Effect {
                target: physical.clone(),
                reference,
                old: old.clone(),
                new: new.clone(),
            });
        }
    }
}

impl<S: Storage> References for S {}

pub(super) trait References: Storage + Sized {
    /// Carries out what the statement's rows bring about, and checks what must hold
    /// afterwards.
    fn settle(&mut self, statement: &mut Statement) -> Result<(), Self::Fault> {
        while let Some(effect) = statement.effects.pop_front() {
            self.carry_effect_out(statement, effect)?;
        }
        let mut known = Known::default();
        for check in std::mem::take(&mut statement.checks) {
            match check {
                Check::References(physical, row) => {
                    self.check_references(&physical, &row, &mut known)?;
                }
                Check::Unreferenced(effect) => self.check_unreferenced(&effect)?,
            }
        }
        Ok(())
    }

    fn carry_effect_out(
        &mut self,
        statement: &mut Statement,
        effect: Effect,
    ) -> Result<(), Self::Fault> {
        let reference = effect.reference();
        let key = reference.foreign_key();
        let action = match effect.new {
            None => key.on_delete,
            Some(_) => key.on_update,
        };
        match action {
            ReferentialAction::NoAction => {
                statement.checks.push(Check::Unreferenced(effect));
                return Ok(());
            }
            ReferentialAction::Restrict => return self.refuse_if_referenced(&effect),
            ReferentialAction::Cascade | ReferentialAction::SetNull => {}
        }
        let child = self.physical(&reference.child.name)?;
        let rows = self.referring(&effect)?;
        statement.cascaded |= !rows.is_empty();
        let values: Vec<Value> = match (action, &effect.new) {
            (ReferentialAction::Cascade, None) => {
                return self.remove_rows(statement, &child, &rows);
            }
            (ReferentialAction::Cascade, Some(new)) => {
                let columns = &reference.target_columns;
                columns.iter().map(|ix| new[*ix].clone()).collect()
            }
            _ => vec![Value::Null; key.columns.len()],
        };
        for old in rows {
            let mut row = old.clone();
            for (ix, value) in key.columns.iter().zip(&values) {
                row[*ix] = value.clone();
            }
            self.replace_row(statement, &child, &old, row)?;
        }
        Ok(())
    }

    /// The rows that refer to a key that is gone, by primary key.
    fn referring(&self, effect: &Effect) -> Result<Vec<Row>, Self::Fault> {
        let reference = effect.reference();
        let filter = Filter::Keys {
            columns: reference.foreign_key().columns.clone(),
            keys: vec![effect.gone()],
        };
        self.whole_rows(&reference.child, &filter, false)
    }

    fn refuse_if_referenced(&self, effect: &Effect) -> Result<(), Self::Fault> {
        let reference = effect.reference();
        let (child, key) = (&reference.child, reference.foreign_key());
        let gone = effect.gone();
        let values: Vec<&Value> = gone.iter().collect();
        if reference.child_holds(self, &values)? {
            return Err(still_referenced(&effect.target.table, &effect.old, child, key).into());
        }
        Ok(())
    }

    /// NO ACTION: another row may have taken the key since.
    fn check_unreferenced(&self, effect: &Effect) -> Result<(), Self::Fault> {
        let reference = effect.reference();
        let columns = reference.target_columns.iter();
        let values: Vec<&Value> = columns.map(|ix| &effect.old[*ix]).collect();
        if reference.target_holds(self, &values)? {
            return Ok(());
        }
        self.refuse_if_referenced(effect)
    }

    /// Refuses a row whose foreign keys lead nowhere, in order of declaration. A key with a
    /// NULL in it leads nowhere and needs not (MATCH SIMPLE). What was found once for the
    /// statement is not looked for again.
    fn check_references(
        &self,
        physical: &Arc<Physical>,
        row: &Row,
        known: &mut Known,
    ) -> Result<(), Self::Fault> {
        let table = &*physical.table;
        for (place, reference) in physical.outgoing.iter().enumerate() {
            let columns = &reference.foreign_key().columns;
            if columns.iter().any(|ix| row[*ix].is_null()) {
                continue;
            }
            let bytes = canonical::key_bytes(table, columns, row);
            if !known.insert((Arc::as_ptr(physical), place, bytes)) {
                continue;
            }
            if !target_exists(self, reference, row)? && self.is_stored(physical, row, columns)? {
                return Err(missing_target(table, reference.foreign_key(), row).into());
            }
        }
        Ok(())
    }

    /// Whether the row is still there with these values; a cascade may have changed it since.
    fn is_stored(
        &self,
        physical: &Physical,
        row: &Row,
        columns: &[ColumnIx],
    ) -> Result<bool, Self::Fault> {
        let stored = self.stored(&physical.table, row)?;
        Ok(stored.is_some_and(|found| !differs(columns, &found, row)))
    }

    /// The row that is stored now under a row's key.
    fn stored(&self, table: &Table, row: &Row) -> Result<Option<Row>, Self::Fault> {
        let key = &table.primary_key.columns;
        let filter = Filter::Keys {
            columns: key.clone(),
            keys: vec![key.iter().map(|ix| row[*ix].clone()).collect()],
        };
        let stored = self.whole_rows(table, &filter, false)?;
        Ok(stored.into_iter().next())
    }
}

/// Refuses new rows whose foreign keys lead nowhere.
pub fn check_references_of<'r, S: Storage>(
    storage: &S,
    physical: &Arc<Physical>,
    rows: impl Iterator<Item = &'r Row>,
) -> Result<(), S::Fault> {
    let mut known = Known::default();
    for row in rows {
        storage.check_references(physical, row, &mut known)?;
    }
    Ok(())
}

/// Whether the row that a row refers to is there.
pub fn target_exists<S: Storage>(
    storage: &S,
    reference: &Reference,
    row: &Row,
) -> Result<bool, S::Fault> {
    let columns = reference.foreign_key().columns.iter();
    let values: Vec<&Value> = columns.map(|ix| &row[*ix]).collect();
    reference.target_holds(storage, &values)
}
