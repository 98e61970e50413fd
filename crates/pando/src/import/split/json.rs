//! JSON: the elements of one array, or values one after the other, each cut out of
//! the stream without holding the rest of it.
//!
//! Only brackets and strings are understood here, as far as it takes to know where
//! a value ends; whether it is JSON is seen when it is parsed.

use super::{RECORD_BYTES_MAX, Record, Split, SplitError, malformed};
use std::io::Read;

const BUFFER_BYTES: usize = 1 << 16;

/// The values of a JSON file.
pub struct JsonValues<R> {
    source: R,
    buffer: Vec<u8>,
    at: usize,
    line: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Nothing was read yet.
    Start,
    /// Values stand one after the other.
    Bare,
    /// In an array, where a value or its end may come.
    First,
    /// In an array, behind a value.
    Behind,
    /// Behind the array.
    Done,
}

impl<R: Read> JsonValues<R> {
    /// The values of `source`.
    pub fn new(source: R) -> JsonValues<R> {
        JsonValues {
            source,
            buffer: Vec::new(),
            at: 0,
            line: 1,
            state: State::Start,
        }
    }

    fn peek(&mut self) -> Result<Option<u8>, SplitError> {
        if self.at == self.buffer.len() {
            self.buffer.resize(BUFFER_BYTES, 0);
            let read = self.source.read(&mut self.buffer)?;
            self.buffer.truncate(read);
            self.at = 0;
        }
        Ok(self.buffer.get(self.at).copied())
    }

    fn take(&mut self, byte: u8) {
        self.at += 1;
        self.line += u64::from(byte == b'\n');
    }

    /// The next byte that is not white space, not taken yet.
    fn peek_token(&mut self) -> Result<Option<u8>, SplitError> {
        while let Some(byte) = self.peek()? {
            // A byte order mark counts as space where the file begins.
            let mark = self.state == State::Start && matches!(byte, 0xEF | 0xBB | 0xBF);
            if !byte.is_ascii_whitespace() && !mark {
                return Ok(Some(byte));
            }
            self.take(byte);
        }
        Ok(None)
    }

    /// Takes one value, from its first byte to its last.
    fn take_value(&mut self) -> Result<Vec<u8>, SplitError> {
        let began = self.line;
        let mut text = Vec::new();
        let (mut depth, mut in_string, mut escaped) = (0usize, false, false);
        while let Some(byte) = self.peek()? {
            let scalar_ends = depth == 0
                && !in_string
                && !text.is_empty()
                && (matches!(byte, b',' | b']' | b'}') || byte.is_ascii_whitespace());
            if scalar_ends {
                return Ok(text);
            }
            self.take(byte);
            text.push(byte);
            if text.len() > RECORD_BYTES_MAX {
                return Err(malformed(began, "the value is larger than 64 MiB"));
            }
            if in_string {
                (in_string, escaped) = match byte {
                    _ if escaped => (true, false),
                    b'\\' => (true, true),
                    b'"' => (false, false),
                    _ => (true, false),
                };
                if !in_string && depth == 0 {
                    return Ok(text);
                }
                continue;
            }
            match byte {
                b'"' => in_string = true,
                b'{' | b'[' => depth += 1,
                b'}' | b']' => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return Ok(text);
                    }
                }
                _ => {}
            }
        }
        if depth > 0 || in_string {
            return Err(malformed(began, "the file ends inside of this value"));
        }
        Ok(text)
    }
}

impl<R: Read> Split for JsonValues<R> {
    fn next_record(&mut self) -> Result<Option<(u64, Record)>, SplitError> {
        loop {
            let token = self.peek_token()?;
            let line = self.line;
            match (self.state, token) {
                (State::Start | State::Bare | State::Done, None) => return Ok(None),
                (State::First | State::Behind, None) => {
                    return Err(malformed(line, "the file ends inside of its array"));
                }
                (State::Start, Some(b'[')) => {
                    self.take(b'[');
                    self.state = State::First;
                }
                (State::Start | State::Bare, Some(_)) => {
                    self.state = State::Bare;
                    return Ok(Some((line, Record::Json(self.take_value()?))));
                }
                (State::First, Some(b']')) | (State::Behind, Some(b']')) => {
                    self.take(b']');
                    self.state = State::Done;
                }
                (State::Behind, Some(b',')) => {
                    self.take(b',');
                    let next = self.peek_token()?;
                    if matches!(next, None | Some(b']' | b',')) {
                        return Err(malformed(self.line, "a value must follow the comma"));
                    }
                    let line = self.line;
                    return Ok(Some((line, Record::Json(self.take_value()?))));
                }
                (State::First, Some(_)) => {
                    self.state = State::Behind;
                    return Ok(Some((line, Record::Json(self.take_value()?))));
                }
                (State::Behind, Some(_)) => {
                    return Err(malformed(line, "a comma or ] must follow the value"));
                }
                (State::Done, Some(_)) => {
                    return Err(malformed(line, "something follows the array"));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gives one byte at a time, so that every cut between reads is tried.
    struct Slowly<'a>(&'a [u8]);

    impl Read for Slowly<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let n = self.0.len().min(1);
            out[..n].copy_from_slice(&self.0[..n]);
            self.0 = &self.0[n..];
            Ok(n)
        }
    }

    fn values(text: &str) -> Result<Vec<(u64, String)>, SplitError> {
        let mut values = JsonValues::new(Slowly(text.as_bytes()));
        let mut seen = Vec::new();
        while let Some((line, Record::Json(text))) = values.next_record()? {
            seen.push((line, String::from_utf8_lossy(&text).into_owned()));
        }
        Ok(seen)
    }

    fn check(text: &str, expected: &[(u64, &str)]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|(l, t)| (*l, (*t).to_owned()))
            .collect();
        assert_eq!(values(text).unwrap(), expected, "{text}");
    }

    #[test]
    fn elements_of_an_array_are_cut_out() {
        check("[]", &[]);
        check(
            " [ {\"a\": \"]}\\\"\"} ,\n{\"b\":[1,2]}]\n",
            &[(1, "{\"a\": \"]}\\\"\"}"), (2, "{\"b\":[1,2]}")],
        );
        check("[1,\"a,b\",null]", &[(1, "1"), (1, "\"a,b\""), (1, "null")]);
    }

    #[test]
    fn values_one_after_the_other_are_cut_out() {
        check(
            "{\"a\":1}\n{\"a\":2}{\"a\":3}",
            &[(1, "{\"a\":1}"), (2, "{\"a\":2}"), (2, "{\"a\":3}")],
        );
        check("", &[]);
    }

    #[test]
    fn what_is_cut_short_or_garbled_is_refused_with_its_line() {
        for (text, reason) in [
            ("[{\"a\":1},", "a value must follow the comma"),
            ("[\n{\"a\":1", "line 2: the file ends inside of this value"),
            ("[{}", "the file ends inside of its array"),
            ("[{} {}]", "a comma or ] must follow"),
            ("[{}] x", "something follows the array"),
            ("[{},]", "a value must follow the comma"),
        ] {
            let error = values(text).unwrap_err().to_string();
            assert!(error.contains(reason), "{text}: {error}");
        }
    }
}
