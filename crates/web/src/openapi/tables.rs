//! The path of one table and what can be done at it.

use super::{object, reference, types};
use pando_model::schema::Table;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

/// What may stand in a path segment as it is.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~');

/// What a client error can be, on every operation of a table.
const ERRORS: [u16; 17] = [
    300, 400, 401, 403, 404, 405, 406, 408, 409, 413, 414, 415, 416, 422, 431, 503, 504,
];

/// The path of a table.
pub(super) fn path_of(table: &Table) -> String {
    format!("/rest/v1/{}", utf8_percent_encode(&table.name, SEGMENT))
}

/// What can be done at it.
pub(super) fn path_item(table: &Table) -> Value {
    json!({
        "get": read(table, "Read rows", false),
        "head": read(table, "Read the headers of a list", true),
        "post": write(table, "Insert rows", Kind::Insert),
        "patch": write(table, "Update the rows that pass the filters", Kind::Update),
        "put": write(table, "Insert or replace one row by its primary key", Kind::Put),
        "delete": write(table, "Delete the rows that pass the filters", Kind::Delete),
        "options": {
            "operationId": format!("options_{}", table.name),
            "tags": ["tables"],
            "summary": "What can be done here",
            "responses": with_errors([("200", json!({ "description": "See Allow" })),
                ("204", json!({ "description": "The answer to a preflight request" }))]),
        },
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Insert,
    Update,
    Put,
    Delete,
}

fn read(table: &Table, summary: &str, is_head: bool) -> Value {
    let mut parameters = shared(&[
        "select",
        "order",
        "limit",
        "offset",
        "cursor",
        "and",
        "or",
        "Range",
        "PreferRead",
        "PandoStamp",
        "PandoConsistency",
    ]);
    parameters.extend(filters(table));
    let success = |description: &str| {
        let mut response = json!({ "description": description, "headers": headers() });
        if !is_head {
            response["content"] = rows(table);
        }
        response
    };
    let verb = if is_head { "head" } else { "get" };
    json!({
        "operationId": format!("{verb}_{}", table.name),
        "tags": ["tables"],
        "summary": summary,
        "parameters": parameters,
        "responses": with_errors([
            ("200", success("The rows")),
            ("206", success("A part of the rows, when they are counted")),
        ]),
    })
}

fn write(table: &Table, summary: &str, kind: Kind) -> Value {
    let mut parameters = shared(&["select", "PreferWrite", "IdempotencyKey", "PandoStamp"]);
    if matches!(kind, Kind::Insert | Kind::Update | Kind::Put) {
        parameters.extend(shared(&["columns"]));
    }
    if kind == Kind::Insert {
        parameters.extend(shared(&["on_conflict"]));
    } else if kind == Kind::Put {
        parameters.extend(whole_key(table));
    } else {
        parameters.extend(filters(table));
    }
    if matches!(kind, Kind::Update | Kind::Delete) {
        parameters.extend(shared(&["and", "or"]));
    }
    let mut success = vec![(
        "200",
        json!({ "description": "Done", "headers": headers(), "content": rows(table) }),
    )];
    if matches!(kind, Kind::Insert | Kind::Put) {
        success.push((
            "201",
            json!({ "description": "Made", "headers": headers(), "content": rows(table) }),
        ));
    }
    if kind != Kind::Insert {
        let done = json!({ "description": "Done", "headers": headers() });
        success.push(("204", done));
    }
    let (verb, body) = match kind {
        Kind::Insert => ("post", Some(body(table, true, true))),
        Kind::Update => ("patch", Some(body(table, false, false))),
        Kind::Put => ("put", Some(body(table, false, true))),
        Kind::Delete => ("delete", None),
    };
    let mut operation = json!({
        "operationId": format!("{verb}_{}", table.name),
        "tags": ["tables"],
        "summary": summary,
        "parameters": parameters,
        "responses": with_errors(success),
    });
    if let Some(body) = body {
        operation["requestBody"] = body;
    }
    operation
}

/// A body of one row, or of several where `many`; `whole` rows have every required column.
fn body(table: &Table, many: bool, whole: bool) -> Value {
    let mut row = types::sent_row(table);
    if whole {
        let required: Vec<&str> = table
            .columns
            .iter()
            .filter(|column| !types::is_optional(column))
            .map(|column| column.name.as_str())
            .collect();
        row["required"] = json!(required);
    }
    row["additionalProperties"] = json!(false);
    let schema = if many {
        json!({ "oneOf": [row, { "type": "array", "items": row }] })
    } else {
        row
    };
    json!({
        "required": true,
        "content": {
            "application/json": { "schema": schema },
            "text/csv": { "schema": { "type": "string" } },
        },
    })
}

/// The row that a `PUT` is about: each column of the key, by `eq`.
fn whole_key(table: &Table) -> Vec<Value> {
    let columns = table.primary_key.columns.iter();
    columns
        .map(|ix| {
            let column = &table.columns[*ix];
            json!({
                "name": quoted(&column.name),
                "in": "query",
                "required": true,
                "description": format!("`eq.value` on {} ({})", column.name, column.ty),
                "schema": { "type": "string", "pattern": "^eq\\." },
            })
        })
        .collect()
}

/// One filter for each column: `column=op.value`.
fn filters(table: &Table) -> Vec<Value> {
    table
        .columns
        .iter()
        .map(|column| {
            json!({
                "name": quoted(&column.name),
                "in": "query",
                "description": format!("`op.value` on {} ({})", column.name, column.ty),
                "schema": { "type": "string", "pattern": FILTER },
            })
        })
        .collect()
}

/// `[not.]operator[(modifier)].operand`.
const FILTER: &str = "^(not\\.)?((eq|gte?|lte?|i?like|i?match)(\\((any|all)\\))?|neq|in|is|\
    isdistinct|cs|cd|ov|(fts|plfts|phfts|wfts)(\\([A-Za-z0-9_ $]+\\))?)\\.";

/// A column's name as a parameter's; quoted where it is a reserved one or has other letters.
fn quoted(name: &str) -> String {
    let is_plain = name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let reserved = [
        "select",
        "order",
        "limit",
        "offset",
        "cursor",
        "columns",
        "on_conflict",
        "and",
        "or",
    ];
    if is_plain && !reserved.contains(&name) {
        return name.to_owned();
    }
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn rows(table: &Table) -> Value {
    let row = reference("schemas", &table.name);
    let list = json!({ "schema": { "type": "array", "items": row } });
    json!({
        "application/json": list,
        "application/vnd.pgrst.array+json": list,
        "application/vnd.pgrst.object+json": { "schema": row },
        "text/csv": { "schema": { "type": "string" } },
    })
}

fn headers() -> Value {
    let names = [
        "Content-Range",
        "Location",
        "Preference-Applied",
        "Pando-Stamp",
        "Pando-Stamp-Lost",
        "Pando-Cursor",
        "Pando-Truncated",
        "Link",
        "Idempotency-Replayed",
    ];
    let entries = names.map(|name| (name.to_owned(), reference("headers", name)));
    Value::Object(object(entries))
}

fn shared(names: &[&str]) -> Vec<Value> {
    names
        .iter()
        .map(|name| reference("parameters", name))
        .collect()
}

/// Responses, and the errors that every operation can have.
fn with_errors(success: impl IntoIterator<Item = (&'static str, Value)>) -> Value {
    let success = success
        .into_iter()
        .map(|(status, response)| (status.to_owned(), response));
    let errors = ERRORS.iter().map(|status| {
        (
            status.to_string(),
            reference("responses", &format!("e{status}")),
        )
    });
    Value::Object(object(success.chain(errors)))
}
