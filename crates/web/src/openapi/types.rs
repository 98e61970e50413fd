//! Columns as JSON Schema: how values are given, and what is taken for them, by type.

use pando_model::column::ColumnType;
use pando_model::schema::{Column, Table};
use serde_json::{Map, Value, json};

/// A row of a table, as it is read.
pub(super) fn row(table: &Table) -> Value {
    row_of(table, given)
}

/// A row of a table, as it may be sent.
pub(super) fn sent_row(table: &Table) -> Value {
    row_of(table, taken)
}

fn row_of(table: &Table, of_type: fn(&ColumnType) -> Value) -> Value {
    let columns = table.columns.iter().enumerate();
    let properties: Map<String, Value> = columns
        .map(|(ix, column)| {
            let schema = described(table, ix, column, of_type(&column.ty));
            (column.name.clone(), schema)
        })
        .collect();
    json!({ "type": "object", "properties": properties })
}

/// Whether a new row may leave a column out.
pub(super) fn is_optional(column: &Column) -> bool {
    column.nullable
        || column.default.is_some()
        || column.identity.is_some()
        || column.generated.is_some()
}

fn described(table: &Table, ix: usize, column: &Column, mut schema: Value) -> Value {
    if column.nullable {
        allow_null(&mut schema);
    }
    let mut notes = vec![column.ty.to_string()];
    if table.is_key(ix) {
        notes.push("part of the primary key".to_owned());
    }
    for key in &table.foreign_keys {
        if key.columns.contains(&ix) {
            notes.push(format!("refers to {}", key.target));
        }
    }
    if column.generated.is_some() || column.identity.is_some() {
        notes.push("generated".to_owned());
    }
    schema["description"] = Value::String(notes.join(", "));
    schema
}

/// As it is answered.
fn given(ty: &ColumnType) -> Value {
    match ty {
        ColumnType::Text | ColumnType::Bytea | ColumnType::Timestamp => json!({ "type": "string" }),
        ColumnType::Integer => json!({
            "type": "integer", "format": "int32", "minimum": i32::MIN, "maximum": i32::MAX,
        }),
        ColumnType::Bigint => json!({
            "type": "integer", "format": "int64", "minimum": i64::MIN, "maximum": i64::MAX,
        }),
        ColumnType::Boolean => json!({ "type": "boolean" }),
        ColumnType::Real | ColumnType::Double | ColumnType::Numeric { .. } => {
            json!({ "type": "number" })
        }
        ColumnType::Date => json!({ "type": "string", "format": "date" }),
        ColumnType::Timestamptz => json!({ "type": "string", "format": "date-time" }),
        ColumnType::Uuid => json!({ "type": "string", "format": "uuid" }),
        ColumnType::Json | ColumnType::Jsonb => json!({}),
        ColumnType::Array(inner) => array(given(inner)),
    }
}

/// As it is taken, which is as `json_populate_record` of PostgreSQL does: what is no string stands for
/// its own text, and a text is read as the type's.
fn taken(ty: &ColumnType) -> Value {
    let mut schema = given(ty);
    match ty {
        ColumnType::Text | ColumnType::Bytea => {
            schema["type"] = json!(["string", "number", "boolean", "object", "array"]);
        }
        ColumnType::Integer | ColumnType::Bigint => schema["type"] = json!(["integer", "string"]),
        ColumnType::Boolean => {
            schema =
                json!({ "type": ["boolean", "string", "integer"], "minimum": 0, "maximum": 1 });
        }
        ColumnType::Real | ColumnType::Double | ColumnType::Numeric { .. } => {
            schema["type"] = json!(["number", "string"]);
        }
        ColumnType::Array(inner) => {
            schema = array(taken(inner));
            schema["type"] = json!(["array", "string"]);
        }
        ColumnType::Timestamp
        | ColumnType::Date
        | ColumnType::Timestamptz
        | ColumnType::Uuid
        | ColumnType::Json
        | ColumnType::Jsonb => {}
    }
    schema
}

fn array(mut items: Value) -> Value {
    allow_null(&mut items);
    json!({ "type": "array", "items": items })
}

fn allow_null(schema: &mut Value) {
    match schema.get_mut("type") {
        Some(Value::Array(types)) => types.push("null".into()),
        Some(ty) => *ty = json!([ty.clone(), "null"]),
        None => {}
    }
}
