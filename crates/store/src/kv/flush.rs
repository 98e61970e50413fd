//! What the journal holds is applied to the values, in order, and spaces are written behind or not.
//!
//! Rows are looked at without holding anybody up, then applied in writes of few rows: of each key
//! the newest counts. Rows that somebody has settled meanwhile are not there any more, and what has
//! entered since stays for the next time. So several may flush at once, and none applies anything
//! twice or out of order.

use super::journal::{
    AT, JOURNAL, ROW_CONTENT_TYPE, ROW_EXPIRES_AT, ROW_SIZE, ROW_VALUE, ROW_VERSION, remove,
};
use super::relation::{KEY, SPACE};
use super::{Entry, KV, Key, check_name, delete, entry_of, put_rows};
use crate::catalog::{news, schema_record, version_record};
use crate::error::StoreError;
use crate::operation::{Operation, Reach};
use crate::relation::{equals, rows_of, select, tree};
use crate::session::{Consistency, Result, Session};
use crate::store::Store;
use pando_model::engine::{SchemaChange, Step};
use pando_model::error::EngineError;
use pando_model::plan::{Filter, Row};
use pando_model::schema::{Behind, Schema};
use pando_model::value::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Rows that go in one write: about a millisecond's work.
const BATCH: usize = 200;
/// Bytes of values that do.
const BATCH_BYTES: u64 = 4 << 20;
/// How often the schema is changed anew where somebody else was quicker.
const TRIES_MAX: usize = 16;

/// What was applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flushed {
    /// Rows that left the journal.
    pub rows: u64,
    /// Values that were stored or removed for them.
    pub values: u64,
}

impl Store {
    /// Has these spaces of key-values, and no others, written behind from now on, for all
    /// processes. One that is not any more [ends](Store::tend_journal) once the journal holds
    /// nothing of it.
    pub async fn write_behind(&self, spaces: &BTreeSet<String>) -> Result<()> {
        spaces
            .iter()
            .try_for_each(|space| check_name("space", space))?;
        self.change_behind(|behind| {
            for space in spaces {
                behind.insert(space.clone(), Behind::On);
            }
            for (space, state) in behind.iter_mut() {
                if !spaces.contains(space) {
                    *state = Behind::Ending;
                }
            }
        })
        .await
    }

    /// Applies what the journal holds, and ends what is to end. Of several processes one does so,
    /// again and again; two at once do no harm. What fails is [reported](Store::journal_reports),
    /// and keeps it neither from looking how much waits nor from ending what has nothing left.
    pub async fn tend_journal(&self) -> Result<Flushed> {
        let (mut flushed, mut ended) = (Ok(Flushed::default()), Ok(()));
        if !self.schema().behind.is_empty() {
            flushed = self.flush_journal().await;
            ended = self.end_write_behind().await;
        }
        let looked = self.look_at_journal().await;
        let done = ended.and(looked);
        let done = flushed.and_then(|flushed| done.map(|()| flushed));
        self.journal().tended(done.as_ref().err());
        done
    }

    /// Applies all that the journal held when it began. Dropping it between two writes loses
    /// nothing.
    pub async fn flush_journal(&self) -> Result<Flushed> {
        let mut flushed = Flushed::default();
        let mut behind = None;
        loop {
            let page = self.fetch_journal(behind.as_ref()).await?;
            let whole = page.len();
            let is_last = whole < BATCH;
            let batch = fitting(page);
            let Some(last) = batch.last().cloned() else {
                return Ok(flushed);
            };
            let is_all = is_last && batch.len() == whole;
            let applied = self.apply_journal(batch).await?;
            flushed.rows += applied.rows;
            flushed.values += applied.values;
            if is_all {
                return Ok(flushed);
            }
            behind = Some(last);
            tokio::task::yield_now().await;
        }
    }

    /// The keys of the journal's rows behind one, and how large their values are.
    async fn fetch_journal(&self, behind: Option<&Row>) -> Result<Vec<Row>> {
        let filter = match behind {
            Some(row) => Filter::After {
                columns: JOURNAL.primary_key.columns.clone(),
                values: key_of(row),
            },
            None => Filter::Const(true),
        };
        let columns = [SPACE, KEY, AT, ROW_VERSION, ROW_SIZE];
        let mut page = select(&JOURNAL, &columns, filter);
        page.limit = Some(BATCH as u64);
        self.read_journal(Step::read(tree(page))).await
    }

    /// Rows of the journal as its owner has them.
    pub(super) async fn read_journal(&self, read: Step) -> Result<Vec<Row>> {
        let read = Operation::reading(Reach::Many, vec![read], |outcomes| {
            let rows = outcomes.into_iter().next().and_then(|read| read.rows);
            Ok(rows.map(|set| set.rows).unwrap_or_default())
        });
        let owners = Session {
            consistency: Consistency::Strong,
            ..Session::default()
        };
        Ok(self.answer(&read, &owners).await?.0)
    }

    /// Applies rows in one write: those of them that are still there.
    async fn apply_journal(&self, batch: Vec<Row>) -> Result<Flushed> {
        let keys = Filter::Keys {
            columns: JOURNAL.primary_key.columns.clone(),
            keys: batch.iter().map(key_of).collect(),
        };
        let columns = [
            SPACE,
            KEY,
            AT,
            ROW_VERSION,
            ROW_VALUE,
            ROW_CONTENT_TYPE,
            ROW_EXPIRES_AT,
        ];
        let read = Step::read(tree(select(&JOURNAL, &columns, keys)));
        let decide = Step::decide(|outcomes| {
            Ok(outcomes
                .first()
                .map(|read| applying(rows_of(read)))
                .unwrap_or_default())
        });
        let write = Operation::writing(Reach::Many, vec![read, decide], |outcomes| {
            let rows = outcomes.first().map_or(&[][..], rows_of);
            let counts = [rows.len() as u64, newest_of(rows).len() as u64];
            Ok(counts.map(u64::to_le_bytes).concat())
        });
        let write = write.unasked();
        let done = self.carry_out(&write, None, &Session::default()).await?;
        let mut counts = done.answer.chunks_exact(8).map(|count| {
            let count = count.first_chunk().copied().unwrap_or_default();
            u64::from_le_bytes(count)
        });
        let mut next = || counts.next().unwrap_or_default();
        Ok(Flushed {
            rows: next(),
            values: next(),
        })
    }

    /// Spaces that are ending, and of which the journal holds nothing, are written as others are.
    async fn end_write_behind(&self) -> Result<()> {
        let schema = self.schema();
        let mut ended = BTreeSet::new();
        let ending = schema.behind.iter();
        for (space, _) in ending.filter(|(_, state)| **state == Behind::Ending) {
            // Nothing enters any more under this schema, or a later one.
            let of_space = equals(SPACE, Value::Text(space.clone()));
            let mut any = select(&JOURNAL, &[SPACE], of_space);
            any.limit = Some(1);
            if self.read_journal(Step::read(tree(any))).await?.is_empty() {
                ended.insert(space.clone());
            }
        }
        if ended.is_empty() {
            return Ok(());
        }
        let version = schema.version;
        let still = |behind: &mut BTreeMap<String, Behind>| {
            behind.retain(|space, state| *state == Behind::On || !ended.contains(space));
        };
        match self.try_change_behind(&schema, still).await {
            // It may have been begun anew, and ended again: the next time looks again.
            Err(StoreError::Engine(EngineError::SchemaChanged { .. })) => {
                tracing::debug!(version, "the schema changed meanwhile");
                self.reload_schema().await.map(drop)
            }
            done => done,
        }
    }

    /// Changes which spaces are written behind, if that is a change.
    async fn change_behind(&self, change: impl Fn(&mut BTreeMap<String, Behind>)) -> Result<()> {
        for _ in 1..TRIES_MAX {
            let schema = self.reload_schema().await?;
            match self.try_change_behind(&schema, &change).await {
                Err(StoreError::Engine(EngineError::SchemaChanged { .. })) => {}
                done => return done,
            }
        }
        let schema = self.reload_schema().await?;
        self.try_change_behind(&schema, &change).await
    }

    async fn try_change_behind(
        &self,
        schema: &Arc<Schema>,
        change: impl Fn(&mut BTreeMap<String, Behind>),
    ) -> Result<()> {
        let mut next = Schema::clone(schema);
        change(&mut next.behind);
        if next.behind == schema.behind {
            return Ok(());
        }
        next.version += 1;
        let now = Value::Timestamp(self.clock().now_us());
        let change = SchemaChange {
            from_version: schema.version,
            to_version: next.version,
            steps: Vec::new(),
            record: vec![schema_record(&next, now)?, version_record(&next), news()?],
        };
        self.engine().apply(change).await?;
        let spaces = next.behind.iter();
        let spaces: Vec<String> = spaces
            .map(|(space, state)| format!("{space}: {state:?}"))
            .collect();
        tracing::info!(?spaces, "which spaces are written behind has changed");
        self.adopt_schema(Arc::new(next));
        Ok(())
    }
}

/// As many of the first rows as one write takes; one at least.
fn fitting(mut page: Vec<Row>) -> Vec<Row> {
    let mut bytes = 0;
    let fit = page.iter().take_while(|row| {
        let is_first = bytes == 0;
        if let Some(Value::Int(size)) = row.last() {
            bytes += size.unsigned_abs();
        }
        bytes = bytes.max(1);
        is_first || bytes <= BATCH_BYTES
    });
    let count = fit.count();
    page.truncate(count);
    page
}

/// The primary key of a row that begins with it.
fn key_of(row: &Row) -> Row {
    row[..JOURNAL.primary_key.columns.len()].to_vec()
}

/// The newest row of each key; rows are in the order of the journal.
fn newest_of(rows: &[Row]) -> BTreeMap<(&str, &str), &Row> {
    let mut newest = BTreeMap::new();
    for row in rows {
        if let [Value::Text(space), Value::Text(key), ..] = row.as_slice() {
            newest.insert((space.as_str(), key.as_str()), row);
        }
    }
    newest
}

/// What makes rows of the journal values.
fn applying(rows: &[Row]) -> Vec<Step> {
    if rows.is_empty() {
        return Vec::new();
    }
    let (mut stored, mut removed) = (Vec::new(), Vec::new());
    for ((space, key), row) in newest_of(rows) {
        let key = Key {
            space: space.to_owned(),
            key: key.to_owned(),
        };
        match read_entry(row) {
            Some(entry) => stored.push(key.row(entry)),
            None => removed.push(vec![Value::Text(key.space), Value::Text(key.key)]),
        }
    }
    let mut steps = Vec::new();
    if !stored.is_empty() {
        steps.push(put_rows(stored));
    }
    if !removed.is_empty() {
        steps.push(delete(Filter::Keys {
            columns: KV.primary_key.columns.clone(),
            keys: removed,
        }));
    }
    steps.push(remove(Filter::Keys {
        columns: JOURNAL.primary_key.columns.clone(),
        keys: rows.iter().map(key_of).collect(),
    }));
    steps
}

fn read_entry(row: &Row) -> Option<Entry> {
    let [_, _, _, version, value, content_type, expiry] = row.as_slice() else {
        return None;
    };
    let row = [value, content_type, version, expiry];
    entry_of(row.into_iter().cloned().collect())
}
