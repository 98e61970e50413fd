//! `/wide/v1/{table}/{partition}`: rows of columns, sorted.

use super::operations::{Operation, in_path, paged, span};
use pando_store::kv::NAME_BYTES_MAX;
use pando_store::wide::{KEY_BYTES_MAX, WRITTEN_MAX};
use serde_json::{Map, Value, json};

const TAG: &str = "wide-column";
/// `family:qualifier`.
const COLUMN: &str = "^[^:*]{1,255}:[^*]";

/// The paths.
pub(super) fn paths() -> Map<String, Value> {
    let table = in_path("table", NAME_BYTES_MAX, "A table");
    let partition = in_path("partition", KEY_BYTES_MAX, "A partition, percent-encoded");
    let row = in_path("row", KEY_BYTES_MAX, "A row, percent-encoded");
    super::object([
        (
            "/wide/v1/{table}".to_owned(),
            json!({
                "parameters": [table],
                "get": partitions("wide_partitions"), "head": partitions("wide_partitions_head"),
            }),
        ),
        (
            "/wide/v1/{table}/batch".to_owned(),
            json!({ "parameters": [table], "post": batch() }),
        ),
        (
            "/wide/v1/{table}/{partition}".to_owned(),
            json!({
                "parameters": [table, partition],
                "get": slice("wide_slice"), "head": slice("wide_slice_head"),
            }),
        ),
        (
            "/wide/v1/{table}/{partition}/{row}".to_owned(),
            json!({
                "parameters": [table, partition, row],
                "get": get("wide_get"), "head": get("wide_head"),
                "put": put(), "delete": delete(),
            }),
        ),
    ])
}

fn partitions(id: &str) -> Value {
    let partitions = json!({
        "type": "object",
        "required": ["partitions"],
        "properties": { "partitions": { "type": "array", "items": { "type": "string" } } },
    });
    let operation = Operation::new(id, TAG, "List partitions in the order of their bytes").read();
    paged(operation)
        .answer("200", "The partitions", Some(partitions))
        .describe()
}

fn row() -> Value {
    json!({
        "type": "object",
        "required": ["row", "cells"],
        "properties": {
            "row": { "type": "string" },
            "cells": {
                "type": "object",
                "description": "`family:qualifier` and its value; with `versions` > 1 a list of \
                    {at, value}, newest first",
            },
        },
    })
}

fn cells() -> Value {
    json!({
        "type": "object",
        "minProperties": 1,
        "maxProperties": WRITTEN_MAX,
        "propertyNames": { "pattern": COLUMN },
    })
}

fn columns(operation: Operation) -> Operation {
    operation.query(
        "columns",
        json!({ "type": "string", "minLength": 1 }),
        "`family:qualifier`, `family:*`, or a qualifier in every family, with commas between; \
         in double quotes where a name holds a comma",
    )
}

fn wanted(operation: Operation) -> Operation {
    columns(operation).query(
        "versions",
        json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
        "How many versions of a cell; 1",
    )
}

fn slice(id: &str) -> Value {
    let rows = json!({
        "type": "object",
        "required": ["partition", "rows"],
        "properties": {
            "partition": { "type": "string" },
            "rows": { "type": "array", "items": row() },
        },
    });
    let text = || json!({ "type": "string" });
    let operation = Operation::new(id, TAG, "Read a range of rows in the order of their bytes")
        .read()
        .query("from", text(), "From this row on")
        .query("to", text(), "Before this row")
        .query(
            "reverse",
            json!({ "type": "boolean" }),
            "From the end of the range",
        );
    wanted(paged(operation))
        .answer("200", "The rows", Some(rows))
        .describe()
}

fn get(id: &str) -> Value {
    wanted(Operation::new(id, TAG, "Read a row, or columns of it").read())
        .answer("200", "The row", Some(row()))
        .describe()
}

fn put() -> Value {
    Operation::new("wide_put", TAG, "Write cells of a row")
        .write()
        .conditional()
        .query(
            "at",
            json!({ "anyOf": [{ "type": "string", "format": "date-time" }, { "type": "integer" }] }),
            "The cells' time: RFC 3339, or microseconds since 1970; now",
        )
        .query("ttl", span(), "How long they live")
        .body(cells())
        .answer("201", "The row is new", None)
        .answer("204", "Written", None)
        .describe()
}

fn delete() -> Value {
    columns(Operation::new(
        "wide_delete",
        TAG,
        "Remove a row, or columns of it",
    ))
    .write()
    .conditional()
    .answer("204", "Removed", None)
    .describe()
}

fn batch() -> Value {
    let key = json!({ "type": "string", "minLength": 1, "maxLength": KEY_BYTES_MAX });
    let item = |op: &str, more: Value| {
        let mut item = json!({
            "type": "object",
            "required": ["op", "partition", "row"],
            "additionalProperties": false,
            "properties": { "op": { "const": op }, "partition": key, "row": key },
        });
        for (name, schema) in more.as_object().into_iter().flatten() {
            item["properties"][name] = schema.clone();
        }
        item
    };
    let names = json!({ "type": "array", "maxItems": 100, "items": { "type": "string", "pattern": COLUMN } });
    let mut put = item(
        "put",
        json!({
            "cells": cells(), "ttl": span(),
            "at": { "anyOf": [{ "type": "string", "format": "date-time" }, { "type": "integer" }] },
        }),
    );
    put["required"] = json!(["op", "partition", "row", "cells"]);
    let versions = json!({ "type": "integer", "minimum": 1 });
    let items = json!({ "oneOf": [
        put, item("delete", json!({ "columns": names })),
        item("get", json!({ "columns": names, "versions": versions })),
    ] });
    Operation::new(
        "wide_batch",
        TAG,
        "Rows of several partitions at once, all or none",
    )
    .write()
    .body(json!({ "type": "array", "maxItems": 10_000, "items": items }))
    .answer(
        "200",
        "What each did",
        Some(json!({ "type": "array", "items": { "type": "object" } })),
    )
    .describe()
}
