//! A document that is to be stored, worked out before its write is carried out: what is long is
//! not done while all other writes wait.

use super::collections::{Collections, State};
use super::document::{Body, DocumentKey};
use super::indexing::{Postings, index};
use super::relation::{BODY, DOC, VERSION};
use pando_model::engine::Step;
use pando_model::error::Refusal;
use pando_model::plan::{Change, Conflict, Insert};
use std::sync::Arc;

/// See the module.
pub(super) struct Planned {
    key: DocumentKey,
    body: Body,
    /// Stores its row.
    document: Step,
    postings: Postings,
}

impl Planned {
    /// What is to be under a key, with its version.
    pub(super) fn new(state: &State, key: DocumentKey, body: Body, version: i64) -> Planned {
        let document = Step::from(Change::Insert(Insert {
            table: Arc::clone(&DOC),
            rows: vec![key.row(body.text().to_owned(), version)],
            conflict: Some(Conflict {
                target: DOC.primary_key.columns.clone(),
                merge: Some(vec![BODY, VERSION]),
            }),
            returning: None,
        }));
        Planned {
            postings: Postings::of(state, &key, Some(body.text())),
            key,
            body,
            document,
        }
    }

    /// The document's row, and its part of the search index: by the declarations that are in
    /// force when the write is carried out, not when it was planned.
    pub(super) fn steps(&self, collections: &Collections) -> Result<Vec<Step>, Refusal> {
        let state = collections.state();
        let indexed = if self.postings.is_by(&state, &self.key) {
            self.postings.step(&self.key)?
        } else {
            index(&state, &self.key, Some(self.body.text()))?
        };
        let mut steps = vec![self.document.clone()];
        steps.extend(indexed);
        Ok(steps)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::docs::{Declared, Patch};
    use crate::precondition::Precondition;
    use crate::session::Session;
    use crate::{Store, StoreConfig};
    use pando_engine_memory::MemoryEngine;
    use pando_model::clock::SystemClock;
    use pando_model::engine::Outcome;
    use pando_model::plan::RowSet;
    use pando_model::value::Value;
    use std::collections::BTreeMap;

    async fn searching(paths: &[&str]) -> Arc<Store> {
        let engine = Arc::new(MemoryEngine::new());
        let store = Store::open(engine, Arc::new(SystemClock), StoreConfig::default());
        let store = store.await.unwrap();
        declare(&store, paths).await;
        store
    }

    async fn declare(store: &Store, paths: &[&str]) {
        let paths: Vec<String> = paths.iter().map(|&path| path.to_owned()).collect();
        let declared = Declared::read(&[], &paths).unwrap();
        let wanted = BTreeMap::from([("c".to_owned(), declared)]);
        store.declare_search(&wanted).await.unwrap();
    }

    /// The postings that steps bring into an empty index, and how many they are.
    fn postings_of(steps: &[Step]) -> (Arc<Change>, usize) {
        let [_, Step::Group(indexing)] = steps else {
            panic!("it is not searched");
        };
        let Some(Step::Decide(decide)) = indexing.last() else {
            panic!("nothing is decided");
        };
        let none = || Outcome::found(RowSet::default());
        match &decide(&[none(), none()]).unwrap()[0] {
            Step::Change(change) => match &**change {
                Change::Insert(insert) => (Arc::clone(change), insert.rows.len()),
                other => panic!("no insert: {other:?}"),
            },
            _ => panic!("no change"),
        }
    }

    #[tokio::test]
    async fn words_are_found_when_a_write_is_planned_and_again_where_others_are_declared() {
        let store = searching(&["t"]).await;
        let key = DocumentKey::new("c", "a").unwrap();
        let body = Body::read(r#"{"t": "one", "u": "two words"}"#, None, 100).unwrap();
        let planned = Planned::new(&store.collections().state(), key, body, 1);
        let steps = || planned.steps(store.collections()).unwrap();
        let (before, words) = postings_of(&steps());
        assert_eq!(words, 1);
        assert!(Arc::ptr_eq(&before, &postings_of(&steps()).0), "done again");
        declare(&store, &["u"]).await;
        assert_eq!(postings_of(&steps()).1, 2);
    }

    #[tokio::test]
    async fn a_patch_is_applied_when_it_is_planned_and_again_to_another_version() {
        let store = searching(&[]).await;
        let key = DocumentKey::new("c", "a").unwrap();
        let body = Body::read(r#"{"n": 1}"#, None, 100).unwrap();
        let none = Precondition::default;
        let put = store.docs_put(&key, body, none()).await.unwrap();
        let encoded = put.map(|stored| Ok(stored.version.to_string().into_bytes()));
        let session = Session::default();
        let done = store.carry_out(&encoded, None, &session).await.unwrap();
        let version: i64 = String::from_utf8(done.answer).unwrap().parse().unwrap();
        let merge = Patch::Merge(r#"{"m": 2}"#.to_owned());
        let patch = store.docs_patch(&key, merge, none()).await.unwrap();
        let [_, Step::Decide(decide)] = patch.steps.as_slice() else {
            panic!("it reads and decides");
        };
        for (found, is_ready) in [(version, true), (version + 1, false)] {
            let rows = vec![vec![Value::Int(found)]];
            let found = Outcome::found(RowSet {
                rows,
                ..RowSet::default()
            });
            let steps = decide(&[found]).unwrap();
            assert_eq!(matches!(steps[0], Step::Change(_)), is_ready);
        }
    }
}
