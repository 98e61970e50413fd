//! Which item of which collection a row is: what listeners hear of are rows of tables, documents,
//! values, cells, nodes and edges, whichever relations they lie in.

use crate::{docs, graph, kv, wide};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pando_model::canonical;
use pando_model::column::ColumnType;
use pando_model::engine::FeedEvent;
use pando_model::json;
use pando_model::plan::Row;
use pando_model::schema::{RESERVED_PREFIX, Schema, Table};
use pando_model::value::Value;
use pando_queue::listeners::{Change, Committed, Listeners};
use std::sync::Arc;

/// An item, as listeners know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Item {
    /// `rest/orders`, `docs/books`, …
    pub collection: String,
    /// A JSON object.
    pub key: String,
}

/// The table of items by its name; `None` of relations that hold none, indexes and counts among
/// them, and of tables that are gone.
pub(super) fn table_of(schema: &Schema, name: &str) -> Option<Arc<Table>> {
    if !name.starts_with(RESERVED_PREFIX) {
        return schema.tables.get(name).cloned();
    }
    let models = [&docs::DOC, &kv::KV, &wide::CELL, &graph::NODE, &graph::EDGE];
    let mut found = models.into_iter().filter(|table| table.name == name);
    found.next().map(|table| Arc::clone(table))
}

/// What addresses of a relation's collections begin with; `None` of what holds no items.
fn surface_of(table: &Table) -> Option<&'static str> {
    let surfaces = [
        (&docs::DOC.name, "docs"),
        (&kv::KV.name, "kv"),
        (&wide::CELL.name, "wide"),
        (&graph::NODE.name, "graph"),
        (&graph::EDGE.name, "graph"),
    ];
    let mut found = surfaces
        .into_iter()
        .filter(|(name, _)| **name == table.name);
    found.next().map(|(_, surface)| surface)
}

/// Whether listeners may hear of items of a table.
pub(super) fn is_heard(table: &Table, listeners: &Listeners) -> bool {
    match surface_of(table) {
        Some(surface) => listeners.hears_of_some(surface),
        None => is_users(table) && listeners.hears_of(&format!("rest/{}", table.name)),
    }
}

/// Whether a table is a user's own.
fn is_users(table: &Table) -> bool {
    !table.name.starts_with(RESERVED_PREFIX)
}

/// The values of a primary key from the feed's bytes; `None` where the schema has changed since.
pub(super) fn key_values(table: &Table, key: &[u8]) -> Option<Vec<Value>> {
    let columns = table.primary_key.columns.iter();
    let columns: Option<Vec<_>> = columns.map(|ix| table.columns.get(*ix)).collect();
    let columns = columns?;
    let types: Vec<&ColumnType> = columns.iter().map(|column| &column.ty).collect();
    canonical::values_of(&types, key)
}

/// The values of a row's primary key.
pub(super) fn key_of_row(table: &Table, row: &Row) -> Vec<Value> {
    super::by_key::values_of(row, &table.primary_key.columns)
}

impl Item {
    /// The item that is known by a primary key; `None` of what is none: each edge lies in a
    /// relation twice, and counts as it lies with the node that it leaves.
    pub(super) fn of(table: &Table, key: &[Value]) -> Option<Item> {
        let columns = table.primary_key.columns.iter();
        let columns = columns.filter_map(|ix| table.columns.get(*ix));
        let members = columns.zip(key);
        let members = members.map(|(column, value)| (column.name.as_str(), &column.ty, value));
        if is_users(table) {
            return Some(Item {
                collection: format!("rest/{}", table.name),
                key: object(members),
            });
        }
        let surface = surface_of(table)?;
        let [Value::Text(name), ..] = key else {
            return None;
        };
        let members = members.skip(1);
        let key = if table.name == graph::EDGE.name {
            let is_leaving = key.get(graph::DIRECTION_OF_KEY).is_some_and(graph::is_out);
            if !is_leaving {
                return None;
            }
            object(members.filter_map(|(column, ty, value)| match column {
                "direction" => None,
                "node" => Some(("from", ty, value)),
                "other" => Some(("to", ty, value)),
                other => Some((other, ty, value)),
            }))
        } else {
            object(members)
        };
        Some(Item {
            collection: format!("{surface}/{name}"),
            key,
        })
    }
}

/// What an event of the feed is to listeners, but for what the item is; `None` of what is none.
pub fn committed_of(schema: &Schema, event: &FeedEvent) -> Option<Committed> {
    let table = table_of(schema, &event.table);
    let known = table.and_then(|table| Some((key_values(&table, &event.key)?, table)));
    let item = match known {
        Some((key, table)) => Item::of(&table, &key)?,
        // The schema is another one by now.
        None if !event.table.starts_with(RESERVED_PREFIX) => Item {
            collection: format!("rest/{}", event.table),
            key: null(),
        },
        None => return None,
    };
    let change = Change {
        collection: item.collection,
        kind: event.kind,
        key: item.key,
        record: None,
        old: None,
    };
    Some(Committed {
        change,
        cursor: event.cursor,
    })
}

/// What an item is, as JSON: a document's body, else an object of what its row has besides its key.
/// Of a user's row all columns.
pub(super) fn record_of(table: &Table, row: &Row) -> String {
    let members = || {
        let columns = table.columns.iter().zip(row);
        columns.map(|(column, value)| (column.name.as_str(), &column.ty, value))
    };
    if is_users(table) {
        return object(members());
    }
    let is_told = |ix: usize, name: &str| !table.is_key(ix) && name != "version";
    let own = members()
        .enumerate()
        .filter(|(ix, (name, ..))| is_told(*ix, name));
    let own = own.map(|(_, member)| member);
    if table.name == docs::DOC.name {
        let mut body = own;
        return body.next().map_or_else(null, |(_, ty, value)| {
            let mut text = Vec::new();
            value.write_json(ty, &mut text);
            String::from_utf8(text).unwrap_or_else(|_| null())
        });
    }
    if table.name == kv::KV.name {
        return record_of_value(own);
    }
    object(own)
}

fn null() -> String {
    "null".to_owned()
}

/// A member of an object: its name, its type, its value.
type Member<'a> = (&'a str, &'a ColumnType, &'a Value);

fn object<'a>(members: impl Iterator<Item = Member<'a>>) -> String {
    let mut text = vec![b'{'];
    for (name, ty, value) in members {
        if text.len() > 1 {
            text.push(b',');
        }
        json::write_string(name, &mut text);
        text.push(b':');
        value.write_json(ty, &mut text);
    }
    text.push(b'}');
    String::from_utf8(text).unwrap_or_else(|_| null())
}

/// A value is JSON where it was sent as such, a text where it is one, or `{"base64": …}`.
fn record_of_value<'a>(members: impl Iterator<Item = Member<'a>>) -> String {
    let members: Vec<Member<'a>> = members.collect();
    let sent_as = members.iter().find(|(name, ..)| *name == "content_type");
    let is_json = matches!(sent_as, Some((_, _, Value::Text(sent_as)))
        if sent_as.starts_with("application/json"));
    let mut told = String::from("{\"value\":");
    let value = members.iter().find(|(name, ..)| *name == "value");
    if let Some((_, _, Value::Bytes(bytes))) = value {
        match std::str::from_utf8(bytes) {
            Ok(text) if is_json && json::validate(text).is_ok() => told.push_str(text.trim()),
            Ok(text) => told.push_str(&serde_json::Value::from(text).to_string()),
            Err(_) => {
                told.push_str("{\"base64\":\"");
                told.push_str(&STANDARD.encode(bytes));
                told.push_str("\"}");
            }
        }
    } else {
        told.push_str("null");
    }
    let others = members.into_iter().filter(|(name, ..)| *name != "value");
    let others = object(others);
    match others.strip_prefix("{") {
        Some("}") | None => told.push('}'),
        Some(rest) => {
            told.push(',');
            told.push_str(rest);
        }
    }
    told
}
