//! Values from JSON, as `json_populate_record` reads them.

use super::Value;
use super::read_text;
use crate::column::ColumnType;
use crate::error::Refusal;
use crate::{array, json};
use std::borrow::Cow;

pub(super) fn read(ty: &ColumnType, raw: &str) -> Result<Value, Refusal> {
    let raw = raw.trim_ascii();
    if raw == "null" {
        return Ok(Value::Null);
    }
    match ty {
        // A bare string is read and written anew; what contains strings keeps its text.
        ColumnType::Json if raw.starts_with('"') => {
            json::validate(raw)?;
            let mut out = Vec::with_capacity(raw.len());
            json::write_string(&json::read_string(raw)?, &mut out);
            Ok(Value::Json(
                String::from_utf8(out).unwrap_or_else(|_| raw.to_owned()),
            ))
        }
        ColumnType::Json => {
            json::validate(raw)?;
            Ok(Value::Json(raw.to_owned()))
        }
        ColumnType::Jsonb => Ok(Value::Jsonb(json::canonical(raw)?)),
        ColumnType::Array(inner) => read_array(inner, raw),
        ColumnType::Text if raw.starts_with('"') => {
            let text = json::read_string(raw)?;
            read_text::checked_text(&text)?;
            Ok(Value::Text(text.into_owned()))
        }
        // A number, a word, an array or an object stands for its own text.
        _ => match raw.starts_with('"') {
            true => Value::parse(ty, &json::read_string(raw)?)?.fit(ty),
            false => Value::parse(ty, raw)?.fit(ty),
        },
    }
}

fn read_array(inner: &ColumnType, raw: &str) -> Result<Value, Refusal> {
    if raw.starts_with('"') {
        let text: Cow<'_, str> = json::read_string(raw)?;
        let ty = ColumnType::Array(Box::new(inner.clone()));
        return Value::Array(array::parse(inner, &text)?).fit(&ty);
    }
    if !raw.starts_with('[') {
        return Err(Refusal::new("22P02", "expected JSON array"));
    }
    let items = json::items(raw)?;
    // As in PostgreSQL, the first item says how many dimensions there are; but what holds
    // JSON holds arrays as items.
    let holds_json = matches!(inner, ColumnType::Json | ColumnType::Jsonb);
    if !holds_json && items.first().is_some_and(|item| item.starts_with('[')) {
        return Err(array::multidimensional());
    }
    items
        .into_iter()
        .map(|item| read(inner, item))
        .collect::<Result<_, _>>()
        .map(Value::Array)
}
