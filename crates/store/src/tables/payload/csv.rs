//! A CSV body (RFC 4180): a header line, then a line for each row.
//!
//! `NULL` and an unquoted empty field are NULL; a quoted field is never NULL.

use super::{Cell, Chosen, Payload, places, utf8};
use crate::tables::refusals;
use pando_model::error::Refusal;
use pando_model::schema::Table;
use std::borrow::Cow;

/// Reads a body.
pub(super) fn read<'a>(
    table: &Table,
    body: &'a [u8],
    chosen: Option<Chosen>,
) -> Result<Payload<'a>, Refusal> {
    let mut lines = Lines(utf8(body)?.trim_start_matches('\u{feff}'));
    let header = lines
        .next_line()?
        .ok_or_else(|| refusals::bad_body("not enough input: a header line is wanted"))?;
    let names = header.iter().map(|field| field.text.as_ref());
    let (columns, places) = places(table, names, chosen)?;
    let mut cells = Vec::new();
    let mut rows = 0;
    while let Some(line) = lines.next_line()? {
        if line.len() != header.len() {
            return Err(refusals::bad_body(
                "All lines must have same number of fields",
            ));
        }
        let start = cells.len();
        cells.resize(start + columns.len(), Cell::Missing);
        for (field, place) in line.into_iter().zip(&places) {
            if let Some(place) = place {
                cells[start + place] = field.cell();
            }
        }
        rows += 1;
    }
    Ok(Payload {
        columns,
        rows,
        cells,
    })
}

struct Field<'a> {
    text: Cow<'a, str>,
    quoted: bool,
}

impl<'a> Field<'a> {
    fn cell(self) -> Cell<'a> {
        match self.text.as_ref() {
            "" | "NULL" if !self.quoted => Cell::Null,
            _ => Cell::Text(self.text),
        }
    }
}

/// What is left of a text.
struct Lines<'a>(&'a str);

impl<'a> Lines<'a> {
    /// The fields of the next line that is not empty; `None` at the end.
    fn next_line(&mut self) -> Result<Option<Vec<Field<'a>>>, Refusal> {
        self.0 = self.0.trim_start_matches(['\n', '\r']);
        if self.0.is_empty() {
            return Ok(None);
        }
        let mut fields = Vec::new();
        loop {
            fields.push(self.field()?);
            match self.0.as_bytes() {
                [b',', ..] => self.0 = &self.0[1..],
                [] | [b'\n' | b'\r', ..] => return Ok(Some(fields)),
                _ => {
                    return Err(refusals::bad_body(
                        "a quoted field goes on behind its quote",
                    ));
                }
            }
        }
    }

    fn field(&mut self) -> Result<Field<'a>, Refusal> {
        let Some(rest) = self.0.strip_prefix('"') else {
            let end = self.0.find([',', '\n', '\r']).unwrap_or(self.0.len());
            let (text, rest) = self.0.split_at(end);
            self.0 = rest;
            return Ok(Field {
                text: Cow::Borrowed(text),
                quoted: false,
            });
        };
        let mut text = Cow::Borrowed("");
        let mut rest = rest;
        loop {
            let end = rest
                .find('"')
                .ok_or_else(|| refusals::bad_body("a quoted field has no end"))?;
            let (part, behind) = rest.split_at(end);
            let behind = &behind[1..];
            text = if text.is_empty() {
                Cow::Borrowed(part)
            } else {
                Cow::Owned(text.into_owned() + part)
            };
            match behind.strip_prefix('"') {
                Some(more) => {
                    text = Cow::Owned(text.into_owned() + "\"");
                    rest = more;
                }
                None => {
                    self.0 = behind;
                    return Ok(Field { text, quoted: true });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Cell, Lines};

    fn cells(line: &str) -> Vec<Cell<'_>> {
        let fields = Lines(line).next_line().unwrap().unwrap();
        fields.into_iter().map(|field| field.cell()).collect()
    }

    fn text(text: &str) -> Cell<'_> {
        Cell::Text(text.into())
    }

    #[test]
    fn only_an_unquoted_field_is_null() {
        assert_eq!(
            cells("a,,\"\",NULL,\"NULL\",null"),
            [
                text("a"),
                Cell::Null,
                text(""),
                Cell::Null,
                text("NULL"),
                text("null")
            ]
        );
    }

    #[test]
    fn quotes_commas_and_line_ends_stand_inside_quotes() {
        assert_eq!(
            cells("\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\"\"\"\""),
            [
                text("a,b"),
                text("say \"hi\""),
                text("two\nlines"),
                text("\"")
            ]
        );
    }

    #[test]
    fn a_quote_without_end_or_with_more_behind_it_is_refused() {
        for line in ["\"a", "\"a\"b", "a,\"", "\"a\"\"", "x,\"y\" ,z"] {
            let refusal = Lines(line).next_line().err().unwrap();
            assert_eq!(refusal.code, "PGRST102", "{line}");
        }
    }
}
