//! Looking into a queue.

use super::{TAG, given, listed, of_group};
use crate::openapi::operations::{Operation, paged};
use serde_json::{Value, json};

pub(super) fn depth(id: &str) -> Value {
    let count = || json!({ "type": "integer", "minimum": 0 });
    let rate = || json!({ "type": "number", "minimum": 0 });
    let counts = json!({
        "type": "object",
        "required": [
            "depth", "ready", "in_flight", "waiting", "scheduled", "dead", "oldest_at",
            "oldest_age_seconds", "published_per_second", "leased_per_second", "retried_per_second", "acked_per_second",
        ],
        "properties": {
            "depth": count(),
            "ready": count(),
            "in_flight": count(),
            "waiting": { "type": "integer", "minimum": 0, "description": "For another try, or for another of their ordering key" },
            "scheduled": count(),
            "dead": count(),
            "oldest_at": { "type": ["string", "null"], "format": "date-time" },
            "oldest_age_seconds": { "type": ["number", "null"], "minimum": 0 },
            "published_per_second": { "type": "number", "minimum": 0, "description": "Through this process, over the last minute; so are the others, of all groups" },
            "leased_per_second": rate(),
            "retried_per_second": { "type": "number", "minimum": 0, "description": "Of those that are leased, the attempts beyond the first" },
            "acked_per_second": rate(),
        },
    });
    let operation = Operation::new(id, TAG, "How much is in a queue, and how fast it goes");
    of_group(operation)
        .answer("200", "The counts", Some(counts))
        .describe()
}

pub(super) fn peek(id: &str) -> Value {
    let found = given(&[
        (
            "state",
            json!({ "enum": ["ready", "leased", "waiting", "held", "dead", "acked"] }),
        ),
        ("attempts", json!({ "type": "integer", "minimum": 0 })),
        (
            "due_at",
            json!({ "type": ["string", "null"], "format": "date-time" }),
        ),
    ]);
    list(id, "Look at messages without leasing them", &found)
}

pub(super) fn dead(id: &str) -> Value {
    let found = given(&[
        ("attempts", json!({ "type": "integer", "minimum": 0 })),
        ("error", json!({ "type": "string" })),
        (
            "died_at",
            json!({ "type": "string", "format": "date-time" }),
        ),
    ]);
    list(id, "Look at messages whose attempts are used up", &found)
}

fn list(id: &str, summary: &str, item: &Value) -> Value {
    let operation = paged(Operation::new(id, TAG, summary).read());
    of_group(operation)
        .answer("200", "The messages", Some(listed(item)))
        .describe()
}
