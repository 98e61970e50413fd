//! `/queue/v1/{queue}`: messages that one hands over and another works on.

pub(super) mod exchanges;
mod looking;

use super::operations::{Operation, in_path};
use super::{object, reference};
use looking::{dead, depth, peek};
use pando_model::datetime::{TIMESTAMP_MAX, TIMESTAMP_MIN};
use pando_queue::DEDUP_ID_BYTES_MAX;
use pando_store::kv::NAME_BYTES_MAX;
use pando_store::queue::{KEY_BYTES_MAX, LEASES_MAX, MESSAGES_MAX, PRIORITIES_MAX};
use serde_json::{Map, Value, json};

const TAG: &str = "queues";
/// Up to a minute.
const WAIT: &str = "^([0-9]{1,4}ms|[0-5]?[0-9]s|60s|1m)$";

/// The paths.
pub(super) fn paths() -> Map<String, Value> {
    let queue = in_path("queue", NAME_BYTES_MAX, "A queue");
    let at = |verb: &str, operations: Value| {
        let mut item = json!({ "parameters": [queue] });
        for (method, operation) in operations.as_object().into_iter().flatten() {
            item[method] = operation.clone();
        }
        (format!("/queue/v1/{{queue}}{verb}"), item)
    };
    object([
        at(
            "",
            json!({ "get": depth("queue_depth"), "head": depth("queue_depth_head") }),
        ),
        at(
            "/messages",
            json!({
                "get": peek("queue_peek"), "head": peek("queue_peek_head"), "post": publish(),
            }),
        ),
        at("/lease", json!({ "post": lease() })),
        at("/ack", json!({ "post": ack() })),
        at("/nack", json!({ "post": nack() })),
        at("/extend", json!({ "post": extend() })),
        at(
            "/dead",
            json!({ "get": dead("queue_dead"), "head": dead("queue_dead_head") }),
        ),
        at("/redrive", json!({ "post": redrive() })),
        at("/purge", json!({ "post": purge() })),
        at("/replay", json!({ "post": replay() })),
    ])
}

/// An operation of queues, with what else can go wrong with it.
fn described(operation: Operation, more: &[&str]) -> Value {
    let mut described = operation.describe();
    for status in more {
        described["responses"][status] = reference("responses", &format!("e{status}"));
    }
    described
}

fn publish() -> Value {
    let published = json!({
        "type": "object",
        "required": ["ids", "durability"],
        "properties": { "ids": ids(), "durability": durability() },
    });
    let operation = Operation::new("queue_publish", TAG, "Publish messages: all or none").answer(
        "201",
        "Published",
        Some(published),
    );
    publishing(operation, &message())
}

/// What an answered publish means.
fn durability() -> Value {
    json!({
        "type": "object",
        "required": ["synced", "copies"],
        "properties": { "synced": { "type": "boolean" }, "copies": { "type": "integer" } },
    })
}

/// A publish of messages of some form: one, several, an event, or bytes as they are.
fn publishing(operation: Operation, message: &Value) -> Value {
    let operation = operation
        .write()
        .query(
            "delay",
            span(),
            "How long until it can be leased; of a body that is not JSON",
        )
        .query("at", instant(), "When it can be leased")
        .query("priority", priority(), "Higher is leased first")
        .query(
            "ordering_key",
            named(KEY_BYTES_MAX),
            "Messages of one key are leased one at a time, in order",
        )
        .query(
            "dedup_id",
            named(DEDUP_ID_BYTES_MAX),
            "Whoever publishes the same again is answered with the first's id",
        );
    let mut described = described(operation, &["415", "429"]);
    let several = json!({ "type": "array", "minItems": 1, "items": message });
    described["requestBody"] = json!({
        "required": true,
        "content": {
            "application/json": { "schema": { "oneOf": [message, several] } },
            "application/cloudevents+json": { "schema": event() },
            "application/octet-stream": { "schema": { "type": "string", "format": "binary" } },
            "text/plain": { "schema": { "type": "string" } },
        },
    });
    described
}

/// A message as it is published.
fn message() -> Value {
    json!({
        "type": "object",
        "required": ["body"],
        "additionalProperties": false,
        "properties": {
            "body": { "description": "Any JSON" },
            "delay": span(),
            "at": instant(),
            "priority": priority(),
            "ordering_key": named(KEY_BYTES_MAX),
            "dedup_id": named(DEDUP_ID_BYTES_MAX),
        },
    })
}

/// An event of CloudEvents 1.0 in JSON.
fn event() -> Value {
    let text = || json!({ "type": "string", "minLength": 1 });
    json!({
        "type": "object",
        "required": ["specversion", "id", "source", "type"],
        "properties": {
            "specversion": { "const": "1.0" },
            "id": text(),
            "source": text(),
            "type": text(),
            "data": {},
        },
    })
}

fn lease() -> Value {
    let sent = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "max": { "type": "integer", "minimum": 1, "description": format!("Messages at most, {MESSAGES_MAX} or fewer; 1") },
            "wait": { "anyOf": [
                { "type": "string", "pattern": WAIT },
                { "type": "number", "minimum": 0, "maximum": 60 },
            ], "description": "How long to wait for a message" },
            "visibility": span(),
            "group": group(),
        },
    });
    let mut leased = given(&[
        ("lease", json!({ "type": "string" })),
        ("attempt", json!({ "type": "integer", "minimum": 1 })),
    ]);
    leased["description"] = "A message, and what acknowledges it".into();
    let operation = Operation::new("queue_lease", TAG, "Lease messages")
        .write()
        .body(sent)
        .answer(
            "200",
            "The messages, if there are any",
            Some(listed(&leased)),
        );
    optional_body(described(operation, &["415", "429"]))
}

fn ack() -> Value {
    settling(
        "queue_ack",
        "Acknowledge messages: they are done",
        "acked",
        json!({}),
    )
}

fn nack() -> Value {
    let more = json!({ "delay": span(), "error": { "type": "string" } });
    settling(
        "queue_nack",
        "Give messages back, to be tried again",
        "nacked",
        more,
    )
}

fn extend() -> Value {
    let more = json!({ "visibility": span() });
    settling("queue_extend", "Keep messages for longer", "extended", more)
}

/// What is done with leases; `done` counts those that were not gone.
fn settling(id: &str, summary: &str, done: &str, more: Value) -> Value {
    let mut sent = json!({
        "type": "object",
        "required": ["leases"],
        "additionalProperties": false,
        "properties": {
            "leases": {
                "type": "array", "minItems": 1, "maxItems": LEASES_MAX,
                "items": { "type": "string" },
            },
        },
    });
    for (name, schema) in more.as_object().into_iter().flatten() {
        sent["properties"][name] = schema.clone();
    }
    let count = || json!({ "type": "integer", "minimum": 0 });
    let settled = json!({
        "type": "object",
        "required": [done, "gone"],
        "properties": {
            done: count(),
            "gone": { "type": "integer", "minimum": 0, "description": "Leases that had run out" },
        },
    });
    let operation = Operation::new(id, TAG, summary).write().body(sent).answer(
        "200",
        "What became of them",
        Some(settled),
    );
    described(operation, &["415"])
}

fn redrive() -> Value {
    let sent = json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "group": group(),
            "ids": { "type": "array", "minItems": 1, "items": { "type": "string", "pattern": "^[0-9]{1,18}$" } },
        },
    });
    let redriven = json!({
        "type": "object",
        "required": ["redriven", "more"],
        "properties": {
            "redriven": { "type": "integer", "minimum": 0 },
            "more": { "type": "boolean", "description": "Whether there may be more of them" },
        },
    });
    let operation = Operation::new("queue_redrive", TAG, "Give dead letters another chance")
        .write()
        .body(sent)
        .answer("200", "How many", Some(redriven));
    optional_body(described(operation, &["415"]))
}

fn purge() -> Value {
    let purged = json!({
        "type": "object",
        "required": ["purged"],
        "properties": { "purged": { "type": "integer", "minimum": 0 } },
    });
    Operation::new("queue_purge", TAG, "Remove all there is, of all groups")
        .write()
        .answer("200", "How many messages", Some(purged))
        .describe()
}

fn replay() -> Value {
    let operation = Operation::new("queue_replay", TAG, "Give a group again what is kept")
        .write()
        .required_query("from", instant(), "Since when");
    of_group(operation)
        .answer("204", "They are given again", None)
        .describe()
}

/// A message as it is given, and what is said of it here.
fn given(more: &[(&str, Value)]) -> Value {
    let mut schema = json!({
        "type": "object",
        "required": ["id", "body", "priority", "ordering_key", "enqueued_at"],
        "properties": {
            "id": { "type": "string" },
            "body": { "description": "JSON; text of text/… as a string, all else as {base64}" },
            "content_type": { "type": "string", "description": "Where it is not application/json" },
            "attributes": { "type": "object", "description": "Those of an event" },
            "priority": priority(),
            "ordering_key": { "type": ["string", "null"] },
            "enqueued_at": { "type": "string", "format": "date-time" },
        },
    });
    for (name, of) in more {
        schema["properties"][name] = of.clone();
        if let Some(required) = schema["required"].as_array_mut() {
            required.push(json!(name));
        }
    }
    schema
}

fn listed(item: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["messages"],
        "properties": { "messages": { "type": "array", "items": item } },
    })
}

fn ids() -> Value {
    json!({ "type": "array", "items": { "type": "string" } })
}

fn of_group(operation: Operation) -> Operation {
    operation.query("group", group(), "The group of consumers; default")
}

fn group() -> Value {
    named(KEY_BYTES_MAX)
}

fn named(bytes_max: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": bytes_max })
}

fn priority() -> Value {
    json!({ "type": "integer", "minimum": 0, "maximum": PRIORITIES_MAX - 1 })
}

/// A text with a unit, or seconds.
fn span() -> Value {
    json!({ "anyOf": [
        { "type": "string", "pattern": "^[0-9]{1,9}(ms|s|m|h|d)$" },
        { "type": "number", "minimum": 0, "maximum": 1_000_000_000 },
    ] })
}

/// A text of RFC 3339, or microseconds since 1970.
fn instant() -> Value {
    json!({ "anyOf": [
        { "type": "string", "format": "date-time" },
        { "type": "integer", "minimum": TIMESTAMP_MIN, "maximum": TIMESTAMP_MAX },
    ] })
}

/// A body that may be left out.
fn optional_body(mut described: Value) -> Value {
    described["requestBody"]["required"] = json!(false);
    described
}
