//! A store, and short ways to ask it about documents.

use crate::concluded::concluded;
use crate::{Shard, shard};
use pando_model::clock::ManualClock;
use pando_model::error::Refusal;
use pando_model::plan::{Comparison, JsonStep};
use pando_store::docs::{Body, Declared, Document, DocumentKey, DocumentList, Patch, Stored};
use pando_store::error::StoreError;
use pando_store::operation::Operation;
use pando_store::precondition::{Precondition, Versions};
use pando_store::request::{
    Condition, Field, Operand, OrderTerm, Query, RowRange, SelectItem, Test,
};
use pando_store::session::Result;
use pando_store::{Store, StoreConfig};
use std::collections::BTreeMap;
use std::sync::Arc;

pub const LIMIT: usize = 1 << 20;

pub struct World {
    pub store: Arc<Store>,
    pub clock: Arc<ManualClock>,
    pub shard: Shard,
}

pub async fn world() -> World {
    let clock = Arc::new(ManualClock::new(1_800_000_000_000_000));
    let shard = shard(&clock);
    let store = open(&shard, &clock).await;
    World {
        store,
        clock,
        shard,
    }
}

async fn open(shard: &Shard, clock: &Arc<ManualClock>) -> Arc<Store> {
    let config = StoreConfig {
        max_rows: 50,
        document_bytes_max: LIMIT,
        ..StoreConfig::default()
    };
    let clock = Arc::clone(clock);
    Store::open(Arc::clone(&shard.engine), clock, config)
        .await
        .unwrap()
}

pub fn key(id: &str) -> DocumentKey {
    DocumentKey::new("c", id).unwrap()
}

pub fn body(text: &str) -> Body {
    Body::read(text, None, LIMIT).unwrap()
}

pub fn if_match(version: i64) -> Precondition {
    Precondition {
        if_match: Some(Versions::Listed(vec![Some(version)])),
        ..Precondition::default()
    }
}

pub fn code<T: std::fmt::Debug>(result: Result<T>) -> String {
    match result {
        Err(StoreError::Refused(refusal)) => refusal.code.into_owned(),
        other => panic!("not refused: {other:?}"),
    }
}

impl World {
    /// The same data, opened as by another process.
    pub async fn reopened(&self) -> World {
        let store = open(&self.shard, &self.clock).await;
        World {
            store,
            clock: Arc::clone(&self.clock),
            shard: self.shard.clone(),
        }
    }

    /// Carries an operation out; what it concludes.
    pub async fn done<T: Send + 'static>(&self, operation: Operation<T>) -> Result<T> {
        concluded(&self.store, operation).await
    }

    pub async fn put(&self, id: &str, text: &str) -> Stored {
        self.try_put(id, text, Precondition::default())
            .await
            .unwrap()
    }

    pub async fn try_put(&self, id: &str, text: &str, condition: Precondition) -> Result<Stored> {
        let put = self.store.docs_put(&key(id), body(text), condition).await?;
        self.done(put).await
    }

    pub async fn get(&self, id: &str) -> Option<Document> {
        self.done(self.store.docs_get(&key(id))).await.unwrap()
    }

    pub async fn patch(&self, id: &str, patch: Patch, condition: Precondition) -> Result<Document> {
        let patch = self.store.docs_patch(&key(id), patch, condition).await?;
        self.done(patch).await
    }

    pub async fn delete(&self, id: &str) -> bool {
        let delete = self.store.docs_delete(&key(id), Precondition::default());
        self.done(delete).await.unwrap()
    }

    pub async fn list(&self, query: &Query) -> Result<DocumentList> {
        let list = self.store.docs_list("c", query)?;
        self.done(list).await
    }

    pub async fn search(&self, words: &str, query: &Query) -> Result<DocumentList> {
        let search = self.store.docs_search("c", words, query)?;
        self.done(search).await
    }

    /// The ids that a query lists, in order.
    pub async fn ids(&self, query: &Query) -> Vec<String> {
        ids_of(&self.list(query).await.unwrap())
    }

    pub async fn found(&self, words: &str) -> Vec<String> {
        ids_of(&self.search(words, &Query::default()).await.unwrap())
    }

    /// Declares paths of the collection `c`, and waits until all of it is built.
    pub async fn declare(&self, indexes: &[&str], search: &[&str]) {
        self.declare_only(indexes, search).await;
        while self.store.tend_documents().await.unwrap() {}
    }

    pub async fn declare_only(&self, indexes: &[&str], search: &[&str]) {
        let owned = |texts: &[&str]| {
            texts
                .iter()
                .map(|text| (*text).to_owned())
                .collect::<Vec<_>>()
        };
        let declared = Declared::read(&owned(indexes), &owned(search)).unwrap();
        let wanted = BTreeMap::from([("c".to_owned(), declared)]);
        self.store.declare_search(&wanted).await.unwrap();
        self.store.declare_indexes(&wanted).await.unwrap();
    }
}

pub fn ids_of(list: &DocumentList) -> Vec<String> {
    let documents: Vec<serde_json::Value> = serde_json::from_str(&list.json).unwrap();
    let id = |document: &serde_json::Value| document["_id"].as_str().unwrap().to_owned();
    documents.iter().map(id).collect()
}

/// `a->b->>c`
pub fn field(text: &str) -> Field {
    let as_text = text.contains("->>");
    let plain = text.replace("->>", "->");
    let mut parts = plain.split("->").map(str::to_owned);
    Field {
        name: parts.next().unwrap(),
        path: parts.map(JsonStep::Key).collect(),
        as_text,
    }
}

pub fn test(path: &str, test: Test) -> Condition {
    Condition::Test {
        field: field(path),
        negated: false,
        test,
    }
}

pub fn compare(path: &str, op: Comparison, operand: &str) -> Condition {
    test(path, Test::Compare(op, Operand::One(operand.to_owned())))
}

pub fn filtered(condition: Condition) -> Query {
    Query {
        filters: vec![(Vec::new(), condition)],
        ..Query::default()
    }
}

pub fn limited(mut query: Query, limit: u64) -> Query {
    let range = RowRange {
        limit: Some(limit),
        offset: 0,
    };
    query.ranges = vec![(Vec::new(), range)];
    query
}

pub fn ordered(path: &str, descending: bool) -> Query {
    let term = OrderTerm {
        relation: None,
        field: field(path),
        descending,
        nulls_first: None,
    };
    Query {
        order: vec![(Vec::new(), vec![term])],
        ..Query::default()
    }
}

pub fn selecting(paths: &[&str]) -> Query {
    let item = |path: &&str| SelectItem::Field {
        alias: None,
        field: Some(field(path)),
        cast: None,
        aggregate: None,
        aggregate_cast: None,
    };
    Query {
        select: paths.iter().map(item).collect(),
        ..Query::default()
    }
}

pub fn refusal<T: std::fmt::Debug>(result: std::result::Result<T, StoreError>) -> Refusal {
    match result {
        Err(StoreError::Refused(refusal)) => refusal,
        other => panic!("not refused: {other:?}"),
    }
}
