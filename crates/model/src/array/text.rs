//! PostgreSQL's text form of arrays: `{a,"b c",NULL}`.

use crate::column::ColumnType;
use crate::error::Refusal;
use crate::value::Value;

/// Reads `{a,"b c",NULL}`. Arrays of arrays and bounds (`[2:3]={…}`) are refused (0A000).
pub fn parse(inner: &ColumnType, text: &str) -> Result<Vec<Value>, Refusal> {
    let malformed = |details: &str| {
        Refusal::new("22P02", format!("malformed array literal: \"{text}\"")).details(details)
    };
    let trimmed = text.trim_start_matches(is_space);
    if trimmed.starts_with('[') {
        return Err(Refusal::new(
            "0A000",
            "arrays with bounds of their own are not supported",
        ));
    }
    let Some(body) = trimmed.strip_prefix('{') else {
        return Err(malformed(
            "Array value must start with \"{\" or dimension information.",
        ));
    };
    let mut reader = Reader { rest: body };
    let mut items = Vec::new();
    reader.skip_spaces();
    if reader.rest.starts_with('{') {
        return Err(multidimensional());
    }
    if !reader.take('}') {
        loop {
            items.push(
                match reader.item().map_err(|details| malformed(&details))? {
                    Some(item) => Value::parse(inner, &item)?,
                    None => Value::Null,
                },
            );
            if reader.take('}') {
                break;
            }
            // An item ends at a comma or a brace, or there was a fault.
            reader.take(',');
        }
    }
    if reader.rest.trim_matches(is_space).is_empty() {
        Ok(items)
    } else {
        Err(malformed("Junk after closing right brace."))
    }
}

/// Appends the text form.
pub(crate) fn write_text(inner: &ColumnType, items: &[Value], out: &mut Vec<u8>) {
    out.push(b'{');
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        let Some(text) = item.to_text(inner) else {
            out.extend_from_slice(b"NULL");
            continue;
        };
        if !needs_quotes(&text) {
            out.extend_from_slice(text.as_bytes());
            continue;
        }
        out.push(b'"');
        for byte in text.bytes() {
            if matches!(byte, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(byte);
        }
        out.push(b'"');
    }
    out.push(b'}');
}

/// The refusal of an array of arrays.
pub(crate) fn multidimensional() -> Refusal {
    Refusal::new("0A000", "multidimensional arrays are not supported")
}

fn needs_quotes(text: &str) -> bool {
    text.is_empty()
        || text.eq_ignore_ascii_case("null")
        || text.contains(|c| matches!(c, '"' | '\\' | '{' | '}' | ',') || is_space(c))
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// One item up to, and without, the comma or brace after it; `None` for NULL.
    fn item(&mut self) -> Result<Option<String>, String> {
        self.skip_spaces();
        if self.rest.starts_with('"') {
            return self.quoted().map(Some);
        }
        let mut item = String::new();
        // Spaces at the end are not part of it, unless they were escaped.
        let (mut kept, mut escaped_any) = (0, false);
        loop {
            let Some(c) = self.rest.chars().next() else {
                return Err(ended());
            };
            match c {
                ',' | '}' if kept == 0 => return Err(unexpected(c)),
                ',' | '}' => break,
                '{' => return Err(unexpected(c)),
                '"' => return Err("Unexpected array element.".to_owned()),
                '\\' => {
                    item.push(self.escaped()?);
                    (kept, escaped_any) = (item.len(), true);
                    continue;
                }
                c => {
                    item.push(c);
                    if !is_space(c) {
                        kept = item.len();
                    }
                }
            }
            self.rest = &self.rest[c.len_utf8()..];
        }
        item.truncate(kept);
        Ok((escaped_any || !item.eq_ignore_ascii_case("null")).then_some(item))
    }

    fn quoted(&mut self) -> Result<String, String> {
        self.rest = &self.rest[1..];
        let mut item = String::new();
        loop {
            let Some(at) = self.rest.find(['"', '\\']) else {
                return Err(ended());
            };
            item.push_str(&self.rest[..at]);
            self.rest = &self.rest[at..];
            if self.rest.starts_with('\\') {
                item.push(self.escaped()?);
                continue;
            }
            self.rest = &self.rest[1..];
            self.skip_spaces();
            return match self.rest.chars().next() {
                None => Err(ended()),
                Some(',' | '}') => Ok(item),
                Some('{') => Err(unexpected('{')),
                Some(_) => Err("Unexpected array element.".to_owned()),
            };
        }
    }

    /// The character after a backslash.
    fn escaped(&mut self) -> Result<char, String> {
        let mut chars = self.rest.chars();
        chars.next();
        let c = chars.next().ok_or_else(ended)?;
        self.rest = chars.as_str();
        Ok(c)
    }

    fn take(&mut self, c: char) -> bool {
        match self.rest.strip_prefix(c) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn skip_spaces(&mut self) {
        self.rest = self.rest.trim_start_matches(is_space);
    }
}

fn ended() -> String {
    "Unexpected end of input.".to_owned()
}

fn unexpected(c: char) -> String {
    format!("Unexpected \"{c}\" character.")
}
