//! `/sessions/v1`: who is logged in.

use super::operations::{Operation, in_path, paged, span};
use pando_store::sessions::USER_BYTES_MAX;
use serde_json::{Map, Value, json};

const TAG: &str = "sessions";

/// The paths.
pub(super) fn paths() -> Map<String, Value> {
    let user = in_path("user", USER_BYTES_MAX, "Whose sessions");
    let id = json!({
        "name": "id", "in": "path", "required": true, "description": "A session's id",
        "schema": { "type": "integer", "format": "int64" },
    });
    super::object([
        (
            "/sessions/v1".to_owned(),
            json!({ "post": begin(), "delete": end_all() }),
        ),
        (
            "/sessions/v1/current".to_owned(),
            json!({
                "get": get("sessions_get"), "head": get("sessions_head"),
                "patch": patch(), "delete": end(),
            }),
        ),
        (
            "/sessions/v1/current/rotate".to_owned(),
            json!({ "post": rotate() }),
        ),
        (
            "/sessions/v1/users/{user}".to_owned(),
            json!({
                "parameters": [user], "get": list("sessions_list"),
                "head": list("sessions_list_head"), "delete": end_user(),
            }),
        ),
        (
            "/sessions/v1/users/{user}/{id}".to_owned(),
            json!({ "parameters": [user, id], "delete": end_one() }),
        ),
    ])
}

/// A session as it is shown; with its token where it has just got one.
fn session(token: bool) -> Value {
    let time = json!({ "type": "string", "format": "date-time" });
    let mut schema = json!({
        "type": "object",
        "required": ["id", "user", "created_at", "authenticated_at", "last_seen_at", "expires_at", "absolute_expires_at"],
        "properties": {
            "id": { "type": "integer", "format": "int64" },
            "user": { "type": ["string", "null"] },
            "data": { "type": "object" },
            "created_at": time,
            "authenticated_at": { "type": ["string", "null"], "format": "date-time" },
            "last_seen_at": time,
            "expires_at": time,
            "absolute_expires_at": time,
        },
    });
    if token {
        schema["properties"]["token"] = json!({
            "type": "string", "pattern": "^pandos_[A-Za-z0-9_-]{54}$",
            "description": "What the session's holder sends; it is told only here, and not to whoever came with a cookie and no key",
        });
    }
    schema
}

/// What a session is to be.
fn said() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "user": { "type": ["string", "null"], "minLength": 1, "maxLength": USER_BYTES_MAX },
            "data": { "type": "object" },
            "idle": { "anyOf": [span(), { "type": "integer", "minimum": 1 }, { "type": "null" }] },
            "absolute": { "anyOf": [span(), { "type": "integer", "minimum": 1 }, { "type": "null" }] },
        },
    })
}

fn begin() -> Value {
    Operation::new(
        "sessions_begin",
        TAG,
        "Begin a session, in the place of the one that is held",
    )
    .write()
    .body(said())
    .answer("201", "Begun; its cookie is set", Some(session(true)))
    .describe()
}

fn get(id: &str) -> Value {
    let mut operation = Operation::new(id, TAG, "The session that is held")
        .conditional()
        .answer("200", "The session", Some(session(false)))
        .answer("304", "The caller has it already", None);
    operation = held(operation);
    operation.describe()
}

fn patch() -> Value {
    let patch = json!({
        "type": "object",
        "required": ["data"],
        "additionalProperties": false,
        "properties": { "data": { "type": "object" } },
    });
    let operation = Operation::new("sessions_patch", TAG, "Change its data by a merge patch")
        .write()
        .conditional()
        .body(patch)
        .answer("200", "What is there now", Some(session(false)));
    held(operation).describe()
}

fn end() -> Value {
    let operation = Operation::new("sessions_end", TAG, "Log out")
        .write()
        .conditional()
        .answer("204", "Ended; the cookie goes", None);
    held(operation).describe()
}

fn rotate() -> Value {
    let operation = Operation::new(
        "sessions_rotate",
        TAG,
        "Another token; with a user, for somebody who has just shown who they are",
    )
    .body(said())
    .answer("200", "Rotated; its cookie is set", Some(session(true)));
    let mut described = held(operation).describe();
    described["requestBody"]["required"] = json!(false);
    described
}

fn list(id: &str) -> Value {
    let sessions = json!({
        "type": "object",
        "required": ["sessions"],
        "properties": { "sessions": { "type": "array", "items": session(false) } },
    });
    paged(Operation::new(id, TAG, "A user's sessions, oldest first"))
        .answer("200", "The sessions", Some(sessions))
        .describe()
}

fn end_user() -> Value {
    let id = json!({ "type": "integer", "format": "int64" });
    Operation::new("sessions_end_user", TAG, "Log a user out everywhere")
        .write()
        .query("except", id, "The id of a session that stays")
        .answer("204", "Ended", None)
        .describe()
}

fn end_one() -> Value {
    Operation::new("sessions_end_one", TAG, "End one of a user's sessions")
        .write()
        .answer("204", "Ended", None)
        .describe()
}

fn end_all() -> Value {
    Operation::new("sessions_end_all", TAG, "Log everybody out")
        .write()
        .required_query("all", json!({ "const": true }), "That this is meant")
        .answer("204", "Ended", None)
        .describe()
}

/// Its session is the one that a header or a cookie names.
fn held(operation: Operation) -> Operation {
    let token = json!({ "type": "string", "pattern": "^pandos_[A-Za-z0-9_-]{54}$" });
    operation.header(
        "Pando-Session",
        token,
        "The token; or the cookie __Host-pando-session",
    )
}
