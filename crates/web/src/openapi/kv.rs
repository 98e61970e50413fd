//! `/kv/v1/{space}`: values under keys.

use super::operations::{Operation, in_path, paged, span};
use pando_store::kv::{KEY_BYTES_MAX, NAME_BYTES_MAX};
use serde_json::{Map, Value, json};

const TAG: &str = "key-value";

/// The paths.
pub(super) fn paths() -> Map<String, Value> {
    let space = in_path("space", NAME_BYTES_MAX, "A space of keys");
    let key = in_path(
        "key",
        KEY_BYTES_MAX,
        "A key, percent-encoded as one segment",
    );
    let own = json!([space, key]);
    super::object([
        (
            "/kv/v1/{space}".to_owned(),
            json!({ "parameters": [space], "get": list("kv_list"), "head": list("kv_list_head") }),
        ),
        (
            "/kv/v1/{space}/batch".to_owned(),
            json!({ "parameters": [space], "post": batch() }),
        ),
        (
            "/kv/v1/{space}/{key}".to_owned(),
            json!({
                "parameters": own, "get": get("kv_get"), "head": get("kv_head"),
                "put": put(), "delete": delete(),
            }),
        ),
        (
            "/kv/v1/{space}/{key}/incr".to_owned(),
            json!({ "parameters": own, "post": incr() }),
        ),
    ])
}

fn list(id: &str) -> Value {
    let listed = json!({
        "type": "object",
        "required": ["key", "size", "content_type", "version", "expires_at"],
        "properties": {
            "key": { "type": "string" },
            "size": { "type": "integer" },
            "content_type": { "type": "string" },
            "version": { "type": "integer" },
            "expires_at": { "type": ["string", "null"], "format": "date-time" },
        },
    });
    let keys = json!({
        "type": "object",
        "required": ["keys"],
        "properties": { "keys": { "type": "array", "items": listed } },
    });
    let operation = Operation::new(id, TAG, "List keys in the order of their bytes")
        .read()
        .query(
            "prefix",
            json!({ "type": "string" }),
            "What they begin with",
        );
    paged(operation)
        .answer("200", "The keys", Some(keys))
        .describe()
}

fn get(id: &str) -> Value {
    let any = json!({ "*/*": { "schema": { "type": "string", "format": "binary" } } });
    Operation::new(id, TAG, "Read a value, as what it was sent")
        .read()
        .conditional()
        .answer_of("200", "The value", Some(any))
        .answer("304", "The caller has it already", None)
        .describe()
}

fn put() -> Value {
    Operation::new("kv_put", TAG, "Store a value")
        .write()
        .conditional()
        .query("ttl", span(), "How long it lives")
        .body_of("*/*", json!({ "type": "string", "format": "binary" }))
        .answer("201", "Made", None)
        .answer(
            "204",
            "Replaced; or stored in a space that is written behind, whatever was there",
            None,
        )
        .describe()
}

fn delete() -> Value {
    Operation::new("kv_delete", TAG, "Remove a value")
        .write()
        .conditional()
        .answer(
            "204",
            "Removed; in a space that is written behind also where nothing was there",
            None,
        )
        .describe()
}

fn incr() -> Value {
    let counted = json!({
        "type": "object",
        "required": ["value"],
        "properties": { "value": { "type": "integer", "format": "int64" } },
    });
    Operation::new("kv_incr", TAG, "Count a counter up, or down")
        .write()
        .conditional()
        .query(
            "by",
            json!({ "type": "integer", "format": "int64" }),
            "By how much; 1",
        )
        .query("ttl", span(), "How long it lives from now on")
        .answer("200", "What it counts now", Some(counted))
        .describe()
}

fn batch() -> Value {
    let key = json!({ "type": "string", "minLength": 1, "maxLength": KEY_BYTES_MAX });
    let text = json!({ "type": "string" });
    let item = |op: &str, more: Value| {
        let mut item = json!({
            "type": "object",
            "required": ["op", "key"],
            "additionalProperties": false,
            "properties": { "op": { "const": op }, "key": key },
        });
        for (name, schema) in more.as_object().into_iter().flatten() {
            item["properties"][name] = schema.clone();
        }
        item
    };
    let instant = json!({ "type": "string", "format": "date-time" });
    let mut value = item(
        "put",
        json!({ "value": { "type": "string", "contentEncoding": "base64" }, "content_type": text, "ttl": span(), "expires_at": instant }),
    );
    value["required"] = json!(["op", "key", "value"]);
    let mut plain = item(
        "put",
        json!({ "text": text, "content_type": text, "ttl": span(), "expires_at": instant }),
    );
    plain["required"] = json!(["op", "key", "text"]);
    let whole = json!({ "type": "integer", "format": "int64" });
    let items = json!({ "oneOf": [
        item("get", json!({})), value, plain, item("delete", json!({})),
        item("incr", json!({ "by": whole, "ttl": span() })),
    ] });
    Operation::new("kv_batch", TAG, "Several keys at once, all or none")
        .write()
        .body(json!({ "type": "array", "maxItems": 10_000, "items": items }))
        .answer(
            "200",
            "What each did",
            Some(json!({ "type": "array", "items": { "type": "object" } })),
        )
        .answer(
            "204",
            "Done, and no more was asked (`Prefer: return=minimal`)",
            None,
        )
        .describe()
}
