//! Documents drawn.

use crate::draw::{Cursor, Draw, KEPT, When};
use crate::event;
use crate::kv::in_words;
use crate::side::{DOCUMENT_BYTES_MAX, Side};
use pando_store::docs::{Body, Declared, Document, DocumentKey, DocumentList, Patch};
use pando_store::error::StoreError;
use pando_store::operation::Operation;
use pando_store::request::Query;

/// What is declared of the collection `c`: paths that are indexed, and that are searched.
pub const DECLARED: [(&[&str], &[&str]); 4] = [
    (&["a", "b->>c"], &["t", "a->t"]),
    (&["a->>t", "n"], &["t", "a->t"]),
    (&[], &["t"]),
    (&["t", "b->0"], &[]),
];
const COLLECTIONS: [&str; 2] = ["c", "d"];
const IDS: [&str; 10] = [
    "1",
    "10",
    "2",
    "a",
    "A",
    "é",
    "가",
    "'",
    "\u{d7ff}",
    "\u{10ffff}",
];
/// Names of members.
const MEMBERS: [&str; 8] = ["a", "b", "c", "n", "t", "t", "가", "a.b"];
const TEXTS: [&str; 8] = [
    "서울은 대한민국의 수도이다",
    "A quick brown fox, a fox",
    "the quick dog",
    "대한민국",
    "FOX",
    "",
    "3.14 foo-bar",
    "\\u0000",
];
const WORDS: [&str; 9] = [
    "fox",
    "quick fox",
    "대한민국",
    "수도",
    "민국",
    "\"brown fox\"",
    "-fox dog",
    "",
    "zebra",
];
/// Values that are easily taken for each other, and texts that are none.
const SCALARS: [&str; 22] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "0.0",
    "1",
    "1.0",
    "1e0",
    "10",
    "2",
    "0.1",
    "1e2",
    "1e400",
    "12345678901234567890",
    "-1.5e-3",
    "\"1\"",
    "\"\"",
    "\"a\"",
    "[]",
    "{}",
    "\"null\"",
];

#[derive(Clone, Debug)]
pub enum Verb {
    Get(&'static str, String),
    Put(&'static str, String, String, When),
    Post(&'static str, String),
    Patch(&'static str, String, Patch, When),
    Delete(&'static str, String, When),
    /// A page; its cursor is kept in a place.
    List(&'static str, Query, Cursor, usize),
    Search(&'static str, &'static str, Query, Cursor, usize),
}

impl Draw {
    pub fn docs(&mut self) -> Verb {
        let collection = COLLECTIONS[self.weighed(&[19, 1])];
        match self.weighed(&[10, 30, 2, 20, 6, 40, 14]) {
            0 => Verb::Get(collection, self.id()),
            1 => Verb::Put(collection, self.id(), self.object(2), self.when()),
            2 => Verb::Post(collection, self.object(2)),
            3 => Verb::Patch(collection, self.id(), self.patch(), self.when()),
            4 => Verb::Delete(collection, self.id(), self.when()),
            5 => Verb::List(collection, self.query(), self.cursor(), self.below(KEPT)),
            _ => {
                let words = self.one(&WORDS);
                let mut query = self.query();
                if self.percent(97) {
                    query.order.clear();
                }
                Verb::Search(collection, words, query, self.cursor(), self.below(KEPT))
            }
        }
    }

    fn id(&mut self) -> String {
        match self.below(80) {
            0 => String::new(),
            1 => "a\0".to_owned(),
            2 => "i".repeat(1_025),
            _ => self.one(&IDS).to_owned(),
        }
    }

    pub fn scalar(&mut self) -> &'static str {
        self.one(&SCALARS)
    }

    fn json(&mut self, depth: usize) -> String {
        match self.weighed(&[50, 15, 10 * depth, 12 * depth]) {
            0 => self.scalar().to_owned(),
            1 => format!("\"{}\"", self.text()),
            2 => {
                let items: Vec<String> = (0..self.below(4)).map(|_| self.json(depth - 1)).collect();
                format!("[{}]", items.join(","))
            }
            _ => self.object(depth - 1),
        }
    }

    /// Now and then one that is too large, names an id, or is none.
    fn object(&mut self, depth: usize) -> String {
        match self.below(150) {
            0 => return "{\"a\":".to_owned(),
            1 => return format!("{{\"a\": \"{}\"}}", "x".repeat(DOCUMENT_BYTES_MAX)),
            2 => return "{\"_id\": \"a\"}".to_owned(),
            3 => return "[1]".to_owned(),
            _ => {}
        }
        let members: Vec<String> = (0..self.below(6))
            .map(|_| {
                let name = self.one(&MEMBERS);
                match name {
                    "t" => format!("\"t\": \"{}\"", self.text()),
                    name => format!("\"{name}\": {}", self.json(depth)),
                }
            })
            .collect();
        format!("{{{}}}", members.join(", "))
    }

    fn text(&mut self) -> &'static str {
        TEXTS[self.weighed(&[8, 8, 8, 8, 8, 8, 8, 1])]
    }

    fn patch(&mut self) -> Patch {
        if self.percent(45) {
            let changes = if self.percent(95) {
                self.object(2)
            } else {
                self.json(1)
            };
            return Patch::Merge(changes);
        }
        let operations: Vec<String> = (0..self.weighed(&[1, 9, 4, 2]))
            .map(|_| {
                let [path, from] = [self.pointer(), self.pointer()];
                let op = self.one(&[
                    "add", "add", "add", "add", "remove", "replace", "move", "copy", "test",
                ]);
                let value = self.json(1);
                let from = format!("\"from\": \"{from}\"");
                let value = format!("\"value\": {value}");
                let argument = if matches!(op, "move" | "copy") {
                    from
                } else {
                    value
                };
                format!("{{\"op\": \"{op}\", \"path\": \"{path}\", {argument}}}")
            })
            .collect();
        Patch::Json(format!("[{}]", operations.join(", ")))
    }

    fn pointer(&mut self) -> String {
        let steps = self.weighed(&[1, 20, 8, 2]);
        let of = ["a", "b", "c", "t", "0", "-", "1", "가", "~1", "~", "_id"];
        (0..steps)
            .map(|_| format!("/{}", of[self.weighed(&[9, 9, 9, 9, 5, 5, 2, 2, 1, 1, 1])]))
            .collect()
    }
}

pub fn declared(place: usize) -> Declared {
    let owned = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    let (indexes, search) = DECLARED[place];
    Declared::read(&owned(indexes), &owned(search)).unwrap()
}

/// Every document.
pub fn whole() -> Vec<event::Verb> {
    let ids = COLLECTIONS
        .iter()
        .flat_map(|collection| IDS.map(|id| (*collection, id)));
    ids.map(|(collection, id)| event::Verb::Docs(Box::new(Verb::Get(collection, id.to_owned()))))
        .collect()
}

impl Verb {
    pub async fn planned(&self, side: &Side) -> Result<Operation<String>, StoreError> {
        let (store, notes) = (&side.store, side.notes());
        let named = |collection: &str, id: &str| format!("docs {collection} {id}");
        let noted = {
            let notes = notes.clone();
            move |name: String, document: &Document| notes.version(&name, document.version)
        };
        Ok(match self {
            Verb::Get(collection, id) => {
                let name = named(collection, id);
                let get = store.docs_get(&DocumentKey::new(collection, id)?);
                get.map(move |found| {
                    found.iter().for_each(|found| noted(name.clone(), found));
                    Ok(format!("{found:?}"))
                })
            }
            Verb::Put(collection, id, body, when) => {
                let name = named(collection, id);
                let when = side.precondition(*when, &name);
                let key = DocumentKey::new(collection, id)?;
                let body = Body::read(body, Some(id), DOCUMENT_BYTES_MAX)?;
                store.docs_put(&key, body, when).await?.map(move |stored| {
                    notes.version(&name, stored.version);
                    Ok(format!("{stored:?}"))
                })
            }
            Verb::Post(collection, body) => {
                let body = Body::read(body, None, DOCUMENT_BYTES_MAX)?;
                in_words(store.docs_post(collection, body).await?)
            }
            Verb::Patch(collection, id, patch, when) => {
                let name = named(collection, id);
                let when = side.precondition(*when, &name);
                let key = DocumentKey::new(collection, id)?;
                let patched = store.docs_patch(&key, patch.clone(), when).await?;
                patched.map(move |found| {
                    noted(name.clone(), &found);
                    Ok(format!("{found:?}"))
                })
            }
            Verb::Delete(collection, id, when) => {
                let when = side.precondition(*when, &named(collection, id));
                in_words(store.docs_delete(&DocumentKey::new(collection, id)?, when))
            }
            Verb::List(collection, query, cursor, keep) => {
                let query = paged(side, query, *cursor);
                listed(side, store.docs_list(collection, &query)?, *keep)
            }
            Verb::Search(collection, words, query, cursor, keep) => {
                let query = paged(side, query, *cursor);
                listed(side, store.docs_search(collection, words, &query)?, *keep)
            }
        })
    }
}

fn paged(side: &Side, query: &Query, cursor: Cursor) -> Query {
    Query {
        cursor: side.cursor(cursor),
        ..query.clone()
    }
}

fn listed(side: &Side, list: Operation<DocumentList>, keep: usize) -> Operation<String> {
    let notes = side.notes();
    list.map(move |page| {
        let more = notes.cursor(keep, page.cursor);
        Ok(format!(
            "{} {more}, truncated {}",
            page.json, page.truncated
        ))
    })
}
