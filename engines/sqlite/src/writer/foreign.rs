//! Foreign keys, kept by the engine itself; why, is told in
//! `docs/decisions/0001-layout-on-sqlite.md`.
//!
//! They are looked at when a statement's rows are all there: first what the end or the
//! change of a key does to the rows that refer to it (RESTRICT, CASCADE, SET NULL), which
//! may have the same effects in turn; then whether every reference holds (NO ACTION, and
//! the referring side). A queue, not recursion: a chain of cascades may be as long
//! as a table.

use super::Transaction;
use super::rows::{differs, key_cells};
use crate::cell::Param;
use crate::fault::Step;
use crate::layout::{Physical, Reference};
use crate::tree::read_whole_rows;
use pando_model::canonical;
use pando_model::constraint::{missing_target, still_referenced};
use pando_model::plan::{Filter, Row};
use pando_model::schema::{ColumnIx, ReferentialAction, Table};
use pando_model::value::Value;
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
struct Effect {
    target: Arc<Physical>,
    reference: usize,
    old: Arc<Row>,
    /// The row as it is now; `None` when it is gone.
    new: Option<Arc<Row>>,
}

/// What was looked for already: a foreign key by its table and place, and the bytes of what
/// it refers to.
type Known = HashSet<(*const Physical, usize, Vec<u8>)>;

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

impl Transaction<'_> {
    /// Carries out what the statement's rows bring about, and checks what must hold
    /// afterwards.
    pub(super) fn settle(&mut self, statement: &mut Statement) -> Step<()> {
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

    fn carry_effect_out(&mut self, statement: &mut Statement, effect: Effect) -> Step<()> {
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
        let child = self.layout.table(&reference.child.name)?;
        let rows = self.referring(&effect)?;
        statement.cascaded |= !rows.is_empty();
        let values: Vec<Value> = match (action, &effect.new) {
            (ReferentialAction::Cascade, None) => {
                for row in rows {
                    self.remove_row(statement, &child, &row)?;
                }
                return Ok(());
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
    fn referring(&self, effect: &Effect) -> Step<Vec<Row>> {
        let reference = effect.reference();
        let filter = Filter::Keys {
            columns: reference.foreign_key().columns.clone(),
            keys: vec![effect.gone()],
        };
        read_whole_rows(self.conn, &reference.child, &filter)
    }

    fn refuse_if_referenced(&self, effect: &Effect) -> Step<()> {
        let reference = effect.reference();
        let (child, key) = (&reference.child, reference.foreign_key());
        let gone = effect.gone();
        let params = of_columns(&gone, |place| &child.columns[key.columns[place]].ty);
        if self.conn.exists(&reference.find_child, &params)? {
            return Err(still_referenced(&effect.target.table, &effect.old, child, key).into());
        }
        Ok(())
    }

    /// NO ACTION: another row may have taken the key since.
    fn check_unreferenced(&self, effect: &Effect) -> Step<()> {
        let reference = effect.reference();
        let (target, columns) = (&effect.target.table, &reference.target_columns);
        let params: Vec<_> = key_cells(target, columns, &effect.old).collect();
        if self.conn.exists(&reference.find_target, &params)? {
            return Ok(());
        }
        self.refuse_if_referenced(effect)
    }

    /// Refuses new rows whose foreign keys lead nowhere.
    pub(super) fn check_references_of<'r>(
        &self,
        physical: &Arc<Physical>,
        rows: impl Iterator<Item = &'r Row>,
    ) -> Step<()> {
        let mut known = Known::default();
        for row in rows {
            self.check_references(physical, row, &mut known)?;
        }
        Ok(())
    }

    /// Refuses a row whose foreign keys lead nowhere, in order of declaration. A key with a
    /// NULL in it leads nowhere and needs not (MATCH SIMPLE). What was found once for the
    /// statement is not looked for again.
    fn check_references(&self, physical: &Arc<Physical>, row: &Row, known: &mut Known) -> Step<()> {
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
            if !self.target_exists(reference, row)? && self.is_stored(physical, row, columns)? {
                return Err(missing_target(table, reference.foreign_key(), row).into());
            }
        }
        Ok(())
    }

    /// Whether the row that a row refers to is there.
    pub(crate) fn target_exists(&self, reference: &Reference, row: &Row) -> Step<bool> {
        let columns = &reference.foreign_key().columns;
        let types = |place: usize| {
            let target = &reference.target;
            &target.columns[reference.target_columns[place]].ty
        };
        let params: Vec<_> = columns
            .iter()
            .enumerate()
            .map(|(place, ix)| Param::of(&row[*ix], types(place)))
            .collect();
        self.conn.exists(&reference.find_target, &params)
    }

    /// Whether the row is still there with these values; a cascade may have changed it since.
    fn is_stored(&self, physical: &Physical, row: &Row, columns: &[ColumnIx]) -> Step<bool> {
        let stored = self.stored(&physical.table, row)?;
        Ok(stored.is_some_and(|found| !differs(columns, &found, row)))
    }

    /// The row that is stored now under a row's key.
    pub(super) fn stored(&self, table: &Table, row: &Row) -> Step<Option<Row>> {
        let key = &table.primary_key.columns;
        let filter = Filter::Keys {
            columns: key.clone(),
            keys: vec![key.iter().map(|ix| row[*ix].clone()).collect()],
        };
        let stored = read_whole_rows(self.conn, table, &filter)?;
        Ok(stored.into_iter().next())
    }
}

fn of_columns<'v, 't>(
    values: &'v [Value],
    ty: impl Fn(usize) -> &'t pando_model::column::ColumnType,
) -> Vec<Param<'v>> {
    values
        .iter()
        .enumerate()
        .map(|(place, value)| Param::of(value, ty(place)))
        .collect()
}
