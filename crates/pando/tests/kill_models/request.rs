//! Transactions of the workload as requests.

use crate::support::{Answer, Connection};
use pando_workload::{
    COLLECTION, COUNTER, GRAPH, NODE_KIND, Op, SPACE, SPACE_OF_ALL, TABLE, Transaction, WIDE,
};
use serde_json::{Value, json};
use std::io;

/// How a transaction is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// As one request, under its key.
    Whole,
    /// Operation by operation, which is a fault: a kill leaves some of them.
    InParts,
}

/// What an answer said that its repetition has to say again, and its stamp.
#[derive(Clone, Debug)]
pub struct Told {
    pub status: u16,
    pub body: String,
    pub tag: Option<String>,
    pub stamp: Option<String>,
    pub replayed: bool,
}

impl Told {
    pub fn of(answer: Answer) -> Told {
        let header = |name| answer.header(name).map(str::to_owned);
        Told {
            status: answer.status,
            tag: header("etag"),
            stamp: header("pando-stamp"),
            replayed: header("idempotency-replayed").as_deref() == Some("true"),
            body: answer.body,
        }
    }

    /// Whether a repetition has the same answer.
    pub fn is_as(&self, other: &Told) -> bool {
        (self.status, &self.body, &self.tag) == (other.status, &other.body, &other.tag)
    }
}

/// A request, whether it is sent by itself or in a transaction.
struct Request {
    method: &'static str,
    path: String,
    content_type: &'static str,
    body: Option<Value>,
}

/// Sends a transaction, each time the same under the same key: one operation to its own
/// model, several to `/tx/v1`.
pub fn send(connection: &mut Connection, transaction: &Transaction) -> io::Result<Told> {
    let key = format!("Idempotency-Key: {}\r\n", transaction.key);
    match transaction.ops.as_slice() {
        [only] => Request::of(only).send(connection, &key),
        several => {
            let ops: Vec<Value> = several.iter().map(|op| Request::of(op).in_many()).collect();
            let whole = Request {
                method: "POST",
                path: "/tx/v1".to_owned(),
                content_type: "application/json",
                body: Some(json!({ "ops": ops })),
            };
            whole.send(connection, &key)
        }
    }
}

/// Sends each operation by itself; the answer of the last.
pub fn send_in_parts(connection: &mut Connection, transaction: &Transaction) -> io::Result<Told> {
    let mut last = None;
    for op in &transaction.ops {
        last = Some(Request::of(op).send(connection, "")?);
    }
    Ok(last.expect("an operation"))
}

impl Request {
    fn of(op: &Op) -> Request {
        let (method, path, body) = match op {
            Op::PutRow { .. } | Op::DeleteRow { .. } => on_row(op),
            Op::PutKey { .. } | Op::DeleteKey { .. } | Op::Count { .. } | Op::CountAll => {
                on_key(op)
            }
            Op::PutDocument { .. } | Op::PatchDocument { .. } | Op::DeleteDocument { .. } => {
                on_document(op)
            }
            Op::PutCells {
                partition,
                row,
                value,
            } => {
                let path = format!("/wide/v1/{WIDE}/{partition}/{row}?at={value}");
                ("PUT", path, Some(json!({ "f:a": value, "g:b": value })))
            }
            Op::DeleteCells { partition, row } => {
                ("DELETE", format!("/wide/v1/{WIDE}/{partition}/{row}"), None)
            }
            _ => on_graph(op),
        };
        let is_patch = method == "PATCH";
        Request {
            method,
            path,
            content_type: match is_patch {
                true => "application/merge-patch+json",
                false => "application/json",
            },
            body,
        }
    }

    fn send(&self, connection: &mut Connection, headers: &str) -> io::Result<Told> {
        let headers = format!("{headers}Content-Type: {}\r\n", self.content_type);
        let body = self.body.as_ref().map_or(String::new(), Value::to_string);
        let answer = connection.try_ask(self.method, &self.path, &headers, &body)?;
        let path = &self.path;
        assert!(
            (200..300).contains(&answer.status),
            "{path} {body}: {answer:?}"
        );
        Ok(Told::of(answer))
    }

    fn in_many(self) -> Value {
        let headers = json!({ "content-type": self.content_type });
        let mut op = json!({ "method": self.method, "path": self.path });
        if let Some(body) = self.body {
            op["headers"] = headers;
            op["body"] = body;
        }
        op
    }
}

type Parts = (&'static str, String, Option<Value>);

fn on_row(op: &Op) -> Parts {
    let path = |id: &u64| format!("/rest/v1/{TABLE}?id=eq.{id}");
    match op {
        Op::PutRow { id, writer, value } => {
            let row = json!({ "id": id, "writer": writer, "value": value });
            ("PUT", path(id), Some(row))
        }
        Op::DeleteRow { id } => ("DELETE", path(id), None),
        other => panic!("{other:?} is on no row"),
    }
}

fn on_key(op: &Op) -> Parts {
    let path = |key: &str| format!("/kv/v1/{SPACE}/{key}");
    match op {
        Op::PutKey { key, value } => ("PUT", path(key), Some(json!(value))),
        Op::DeleteKey { key } => ("DELETE", path(key), None),
        Op::Count { key, by } => ("POST", format!("{}/incr?by={by}", path(key)), None),
        Op::CountAll => (
            "POST",
            format!("/kv/v1/{SPACE_OF_ALL}/{COUNTER}/incr"),
            None,
        ),
        other => panic!("{other:?} is on no key"),
    }
}

fn on_document(op: &Op) -> Parts {
    let path = |id: &str| format!("/docs/v1/{COLLECTION}/{id}");
    match op {
        Op::PutDocument { id, word, value } => {
            let words = format!("{word} {value}");
            (
                "PUT",
                path(id),
                Some(json!({ "value": value, "words": words })),
            )
        }
        Op::PatchDocument { id, value } => ("PATCH", path(id), Some(json!({ "patched": value }))),
        Op::DeleteDocument { id } => ("DELETE", path(id), None),
        other => panic!("{other:?} is on no document"),
    }
}

fn on_graph(op: &Op) -> Parts {
    let node = |id: &str| format!("/graph/v1/{GRAPH}/nodes/{id}");
    let edge = |from: &str, kind: &str, to: &str| format!("{}/edges/{kind}/{to}", node(from));
    match op {
        Op::PutNode { id, value } => {
            let body = json!({ "kind": NODE_KIND, "body": { "value": value } });
            ("PUT", node(id), Some(body))
        }
        Op::PatchNode { id, value } => (
            "PATCH",
            node(id),
            Some(json!({ "body": { "patched": value } })),
        ),
        Op::DeleteNode { id } => ("DELETE", node(id), None),
        Op::PutEdge {
            from,
            kind,
            to,
            value,
        } => {
            let body = json!({ "at": value, "body": { "value": value } });
            ("PUT", edge(from, kind, to), Some(body))
        }
        Op::DeleteEdge { from, kind, to } => ("DELETE", edge(from, kind, to), None),
        other => panic!("{other:?} is on no graph"),
    }
}
