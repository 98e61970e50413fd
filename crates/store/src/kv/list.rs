//! The keys of a space, in the order of their bytes.

use super::journal::{
    JOURNAL, ROW_CONTENT_TYPE, ROW_EXPIRES_AT, ROW_SIZE, ROW_VERSION, is_not_in_journal,
};
use super::relation::{CONTENT_TYPE, EXPIRES_AT, KEY, SIZE, SPACE, VERSION};
use super::{KV, cacheable, check_name, timestamp};
use crate::operation::{Operation, Reach};
use crate::relation::{alive, compare, equals, select, tree};
use crate::store::Store;
use pando_model::engine::{Outcome, Step};
use pando_model::error::Refusal;
use pando_model::plan::{Comparison, Filter, Row};
use pando_model::value::Value;
use std::collections::BTreeMap;

/// Which keys are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyRange {
    /// They begin like this.
    pub prefix: String,
    /// At most so many; `max_rows` at most.
    pub limit: Option<u64>,
    /// What the page before gave: go on behind it.
    pub cursor: Option<String>,
}

/// A page of keys.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyList {
    /// The keys.
    pub keys: Vec<KeyInfo>,
    /// Where the next page begins, where there is one.
    pub cursor: Option<String>,
    /// Whether `max_rows` cut it.
    pub truncated: bool,
}

/// A key and what is known of its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyInfo {
    /// The key.
    pub key: String,
    /// Bytes of its value.
    pub size: u64,
    /// What they were sent as.
    pub content_type: String,
    /// Its version.
    pub version: i64,
    /// When it runs out: microseconds since 1970.
    pub expires_at_us: Option<i64>,
}

impl Store {
    /// Lists the keys of a space.
    pub fn kv_list(&self, space: &str, range: &KeyRange) -> Result<KeyListing, Refusal> {
        check_name("space", space)?;
        let behind = match &range.cursor {
            Some(cursor) => Some(self.open_list_cursor("kv", space, cursor)?),
            None => None,
        };
        let max_rows = self.config().max_rows;
        let most = range.limit.unwrap_or(max_rows).min(max_rows);
        let capped = range.limit.is_none_or(|limit| limit > max_rows);
        let columns = [KEY, SIZE, CONTENT_TYPE, VERSION, EXPIRES_AT];
        let mut conditions = vec![equals(SPACE, Value::Text(space.to_owned()))];
        conditions.extend(begins_with(&range.prefix));
        if let Some(behind) = behind {
            conditions.push(compare(KEY, Comparison::Gt, Value::Text(behind)));
        }
        let schema = self.schema();
        let journal = schema.behind.contains_key(space).then(|| {
            let range = Filter::And(conditions.clone());
            conditions.push(is_not_in_journal());
            read_journal(range)
        });
        let now_us = self.clock().now_us();
        conditions.push(alive(EXPIRES_AT, now_us));
        let mut page = select(&KV, &columns, Filter::And(conditions));
        // One more than is listed tells whether there is another page.
        page.limit = Some(most.saturating_add(1));
        let seal = self.list_cursors("kv", space);
        let steps = [Step::read(tree(page))].into_iter().chain(journal);
        let list = Operation::reading(Reach::Many, steps.collect(), move |outcomes| {
            let all = merged(outcomes, now_us);
            let more = all.len() as u64 > most;
            let kept = usize::try_from(most).unwrap_or(usize::MAX);
            let keys: Vec<_> = all.into_iter().take(kept).collect();
            let cursor = keys.last().filter(|_| more).map(|last| seal(&last.key));
            Ok(KeyList {
                keys,
                cursor,
                truncated: more && capped,
            })
        });
        let list = list.cached_as(cacheable(space, now_us, columns.len() - 1));
        Ok(list.planned_for(schema.version))
    }
}

/// What the journal has in a range, oldest first: as the values are listed, with a size of NULL
/// where one was removed. It is no more than the journal holds.
fn read_journal(range: Filter) -> Step {
    let columns = [KEY, ROW_SIZE, ROW_CONTENT_TYPE, ROW_VERSION, ROW_EXPIRES_AT];
    Step::read(tree(select(&JOURNAL, &columns, range)))
}

/// The keys that are there, in order: of those that the journal says nothing of, and of its own,
/// each as its newest row has it.
fn merged(outcomes: Vec<Outcome>, now_us: i64) -> Vec<KeyInfo> {
    let mut reads = outcomes.into_iter().map(|read| {
        let rows = read.rows.map(|set| set.rows);
        rows.unwrap_or_default()
    });
    let (kept, journal) = (reads.next(), reads.next());
    let mut all: Vec<KeyInfo> = kept.into_iter().flatten().filter_map(info_of).collect();
    let Some(journal) = journal else {
        return all;
    };
    let mut newest = BTreeMap::new();
    for row in journal {
        if let Some(Value::Text(key)) = row.first() {
            newest.insert(key.clone(), row);
        }
    }
    let is_alive = |info: &KeyInfo| info.expires_at_us.is_none_or(|at| at > now_us);
    all.extend(newest.into_values().filter_map(info_of).filter(is_alive));
    all.sort_by(|one, other| one.key.cmp(&other.key));
    all
}

/// The listing of a space's keys.
pub type KeyListing = Operation<KeyList>;

/// The range of texts that begin with a prefix: from it on, and before its successor in the
/// order of bytes, where it has one.
fn begins_with(prefix: &str) -> Vec<Filter> {
    if prefix.is_empty() {
        return Vec::new();
    }
    let mut range = vec![compare(KEY, Comparison::Ge, Value::Text(prefix.to_owned()))];
    if let Some(after) = successor(prefix) {
        range.push(compare(KEY, Comparison::Lt, Value::Text(after)));
    }
    range
}

/// The first text behind all that begin with `prefix`: its last character raised by one, or
/// the one before it where there is nothing above.
fn successor(prefix: &str) -> Option<String> {
    let mut kept: Vec<char> = prefix.chars().collect();
    while let Some(last) = kept.pop() {
        // Between them lie the surrogates, which are no characters.
        let next = match last {
            '\u{D7FF}' => Some('\u{E000}'),
            other => char::from_u32(u32::from(other) + 1),
        };
        if let Some(next) = next {
            kept.push(next);
            return Some(kept.into_iter().collect());
        }
    }
    None
}

fn info_of(row: Row) -> Option<KeyInfo> {
    let [key, size, content_type, version, expiry] = <[Value; 5]>::try_from(row).ok()?;
    let (Value::Text(key), Value::Int(size), Value::Text(content_type), Value::Int(version)) =
        (key, size, content_type, version)
    else {
        return None;
    };
    Some(KeyInfo {
        key,
        size: size.unsigned_abs(),
        content_type,
        version,
        expires_at_us: timestamp(&expiry),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_begins_with_a_prefix_lies_before_its_successor(prefix in ".{1,4}", rest in ".{0,4}", other in ".{0,5}") {
            let Some(after) = successor(&prefix) else {
                return Ok(());
            };
            let longer = format!("{prefix}{rest}");
            prop_assert!(prefix <= longer && longer < after);
            let inside = prefix <= other && other < after;
            prop_assert_eq!(inside, other.starts_with(&prefix));
        }
    }

    #[test]
    fn a_successor_skips_what_is_no_character() {
        for (prefix, after) in [
            ("a", Some("b")),
            ("a\u{10FFFF}", Some("b")),
            ("\u{D7FF}", Some("\u{E000}")),
            ("\u{10FFFF}", None),
        ] {
            assert_eq!(successor(prefix).as_deref(), after, "{prefix:?}");
        }
    }
}
