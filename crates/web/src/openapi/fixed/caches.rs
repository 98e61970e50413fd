//! The caches of `/admin/v1`, described.

use super::{admin, operation, reference, required_body};
use serde_json::{Value, json};

/// One collection: its rule and how well it does.
pub(super) fn one() -> Value {
    let found = |id, summary| {
        let mut operation = admin(id, summary, "200");
        operation["parameters"] = named();
        operation["responses"]["404"] = reference("responses", "e404");
        operation
    };
    let mut change = found("change_cache", "Change settings of a rule of caching");
    change["requestBody"] = required_body(json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "strategy": {
                "enum": ["off", "cache-aside", "read-through", "write-through", "write-behind", "write-around", "refresh-ahead", null],
            },
            "eviction": { "enum": ["lru", "lfu", "fifo", "s3fifo", "sieve", null] },
            "capacity": text(r"^[0-9]{1,4}(KiB|MiB|GiB)$"),
            "ttl": span(),
            "ttl_jitter": { "type": ["number", "null"], "minimum": 0, "maximum": 1 },
            "stale_while_revalidate": span(),
            "stale_if_error": span(),
            "negative_ttl": span(),
            "shadow": { "type": ["boolean", "null"] },
            "warm": { "type": ["string", "null"], "maxLength": 1000 },
            "warm_rate": { "type": ["integer", "null"], "minimum": 1, "maximum": 10_000 },
        },
    }));
    let reset = done("reset_cache", "Take back what was changed of a rule");
    json!({
        "get": found("cache", "How a collection is cached, and how well"),
        "patch": change,
        "delete": reset,
    })
}

/// Drops what is kept of all collections.
pub(super) fn flush_all() -> Value {
    let mut operation = done(
        "flush_caches",
        "Drop what all processes keep, of all collections",
    );
    operation["parameters"] = json!([]);
    operation
}

/// Loads what is likely to be asked for.
pub(super) fn warm() -> Value {
    let summary = "Have all processes load what a collection's query finds";
    let mut operation = admin("warm_cache", summary, "202");
    operation["parameters"] = named();
    operation["responses"]["404"] = reference("responses", "e404");
    json!({ "post": operation })
}

/// Drops what is kept of one.
pub(super) fn flush() -> Value {
    let mut operation = done(
        "flush_cache",
        "Drop what all processes keep of a collection",
    );
    operation["responses"]["404"] = reference("responses", "e404");
    json!({ "post": operation })
}

/// An operation on a collection that answers nothing.
fn done(id: &str, summary: &str) -> Value {
    let mut operation = operation(id, "admin", summary, &[("204", None)]);
    operation["responses"]["409"] = reference("responses", "e409");
    operation["parameters"] = named();
    operation
}

fn named() -> Value {
    json!([
        {
            "name": "surface", "in": "path", "required": true,
            "schema": { "enum": ["rest", "docs", "kv", "wide", "graph"] },
        },
        {
            "name": "name", "in": "path", "required": true,
            "schema": { "type": "string", "minLength": 1, "maxLength": 255 },
        },
    ])
}

fn text(pattern: &str) -> Value {
    json!({ "type": ["string", "null"], "pattern": pattern })
}

fn span() -> Value {
    text(r"^[0-9]{1,6}(us|ms|s|m|h|d)$")
}
