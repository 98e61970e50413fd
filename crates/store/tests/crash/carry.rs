//! Transactions of the workload, carried out by the store.

use crate::world::{COLLECTION_BYTES_MAX, Told};
use bytes::Bytes;
use pando_model::plan::Comparison;
use pando_store::Store;
use pando_store::docs::{Body, DocumentKey, Patch};
use pando_store::error::StoreError;
use pando_store::graph::{EdgeKey, NodeKey, NodePatch};
use pando_store::kv::Key;
use pando_store::operation::Operation;
use pando_store::precondition::Precondition;
use pando_store::request::{
    Condition, Field, Idempotency, Operand, PayloadFormat, Query, Returning, Shape, TableWrite,
    Test, Verb,
};
use pando_store::session::{Session, TableAnswer};
use pando_store::wide::{Partition, Put, RowKey};
use pando_workload::{
    COLLECTION, COUNTER, GRAPH, NODE_KIND, Op, SPACE, SPACE_OF_ALL, TABLE, Transaction, WIDE,
};
use serde_json::json;
use std::fmt::Debug;

/// How a transaction is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// As one, under its key.
    Whole,
    /// Operation by operation, which is a fault: a crash leaves some of them.
    InParts,
}

/// An answer, and whether it was a first one.
pub struct Answered {
    pub told: Told,
    pub replayed: bool,
}

/// Carries a transaction out: the same each time, under the same key.
pub async fn send(
    store: &Store,
    transaction: &Transaction,
    sent: Sent,
) -> Result<Answered, StoreError> {
    let digest = blake3::hash(format!("{transaction:?}").as_bytes());
    let key = Idempotency {
        scope: [1; 16],
        key: transaction.key.clone(),
        request: digest.into(),
    };
    match transaction.ops.as_slice() {
        // Tables have a way of their own.
        [only @ (Op::PutRow { .. } | Op::DeleteRow { .. })] if sent == Sent::Whole => {
            write_row(store, only, key).await
        }
        [only] => {
            let key = Some(key).filter(|_| sent == Sent::Whole);
            carry_out(store, operation(store, only).await?, key).await
        }
        several => {
            let mut operations = Vec::new();
            for op in several {
                operations.push(operation(store, op).await?);
            }
            if sent == Sent::InParts {
                return one_by_one(store, operations).await;
            }
            let whole = Operation::all(operations, |_| {}).map(|told| Ok(told.join("\n")));
            carry_out(store, whole, Some(key)).await
        }
    }
}

/// The answer of the last of them.
async fn one_by_one(
    store: &Store,
    operations: Vec<Operation<String>>,
) -> Result<Answered, StoreError> {
    let mut last = None;
    for operation in operations {
        last = Some(carry_out(store, operation, None).await?);
    }
    Ok(last.unwrap())
}

async fn carry_out(
    store: &Store,
    operation: Operation<String>,
    key: Option<Idempotency>,
) -> Result<Answered, StoreError> {
    let operation = operation.map(|told| Ok(told.into_bytes()));
    let done = store
        .carry_out(&operation, key.as_ref(), &Session::default())
        .await?;
    Ok(Answered {
        told: Told {
            text: String::from_utf8(done.answer).unwrap(),
            at: done.stamped.high,
        },
        replayed: done.replayed,
    })
}

async fn write_row(store: &Store, op: &Op, key: Idempotency) -> Result<Answered, StoreError> {
    let mut request = row_request(op);
    request.idempotency = Some(key);
    let encode = Box::new(|answer: &TableAnswer| format!("{answer:?}").into_bytes());
    let done = store
        .write_table(request, &Session::default(), encode)
        .await?;
    Ok(Answered {
        told: Told {
            text: String::from_utf8(done.answer).unwrap(),
            at: done.stamped.high,
        },
        replayed: done.replayed,
    })
}

/// An operation that concludes, as text, what it has done.
async fn operation(store: &Store, op: &Op) -> Result<Operation<String>, StoreError> {
    let none = Precondition::default();
    Ok(match op {
        Op::PutRow { .. } | Op::DeleteRow { .. } => told(store.table_write(row_request(op)).await?),
        Op::PutKey { key, value } => {
            let (key, value) = (own(key), Bytes::from(value.to_string()));
            let put = store.kv_put(&key, value, "text/plain".into(), None, none);
            told(put.await?)
        }
        Op::DeleteKey { key } => told(store.kv_delete(&own(key), none).await?),
        Op::Count { key, by } => {
            let by = i64::try_from(*by).unwrap();
            told(store.kv_incr(&own(key), by, None, none).await?)
        }
        Op::CountAll => told(store.kv_incr(&of_all(), 1, None, none).await?),
        Op::PutDocument { id, word, value } => {
            let words = format!("{word} {value}");
            let text = json!({ "value": value, "words": words }).to_string();
            let body = Body::read(&text, Some(id), COLLECTION_BYTES_MAX)?;
            told(store.docs_put(&document(id), body, none).await?)
        }
        Op::PatchDocument { id, value } => {
            let patch = Patch::Merge(json!({ "patched": value }).to_string());
            told(store.docs_patch(&document(id), patch, none).await?)
        }
        Op::DeleteDocument { id } => told(store.docs_delete(&document(id), none)),
        Op::PutCells {
            partition,
            row,
            value,
        } => {
            let cells = ["f:a", "g:b"].map(|name| (name.to_owned(), value.to_string()));
            let put = Put {
                cells: cells.into(),
                at_us: Some(i64::try_from(*value).unwrap()),
                ttl: None,
            };
            told(store.wide_put(&wide_row(partition, row), put, none)?)
        }
        Op::DeleteCells { partition, row } => {
            told(store.wide_delete(&wide_row(partition, row), &[], none))
        }
        Op::PutNode { .. } | Op::PatchNode { .. } | Op::DeleteNode { .. } => {
            on_node(store, op).await?
        }
        Op::PutEdge {
            from,
            kind,
            to,
            value,
        } => {
            let (at, body) = (i64::try_from(*value).unwrap(), json!({ "value": value }));
            let (edge, body) = (edge(from, kind, to), body.to_string());
            let put = store.graph_put_edge(&edge, Some(at), Some(&body), none);
            told(put.await?)
        }
        Op::DeleteEdge { from, kind, to } => {
            told(store.graph_delete_edge(&edge(from, kind, to), none))
        }
    })
}

async fn on_node(store: &Store, op: &Op) -> Result<Operation<String>, StoreError> {
    let none = Precondition::default();
    Ok(match op {
        Op::PutNode { id, value } => {
            let (node, body) = (node(id), json!({ "value": value }).to_string());
            let put = store.graph_put_node(&node, NODE_KIND, Some(&body), none);
            told(put.await?)
        }
        Op::PatchNode { id, value } => {
            let patch = NodePatch {
                kind: None,
                body: Some(json!({ "patched": value }).to_string()),
            };
            told(store.graph_patch_node(&node(id), patch, none).await?)
        }
        Op::DeleteNode { id } => told(store.graph_delete_node(&node(id), none)),
        other => panic!("{other:?} is on no node"),
    })
}

fn told<T: Debug + 'static>(operation: Operation<T>) -> Operation<String> {
    operation.map(|done| Ok(format!("{done:?}")))
}

fn row_request(op: &Op) -> TableWrite {
    let (verb, id, body) = match op {
        Op::PutRow { id, writer, value } => {
            let row = json!({ "id": id, "writer": writer, "value": value });
            (Verb::Put, id, row.to_string())
        }
        Op::DeleteRow { id } => (Verb::Delete, id, String::new()),
        other => panic!("{other:?} is on no row"),
    };
    TableWrite {
        verb,
        table: TABLE.into(),
        query: Query {
            filters: vec![(vec![], equal("id", *id))],
            ..Query::default()
        },
        body: body.into(),
        format: PayloadFormat::Json,
        columns: None,
        on_conflict: None,
        resolution: None,
        missing_default: false,
        returning: Returning::Minimal,
        max_affected: None,
        count: None,
        shape: Shape::Array,
        idempotency: None,
    }
}

/// `column=eq.value`
pub fn equal(column: &str, value: u64) -> Condition {
    Condition::Test {
        field: Field {
            name: column.into(),
            path: vec![],
            as_text: false,
        },
        negated: false,
        test: Test::Compare(Comparison::Eq, Operand::One(value.to_string())),
    }
}

pub fn own(key: &str) -> Key {
    Key::new(SPACE, key).unwrap()
}

pub fn of_all() -> Key {
    Key::new(SPACE_OF_ALL, COUNTER).unwrap()
}

pub fn document(id: &str) -> DocumentKey {
    DocumentKey::new(COLLECTION, id).unwrap()
}

pub fn node(id: &str) -> NodeKey {
    NodeKey::new(GRAPH, id).unwrap()
}

fn edge(from: &str, kind: &str, to: &str) -> EdgeKey {
    EdgeKey::new(GRAPH, from, kind, to).unwrap()
}

fn wide_row(partition: &str, row: &str) -> RowKey {
    Partition::new(WIDE, partition).unwrap().row(row).unwrap()
}
