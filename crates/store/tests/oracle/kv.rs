//! Key-values drawn.

use crate::draw::{Cursor, Draw, KEPT, When};
use crate::event;
use crate::side::Side;
use bytes::Bytes;
use pando_store::error::StoreError;
use pando_store::kv::{Key, KeyRange, NewEntry};
use pando_store::operation::Operation;
use std::time::Duration;

/// Keys that lie close to each other, and where orders, patterns and encodings could differ.
const KEYS: [&str; 16] = [
    "a",
    "aa",
    "a/b",
    "a\u{7f}",
    "A",
    "B",
    "b",
    "%",
    "_",
    "'",
    " ",
    "é",
    "e\u{301}",
    "가",
    "\u{d7ff}x",
    "\u{10ffff}",
];
const SPACES: [&str; 3] = ["s", "S", "s\u{1}"];
const PREFIXES: [&str; 8] = ["", "a", "a/", "e", "\u{d7ff}", "\u{10ffff}", "%", "zz"];
const VALUES: [&[u8]; 12] = [
    b"",
    b"\0\xff",
    b"7",
    b"-3",
    b"+7",
    b"007",
    b" 7",
    b"7.0",
    b"9223372036854775807",
    b"-9223372036854775808",
    b"9223372036854775808",
    "가".as_bytes(),
];

#[derive(Clone, Debug)]
pub enum Verb {
    Get(&'static str, String),
    Put(&'static str, String, &'static [u8], Option<Duration>, When),
    PutAll(&'static str, Vec<&'static str>, Option<Duration>),
    Delete(&'static str, String, When),
    /// As a batch does it.
    DeleteTold(&'static str, String, When),
    Incr(&'static str, String, i64, Option<Duration>, When),
    /// A page; its cursor is kept in a place.
    List(&'static str, String, Option<u64>, Cursor, usize),
}

impl Draw {
    pub fn kv(&mut self) -> Verb {
        let space = SPACES[self.weighed(&[8, 1, 1])];
        match self.weighed(&[20, 30, 4, 12, 20, 20, 6]) {
            0 => Verb::Get(space, self.key()),
            1 => Verb::Put(
                space,
                self.key(),
                self.one(&VALUES),
                self.ttl(),
                self.when(),
            ),
            2 => Verb::PutAll(space, self.some(&KEYS), self.ttl()),
            3 => Verb::Delete(space, self.key(), self.when()),
            4 => {
                let by = self.one(&[1, 1, -1, 40, 0, i64::MAX, i64::MIN]);
                Verb::Incr(space, self.key(), by, self.ttl(), self.when())
            }
            5 => {
                let prefix = self.one(&PREFIXES).to_owned();
                Verb::List(space, prefix, self.limit(), self.cursor(), self.below(KEPT))
            }
            _ => Verb::DeleteTold(space, self.key(), self.when()),
        }
    }

    fn key(&mut self) -> String {
        match self.below(60) {
            0 => String::new(),
            1 => "a\0".to_owned(),
            2 => "k".repeat(1_024),
            3 => "k".repeat(1_025),
            _ => self.one(&KEYS).to_owned(),
        }
    }
}

impl event::Verb {
    /// Asks for all that is there, in every model.
    pub fn whole() -> Vec<event::Verb> {
        let spaces = SPACES
            .iter()
            .flat_map(|space| KEYS.map(|key| event::Verb::Kv(Verb::Get(space, key.to_owned()))));
        spaces
            .chain(crate::docs::whole())
            .chain(crate::wide::whole())
            .chain(crate::tables::whole())
            .collect()
    }
}

/// The space that is written behind, where one is.
pub const BEHIND: &str = SPACES[0];

impl Verb {
    pub async fn planned(&self, side: &Side) -> Result<Operation<String>, StoreError> {
        let (store, notes) = (&side.store, side.notes());
        let named = |space: &str, key: &str| format!("kv {space} {key}");
        Ok(match self {
            Verb::Get(space, key) => {
                let name = named(space, key);
                store.kv_get(&Key::new(space, key)?).map(move |found| {
                    if let Some(entry) = &found {
                        notes.version(&name, entry.version);
                    }
                    Ok(format!("{found:?}"))
                })
            }
            Verb::Put(space, key, value, ttl, when) => {
                let (name, key) = (named(space, key), Key::new(space, key)?);
                put(side, name, key, value, *ttl, *when).await?
            }
            Verb::PutAll(space, keys, ttl) => {
                let expires_at_us = store.expires_at(*ttl)?;
                let entry = |(place, key): (usize, &&'static str)| {
                    Ok(NewEntry {
                        key: Key::new(space, key)?,
                        value: Bytes::from_static(VALUES[place % VALUES.len()]),
                        content_type: "application/json".into(),
                        expires_at_us,
                    })
                };
                let entries: Result<_, StoreError> = keys.iter().enumerate().map(entry).collect();
                in_words(store.kv_put_all(space, entries?).await?)
            }
            Verb::Delete(space, key, when) => {
                let (key, name) = (Key::new(space, key)?, named(space, key));
                if !side.tells_less(space, *when) {
                    let when = side.precondition(*when, &name);
                    return Ok(in_words(store.kv_delete(&key, when).await?));
                }
                if !side.is_behind {
                    // A removal that is journaled has a version, and both are to make the same.
                    store.ids().reserve(1).await?;
                }
                let delete = store.kv_delete(&key, Default::default()).await?;
                delete.map(|_| Ok("gone".to_owned()))
            }
            Verb::DeleteTold(space, key, when) => {
                let when = side.precondition(*when, &named(space, key));
                in_words(store.kv_delete_told(&Key::new(space, key)?, when))
            }
            Verb::Incr(space, key, by, ttl, when) => {
                let when = side.precondition(*when, &named(space, key));
                let key = Key::new(space, key)?;
                in_words(store.kv_incr(&key, *by, *ttl, when).await?)
            }
            Verb::List(space, prefix, limit, cursor, keep) => {
                let range = KeyRange {
                    prefix: prefix.clone(),
                    limit: *limit,
                    cursor: side.cursor(*cursor),
                };
                let keep = *keep;
                store.kv_list(space, &range)?.map(move |page| {
                    let more = notes.cursor(keep, page.cursor);
                    Ok(format!(
                        "{:?} {more}, truncated {}",
                        page.keys, page.truncated
                    ))
                })
            }
        })
    }
}

/// A value is stored; the answer is what the write tells where it is not written behind.
async fn put(
    side: &Side,
    name: String,
    key: Key,
    value: &'static [u8],
    ttl: Option<Duration>,
    when: When,
) -> Result<Operation<String>, StoreError> {
    let notes = side.notes();
    let told_less = side.tells_less(key.space(), when);
    let (value, when) = (Bytes::from_static(value), side.precondition(when, &name));
    let put = side
        .store
        .kv_put(&key, value, "text/plain".into(), ttl, when);
    Ok(put.await?.map(move |stored| {
        notes.version(&name, stored.version);
        Ok(match told_less {
            true => format!("version {}", stored.version),
            false => format!("{stored:?}"),
        })
    }))
}

/// The answer as it is.
pub fn in_words<T: std::fmt::Debug + 'static>(operation: Operation<T>) -> Operation<String> {
    operation.map(|answer| Ok(format!("{answer:?}")))
}
