//! What is there of a writer's things, read from all five models.

use crate::carry::{document, equal, node, of_all, own};
use pando_store::Store;
use pando_store::error::StoreError;
use pando_store::graph::{Direction, Edge, EdgeRange};
use pando_store::operation::Operation;
use pando_store::request::{Query, Shape, TableRead};
use pando_store::session::{Session, Stamped};
use pando_store::wide::{Partition, RowRange, Wanted};
use pando_workload::{
    COLLECTION, COUNTER, HUBS, KINDS, Names, SEARCHED, Shared, TABLE, View, WIDE,
};
use serde_json::{Value, json};

/// What one read has found.
type Part = Operation<Vec<(String, Value)>>;

/// A writer's things, read one after the other, each at least as new as the session says.
pub async fn view(
    store: &Store,
    names: Names,
    session: &Session,
) -> Result<(View, Stamped), StoreError> {
    let whole = Operation::all(parts(store, names)?, |_| {});
    let (found, stamped) = store.answer(&whole, session).await?;
    Ok((found.into_iter().flatten().collect(), stamped))
}

/// A writer's things, read in one transaction.
pub async fn view_at_once(store: &Store, names: Names) -> Result<View, StoreError> {
    let whole = Operation::all(parts(store, names)?, |_| {}).as_write();
    let whole = whole.map(|found| {
        let view: View = found.into_iter().flatten().collect();
        Ok(serde_json::to_vec(&view).unwrap())
    });
    let done = store.carry_out(&whole, None, &Session::default()).await?;
    Ok(serde_json::from_slice(&done.answer).unwrap())
}

/// What all writers share: the counter, and the degrees of the hubs.
pub async fn shared(store: &Store) -> Result<Shared, StoreError> {
    let mut shared = Shared::default();
    let session = Session::default();
    let (entry, _) = store.answer(&store.kv_get(&of_all()), &session).await?;
    if let Some(entry) = entry {
        shared.counted = number(&entry.value).as_u64().unwrap();
    }
    for hub in HUBS {
        for kind in KINDS {
            let count = store.graph_count_edges(&node(hub), kind, Direction::In)?;
            let (count, _) = store.answer(&count, &session).await?;
            shared.degrees.insert((hub.into(), kind.into()), count);
        }
    }
    Ok(shared)
}

fn parts(store: &Store, names: Names) -> Result<Vec<Part>, StoreError> {
    let mut parts = vec![rows(store, names)?, found(store, names)?];
    for key in names.things() {
        let name = format!("key {key}");
        parts.push(value(store, name, &key));
        let name = format!("document {key}");
        parts.push(store.docs_get(&document(&key)).map(move |document| {
            let body = document.map(|document| parse(&document.body));
            Ok(body.map(|body| (name.clone(), body)).into_iter().collect())
        }));
        let name = format!("node {key}");
        parts.push(store.graph_node(&node(&key)).map(move |node| {
            let body = node.map(|node| parse(&node.body));
            Ok(body.map(|body| (name.clone(), body)).into_iter().collect())
        }));
    }
    parts.push(value(store, COUNTER.to_owned(), &names.counter()));
    parts.push(cells(store, names)?);
    for kind in KINDS {
        for id in names.things() {
            for direction in [Direction::Out, Direction::In] {
                parts.push(edges(store, names, &id, kind, direction)?);
                parts.push(degree(store, &id, kind, direction)?);
            }
        }
        for hub in HUBS {
            parts.push(edges(store, names, hub, kind, Direction::In)?);
        }
    }
    Ok(parts)
}

fn rows(store: &Store, names: Names) -> Result<Part, StoreError> {
    let read = store.table_read(TableRead {
        table: TABLE.into(),
        query: Query {
            filters: vec![(vec![], equal("writer", names.0))],
            ..Query::default()
        },
        count: None,
        shape: Shape::Array,
    })?;
    Ok(read.map(|answer| {
        let rows: Vec<Value> = serde_json::from_slice(&answer.body).unwrap();
        let rows = rows.into_iter();
        Ok(rows
            .map(|row| (format!("row {}", row["id"]), row["value"].clone()))
            .collect())
    }))
}

fn value(store: &Store, name: String, key: &str) -> Part {
    store.kv_get(&own(key)).map(move |entry| {
        let value = entry.map(|entry| number(&entry.value));
        Ok(value
            .map(|value| (name.clone(), value))
            .into_iter()
            .collect())
    })
}

/// The documents that a search finds.
fn found(store: &Store, names: Names) -> Result<Part, StoreError> {
    let search = store.docs_search(COLLECTION, &names.own(), &Query::default())?;
    Ok(search.map(|list| {
        let documents: Vec<Value> = serde_json::from_str(&list.json).unwrap();
        let documents = documents.into_iter();
        Ok(documents
            .map(|one| {
                assert!(one[SEARCHED].is_string(), "{one}");
                (
                    format!("found {}", one["_id"].as_str().unwrap()),
                    json!(true),
                )
            })
            .collect())
    }))
}

fn cells(store: &Store, names: Names) -> Result<Part, StoreError> {
    let partition = Partition::new(WIDE, &names.own()).unwrap();
    let slice = store.wide_slice(&partition, &RowRange::default(), &Wanted::default())?;
    Ok(slice.map(|list| {
        let mut cells = Vec::new();
        for row in list.rows {
            for column in row.columns {
                let name = format!("cell {} {}:{}", row.row, column.family, column.qualifier);
                cells.push((name, parse(&column.versions[0].value)));
            }
        }
        Ok(cells)
    }))
}

/// The edges of a node that are the writer's, as one of their ends shows them.
fn edges(
    store: &Store,
    names: Names,
    id: &str,
    kind: &str,
    direction: Direction,
) -> Result<Part, StoreError> {
    let range = EdgeRange {
        direction,
        ..EdgeRange::default()
    };
    let list = store.graph_list_edges(&node(id), kind, &range)?;
    Ok(list.map(move |list| {
        let edges = list.edges.into_iter();
        Ok(edges
            .filter(|edge| names.owns(&edge.from))
            .map(|edge| shown(&edge, direction))
            .collect())
    }))
}

fn shown(edge: &Edge, direction: Direction) -> (String, Value) {
    let sort = match direction {
        Direction::Out => "edge",
        Direction::In => "inverse",
    };
    let name = format!("{sort} {} {} {}", edge.from, edge.kind, edge.to);
    (name, json!([edge.at_us, parse(&edge.body)]))
}

fn degree(store: &Store, id: &str, kind: &str, direction: Direction) -> Result<Part, StoreError> {
    let name = format!("degree {} {id} {kind}", direction.name());
    let count = store.graph_count_edges(&node(id), kind, direction)?;
    Ok(count.map(move |count| {
        let count = Some(count).filter(|count| *count > 0);
        Ok(count
            .map(|count| (name.clone(), json!(count)))
            .into_iter()
            .collect())
    }))
}

fn parse(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

fn number(bytes: &[u8]) -> Value {
    parse(std::str::from_utf8(bytes).unwrap())
}
