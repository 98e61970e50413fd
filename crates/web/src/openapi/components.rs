//! What operations share: parameters, headers, errors.

use super::{object, reference};
use serde_json::{Map, Value, json};

/// Schemas that are not a table's.
pub(super) fn schemas() -> Map<String, Value> {
    object([
        (
            "Error".to_owned(),
            json!({
                "type": "object",
                "required": ["code", "message", "details", "hint"],
                "properties": {
                    "code": { "type": "string", "description": "Stable: a SQLSTATE, PGRST…, or a word" },
                    "message": { "type": "string" },
                    "details": { "type": ["string", "array", "object", "null"] },
                    "hint": { "type": ["string", "null"] },
                },
            }),
        ),
        (
            "Key".to_owned(),
            json!({
                "type": "object",
                "required": ["id", "name", "scopes", "created_at_us"],
                "properties": {
                    "id": { "type": "string" },
                    "name": { "type": "string" },
                    "scopes": { "type": "array", "items": { "type": "string" } },
                    "created_at_us": { "type": "integer" },
                    "last_used_at_us": { "type": ["integer", "null"] },
                    "revoked_at_us": { "type": ["integer", "null"] },
                },
            }),
        ),
    ])
}

/// Parameters, by name.
pub(super) fn parameters() -> Map<String, Value> {
    let mut all = query_parameters();
    all.extend(header_parameters());
    all
}

fn query_parameters() -> Map<String, Value> {
    let query = |name: &str, schema: Value, description: &str| {
        let parameter =
            json!({ "name": name, "in": "query", "schema": schema, "description": description });
        (name.to_owned(), parameter)
    };
    let text = || json!({ "type": "string" });
    let rows = || json!({ "type": "integer", "minimum": 0 });
    object([
        query(
            "select",
            text(),
            "Columns, aliases, casts, JSON paths, aggregates, embedded resources",
        ),
        query(
            "order",
            json!({ "type": "string", "minLength": 1 }),
            "`column.desc.nullslast,other`",
        ),
        query("limit", rows(), "Rows at most"),
        query("offset", json!({ "type": "integer" }), "Rows passed over"),
        query(
            "cursor",
            text(),
            "Go on behind the page whose Pando-Cursor this is",
        ),
        query(
            "and",
            json!({ "type": "string", "pattern": "^\\(.+\\)$" }),
            "Conditions, all of which hold",
        ),
        query(
            "or",
            json!({ "type": "string", "pattern": "^\\(.+\\)$" }),
            "Conditions, one of which holds",
        ),
        query(
            "columns",
            json!({ "type": "string", "minLength": 1 }),
            "Keys of the body that are looked at",
        ),
        query(
            "on_conflict",
            json!({ "type": "string", "minLength": 1 }),
            "The columns that tell an existing row",
        ),
    ])
}

fn header_parameters() -> Map<String, Value> {
    let header = |key: &str, name: &str, schema: Value, description: &str| {
        let parameter =
            json!({ "name": name, "in": "header", "schema": schema, "description": description });
        (key.to_owned(), parameter)
    };
    let text = || json!({ "type": "string" });
    object([
        header(
            "Range",
            "Range",
            text(),
            "`0-24`, instead of limit and offset",
        ),
        header(
            "PreferRead",
            "Prefer",
            text(),
            "count=exact|planned|estimated, handling=strict|lenient, explain",
        ),
        header(
            "PreferWrite",
            "Prefer",
            text(),
            "return=, resolution=, missing=, count=, max-affected=, handling=",
        ),
        header(
            "IdempotencyKey",
            "Idempotency-Key",
            json!({ "type": "string", "minLength": 1, "maxLength": 255 }),
            "Makes a retry safe",
        ),
        header(
            "IfMatch",
            "If-Match",
            text(),
            "Only where this is its ETag; * for whatever is there",
        ),
        header(
            "IfNoneMatch",
            "If-None-Match",
            text(),
            "Only where this is not its ETag; * for nothing there",
        ),
        header(
            "PandoStamp",
            "Pando-Stamp",
            text(),
            "What the caller has written and seen, as it was handed out",
        ),
        header(
            "PandoConsistency",
            "Pando-Consistency",
            json!({ "type": "string", "pattern": "^(strong|session|eventual|bounded=[0-9]{1,9}(us|ms|s|m))$" }),
            "strong, session (default), bounded=5s or eventual",
        ),
    ])
}

/// Headers of answers, by name.
pub(super) fn headers() -> Map<String, Value> {
    let all = [
        ("Content-Range", "Which rows these are, of how many"),
        ("Location", "Where the new row is"),
        ("Preference-Applied", "The preferences that were met"),
        (
            "Pando-Stamp",
            "Send it back to read what you have written and seen",
        ),
        (
            "Pando-Stamp-Lost",
            "`true`: a failover or a restore has lost what the caller had seen",
        ),
        ("Pando-Cursor", "Where the next page begins"),
        (
            "Pando-Truncated",
            "`true`: the list was cut at the server's max_rows",
        ),
        ("Link", "The next page"),
        ("ETag", "The version of what is there"),
        (
            "Idempotency-Replayed",
            "`true`: it was done before; this is the answer of then",
        ),
        ("Retry-After", "Seconds"),
    ];
    object(all.map(|(name, description)| {
        let header = json!({ "description": description, "schema": { "type": "string" } });
        (name.to_owned(), header)
    }))
}

/// Errors, named `e` and their status.
pub(super) fn responses() -> Map<String, Value> {
    let all = [
        (300, "Embedding is ambiguous; `details` lists the choices"),
        (400, "Malformed, or refused by a rule of the data"),
        (401, "No valid key"),
        (
            403,
            "The key has too little scope, or a page elsewhere asks",
        ),
        (404, "There is no such thing"),
        (405, "There is no such method here"),
        (406, "No such media type, or not exactly one row"),
        (408, "The body did not arrive in time"),
        (
            409,
            "A key, foreign key or idempotency key stands against it",
        ),
        (412, "If-Match or If-None-Match does not hold"),
        (413, "The body is too large"),
        (414, "Path and query are too long"),
        (415, "No such Content-Type"),
        (416, "There are no such rows"),
        (
            422,
            "It cannot be done, or the Idempotency-Key was used for another request",
        ),
        (429, "The queue is full, or too much of it is out"),
        (431, "The headers are too large"),
        (500, "A fault of the server's"),
        (501, "This engine cannot do that"),
        (503, "Not now, or the outcome is unknown"),
        (504, "It took too long"),
    ];
    object(all.map(|(status, description)| {
        let error = reference("schemas", "Error");
        let response = json!({
            "description": description,
            "content": { "application/json": { "schema": error } },
        });
        (format!("e{status}"), response)
    }))
}
