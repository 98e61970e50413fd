//! How much waits in the journal, as far as this process knows.

use super::journal::{JOURNAL, ROW_VERSION};
use super::relation::SPACE;
use crate::error::StoreError;
use crate::ids;
use crate::relation::{select, tree};
use crate::session::Result;
use crate::store::Store;
use arc_swap::{ArcSwap, ArcSwapOption};
use pando_model::aggregate::AggregateFn;
use pando_model::engine::Step;
use pando_model::plan::{Filter, Output, Scalar};
use pando_model::schema::Behind;
use pando_model::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What this process knows of the journal.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Rows when it was last looked, and those that entered here since.
    rows: AtomicU64,
    /// What was found then, by space: how many, and since when the oldest waits.
    looked: ArcSwap<BTreeMap<String, (u64, Option<i64>)>>,
    /// Why it could not be applied when that was tried last.
    failure: ArcSwapOption<String>,
}

/// What the journal holds of a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalReport {
    /// The space.
    pub space: String,
    /// Whether writes enter it.
    pub state: Behind,
    /// How many writes wait to be applied; `None` before it was looked at first.
    pub rows: Option<u64>,
    /// Since when the oldest of them waits: microseconds since 1970.
    pub oldest_us: Option<i64>,
    /// Why this process could not apply them when it last tried; `None` where it could, or where
    /// another process does so.
    pub error: Option<Arc<String>>,
}

impl Journal {
    /// A row is about to enter.
    pub(crate) fn entered(&self) {
        self.rows.fetch_add(1, Ordering::Relaxed);
    }

    /// Whether no more rows are to enter.
    pub(crate) fn is_full(&self, rows_max: u64) -> bool {
        self.rows.load(Ordering::Relaxed) >= rows_max
    }

    /// It was applied, or could not be.
    pub(super) fn tended(&self, error: Option<&StoreError>) {
        let failure = error.map(|error| Arc::new(error.to_string()));
        self.failure.store(failure);
    }
}

impl Store {
    /// Each space that is written behind, and what the journal held of it when it was last
    /// [looked](Store::look_at_journal).
    pub fn journal_reports(&self) -> Vec<JournalReport> {
        let (schema, looked) = (self.schema(), self.journal().looked.load());
        let failure = self.journal().failure.load_full();
        let reports = schema.behind.iter().map(|(space, state)| {
            let found = looked.get(space);
            JournalReport {
                space: space.clone(),
                state: *state,
                rows: found.map(|(rows, _)| *rows),
                oldest_us: found.and_then(|(_, oldest_us)| *oldest_us),
                error: failure.clone(),
            }
        });
        reports.collect()
    }

    /// Looks how much waits in the journal. Every process that writes behind does so about once a
    /// second: by it is known when the journal is full.
    pub async fn look_at_journal(&self) -> Result<()> {
        let schema = self.schema();
        if schema.behind.is_empty() {
            self.journal().rows.store(0, Ordering::Relaxed);
            self.journal().looked.store(Arc::default());
            return Ok(());
        }
        let mut groups = select(&JOURNAL, &[SPACE], Filter::Const(true));
        groups.output.extend([
            Output::Aggregate(AggregateFn::Count, None),
            Output::Aggregate(AggregateFn::Min, Some(Scalar::Column(ROW_VERSION))),
        ]);
        let before = self.journal().rows.load(Ordering::Relaxed);
        let found = self.read_journal(Step::read(tree(groups))).await?;
        let none = |space: &String| (space.clone(), (0, None));
        let mut waiting: BTreeMap<_, _> = schema.behind.keys().map(none).collect();
        for row in found {
            if let [Value::Text(space), Value::Int(rows), oldest] = row.as_slice() {
                let oldest_us = match oldest {
                    Value::Int(version) => Some(ids::made_at_us(*version)),
                    _ => None,
                };
                waiting.insert(space.clone(), (rows.unsigned_abs(), oldest_us));
            }
        }
        let rows: u64 = waiting.values().map(|(rows, _)| rows).sum();
        // What has entered since it was asked is counted on.
        let entered = |known: u64| Some(rows + known.saturating_sub(before));
        let (order, failed) = (Ordering::Relaxed, Ordering::Relaxed);
        let _ = self.journal().rows.fetch_update(order, failed, entered);
        self.journal().looked.store(Arc::new(waiting));
        Ok(())
    }

    /// Another process applies the journal: what failed here is no news any more.
    pub fn leave_journal(&self) {
        self.journal().failure.store(None);
    }
}
