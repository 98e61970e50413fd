//! JSON as PostgreSQL's json and jsonb have it.

use crate::error::Refusal;
use crate::plan::JsonStep;
use crate::value::Value;
use std::cmp::Ordering;

/// jsonb's text of a JSON text: keys ordered by length, then bytes, the last of duplicates kept,
/// numbers exact, `{"a": 1, "b": [1, 2]}`. Refuses (22P02) what is not JSON, and U+0000.
pub fn canonical(text: &str) -> Result<String, Refusal> {
    let _ = text;
    todo!()
}

/// Whether a text is JSON (and holds no U+0000), for the type json.
pub fn validate(text: &str) -> Result<(), Refusal> {
    let _ = text;
    todo!()
}

/// Follows `path` into a JSON text. `jsonb` says which type it is read as: the answer is
/// `Value::Jsonb` or `Value::Json`, `Value::Text` with `as_text`, NULL where nothing is there
/// (and, with `as_text`, for JSON's null).
pub fn extract(text: &str, path: &[JsonStep], as_text: bool, jsonb: bool) -> Value {
    let _ = (text, path, as_text, jsonb);
    todo!()
}

/// jsonb's order of two canonical texts: Object > Array > Boolean > Number > String > Null, and so on.
pub fn compare(a: &str, b: &str) -> Ordering {
    let _ = (a, b);
    todo!()
}

/// jsonb's `@>`.
pub fn contains(container: &str, contained: &str) -> bool {
    let _ = (container, contained);
    todo!()
}
