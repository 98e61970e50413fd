//! Columns as JSON Schema: how values are written, by type.

use pando_model::column::ColumnType;
use pando_model::schema::{Column, Table};
use serde_json::{Map, Value, json};

/// A row of a table, as it is read.
pub(super) fn row(table: &Table) -> Value {
    let properties: Map<String, Value> = table
        .columns
        .iter()
        .enumerate()
        .map(|(ix, column)| (column.name.clone(), described(table, ix, column)))
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

fn described(table: &Table, ix: usize, column: &Column) -> Value {
    let mut schema = of_type(&column.ty);
    if column.nullable
        && let Some(ty) = schema.get_mut("type")
    {
        *ty = json!([ty.clone(), "null"]);
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

fn of_type(ty: &ColumnType) -> Value {
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
        ColumnType::Array(inner) => {
            let mut items = of_type(inner);
            if let Some(ty) = items.get_mut("type") {
                *ty = json!([ty.clone(), "null"]);
            }
            json!({ "type": "array", "items": items })
        }
    }
}
