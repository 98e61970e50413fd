//! `/asyncapi.json`: AsyncAPI 3.0 of what is told to those who listen.

use crate::reply::{self, Reply};
use http::StatusCode;
use serde_json::{Value, json};

/// The answer to `/asyncapi.json`.
pub(crate) fn answer() -> Reply {
    reply::json(StatusCode::OK, &document())
}

fn document() -> Value {
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Pando",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What is told to those who listen, and what is handed over in queues. The \
                            requests are in /openapi.json.",
            "license": { "name": "Apache-2.0" },
        },
        "defaultContentType": "application/json",
        "channels": {
            "topic": {
                "address": "/topics/v1/{topic}",
                "title": "A topic",
                "description": "Fan-out without memory. POST publishes; GET with Accept: \
                                text/event-stream subscribes, and so does a WebSocket, whose frames \
                                are events of CloudEvents in JSON.",
                "parameters": { "topic": { "description": "The topic's name" } },
                "messages": {
                    "published": { "$ref": "#/components/messages/published" },
                    "gap": { "$ref": "#/components/messages/gap" },
                },
                "bindings": { "ws": { "method": "GET", "bindingVersion": "0.1.0" } },
            },
            "changes": {
                "address": "/changes/v1/{table}",
                "title": "The changes of a table",
                "description": "Each committed change, in commit order, as an event stream.",
                "parameters": { "table": { "description": "The table's name" } },
                "messages": {
                    "change": { "$ref": "#/components/messages/change" },
                    "gap": { "$ref": "#/components/messages/gap" },
                },
            },
            "queue": queue(),
            "exchange": {
                "address": "/exchanges/v1/{exchange}/messages",
                "title": "An exchange",
                "description": "POST publishes a message to each queue that a binding of the exchange \
                                sends its routing key to, in one transaction.",
                "parameters": { "exchange": { "description": "The exchange's name" } },
                "messages": { "posted": { "$ref": "#/components/messages/posted" } },
            },
        },
        "operations": {
            "publish": operation("receive", "topic", &["published"], "Tell all who listen to a topic"),
            "subscribe": operation("send", "topic", &["published", "gap"], "Listen to a topic"),
            "follow_changes": operation("send", "changes", &["change", "gap"], "Listen to a table's changes"),
            "queue_publish": operation("receive", "queue", &["queued"], "Hand a message over"),
            "exchange_publish": operation("receive", "exchange", &["posted"], "Hand a message over to several queues"),
            "queue_lease": operation("send", "queue", &["leased"], "Lease messages, and wait for one"),
        },
        "components": { "messages": messages() },
    })
}

fn queue() -> Value {
    json!({
        "address": "/queue/v1/{queue}",
        "title": "A queue",
        "description": "Messages that one hands over and another works on, at least once. POST \
                        …/messages publishes; POST …/lease gives what is next, and with `wait` waits \
                        for it; POST …/ack says that it is done. What is not acknowledged comes \
                        again. Each group of consumers gets every message.",
        "parameters": { "queue": { "description": "The queue's name" } },
        "messages": {
            "queued": { "$ref": "#/components/messages/queued" },
            "leased": { "$ref": "#/components/messages/leased" },
        },
    })
}

/// A message as it is published.
fn message() -> Value {
    json!({
        "type": "object",
        "required": ["body"],
        "properties": {
            "body": {},
            "delay": { "type": ["string", "number"] },
            "at": { "type": ["string", "integer"] },
            "priority": { "type": "integer", "minimum": 0 },
            "ordering_key": { "type": "string" },
            "dedup_id": { "type": "string" },
        },
    })
}

/// Messages of queues: as they are handed over, and as they are given.
fn queued() -> [(&'static str, Value); 3] {
    let mut posted = json!({
        "name": "message",
        "title": "What is handed over to several queues",
        "payload": message(),
    });
    let properties = &mut posted["payload"]["properties"];
    properties["routing_key"] = json!({ "type": "string" });
    properties["mandatory"] = json!({ "type": "boolean" });
    [
        ("posted", posted),
        (
            "queued",
            json!({
                "name": "message",
                "title": "What is handed over",
                "description": "As JSON; or an event of CloudEvents 1.0, or bytes as they are.",
                "payload": message(),
            }),
        ),
        (
            "leased",
            json!({
                "name": "message",
                "title": "A message, and what acknowledges it",
                "payload": {
                    "type": "object",
                    "required": ["id", "lease", "body", "attempt", "enqueued_at"],
                    "properties": {
                        "id": { "type": "string" },
                        "lease": { "type": "string" },
                        "body": {},
                        "content_type": { "type": "string" },
                        "attributes": { "type": "object" },
                        "attempt": { "type": "integer", "minimum": 1 },
                        "priority": { "type": "integer" },
                        "ordering_key": { "type": ["string", "null"] },
                        "enqueued_at": { "type": "string", "format": "date-time" },
                    },
                },
            }),
        ),
    ]
}

/// What Pando does: it sends what is heard, and receives what is published.
fn operation(action: &str, channel: &str, messages: &[&str], summary: &str) -> Value {
    let messages = messages.iter().map(|name| {
        let reference = format!("#/channels/{channel}/messages/{name}");
        json!({ "$ref": reference })
    });
    json!({
        "action": action,
        "channel": { "$ref": format!("#/channels/{channel}") },
        "summary": summary,
        "messages": messages.collect::<Vec<Value>>(),
    })
}

fn messages() -> Value {
    let mut all = listened();
    for (name, message) in queued() {
        all[name] = message;
    }
    all
}

/// What is told to those who listen.
fn listened() -> Value {
    json!({
        "published": {
            "name": "message",
            "title": "What somebody published",
            "description": "Any body, or an event of CloudEvents 1.0, binary or structured. Its type \
                            is the parameter `type` of the request, or the event's own.",
            "payload": true,
        },
        "gap": {
            "name": "pando.gap",
            "title": "Something may have been told that this subscriber does not get",
            "payload": {
                "type": "object",
                "properties": {
                    "missed": {
                        "type": ["integer", "null"],
                        "description": "How many messages of a topic, where that is known",
                    },
                },
            },
        },
        "change": {
            "name": "insert, update or delete",
            "title": "A committed change of a row",
            "payload": {
                "type": "object",
                "required": ["table", "kind", "key", "position"],
                "properties": {
                    "table": { "type": "string" },
                    "kind": { "enum": ["insert", "update", "delete"] },
                    "key": {
                        "type": ["object", "null"],
                        "description": "The columns of the primary key; null where the table's key has changed since",
                    },
                    "position": {
                        "type": "object",
                        "required": ["timeline", "p"],
                        "properties": {
                            "timeline": { "type": "integer" },
                            "p": { "type": "integer" },
                        },
                    },
                },
            },
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reference_leads_somewhere() {
        fn check(value: &Value, document: &Value) {
            match value {
                Value::Object(members) => {
                    if let Some(target) = members.get("$ref").and_then(Value::as_str) {
                        let pointer = target.trim_start_matches('#');
                        assert!(document.pointer(pointer).is_some(), "{target}");
                    }
                    members.values().for_each(|value| check(value, document));
                }
                Value::Array(items) => items.iter().for_each(|item| check(item, document)),
                _ => {}
            }
        }
        let document = document();
        check(&document, &document);
    }
}
