//! What cells, rows and slices look like in JSON.

use crate::error::ApiError;
use crate::params::malformed;
use pando_model::{datetime, json};
use pando_store::wide::{Cell, ReadColumn, WideRow};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::fmt;

/// What a time should have been.
pub(super) const INSTANT: &str = "a time: RFC 3339, or microseconds since 1970";

/// Cells as they are sent, in their order, each with its value's text.
#[derive(Debug, Default)]
pub(super) struct Cells(pub(super) Vec<(String, String)>);

impl<'de> Deserialize<'de> for Cells {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Cells, D::Error> {
        struct Entries;
        impl<'de> Visitor<'de> for Entries {
            type Value = Cells;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of cells, {\"family:qualifier\": value}")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Cells, A::Error> {
                let mut cells = Vec::new();
                while let Some((name, value)) = map.next_entry::<String, Box<RawValue>>()? {
                    cells.push((name, value.get().to_owned()));
                }
                Ok(Cells(cells))
            }
        }
        deserializer.deserialize_map(Entries)
    }
}

/// Reads the body of a write.
pub(super) fn cells(body: &[u8]) -> Result<Vec<(String, String)>, ApiError> {
    let cells: Cells = serde_json::from_slice(body)
        .map_err(|error| malformed(format!("the body is no object of cells: {error}")))?;
    Ok(cells.0)
}

/// Reads a time: RFC 3339, or microseconds since 1970.
pub(super) fn instant(text: &str) -> Option<i64> {
    if let Ok(us) = text.parse() {
        return Some(us);
    }
    if !text.starts_with(|first: char| first.is_ascii_digit()) || !text.contains(['T', 't']) {
        return None;
    }
    // A plus sign that was not percent-encoded has become a space.
    datetime::parse_timestamptz(&text.replace(' ', "+")).ok()
}

/// Names with commas between them; one that holds a comma stands in double quotes.
pub(super) fn names(text: &str) -> Result<Vec<String>, ApiError> {
    let mut names = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let mut name = String::new();
        let quoted = chars.next_if_eq(&'"').is_some();
        loop {
            match chars.next() {
                Some('"') if quoted => break,
                Some('\\') if quoted => name.extend(chars.next()),
                None if quoted => {
                    return Err(malformed(format!("columns={text:?}: a quote does not end")));
                }
                Some(other) if quoted || other != ',' => {
                    name.push(other);
                    if !quoted && matches!(chars.peek(), None | Some(',')) {
                        break;
                    }
                }
                _ => break,
            }
        }
        if name.is_empty() {
            return Err(malformed(format!("columns={text:?}: a name is empty")));
        }
        names.push(name);
        match chars.next() {
            None => return Ok(names),
            Some(',') => {}
            Some(other) => {
                let message = format!("columns={text:?}: {other:?} stands behind a quoted name");
                return Err(malformed(message));
            }
        }
    }
}

/// A row: `{"row": "010", "cells": {"obs:temp": 10}}`.
pub(super) fn row(row: &WideRow, many: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(64);
    write_row(row, many, &mut out);
    out
}

/// A slice: `{"partition": "JFK", "rows": […]}`.
pub(super) fn slice(partition: &str, rows: &[WideRow], many: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(64 * (rows.len() + 1));
    out.extend_from_slice(b"{\"partition\":");
    json::write_string(partition, &mut out);
    out.extend_from_slice(b",\"rows\":[");
    separated(rows, &mut out, |row, out| write_row(row, many, out));
    out.extend_from_slice(b"]}");
    out
}

/// The cells of a row: `{"obs:temp": 10}`, or each `[{at, value}, …]`, newest first.
pub(super) fn write_cells(columns: &[ReadColumn], many: bool, out: &mut Vec<u8>) {
    out.push(b'{');
    separated(columns, out, |column, out| {
        out.push(b'"');
        json::write_part(&column.family, out);
        out.push(b':');
        json::write_part(&column.qualifier, out);
        out.extend_from_slice(b"\":");
        if many {
            out.push(b'[');
            separated(&column.versions, out, write_version);
            out.push(b']');
        } else if let Some(newest) = column.versions.first() {
            out.extend_from_slice(newest.value.as_bytes());
        }
    });
    out.push(b'}');
}

fn write_row(row: &WideRow, many: bool, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"row\":");
    json::write_string(&row.row, out);
    out.extend_from_slice(b",\"cells\":");
    write_cells(&row.columns, many, out);
    out.push(b'}');
}

fn write_version(cell: &Cell, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"at\":\"");
    datetime::write_timestamp(cell.at_us, b'T', out);
    out.extend_from_slice(b"Z\",\"value\":");
    out.extend_from_slice(cell.value.as_bytes());
    out.push(b'}');
}

fn separated<T>(items: &[T], out: &mut Vec<u8>, mut write: impl FnMut(&T, &mut Vec<u8>)) {
    for (place, item) in items.iter().enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write(item, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_parted_by_commas_but_for_those_in_quotes() {
        for (text, expected) in [
            ("a", Some(vec!["a"])),
            ("a,b:*", Some(vec!["a", "b:*"])),
            ("\"a,b\",c", Some(vec!["a,b", "c"])),
            ("\"a\\\"b\"", Some(vec!["a\"b"])),
            ("x:\"y", Some(vec!["x:\"y"])),
            ("", None),
            ("a,", None),
            (",a", None),
            ("a,,b", None),
            ("\"a", None),
            ("\"a\"b", None),
            ("\"\"", None),
        ] {
            let read = names(text).ok();
            let expected = expected.map(|names| names.into_iter().map(str::to_owned).collect());
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn a_time_is_rfc_3339_or_a_number() {
        for (text, us) in [
            ("0", Some(0)),
            ("-5", Some(-5)),
            ("1970-01-01T00:00:01Z", Some(1_000_000)),
            ("1970-01-01T09:00:00+09:00", Some(0)),
            ("1970-01-01T09:00:00 09:00", Some(0)),
            ("1970-01-01", None),
            ("now", None),
            ("", None),
        ] {
            assert_eq!(instant(text), us, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_reading_it_panic(text in "[ab\",:*\\\\]{0,12}") {
            let _ = (names(&text), instant(&text), cells(text.as_bytes()));
        }
    }
}
