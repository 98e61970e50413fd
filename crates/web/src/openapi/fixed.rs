//! Paths that are there whatever the schema is.

mod caches;

use super::operations::in_path;
use super::{object, reference};
use crate::admin::NAME_CHARS_MAX;
use pando_queue::listeners::QUEUE_PREFIX;
use pando_store::kv::NAME_BYTES_MAX;
use serde_json::{Map, Value, json};

/// What can go wrong with any request.
const ERRORS: [u16; 8] = [400, 401, 403, 405, 413, 414, 431, 503];

/// Bytes of a listener's name at most: its queue is called by it.
const LISTENER_MAX: usize = NAME_BYTES_MAX - QUEUE_PREFIX.len();

/// The paths.
pub(super) fn paths() -> Map<String, Value> {
    let any = json!({ "type": "object" });
    let document = |id: &str, summary: &str, media: &str| {
        let body = json!({ media: { "schema": any } });
        operation(id, "operation", summary, &[("200", Some(body))])
    };
    object([
        (
            "/rest/v1/".to_owned(),
            json!({ "get": document("rest_root", "This document, as PostgREST's clients ask for it", "application/openapi+json") }),
        ),
        (
            "/openapi.json".to_owned(),
            json!({ "get": document("openapi", "This document", "application/json") }),
        ),
        ("/metrics".to_owned(), json!({ "get": metrics() })),
        (
            "/livez".to_owned(),
            json!({ "get": document("livez", "The process answers", "application/json") }),
        ),
        (
            "/startupz".to_owned(),
            json!({ "get": document("startupz", "The server has started", "application/json") }),
        ),
        ("/readyz".to_owned(), json!({ "get": ready() })),
    ])
    .into_iter()
    .chain(admin_paths())
    .collect()
}

/// The surface of the console and of the command line.
fn admin_paths() -> Map<String, Value> {
    object([
        (
            "/admin/v1/status".to_owned(),
            json!({ "get": admin("status", "One look at the deployment", "200") }),
        ),
        (
            "/admin/v1/listeners".to_owned(),
            json!({ "get": listeners() }),
        ),
        ("/admin/v1/workers".to_owned(), json!({ "get": workers() })),
        (
            "/admin/v1/caches".to_owned(),
            json!({ "get": admin("caches", "What is cached, and how well", "200") }),
        ),
        ("/admin/v1/queues".to_owned(), json!({ "get": queues() })),
        ("/admin/v1/queues/{queue}/move".to_owned(), move_queue()),
        (
            "/admin/v1/listeners/{listener}/forget".to_owned(),
            forget_listener(),
        ),
        (
            "/admin/v1/caches/flush".to_owned(),
            json!({ "post": caches::flush_all() }),
        ),
        (
            "/admin/v1/caches/{surface}/{name}".to_owned(),
            caches::one(),
        ),
        (
            "/admin/v1/caches/{surface}/{name}/flush".to_owned(),
            caches::flush(),
        ),
        (
            "/admin/v1/caches/{surface}/{name}/warm".to_owned(),
            caches::warm(),
        ),
        ("/admin/v1/config".to_owned(), json!({ "get": config() })),
        ("/admin/v1/keys".to_owned(), keys()),
        ("/admin/v1/keys/{id}".to_owned(), key()),
        ("/admin/v1/migrate".to_owned(), json!({ "post": migrate() })),
        ("/admin/v1/backup".to_owned(), json!({ "post": backup() })),
        (
            "/admin/v1/verify".to_owned(),
            json!({ "post": admin("verify", "Check the data's integrity", "200") }),
        ),
        (
            "/admin/v1/reload".to_owned(),
            json!({ "post": admin("reload", "Read the configuration again", "200") }),
        ),
        (
            "/admin/v1/shutdown".to_owned(),
            json!({ "post": admin("shutdown", "Stop, as SIGTERM does", "202") }),
        ),
    ])
}

fn metrics() -> Value {
    let text = json!({ "schema": { "type": "string" } });
    let body = json!({ "application/openmetrics-text": text });
    operation(
        "metrics",
        "operation",
        "Counters and gauges in OpenMetrics' text form",
        &[("200", Some(body))],
    )
}

fn ready() -> Value {
    let mut operation = operation(
        "readyz",
        "operation",
        "Whether requests can be served",
        &[("200", Some(json_body(json!({ "type": "object" }))))],
    );
    // Not ready says why, check by check; too busy is an error as everywhere.
    operation["responses"]["503"] = json!({
        "description": "Not ready",
        "content": json_body(json!({ "type": "object" })),
    });
    operation
}

fn config() -> Value {
    let mut operation = admin(
        "config",
        "Each setting in force, and where it came from",
        "200",
    );
    let settings = json!({ "type": "array", "items": { "type": "object" } });
    operation["responses"]["200"]["content"] = json_body(settings);
    operation
}

fn keys() -> Value {
    let key = reference("schemas", "Key");
    let list = json!({
        "type": "object",
        "required": ["keys"],
        "properties": { "keys": { "type": "array", "items": key } },
    });
    let made = json!({ "allOf": [key, {
        "type": "object",
        "required": ["key"],
        "properties": { "key": { "type": "string", "description": "The secret; it is told only here" } },
    }] });
    let mut create = operation(
        "create_key",
        "admin",
        "Make a key",
        &[("201", Some(json_body(made)))],
    );
    create["requestBody"] = required_body(json!({
        "type": "object",
        "required": ["scopes"],
        "additionalProperties": false,
        "properties": {
            "name": { "type": ["string", "null"], "minLength": 1, "maxLength": NAME_CHARS_MAX, "pattern": NAME },
            "scopes": { "anyOf": [
                scope_list(),
                { "type": "array", "minItems": 1, "items": scope() },
            ] },
        },
    }));
    json!({
        "get": operation("list_keys", "admin", "All keys, without their secrets", &[("200", Some(json_body(list)))]),
        "post": create,
    })
}

fn key() -> Value {
    let mut revoke = operation("revoke_key", "admin", "End a key", &[("204", None)]);
    revoke["parameters"] = json!([{
        "name": "id", "in": "path", "required": true, "schema": { "type": "string", "minLength": 1 },
    }]);
    revoke["responses"]["404"] = reference("responses", "e404");
    json!({ "delete": revoke })
}

fn migrate() -> Value {
    let mut operation = admin(
        "migrate",
        "Apply migrations, or say what that would do",
        "200",
    );
    operation["requestBody"] = json!({
        "required": false,
        "content": json_body(json!({
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "check": { "type": "boolean" },
                "files": {
                    "type": ["array", "null"],
                    "items": {
                        "type": "object",
                        "additionalProperties": false,
                        "required": ["name", "sql"],
                        "properties": {
                            "name": { "type": "string" },
                            "sql": { "type": "string" },
                        },
                    },
                },
            },
        })),
    });
    operation
}

fn queues() -> Value {
    let summary = "Which queues there are, where, and how full";
    let mut list = admin("queues", summary, "200");
    list["parameters"] = json!([
        {
            "name": "limit", "in": "query", "description": "How many at most",
            "schema": { "type": "integer", "minimum": 1 },
        },
        reference("parameters", "cursor"),
    ]);
    let names = ["Pando-Cursor", "Pando-Truncated", "Link", "Content-Range"];
    let headers = names.map(|name| (name.to_owned(), reference("headers", name)));
    list["responses"]["200"]["headers"] = Value::Object(object(headers));
    list
}

fn forget_listener() -> Value {
    let summary = "Remove what a listener that is in no configuration any more has left";
    let mut operation = admin("forget_listener", summary, "200");
    let forgotten = json!({
        "type": "object",
        "required": ["name", "removed", "journal"],
        "properties": {
            "name": { "type": "string" },
            "removed": { "type": "integer", "minimum": 0, "description": "Messages of its queue" },
            "journal": {
                "enum": ["ended", "kept"],
                "description": "Ended where nobody hears of commits any more",
            },
        },
    });
    operation["responses"]["200"]["content"] = json_body(forgotten);
    operation["responses"]["404"] = reference("responses", "e404");
    json!({ "parameters": [in_path("listener", LISTENER_MAX, "A listener")], "post": operation })
}

fn move_queue() -> Value {
    let mut operation = admin(
        "move_queue",
        "Keep a queue on the broker, or in the store, from now on",
        "200",
    );
    let place = json!({ "enum": ["store", "broker"] });
    operation["requestBody"] = required_body(json!({
        "type": "object",
        "required": ["to"],
        "additionalProperties": false,
        "properties": { "to": place },
    }));
    let moving = json!({
        "type": "object",
        "required": ["name", "home", "wanted"],
        "properties": { "name": { "type": "string" }, "home": place, "wanted": place },
    });
    operation["responses"]["200"]["content"] = json_body(moving);
    operation["responses"]["422"] = reference("responses", "e422");
    json!({ "parameters": [in_path("queue", NAME_BYTES_MAX, "A queue")], "post": operation })
}

fn backup() -> Value {
    let mut operation = admin("backup", "Write a verified copy of the data", "200");
    operation["requestBody"] = required_body(json!({
        "type": "object",
        "required": ["path"],
        "additionalProperties": false,
        "properties": { "path": { "type": "string", "minLength": 1 } },
    }));
    operation
}

fn scope() -> Value {
    json!({ "type": "string", "pattern": SCOPE })
}

fn scope_list() -> Value {
    json!({ "type": "string", "pattern": SCOPE })
}

/// Anything but control characters.
const NAME: &str = "^[^\\u0000-\\u001f\\u007f-\\u009f]+$";

const SCOPE: &str = "^(\\*|(rest|docs|kv|wide|graph|sessions|queue|exchanges|topics|changes|assets|\
    edge|admin|metrics|\\*):(read|write|\\*)(:[A-Za-z0-9_.-]+)?|queue:lease(:[A-Za-z0-9_.-]+)?)$";

fn admin(id: &str, summary: &str, status: &'static str) -> Value {
    let body = json_body(json!({ "type": "object" }));
    let mut operation = operation(id, "admin", summary, &[(status, Some(body))]);
    for status in ["409", "500", "501"] {
        operation["responses"][status] = reference("responses", &format!("e{status}"));
    }
    operation
}

fn listeners() -> Value {
    let summary = "What of the application is called when data changes";
    listing("listeners", summary)
}

fn workers() -> Value {
    let summary = "What works on messages, and why there is so much of it";
    listing("workers", summary)
}

fn listing(id: &str, summary: &str) -> Value {
    let mut listing = admin(id, summary, "200");
    let list = json!({ "type": "array", "items": { "type": "object" } });
    listing["responses"]["200"]["content"]["application/json"]["schema"] = list;
    listing
}

/// An operation, with what can go wrong with any.
pub(super) fn operation(
    id: &str,
    tag: &str,
    summary: &str,
    success: &[(&str, Option<Value>)],
) -> Value {
    let mut responses = object(ERRORS.iter().map(|status| {
        let response = reference("responses", &format!("e{status}"));
        (status.to_string(), response)
    }));
    for (status, content) in success {
        let mut response = json!({ "description": summary });
        if let Some(content) = content {
            response["content"] = content.clone();
        }
        responses.insert((*status).to_owned(), response);
    }
    json!({ "operationId": id, "tags": [tag], "summary": summary, "responses": responses })
}

fn json_body(schema: Value) -> Value {
    json!({ "application/json": { "schema": schema } })
}

fn required_body(schema: Value) -> Value {
    json!({ "required": true, "content": json_body(schema) })
}
