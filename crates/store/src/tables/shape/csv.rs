//! Rows as CSV (RFC 4180): a header line, then a line for each row.
//!
//! NULL is an empty field; a text that could be taken for NULL on import is
//! quoted. Embedded resources are their JSON.

use super::children::Level;
use super::json;
use super::{End, Leaf, name_of};
use pando_model::error::Refusal;
use pando_model::plan::Row;
use pando_model::value::Value;

/// Appends the header and the rows, each with the aggregates of its group, and says how many
/// rows there are.
pub(crate) fn write_items<'i>(
    level: &Level<'_>,
    items: impl Iterator<Item = (&'i Row, &'i [Value])>,
    out: &mut Vec<u8>,
) -> Result<u64, Refusal> {
    for (at, leaf) in level.layout.leaves.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_field(&name_of(&leaf.key), out);
    }
    let mut written = 0;
    for (row, folded) in items {
        write_line(level, row, folded, out)?;
        written += 1;
    }
    Ok(written)
}

fn write_line(
    level: &Level<'_>,
    row: &Row,
    folded: &[Value],
    out: &mut Vec<u8>,
) -> Result<(), Refusal> {
    out.push(b'\n');
    for (at, leaf) in level.layout.leaves.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        if let Some(text) = text_of(level, row, leaf, folded)? {
            write_field(&text, out);
        }
    }
    Ok(())
}

/// A field as text; `None` for NULL.
fn text_of(
    level: &Level<'_>,
    row: &Row,
    leaf: &Leaf,
    folded: &[Value],
) -> Result<Option<String>, Refusal> {
    let (mut level, mut row) = (level, row);
    for step in &leaf.path {
        let child = &level.children[step.child];
        if step.many {
            return json_of(level, row, leaf, folded).map(Some);
        }
        match child.rows_of(row).next() {
            Some(next) => (level, row) = (&child.level, next),
            None => return Ok(None),
        }
    }
    match &leaf.end {
        End::Value(ix, ty) => Ok(row.get(*ix).and_then(|value| value.to_text(ty))),
        End::Cast(ix, from, to) => match row.get(*ix) {
            Some(value) => Ok(value.cast(from, to)?.to_text(to)),
            None => Ok(None),
        },
        End::Folded(ix) => {
            let fold = level.layout.fold.as_ref();
            Ok(fold
                .zip(folded.get(*ix))
                .and_then(|(fold, value)| value.to_text(fold.aggregates[*ix].ty())))
        }
        End::Embed(_) => {
            let whole = Leaf {
                key: leaf.key.clone(),
                path: Vec::new(),
                end: leaf.end.clone(),
            };
            let text = json_of(level, row, &whole, folded)?;
            Ok((text != "null").then_some(text))
        }
    }
}

fn json_of(level: &Level<'_>, row: &Row, leaf: &Leaf, folded: &[Value]) -> Result<String, Refusal> {
    let mut bytes = Vec::new();
    json::write_leaf(level, row, leaf, folded, &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn write_field(text: &str, out: &mut Vec<u8>) {
    let special = |byte: u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    let plain = !text.is_empty()
        && text != "NULL"
        && !text.bytes().any(special)
        && !text.starts_with(' ')
        && !text.ends_with(' ');
    if plain {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::write_field;

    #[test]
    fn a_field_is_quoted_where_a_reader_would_take_it_for_something_else() {
        let cases = [
            ("plain", "plain"),
            ("a b", "a b"),
            ("", "\"\""),
            ("NULL", "\"NULL\""),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            (" edge", "\" edge\""),
        ];
        for (text, expected) in cases {
            let mut out = Vec::new();
            write_field(text, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), expected, "{text:?}");
        }
    }
}
