//! A write that is watched: before each change of items that somebody hears of it is read what is
//! there, and noted what there will be.
//!
//! Steps are rewritten as they come, those that are decided among them. A change becomes a group: a
//! mark, the read, a decision that notes, and the change itself. Groups that were there before get
//! another mark. Decisions and conclusions are handed their outcomes without all that ([`bare`]), and
//! so decide and conclude what they would have without a listener.

use super::by_key::{self, found, values_of};
use super::item::{Item, is_heard, key_of_row, record_of};
use crate::refused;
use crate::relation::{select, tree};
use pando_model::canonical::key_bytes;
use pando_model::constraint::complete_row;
use pando_model::engine::{FeedKind, Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::{self, Insert, Row};
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;
use pando_queue::listeners::{Change, Listeners, Phase};
use parking_lot::Mutex;
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// Items of one statement that listeners are asked about at most: all of them are held in memory,
/// and sent to each.
const ITEMS_MAX: usize = 10_000;
/// Where the outcomes of a watched change stand in its group.
const BEFORE: usize = 1;
const OWN: usize = 2;

/// See the module.
pub(super) struct Watch {
    listeners: Arc<Listeners>,
    found: Mutex<Vec<Change>>,
}

impl Watch {
    /// For what these listeners hear of before commits and after rollbacks.
    pub(super) fn new(listeners: &Arc<Listeners>) -> Watch {
        Watch {
            listeners: Arc::clone(listeners),
            found: Mutex::default(),
        }
    }

    /// The steps of a write, watched. Where an engine carries them out again it begins anew.
    pub(super) fn over(self: &Arc<Watch>, steps: &[Step]) -> Vec<Step> {
        let own = Arc::clone(self);
        let begin = Step::decide(move |_| {
            own.found.lock().clear();
            Ok(Vec::new())
        });
        let watched = steps.iter().map(|step| self.watched(step.clone(), 0));
        std::iter::once(begin).chain(watched).collect()
    }

    /// All changes that somebody hears of, as far as they were worked out.
    pub(super) fn changes(&self) -> Vec<Change> {
        self.found.lock().clone()
    }

    /// Those that somebody has to be asked about.
    pub(super) fn asked(&self) -> Vec<Change> {
        let mut found = self.changes();
        found.retain(|one| self.is_heard_in(Phase::BeforeCommit, one));
        found
    }

    fn is_heard_in(&self, phase: Phase, change: &Change) -> bool {
        self.listeners.hears(phase, &change.collection, change.kind)
    }

    /// A step of a list in which so many outcomes lead that are not its own.
    fn watched(self: &Arc<Watch>, step: Step, lead: usize) -> Step {
        match step {
            Step::Change(change) => match is_heard(table_of(&change), &self.listeners) {
                true => Step::Group(self.around(change)),
                false => Step::Change(change),
            },
            Step::Decide(decide) => {
                let own = Arc::clone(self);
                Step::decide(move |outcomes| {
                    let own_outcomes = outcomes.get(lead..).unwrap_or_default();
                    let steps = decide(&bare(own_outcomes))?.into_iter();
                    Ok(steps.map(|step| own.watched(step, lead)).collect())
                })
            }
            Step::Group(steps) => {
                let steps = steps.into_iter().map(|step| self.watched(step, 1));
                Step::Group(std::iter::once(mark(false)).chain(steps).collect())
            }
            read @ Step::Read { .. } => read,
        }
    }

    fn around(self: &Arc<Watch>, change: Arc<plan::Change>) -> Vec<Step> {
        let (own, planned) = (Arc::clone(self), Arc::clone(&change));
        let note = Step::decide(move |outcomes| {
            let before = outcomes.get(BEFORE).map(found).unwrap_or_default();
            own.note(&planned, &before)?;
            Ok(Vec::new())
        });
        vec![mark(true), read_before(&change), note, Step::Change(change)]
    }

    fn note(&self, change: &plan::Change, before: &[Row]) -> Result<(), Refusal> {
        let table = table_of(change);
        let mut noted = Vec::new();
        for (old, new) in pairs(change, before) {
            match (&old, &new) {
                (Some(old), Some(new)) if key_of_row(table, old) != key_of_row(table, new) => {
                    noted.extend(change_of(table, Some(old), None));
                    noted.extend(change_of(table, None, Some(new)));
                }
                (old, new) => noted.extend(change_of(table, old.as_ref(), new.as_ref())),
            }
        }
        noted.retain(|one| {
            let phases = [Phase::BeforeCommit, Phase::AfterRollback];
            phases.into_iter().any(|phase| self.is_heard_in(phase, one))
        });
        if noted.len() > ITEMS_MAX || before.len() > ITEMS_MAX && !noted.is_empty() {
            let message = format!(
                "listeners hear of this write, and it changes more than {ITEMS_MAX} items at once"
            );
            return Err(refused::unprocessable(message).hint("Change fewer of them in one write."));
        }
        self.found.lock().append(&mut noted);
        Ok(())
    }
}

fn table_of(change: &plan::Change) -> &Arc<Table> {
    match change {
        plan::Change::Insert(insert) => &insert.table,
        plan::Change::Update(update) => &update.table,
        plan::Change::Delete(delete) => &delete.table,
    }
}

/// Reads the rows that a change finds.
fn read_before(change: &plan::Change) -> Step {
    let filter = match change {
        plan::Change::Insert(insert) => return read_met(insert),
        plan::Change::Update(update) => update.filter.clone(),
        plan::Change::Delete(delete) => delete.filter.clone(),
    };
    let table = table_of(change);
    let columns: Vec<ColumnIx> = (0..table.columns.len()).collect();
    let mut rows = select(table, &columns, filter);
    rows.limit = Some(ITEMS_MAX as u64 + 1);
    Step::read(tree(rows))
}

/// Reads the rows that new ones meet, and may.
fn read_met(insert: &Insert) -> Step {
    let Some(conflict) = &insert.conflict else {
        return Step::Group(Vec::new());
    };
    let keys = insert
        .rows
        .iter()
        .map(|row| values_of(row, &conflict.target));
    let keys: Vec<Vec<Value>> = keys.filter(|key| !key.contains(&Value::Null)).collect();
    match keys.is_empty() {
        true => Step::Group(Vec::new()),
        false => by_key::read(&insert.table, &conflict.target, keys),
    }
}

/// Each row that a change touches: as it was, and as it will be.
fn pairs(change: &plan::Change, before: &[Row]) -> Vec<(Option<Row>, Option<Row>)> {
    let table = table_of(change);
    match change {
        plan::Change::Insert(insert) => inserted(insert, before),
        plan::Change::Update(update) => {
            let each = before.iter().map(|old| {
                let new = replaced(old, update.set.iter().cloned());
                (Some(old.clone()), Some(completed(table, new)))
            });
            each.collect()
        }
        plan::Change::Delete(_) => before.iter().map(|old| (Some(old.clone()), None)).collect(),
    }
}

/// The same of new rows. Of several that meet each other the first counts: others are ignored, or
/// refused by the engine.
fn inserted(insert: &Insert, before: &[Row]) -> Vec<(Option<Row>, Option<Row>)> {
    let table = &insert.table;
    let Some(conflict) = &insert.conflict else {
        let each = insert.rows.iter();
        return each
            .map(|row| (None, Some(completed(table, row.clone()))))
            .collect();
    };
    let target = &conflict.target;
    let known = before.iter();
    let known: HashMap<Vec<u8>, &Row> = known
        .map(|row| (key_bytes(table, target, row), row))
        .collect();
    let mut met = HashSet::new();
    let each = insert.rows.iter().filter_map(|row| {
        let key = key_bytes(table, target, row);
        // What is not known meets nothing.
        let is_null = values_of(row, target).contains(&Value::Null);
        if !is_null && !met.insert(key.clone()) {
            return None;
        }
        match (known.get(&key).filter(|_| !is_null), &conflict.merge) {
            (None, _) => Some((None, Some(completed(table, row.clone())))),
            // What is there stays.
            (Some(_), None) => None,
            (Some(old), Some(merged)) => {
                let new = merged
                    .iter()
                    .filter_map(|ix| Some((*ix, row.get(*ix)?.clone())));
                let new = completed(table, replaced(old, new));
                Some((Some((*old).clone()), Some(new)))
            }
        }
    });
    each.collect()
}

fn replaced(old: &Row, new: impl Iterator<Item = (ColumnIx, Value)>) -> Row {
    let mut row = old.clone();
    for (ix, value) in new {
        if let Some(place) = row.get_mut(ix) {
            *place = value;
        }
    }
    row
}

/// With the values that the engine computes.
fn completed(table: &Table, mut row: Row) -> Row {
    // One that breaks a rule is refused by the engine, in its turn.
    let _ = complete_row(table, &mut row);
    row
}

fn change_of(table: &Table, old: Option<&Row>, new: Option<&Row>) -> Option<Change> {
    let kind = match (old, new) {
        (None, _) => FeedKind::Insert,
        (Some(_), Some(_)) => FeedKind::Update,
        (Some(_), None) => FeedKind::Delete,
    };
    let item = Item::of(table, &key_of_row(table, new.or(old)?))?;
    Some(Change {
        collection: item.collection,
        kind,
        key: item.key,
        record: new.map(|row| record_of(table, row)),
        old: old.map(|row| record_of(table, row)),
    })
}

/// What leads a group: one of a watched change, or one that was there.
fn mark(is_watched: bool) -> Step {
    let inner = is_watched.then(|| Step::Group(Vec::new()));
    Step::Group(inner.into_iter().collect())
}

/// The outcomes as they would be without a listener.
pub(super) fn bare(outcomes: &[Outcome]) -> Cow<'_, [Outcome]> {
    match outcomes.iter().all(|outcome| outcome.group.is_empty()) {
        true => Cow::Borrowed(outcomes),
        false => Cow::Owned(bared(outcomes.to_vec())),
    }
}

/// The same of outcomes that nobody else needs.
pub(super) fn bared(outcomes: Vec<Outcome>) -> Vec<Outcome> {
    let each = outcomes.into_iter().map(|mut outcome| {
        let Some(mark) = outcome.group.first() else {
            return outcome;
        };
        if !mark.group.is_empty() && outcome.group.len() > OWN {
            return outcome.group.swap_remove(OWN);
        }
        outcome.group.remove(0);
        outcome.group = bared(outcome.group);
        outcome
    });
    each.collect()
}
