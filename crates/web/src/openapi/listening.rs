//! `/topics/v1` and `/changes/v1`: what is published, and how one listens.

use super::fixed::operation;
use super::{object, reference};
use serde_json::{Map, Value, json};

/// The paths.
pub(super) fn paths() -> Map<String, Value> {
    object([
        (
            "/topics/v1/{topic}".to_owned(),
            json!({
                "parameters": [in_path("topic", json!({ "type": "string", "minLength": 1 }))],
                "get": subscribe(),
                "post": publish(),
            }),
        ),
        (
            "/changes/v1/{table}".to_owned(),
            json!({
                "parameters": [in_path("table", json!({ "type": "string", "minLength": 1 }))],
                "get": changes(),
            }),
        ),
        (
            "/asyncapi.json".to_owned(),
            json!({ "get": operation(
                "asyncapi",
                "operation",
                "What is told to those who listen, as AsyncAPI 3",
                &[("200", Some(json!({ "application/json": { "schema": { "type": "object" } } })))],
            ) }),
        ),
    ])
}

fn in_path(name: &str, schema: Value) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": schema })
}

fn publish() -> Value {
    let answer = json!({
        "type": "object",
        "required": ["id", "subscribers"],
        "properties": {
            "id": { "type": "string" },
            "subscribers": { "type": "integer", "minimum": 0, "description": "Who listened in this process" },
        },
    });
    let content = json!({ "application/json": { "schema": answer } });
    let mut publish = operation(
        "publish",
        "topics",
        "Tell all who listen to a topic",
        &[("200", Some(content))],
    );
    let kind = json!({ "type": "string", "minLength": 1, "maxLength": 255 });
    publish["parameters"] = json!([{
        "name": "type", "in": "query", "schema": kind,
        "description": "What it is, as subscribers are told; an event of CloudEvents says so itself",
    }]);
    publish["requestBody"] = json!({
        // A message may be empty.
        "required": false,
        "content": {
            "application/octet-stream": { "schema": {} },
            "text/plain": { "schema": {} },
        },
    });
    publish["responses"]["408"] = reference("responses", "e408");
    publish["responses"]["415"] = reference("responses", "e415");
    publish
}

fn subscribe() -> Value {
    let mut subscribe = listening("subscribe", "topics", "Listen to a topic");
    let form = json!({ "type": "string", "enum": ["plain", "cloudevents"] });
    if let Some(parameters) = subscribe["parameters"].as_array_mut() {
        parameters.push(json!({ "name": "form", "in": "query", "schema": form }));
    }
    // To a request that asks for a WebSocket.
    for (status, what) in [
        ("101", "The connection is a WebSocket"),
        ("426", "It speaks another version"),
    ] {
        subscribe["responses"][status] = json!({ "description": what });
    }
    subscribe
}

fn changes() -> Value {
    let mut changes = listening(
        "follow_changes",
        "topics",
        "Listen to a table's committed changes",
    );
    changes["responses"]["404"] = reference("responses", "e404");
    changes
}

fn listening(id: &str, tag: &str, summary: &str) -> Value {
    let content = json!({ "text/event-stream": { "schema": { "type": "string" } } });
    let mut listening = operation(id, tag, summary, &[("200", Some(content))]);
    let text = json!({ "type": "string" });
    listening["parameters"] = json!([
        { "name": "Last-Event-ID", "in": "header", "schema": text },
        { "name": "last_event_id", "in": "query", "schema": text },
    ]);
    listening["responses"]["406"] = reference("responses", "e406");
    listening
}
