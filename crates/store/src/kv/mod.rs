//! Key-value: bytes under keys, in spaces that come to be when they are first written.
//!
//! A value that has run out is not there for anyone from that microsecond on, by the store's
//! clock, whether it was swept away yet or not ([`crate::expiry`]). Versions are ids of
//! Pando's: no two values under a key ever have the same, one that was deleted between
//! included.

mod bulk;
mod counter;
mod flush;
mod journal;
mod list;
mod relation;
mod waiting;

pub use bulk::NewEntry;
pub use counter::Counted;
pub use flush::Flushed;
pub(crate) use journal::JOURNAL;
pub use list::{KeyInfo, KeyList, KeyRange};
pub(crate) use relation::{EXPIRES_AT, KV};
pub(crate) use waiting::Journal;
pub use waiting::JournalReport;

use crate::operation::{Operation, Reach};
use crate::precondition::Precondition;
use crate::refused;
use crate::relation::{alive, equals, rows_of, select, tree};
use crate::session::Result;
use crate::store::Store;
use bytes::Bytes;
use journal::{Way, read_newest, settled};
use pando_model::canonical;
use pando_model::column::ColumnType;
use pando_model::engine::{Cacheable, Expiry, Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::{Change, Conflict, Delete, Filter, Insert, Row};
use pando_model::slot::Slot;
use pando_model::value::Value;
use relation::{CONTENT_TYPE, KEY, SIZE, SPACE, VALUE, VERSION};
use std::sync::Arc;
use std::time::Duration;

/// Bytes of a key at most.
pub const KEY_BYTES_MAX: usize = 1024;
/// Bytes of a space's, a collection's, a table's or a graph's name at most.
pub const NAME_BYTES_MAX: usize = 255;
/// A key in a space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    space: String,
    key: String,
}

/// A value and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The bytes.
    pub value: Bytes,
    /// What they were sent as.
    pub content_type: String,
    /// Its version.
    pub version: i64,
    /// When it runs out: microseconds since 1970.
    pub expires_at_us: Option<i64>,
}

/// What a write left there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Whether nothing was there before.
    pub created: bool,
    /// Its version.
    pub version: i64,
}

impl Key {
    /// A key, checked.
    pub fn new(space: &str, key: &str) -> std::result::Result<Key, Refusal> {
        check_name("space", space)?;
        if key.is_empty() || key.len() > KEY_BYTES_MAX {
            let message = format!("a key has 1 to {KEY_BYTES_MAX} bytes, not {}", key.len());
            return Err(refused::malformed(message));
        }
        refuse_nul("key", key)?;
        Ok(Key {
            space: space.to_owned(),
            key: key.to_owned(),
        })
    }

    /// The space.
    pub fn space(&self) -> &str {
        &self.space
    }

    /// The key within its space.
    pub fn key(&self) -> &str {
        &self.key
    }

    fn reach(&self) -> Reach {
        let key = Value::Text(self.key.clone());
        Reach::Slot(Slot::of_key(&canonical::bytes_of(&[(
            &ColumnType::Text,
            &key,
        )])))
    }

    fn filter(&self) -> Filter {
        Filter::And(self.filters())
    }

    fn filters(&self) -> Vec<Filter> {
        vec![
            equals(SPACE, Value::Text(self.space.clone())),
            equals(KEY, Value::Text(self.key.clone())),
        ]
    }

    fn row(&self, entry: Entry) -> Row {
        let size = i64::try_from(entry.value.len()).unwrap_or(i64::MAX);
        let mut row = vec![Value::Null; KV.columns.len()];
        row[SPACE] = Value::Text(self.space.clone());
        row[KEY] = Value::Text(self.key.clone());
        row[VALUE] = Value::Bytes(entry.value.into());
        row[CONTENT_TYPE] = Value::Text(entry.content_type);
        row[SIZE] = Value::Int(size);
        row[VERSION] = Value::Int(entry.version);
        row[EXPIRES_AT] = entry.expires_at_us.map_or(Value::Null, Value::Timestamp);
        row
    }
}

/// Refuses what cannot be the name of a space, a collection, a table or a graph.
pub fn check_name(what: &str, name: &str) -> std::result::Result<(), Refusal> {
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        let message = format!(
            "the name of a {what} has 1 to {NAME_BYTES_MAX} bytes, not {}",
            name.len()
        );
        return Err(refused::malformed(message));
    }
    refuse_nul(what, name)
}

fn refuse_nul(what: &str, text: &str) -> std::result::Result<(), Refusal> {
    if text.contains('\0') {
        return Err(refused::malformed(format!("a {what} holds no U+0000")));
    }
    Ok(())
}

impl Store {
    /// Reads a value; `None` where there is none.
    pub fn kv_get(&self, key: &Key) -> Operation<Option<Entry>> {
        let now_us = self.clock().now_us();
        let mut filters = key.filters();
        filters.push(alive(EXPIRES_AT, now_us));
        let columns = [VALUE, CONTENT_TYPE, VERSION, EXPIRES_AT];
        let mut steps = vec![Step::read(tree(select(
            &KV,
            &columns,
            Filter::And(filters),
        )))];
        let schema = self.schema();
        if schema.behind.contains_key(&key.space) {
            steps.push(read_newest(key));
        }
        let get = Operation::reading(key.reach(), steps, move |outcomes| {
            Ok(journal::found(outcomes, now_us))
        });
        get.cached_as(cacheable(&key.space, now_us, columns.len() - 1))
            .planned_for(schema.version)
    }

    /// Stores a value; one without a time to live stays. One that enters the journal does not look,
    /// and is not `created`: [`Store::kv_put_told`] tells.
    pub async fn kv_put(
        &self,
        key: &Key,
        value: Bytes,
        content_type: String,
        ttl: Option<Duration>,
        precondition: Precondition,
    ) -> Result<Operation<Stored>> {
        let (way, schema_version) = self.way_of(&key.space);
        if way == Way::Journal && precondition.is_empty() {
            let version = self.new_version().await?;
            let expires_at_us = expiry(self.clock().now_us(), ttl)?;
            let entry = Some((value, content_type, expires_at_us));
            let put = self.journaled(key, version, entry);
            return Ok(put.planned_for(schema_version));
        }
        self.kv_put_told(key, value, content_type, ttl, precondition)
            .await
    }

    /// Stores a value at once, behind what waits of it.
    pub async fn kv_put_told(
        &self,
        key: &Key,
        value: Bytes,
        content_type: String,
        ttl: Option<Duration>,
        precondition: Precondition,
    ) -> Result<Operation<Stored>> {
        let now_us = self.clock().now_us();
        let version = self.new_version().await?;
        let expires_at_us = expiry(now_us, ttl)?;
        let (way, schema_version) = self.way_of(&key.space);
        let row = key.row(Entry {
            value,
            content_type,
            version,
            expires_at_us,
        });
        let put = put(row);
        let decide = Step::decide(move |outcomes| {
            precondition.check(current(outcomes, now_us).map(|found| found.version))?;
            Ok(vec![put.clone()])
        });
        let steps = vec![read_state(key), decide];
        let put = Operation::writing(key.reach(), steps, move |outcomes| {
            let created = current(&outcomes, now_us).is_none();
            Ok(Stored { created, version })
        });
        let put = put.laying_down(&self.kv_get(key));
        Ok(after_journal(put, key, way).planned_for(schema_version))
    }

    /// Removes a value; `false` where there was none. A removal that enters the journal does not
    /// look, and is `true`: [`Store::kv_delete_told`] does.
    pub async fn kv_delete(
        &self,
        key: &Key,
        precondition: Precondition,
    ) -> Result<Operation<bool>> {
        let (way, schema_version) = self.way_of(&key.space);
        if way == Way::Journal && precondition.is_empty() {
            let version = self.new_version().await?;
            let delete = self.journaled(key, version, None);
            return Ok(delete.map(|_| Ok(true)).planned_for(schema_version));
        }
        Ok(self.kv_delete_told(key, precondition))
    }

    /// Removes a value at once, behind what waits of it; `false` where there was none.
    pub fn kv_delete_told(&self, key: &Key, precondition: Precondition) -> Operation<bool> {
        let now_us = self.clock().now_us();
        let (way, schema_version) = self.way_of(&key.space);
        let delete = delete(key.filter());
        let decide = Step::decide(move |outcomes| {
            precondition.check(current(outcomes, now_us).map(|found| found.version))?;
            Ok(vec![delete.clone()])
        });
        let steps = vec![read_state(key), decide];
        let delete = Operation::writing(key.reach(), steps, move |outcomes| {
            Ok(current(&outcomes, now_us).is_some())
        });
        let delete = delete.laying_down(&self.kv_get(key));
        after_journal(delete, key, way).planned_for(schema_version)
    }

    /// A version that nothing had before.
    pub(crate) async fn new_version(&self) -> Result<i64> {
        Ok(self.ids().reserve(1).await?.first().copied().unwrap_or(0))
    }
}

/// A write that looks at what is there, of a space that may be written behind.
fn after_journal<T: 'static>(write: Operation<T>, key: &Key, way: Way) -> Operation<T> {
    match way {
        Way::Plain => write,
        Way::Settled | Way::Journal => settled(write, key),
    }
}

/// A read of a space at a time; `output` of each row says until when it is there.
fn cacheable(space: &str, now_us: i64, output: usize) -> Cacheable {
    Cacheable {
        expiry: Some(Expiry { now_us, output }),
        ..Cacheable::new(format!("kv/{space}"))
    }
}

/// What is there, of what a read or a write has to know.
struct State {
    version: i64,
    expires_at_us: Option<i64>,
}

/// Reads what a write has to know of what is there.
fn read_state(key: &Key) -> Step {
    Step::read(tree(select(&KV, &[VERSION, EXPIRES_AT], key.filter())))
}

/// What the first step has found there, unless it has run out. Its row ends with version and
/// expiry.
fn current(outcomes: &[Outcome], now_us: i64) -> Option<State> {
    let row = rows_of(outcomes.first()?).first()?;
    let [.., Value::Int(version), expiry] = row.as_slice() else {
        return None;
    };
    let expires_at_us = timestamp(expiry);
    let alive = expires_at_us.is_none_or(|at| at > now_us);
    alive.then_some(State {
        version: *version,
        expires_at_us,
    })
}

fn put(row: Row) -> Step {
    put_rows(vec![row])
}

/// Rows that take the place of what is under their keys.
fn put_rows(rows: Vec<Row>) -> Step {
    let merged = [VALUE, CONTENT_TYPE, SIZE, VERSION, EXPIRES_AT];
    Step::from(Change::Insert(Insert {
        table: Arc::clone(&KV),
        rows,
        conflict: Some(Conflict {
            target: KV.primary_key.columns.clone(),
            merge: Some(merged.to_vec()),
        }),
        returning: None,
    }))
}

fn delete(filter: Filter) -> Step {
    Step::from(Change::Delete(Delete {
        table: Arc::clone(&KV),
        filter,
        max_affected: None,
        returning: None,
    }))
}

fn entry_of(row: Row) -> Option<Entry> {
    let [value, content_type, version, expiry] = <[Value; 4]>::try_from(row).ok()?;
    let (Value::Bytes(value), Value::Text(content_type), Value::Int(version)) =
        (value, content_type, version)
    else {
        return None;
    };
    Some(Entry {
        value: value.into(),
        content_type,
        version,
        expires_at_us: timestamp(&expiry),
    })
}

fn timestamp(value: &Value) -> Option<i64> {
    match value {
        Value::Timestamp(at) => Some(*at),
        _ => None,
    }
}

/// When something that is stored now runs out.
pub(crate) fn expiry(
    now_us: i64,
    ttl: Option<Duration>,
) -> std::result::Result<Option<i64>, Refusal> {
    let Some(ttl) = ttl else {
        return Ok(None);
    };
    let at = i64::try_from(ttl.as_micros())
        .ok()
        .and_then(|ttl| now_us.checked_add(ttl))
        .filter(|at| *at < pando_model::datetime::TIMESTAMP_MAX);
    match at {
        Some(at) => Ok(Some(at)),
        None => Err(refused::malformed("the ttl ends after the year 9999")),
    }
}
