//! The one document that layers are merged into: settings put in, taken out and listed.

use serde_json::{Map, Value};
use toml::de::DeValue;

/// Every setting of a document: its dotted path and its value.
pub(in crate::config) fn leaves(document: &Value) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (key, value) in document.as_object().into_iter().flatten() {
        match value {
            Value::Object(_) => all.extend(
                leaves(value)
                    .into_iter()
                    .map(|(path, value)| (format!("{key}.{path}"), value)),
            ),
            value => all.push((key.clone(), value.clone())),
        }
    }
    all
}

/// Takes a setting out that has no default.
pub(super) fn remove(document: &mut Value, path: &[String]) {
    match path {
        [] => {}
        [last] => {
            if let Value::Object(map) = document {
                map.remove(last);
            }
        }
        [first, rest @ ..] => {
            if let Some(inner) = document.get_mut(first) {
                remove(inner, rest);
            }
        }
    }
}

/// Puts a setting in.
pub(super) fn put(document: &mut Value, path: &[String], value: Value) {
    let Some((first, rest)) = path.split_first() else {
        *document = value;
        return;
    };
    if !document.is_object() {
        *document = Value::Object(Map::new());
    }
    if let Value::Object(map) = document {
        put(map.entry(first.clone()).or_insert(Value::Null), rest, value);
    }
}

/// What a setting of a file is in the document.
pub(super) fn json_of(value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) => Value::from(text.as_ref()),
        DeValue::Integer(digits) => i64::from_str_radix(digits.as_str(), digits.radix())
            .map_or_else(|_| Value::from(digits.as_str()), Value::from),
        DeValue::Float(digits) => digits
            .as_str()
            .parse::<f64>()
            .map_or_else(|_| Value::from(digits.as_str()), Value::from),
        DeValue::Boolean(value) => Value::from(*value),
        DeValue::Datetime(at) => Value::from(at.to_string()),
        DeValue::Array(items) => items.iter().map(|item| json_of(item.get_ref())).collect(),
        DeValue::Table(table) => table
            .iter()
            .map(|(key, value)| (key.get_ref().to_string(), json_of(value.get_ref())))
            .collect::<Map<_, _>>()
            .into(),
    }
}
