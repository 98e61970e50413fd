//! NDJSON: one JSON text on each line; empty lines are passed over.

use super::{BYTE_ORDER_MARK, RECORD_BYTES_MAX, Record, Split, SplitError, malformed};
use std::io::{BufRead, BufReader, Read};

/// The lines of an NDJSON file.
pub struct Lines<R> {
    source: BufReader<R>,
    line: u64,
}

impl<R: Read> Lines<R> {
    /// The lines of `source`.
    pub fn new(source: R) -> Lines<R> {
        Lines {
            source: BufReader::with_capacity(1 << 16, source),
            line: 0,
        }
    }
}

impl<R: Read> Split for Lines<R> {
    fn next_record(&mut self) -> Result<Option<(u64, Record)>, SplitError> {
        loop {
            let mut text = Vec::new();
            let limit = RECORD_BYTES_MAX as u64 + 1;
            let mut limited = self.source.by_ref().take(limit);
            if limited.read_until(b'\n', &mut text)? == 0 {
                return Ok(None);
            }
            self.line += 1;
            if text.len() > RECORD_BYTES_MAX {
                return Err(malformed(self.line, "the line is longer than 64 MiB"));
            }
            // A byte order mark is no part of the first line.
            let line = match self.line {
                1 => text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(&text),
                _ => &text,
            };
            let trimmed = line.trim_ascii();
            if !trimmed.is_empty() {
                return Ok(Some((self.line, Record::Json(trimmed.to_vec()))));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_lines_count_and_are_passed_over_and_a_mark_is_no_part_of_the_first() {
        for mark in ["", "\u{feff}"] {
            let text = format!("{mark}{{\"a\":1}}\r\n\n {{\"a\":2}}");
            let mut lines = Lines::new(text.as_bytes());
            let mut seen = Vec::new();
            while let Some((line, Record::Json(text))) = lines.next_record().unwrap() {
                seen.push((line, String::from_utf8(text).unwrap()));
            }
            let expected = [(1, "{\"a\":1}".to_owned()), (3, "{\"a\":2}".to_owned())];
            assert_eq!(seen, expected, "{text:?}");
        }
    }
}
