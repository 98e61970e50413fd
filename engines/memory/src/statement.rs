//! One statement: rows written one by one, and what follows from them.
//!
//! Keys are checked as each row is written, as PostgreSQL's unique indexes do.
//! Foreign keys are looked at when the statement's rows are all there: first
//! what they do to referring rows (RESTRICT, CASCADE, SET NULL), each of which
//! may have the same effects in turn, then whether every reference holds
//! (NO ACTION, and the referring side). A queue, not recursion: a chain of
//! cascades may be as long as a table.

use crate::database::{Database, Reference, target_columns};
use crate::feed::RowEvent;
use crate::key::Key;
use pando_model::canonical;
use pando_model::constraint::{complete_row, missing_target, still_referenced};
use pando_model::engine::{FeedKind, Result};
use pando_model::plan::Row;
use pando_model::schema::{ForeignKey, ReferentialAction, Table};
use pando_model::value::Value;
use std::collections::VecDeque;
use std::sync::Arc;

/// A statement under way.
pub(crate) struct Statement<'d> {
    db: &'d mut Database,
    /// What happened to rows, for the feed; left empty while nobody follows.
    events: &'d mut Vec<RowEvent>,
    effects: VecDeque<Effect>,
    checks: Vec<Check>,
}

/// A key that is not there any more, seen from one foreign key.
struct Effect {
    target: Arc<Table>,
    old: Arc<Row>,
    /// The row as it is now; `None` when it is gone.
    new: Option<Arc<Row>>,
    reference: Reference,
}

/// What has to hold when the statement ends.
enum Check {
    /// The foreign keys of the row that is stored under this key, if one is.
    References { table: Arc<Table>, row: Key },
    /// Nothing refers to a key that is gone.
    Unreferenced(Effect),
}

impl<'d> Statement<'d> {
    /// A statement on `db`; the events of its rows are appended to `events`.
    pub(crate) fn new(db: &'d mut Database, events: &'d mut Vec<RowEvent>) -> Statement<'d> {
        Statement {
            db,
            events,
            effects: VecDeque::new(),
            checks: Vec::new(),
        }
    }

    /// The state as the statement has left it so far.
    pub(crate) fn db(&self) -> &Database {
        self.db
    }

    /// Stores a new row.
    pub(crate) fn insert(&mut self, table: &Arc<Table>, mut row: Row) -> Result<Arc<Row>> {
        table.position_row(&mut row, self.db.next_position());
        complete_row(table, &mut row)?;
        self.db.table(&table.name)?.check_keys(&row, None)?;
        let row = Arc::new(row);
        self.db.table_mut(&table.name)?.insert(row.clone());
        self.record(table, FeedKind::Insert, &row);
        self.check_later(table, &row, |_| true);
        Ok(row)
    }

    /// Stores `row` in the place of `old`.
    pub(crate) fn replace(
        &mut self,
        table: &Arc<Table>,
        old: &Arc<Row>,
        mut row: Row,
    ) -> Result<Arc<Row>> {
        complete_row(table, &mut row)?;
        let state = self.db.table(&table.name)?;
        let (old_key, key) = (state.key_of(old), state.key_of(&row));
        state.check_keys(&row, Some(&old_key))?;
        let row = Arc::new(row);
        let state = self.db.table_mut(&table.name)?;
        state.remove(old);
        state.insert(row.clone());
        if old_key == key {
            self.record(table, FeedKind::Update, &row);
        } else {
            self.record(table, FeedKind::Delete, old);
            self.record(table, FeedKind::Insert, &row);
        }
        self.affect(table, old, Some(&row))?;
        self.check_later(table, &row, |key| differs(&key.columns, old, &row));
        Ok(row)
    }

    /// Takes a row out.
    pub(crate) fn remove(&mut self, table: &Arc<Table>, row: &Arc<Row>) -> Result<()> {
        self.db.table_mut(&table.name)?.remove(row);
        self.record(table, FeedKind::Delete, row);
        self.affect(table, row, None)
    }

    /// Carries out what the statement's rows bring about, and checks what must
    /// hold afterwards.
    pub(crate) fn settle(&mut self) -> Result<()> {
        while let Some(effect) = self.effects.pop_front() {
            self.carry_out(effect)?;
        }
        for check in std::mem::take(&mut self.checks) {
            match check {
                Check::References { table, row } => self.check_references(&table, &row)?,
                Check::Unreferenced(effect) => self.check_unreferenced(&effect)?,
            }
        }
        Ok(())
    }

    fn carry_out(&mut self, effect: Effect) -> Result<()> {
        let key = &effect.reference.key;
        let action = match effect.new {
            None => key.on_delete,
            Some(_) => key.on_update,
        };
        match action {
            ReferentialAction::NoAction => {
                self.checks.push(Check::Unreferenced(effect));
                return Ok(());
            }
            ReferentialAction::Restrict => return self.refuse_if_referenced(&effect),
            ReferentialAction::Cascade | ReferentialAction::SetNull => {}
        }
        let child = self.db.table(&effect.reference.table)?.def().clone();
        let values: Vec<Value> = match (action, &effect.new) {
            (ReferentialAction::Cascade, None) => {
                for row in self.referring(&effect)? {
                    self.remove(&child, &row)?;
                }
                return Ok(());
            }
            (ReferentialAction::Cascade, Some(new)) => {
                let columns = effect.reference.target_columns(&effect.target)?;
                columns.into_iter().map(|ix| new[ix].clone()).collect()
            }
            _ => vec![Value::Null; key.columns.len()],
        };
        for old in self.referring(&effect)? {
            let mut row = Row::clone(&old);
            for (ix, value) in key.columns.iter().zip(&values) {
                row[*ix] = value.clone();
            }
            self.replace(&child, &old, row)?;
        }
        Ok(())
    }

    /// The rows that refer to a key that is gone, by primary key.
    fn referring(&self, effect: &Effect) -> Result<Vec<Arc<Row>>> {
        let columns = effect.reference.target_columns(&effect.target)?;
        let gone: Vec<Value> = columns.iter().map(|ix| effect.old[*ix].clone()).collect();
        let child = self.db.table(&effect.reference.table)?;
        let mut rows: Vec<_> = child
            .lookup(&effect.reference.key.columns, &gone)
            .cloned()
            .collect();
        rows.sort_by_cached_key(|row| child.key_of(row));
        Ok(rows)
    }

    fn refuse_if_referenced(&self, effect: &Effect) -> Result<()> {
        if self.referring(effect)?.is_empty() {
            return Ok(());
        }
        let child = self.db.table(&effect.reference.table)?.def();
        Err(still_referenced(&effect.target, &effect.old, child, &effect.reference.key).into())
    }

    /// NO ACTION: another row may have taken the key since.
    fn check_unreferenced(&self, effect: &Effect) -> Result<()> {
        let columns = effect.reference.target_columns(&effect.target)?;
        let gone: Vec<Value> = columns.iter().map(|ix| effect.old[*ix].clone()).collect();
        let target = self.db.table(&effect.target.name)?;
        if target.lookup(&columns, &gone).next().is_some() {
            return Ok(());
        }
        self.refuse_if_referenced(effect)
    }

    fn check_references(&self, table: &Arc<Table>, key: &Key) -> Result<()> {
        match self.db.table(&table.name)?.get(key) {
            Some(row) => check_row_references(self.db, table, row),
            None => Ok(()),
        }
    }

    fn check_later(
        &mut self,
        table: &Arc<Table>,
        row: &Row,
        concerns: impl Fn(&ForeignKey) -> bool,
    ) {
        let enforced = |key: &&ForeignKey| key.enforced;
        if table.foreign_keys.iter().filter(enforced).any(concerns) {
            self.checks.push(Check::References {
                table: table.clone(),
                row: Key::of(&table.primary_key.columns, row),
            });
        }
    }

    /// Queues what a key's end or change does to those that refer to it.
    fn affect(&mut self, table: &Arc<Table>, old: &Arc<Row>, new: Option<&Arc<Row>>) -> Result<()> {
        for reference in self.db.referrers(&table.name) {
            let columns = reference.target_columns(table)?;
            if new.is_none_or(|new| differs(&columns, old, new)) {
                self.effects.push_back(Effect {
                    target: table.clone(),
                    old: old.clone(),
                    new: new.cloned(),
                    reference: reference.clone(),
                });
            }
        }
        Ok(())
    }

    fn record(&mut self, table: &Arc<Table>, kind: FeedKind, row: &Row) {
        if self.db.feed.is_followed() {
            self.events.push(RowEvent {
                slot: canonical::slot_of_row(table, row),
                table: table.name.clone(),
                kind,
                key: canonical::key_bytes(table, &table.primary_key.columns, row),
            });
        }
    }
}

/// Refuses a row whose foreign keys lead nowhere, in order of declaration. A
/// key with a NULL in it leads nowhere and needs not (MATCH SIMPLE).
pub(crate) fn check_row_references(db: &Database, table: &Table, row: &Row) -> Result<()> {
    for key in table.foreign_keys.iter().filter(|key| key.enforced) {
        let values: Vec<Value> = key.columns.iter().map(|ix| row[*ix].clone()).collect();
        if values.iter().any(Value::is_null) {
            continue;
        }
        let target = db.table(&key.target)?;
        let columns = target_columns(key, target.def())?;
        if target.lookup(&columns, &values).next().is_none() {
            return Err(missing_target(table, key, row).into());
        }
    }
    Ok(())
}

fn differs(columns: &[usize], old: &Row, new: &Row) -> bool {
    columns.iter().any(|&ix| old[ix].compare(&new[ix]).is_ne())
}
