//! `/openapi.json`: OpenAPI 3.1 of everything there is for the schema in force.
//!
//! Made anew only when the schema's version has changed.

mod components;
mod docs;
mod fixed;
mod graph;
mod kv;
mod listening;
mod operations;
mod queue;
mod sessions;
mod tables;
mod tx;
mod types;
mod wide;

use crate::reply::{self, Reply};
use arc_swap::ArcSwapOption;
use bytes::Bytes;
use http::StatusCode;
use http::header::HeaderValue;
use pando_model::schema::{RESERVED_PREFIX, Schema};
use pando_store::Store;
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The description of the schema in force.
#[derive(Debug, Default)]
pub(crate) struct Description {
    made: ArcSwapOption<(u64, Bytes)>,
}

/// The OpenAPI document for a schema.
pub fn describe(schema: &Schema) -> Value {
    let mut paths = fixed::paths();
    for more in [
        docs::paths(),
        graph::paths(),
        kv::paths(),
        listening::paths(),
        queue::paths(),
        queue::exchanges::paths(),
        sessions::paths(),
        tx::paths(),
        wide::paths(),
    ] {
        paths.extend(more);
    }
    let mut schemas = components::schemas();
    let users = schema
        .tables
        .values()
        .filter(|table| !table.name.starts_with(RESERVED_PREFIX));
    for table in users {
        schemas.insert(table.name.clone(), types::row(table));
        paths.insert(tables::path_of(table), tables::path_item(table));
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Pando",
            "version": env!("CARGO_PKG_VERSION"),
            "summary": "One store of several data models over HTTP; tables in PostgREST's grammar.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "security": [{ "bearer": [] }, { "apikey": [] }, {}],
        "tags": [
            { "name": "tables", "description": "Rows of the tables in the schema" },
            { "name": "documents", "description": "JSON documents in collections" },
            { "name": "graph", "description": "Nodes, edges and questions over them" },
            { "name": "key-value", "description": "Bytes under keys, in spaces" },
            { "name": "wide-column", "description": "Rows of any number of columns, sorted within partitions" },
            { "name": "sessions", "description": "Who is logged in, of an application's users" },
            { "name": "transactions", "description": "Several operations over all models, all or none" },
            { "name": "queues", "description": "Messages that one hands over and another works on, at least once" },
            { "name": "topics", "description": "What is told to those who listen; /asyncapi.json describes it" },
            { "name": "admin", "description": "Keys, status, migrations, backups" },
            { "name": "operation", "description": "Probes, metrics, this document" },
        ],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "parameters": components::parameters(),
            "headers": components::headers(),
            "responses": components::responses(),
            "securitySchemes": {
                "bearer": { "type": "http", "scheme": "bearer" },
                "apikey": { "type": "apiKey", "in": "header", "name": "apikey" },
            },
        },
    })
}

impl Description {
    /// The answer to `/openapi.json`, and at the root of `/rest/v1/` with PostgREST's type.
    pub(crate) fn answer(&self, store: &Store, at_root: bool) -> Reply {
        let kind = if at_root {
            HeaderValue::from_static("application/openapi+json; charset=utf-8")
        } else {
            reply::JSON
        };
        reply::body(StatusCode::OK, kind, self.text(store))
    }

    fn text(&self, store: &Store) -> Bytes {
        let schema = store.schema();
        if let Some(made) = self.made.load().as_deref()
            && made.0 == schema.version
        {
            return made.1.clone();
        }
        let text = Bytes::from(describe(&schema).to_string());
        let made = Arc::new((schema.version, text.clone()));
        self.made.store(Some(made));
        text
    }
}

/// A reference to something in `components`.
fn reference(kind: &str, name: &str) -> Value {
    let name = name.replace('~', "~0").replace('/', "~1");
    json!({ "$ref": format!("#/components/{kind}/{name}") })
}

/// A JSON object of entries.
fn object(entries: impl IntoIterator<Item = (String, Value)>) -> Map<String, Value> {
    entries.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Everything that is referred to, wherever it stands.
    fn references(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::Object(entries) => {
                for (name, value) in entries {
                    match value {
                        Value::String(target) if name == "$ref" => found.push(target.clone()),
                        other => references(other, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_somewhere() {
        let document = describe(&Schema::default());
        let mut found = Vec::new();
        references(&document, &mut found);
        assert!(!found.is_empty());
        for target in found {
            let pointer = target.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{target}");
        }
    }
}
