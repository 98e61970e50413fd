//! `/tx/v1`: several operations over all models.

use super::operations::Operation;
use serde_json::{Map, Value, json};

/// The path.
pub(super) fn paths() -> Map<String, Value> {
    let op = json!({
        "type": "object",
        "required": ["method", "path"],
        "additionalProperties": false,
        "properties": {
            "method": { "enum": ["GET", "POST", "PUT", "PATCH", "DELETE"] },
            "path": { "type": "string", "pattern": "^/(rest|kv|docs|wide|graph)/v1/" },
            "headers": { "type": "object", "additionalProperties": { "type": "string" } },
            "body": { "description": "JSON; for another Content-Type a string, or {base64}" },
        },
    });
    let answered = json!({
        "type": "object",
        "required": ["status", "headers", "body"],
        "properties": {
            "status": { "type": "integer" },
            "headers": { "type": "object", "additionalProperties": { "type": "string" } },
            "body": {},
        },
    });
    let body = json!({
        "type": "object",
        "required": ["ops"],
        "additionalProperties": false,
        "properties": {
            "ops": { "type": "array", "minItems": 1, "maxItems": 1_000, "items": op },
            "within": { "enum": ["slot", null] },
            "isolation": { "enum": ["serializable", "read committed", null] },
        },
    });
    let mut post = Operation::new("tx", "transactions", "Several operations, all or none")
        .write()
        .body(body)
        .answer(
            "200",
            "What each was answered",
            Some(json!({ "type": "array", "items": answered })),
        )
        .answer(
            "204",
            "Done, and no more was asked (`Prefer: return=minimal`)",
            None,
        )
        .describe();
    // A failure has the status of the operation that failed.
    for status in ["300", "406", "412", "415", "416"] {
        post["responses"][status] = super::reference("responses", &format!("e{status}"));
    }
    super::object([("/tx/v1".to_owned(), json!({ "post": post }))])
}
