//! Paths into JSON texts, followed without building a tree.
//!
//! Texts are valid: they were checked when they became values. A text that is not
//! gives NULL or a part of itself, never a panic.

use super::string::unescape;
use crate::plan::JsonStep;
use crate::value::Value;

/// Follows `path` into a JSON text. `jsonb` says which type it is read as: the answer is
/// `Value::Jsonb` or `Value::Json`, `Value::Text` with `as_text`, NULL where nothing is there
/// (and, with `as_text`, for JSON's null).
pub fn extract(text: &str, path: &[JsonStep], as_text: bool, jsonb: bool) -> Value {
    let mut found = text.trim_matches(is_space);
    for step in path {
        let next = match step {
            JsonStep::Key(key) => member(found, key),
            // To jsonb a bare scalar is an array of one.
            JsonStep::Index(0 | -1) if jsonb && !found.starts_with(['[', '{']) => Some(found),
            JsonStep::Index(index) => item(found, *index),
        };
        match next {
            Some(next) => found = next,
            None => return Value::Null,
        }
    }
    match (as_text, found.as_bytes().first()) {
        (_, None) | (true, Some(b'n')) => Value::Null,
        (true, Some(b'"')) => {
            unescape(found).map_or(Value::Null, |text| Value::Text(text.into_owned()))
        }
        (true, _) => Value::Text(found.to_owned()),
        (false, _) if jsonb => Value::Jsonb(found.to_owned()),
        (false, _) => Value::Json(found.to_owned()),
    }
}

/// The raw texts of an array's items.
pub(super) fn items(array: &str) -> Vec<&str> {
    Parts::of(array, b'[').collect()
}

/// JSON's white space.
pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// The last member of that name, as json has it; jsonb has no other.
fn member<'a>(object: &'a str, key: &str) -> Option<&'a str> {
    let mut found = None;
    let mut parts = Parts::of(object, b'{');
    while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
        if unescape(name).is_ok_and(|name| name == key) {
            found = Some(value);
        }
    }
    found
}

fn item(array: &str, index: i64) -> Option<&str> {
    if let Ok(index) = usize::try_from(index) {
        return Parts::of(array, b'[').nth(index);
    }
    let all = items(array);
    let from_end = usize::try_from(index.unsigned_abs()).ok()?;
    all.get(all.len().checked_sub(from_end)?).copied()
}

/// The values that lie directly in a container: items, or keys and values in turn.
struct Parts<'a> {
    rest: &'a str,
}

impl<'a> Parts<'a> {
    fn of(container: &'a str, open: u8) -> Parts<'a> {
        let rest = match container.as_bytes().first() {
            Some(first) if *first == open => &container[1..],
            _ => "",
        };
        Parts { rest }
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        let start = self
            .rest
            .trim_start_matches(|c| is_space(c) || c == ',' || c == ':');
        if start.is_empty() || start.starts_with([']', '}']) {
            self.rest = "";
            return None;
        }
        let (value, rest) = start.split_at_checked(value_len(start.as_bytes()))?;
        self.rest = rest;
        Some(value)
    }
}

/// How long the value at the front is.
fn value_len(bytes: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => at = string_end(bytes, at),
            b'[' | b'{' => {
                depth += 1;
                at += 1;
            }
            b']' | b'}' if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\n' | b'\r' | b']' | b'}' if depth == 0 => return at,
            _ => {
                at += 1;
                continue;
            }
        }
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}

fn string_end(bytes: &[u8], open: usize) -> usize {
    let mut at = open + 1;
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}
