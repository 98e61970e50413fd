//! What adopted tables do by themselves: rows that refer to one that goes, or whose key changes,
//! are changed by PostgreSQL. The feed is told of them before they are.

use super::Transaction;
use crate::fault::Step;
use pando_model::canonical;
use pando_model::engine::FeedKind;
use pando_model::layout::Physical;
use pando_model::plan::{Filter, Row};
use pando_model::schema::{ColumnIx, ForeignKey, ReferentialAction, Table};
use pando_model::statement::{Storage, differs};
use pando_model::value::Value;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

/// A row that changes, and what it becomes; `None` when it goes.
struct Change {
    table: Arc<Table>,
    old: Row,
    new: Option<Row>,
}

impl Transaction<'_> {
    /// Notes what becomes of the rows that refer to `old`, and of those that refer to them.
    /// A queue, not recursion: a chain may be as long as a table.
    pub(super) fn note_cascades(
        &mut self,
        physical: &Physical,
        old: &Row,
        new: Option<&Row>,
    ) -> Step<()> {
        if !physical.table.adopted || !self.recorder.is_on() {
            return Ok(());
        }
        let mut seen = BTreeSet::new();
        let mut changes = VecDeque::from([Change {
            table: physical.table.clone(),
            old: old.clone(),
            new: new.cloned(),
        }]);
        while let Some(change) = changes.pop_front() {
            for next in self.referring(&change)? {
                let key =
                    canonical::key_bytes(&next.table, &next.table.primary_key.columns, &next.old);
                if !seen.insert((next.table.name.clone(), key)) {
                    continue;
                }
                let slot = canonical::slot_of_row(&next.table, &next.old);
                self.fence(slot)?;
                match &next.new {
                    None => self
                        .recorder
                        .note(&next.table, FeedKind::Delete, slot, &next.old),
                    Some(row) => {
                        let new_slot = canonical::slot_of_row(&next.table, row);
                        self.fence(new_slot)?;
                        self.recorder.note_replaced(
                            &next.table,
                            (slot, &next.old),
                            (new_slot, row),
                        );
                    }
                }
                changes.push_back(next);
            }
        }
        Ok(())
    }

    /// The rows that PostgreSQL changes because of one, by table and primary key.
    fn referring(&self, change: &Change) -> Step<Vec<Change>> {
        let layout = self.layout.clone();
        let mut children: Vec<_> = layout.tables().collect();
        children.sort_by_key(|physical| &physical.table.name);
        let mut found = Vec::new();
        for child in children.iter().map(|physical| &physical.table) {
            let keys = child.foreign_keys.iter();
            for key in keys.filter(|key| child.adopted && key.target == change.table.name) {
                let Some(targets) = moved(key, change) else {
                    continue;
                };
                let filter = Filter::Keys {
                    columns: key.columns.clone(),
                    keys: vec![targets.iter().map(|ix| change.old[*ix].clone()).collect()],
                };
                for old in self.whole_rows(child, &filter, false)? {
                    let new = becomes(key, change, &targets, &old);
                    found.push(Change {
                        table: child.clone(),
                        old,
                        new,
                    });
                }
            }
        }
        Ok(found)
    }
}

/// The target's columns, if the change sets something going by this key.
fn moved(key: &ForeignKey, change: &Change) -> Option<Vec<ColumnIx>> {
    let names = key.target_columns.iter();
    let targets: Vec<_> = names
        .map(|name| change.table.column_ix(name))
        .collect::<Option<_>>()?;
    let action = action_of(key, change);
    let acts = matches!(
        action,
        ReferentialAction::Cascade | ReferentialAction::SetNull
    );
    let is_known = targets.iter().all(|ix| !change.old[*ix].is_null());
    let is_gone = change
        .new
        .as_ref()
        .is_none_or(|new| differs(&targets, &change.old, new));
    (acts && is_known && is_gone).then_some(targets)
}

fn action_of(key: &ForeignKey, change: &Change) -> ReferentialAction {
    match change.new {
        None => key.on_delete,
        Some(_) => key.on_update,
    }
}

/// What a referring row becomes.
fn becomes(key: &ForeignKey, change: &Change, targets: &[ColumnIx], old: &Row) -> Option<Row> {
    let values: Vec<Value> = match (action_of(key, change), &change.new) {
        (ReferentialAction::Cascade, None) => return None,
        (ReferentialAction::Cascade, Some(new)) => {
            targets.iter().map(|ix| new[*ix].clone()).collect()
        }
        _ => vec![Value::Null; key.columns.len()],
    };
    let mut row = old.clone();
    for (ix, value) in key.columns.iter().zip(values) {
        row[*ix] = value;
    }
    Some(row)
}
