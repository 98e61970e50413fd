//! `/exchanges/v1/{exchange}`: one publish to several queues.

use super::{TAG, durability, message, publishing};
use crate::openapi::object;
use crate::openapi::operations::{Operation, in_path};
use pando_store::kv::NAME_BYTES_MAX;
use serde_json::{Map, Value, json};

/// Of a routing key; as in AMQP.
const ROUTING_KEY_BYTES_MAX: usize = 255;

/// The paths.
pub(in crate::openapi) fn paths() -> Map<String, Value> {
    let exchange = in_path("exchange", NAME_BYTES_MAX, "An exchange");
    object([
        (
            "/exchanges/v1/{exchange}".to_owned(),
            json!({
                "parameters": [exchange], "get": read("exchange_read"), "head": read("exchange_read_head"),
            }),
        ),
        (
            "/exchanges/v1/{exchange}/messages".to_owned(),
            json!({ "parameters": [exchange], "post": publish() }),
        ),
    ])
}

fn read(id: &str) -> Value {
    let binding = json!({
        "type": "object",
        "required": ["queue", "key"],
        "properties": { "queue": { "type": "string" }, "key": { "type": "string" } },
    });
    let exchange = json!({
        "type": "object",
        "required": ["name", "kind", "bindings"],
        "properties": {
            "name": { "type": "string" },
            "kind": { "enum": ["direct", "topic", "fanout"] },
            "bindings": { "type": "array", "items": binding },
        },
    });
    Operation::new(id, TAG, "The kind of an exchange, and its bindings")
        .read()
        .answer("200", "The exchange", Some(exchange))
        .describe()
}

fn publish() -> Value {
    let routed = json!({
        "type": "object",
        "required": ["routed", "ids"],
        "properties": {
            "routed": { "type": "integer", "minimum": 0, "description": "To how many queues it went; 0 where no binding matches" },
            "ids": {
                "type": "object", "additionalProperties": { "type": "string" },
                "description": "Its id in each of them",
            },
        },
    });
    let mut durability = durability();
    durability["type"] = json!(["object", "null"]);
    durability["description"] = json!("The least of the queues'; null where there is none");
    let published = json!({
        "type": "object",
        "required": ["messages", "durability"],
        "properties": {
            "messages": { "type": "array", "items": routed },
            "durability": durability,
        },
    });
    let summary = "Publish messages to each queue that a binding says, all or none";
    let operation = Operation::new("exchange_publish", TAG, summary)
        .query(
            "routing_key",
            routing_key(),
            "Where it goes; of a body that is not JSON",
        )
        .query(
            "mandatory",
            json!({ "type": "boolean" }),
            "Publish nothing where it would go to no queue",
        )
        .answer("201", "Published", Some(published));
    let mut message = message();
    message["properties"]["routing_key"] = routing_key();
    message["properties"]["mandatory"] = json!({ "type": "boolean" });
    publishing(operation, &message)
}

fn routing_key() -> Value {
    json!({ "type": "string", "maxLength": ROUTING_KEY_BYTES_MAX })
}
