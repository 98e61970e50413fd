//! JSON as PostgreSQL's json and jsonb have it.
//!
//! `json` keeps its text. `jsonb` is kept as one canonical text: the last of
//! duplicate keys, keys by length and then by bytes, a space after `:` and `,`, numbers
//! in full and, like [`crate::numeric`], without trailing zeros, so that equal values
//! are equal texts. Both refuse U+0000 and lone surrogates, which no text can hold.
//! Documents are kept as jsonb's canonical text, and changed by [`merge_patch`] (RFC 7396)
//! and [`json_patch`] (RFC 6902).

mod merge;
mod ordered;
mod patch;
mod path;
mod pointer;
mod scan;
mod string;
mod tree;

pub use merge::{check_merge_patch, merge_patch};
pub(crate) use ordered::{split_ordered_bytes, write_ordered_bytes};
pub use patch::{
    OPERATIONS_MAX, PatchError, PatchErrorKind, PatchLimits, check_json_patch, json_patch,
    json_patch_tests,
};
pub use path::extract;
pub use scan::DEPTH_MAX;
pub use string::{write_part, write_string};
pub use tree::Node;

use crate::error::Refusal;
use scan::{Nothing, scan};
use std::borrow::Cow;
use std::cmp::Ordering;
use tree::TreeBuilder;

/// jsonb's text of a JSON text: keys ordered by length, then bytes, the last of duplicates kept,
/// numbers exact, `{"a": 1, "b": [1, 2]}`. Refuses (22P02) what is not JSON, and U+0000.
pub fn canonical(text: &str) -> Result<String, Refusal> {
    Ok(scan(text, TreeBuilder)?.to_text())
}

/// A JSON text as a tree, with [`canonical`]'s rules; [`Node::to_text`] writes the canonical text.
pub fn parse(text: &str) -> Result<Node<'_>, Refusal> {
    Ok(scan(text, TreeBuilder)?)
}

/// Whether a text is JSON (and holds no U+0000), for the type json.
pub fn validate(text: &str) -> Result<(), Refusal> {
    if text.contains('\0') {
        return Err(Refusal::new(
            "22021",
            "invalid byte sequence for encoding \"UTF8\": 0x00",
        ));
    }
    Ok(scan(text, Nothing)?)
}

/// What a JSON string means, given with its quotes.
pub fn read_string(quoted: &str) -> Result<Cow<'_, str>, Refusal> {
    Ok(string::unescape(quoted)?)
}

/// The raw texts of an array's items; refuses (22P02) what is not an array.
pub fn items(text: &str) -> Result<Vec<&str>, Refusal> {
    validate(text)?;
    Ok(path::items(text.trim_matches(path::is_space)))
}

/// What `jsonb_typeof` calls a JSON text.
pub fn type_of(text: &str) -> &'static str {
    match text.trim_start_matches(path::is_space).as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

/// What [`type_of`] gives, in a sentence: `an array`.
pub fn with_article(ty: &str) -> String {
    match ty {
        "null" => ty.to_owned(),
        "array" | "object" => format!("an {ty}"),
        other => format!("a {other}"),
    }
}

/// jsonb's order of two canonical texts: Object > Array > Boolean > Number > String > Null, and so on.
pub fn compare(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    match (scan(a, TreeBuilder), scan(b, TreeBuilder)) {
        (Ok(a), Ok(b)) => a.compare_whole(&b),
        // Values are checked when they are made.
        _ => a.cmp(b),
    }
}

/// jsonb's `@>`.
pub fn contains(container: &str, contained: &str) -> bool {
    match (scan(container, TreeBuilder), scan(contained, TreeBuilder)) {
        (Ok(container), Ok(contained)) => match (&container, &contained) {
            // An array may contain a bare scalar, at the top only.
            (Node::Array(items), scalar) if !scalar.is_container() => items.contains(scalar),
            _ => container.contains(&contained),
        },
        _ => false,
    }
}

#[cfg(test)]
mod tests;
