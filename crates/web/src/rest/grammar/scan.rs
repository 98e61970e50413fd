//! A cursor over one parameter's text, and where and why it stopped.

use std::borrow::Cow;

/// How deep parentheses may nest: far beyond what people write, far below what
/// a thread's stack holds.
pub(crate) const DEPTH_MAX: u32 = 32;

/// Why a text is not of the grammar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Syntax {
    /// The byte at which it stopped being.
    pub at: usize,
    /// What would have been understood there.
    pub expecting: Cow<'static, str>,
}

/// A cursor over a text.
pub(crate) struct Scan<'a> {
    text: &'a str,
    at: usize,
    depth: u32,
}

impl<'a> Scan<'a> {
    pub(crate) fn new(text: &'a str) -> Scan<'a> {
        Scan {
            text,
            at: 0,
            depth: 0,
        }
    }

    /// What is left; all positions are on character boundaries.
    pub(crate) fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// Goes back to a place that [`Scan::at`] gave.
    pub(crate) fn rewind(&mut self, at: usize) {
        self.at = at;
    }

    pub(crate) fn is_end(&self) -> bool {
        self.at >= self.text.len()
    }

    pub(crate) fn eat(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    pub(crate) fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t')) {
            self.at += 1;
        }
    }

    /// Takes characters as long as they please.
    pub(crate) fn take_while(&mut self, mut pleases: impl FnMut(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !pleases(c)).unwrap_or(rest.len());
        self.at += end;
        rest.get(..end).unwrap_or_default()
    }

    /// Takes all that is left.
    pub(crate) fn take_rest(&mut self) -> &'a str {
        let rest = self.rest();
        self.at = self.text.len();
        rest
    }

    pub(crate) fn expect(&mut self, token: &str, named: &'static str) -> Result<(), Syntax> {
        if self.eat(token) {
            Ok(())
        } else {
            self.fail(named)
        }
    }

    pub(crate) fn expect_end(&self, expecting: &'static str) -> Result<(), Syntax> {
        if self.is_end() {
            Ok(())
        } else {
            self.fail(expecting)
        }
    }

    pub(crate) fn fail<T>(&self, expecting: impl Into<Cow<'static, str>>) -> Result<T, Syntax> {
        self.fail_at(self.at, expecting)
    }

    pub(crate) fn fail_at<T>(
        &self,
        at: usize,
        expecting: impl Into<Cow<'static, str>>,
    ) -> Result<T, Syntax> {
        Err(Syntax {
            at,
            expecting: expecting.into(),
        })
    }

    /// Reads something in parentheses, one level deeper.
    pub(crate) fn nested<T>(
        &mut self,
        read: impl FnOnce(&mut Scan<'a>) -> Result<T, Syntax>,
    ) -> Result<T, Syntax> {
        if self.depth >= DEPTH_MAX {
            return self.fail("fewer levels of parentheses: 32 are allowed");
        }
        self.depth += 1;
        let value = read(self)?;
        self.depth -= 1;
        Ok(value)
    }

    /// `"…"` with `\` before what is to be taken as it is. The cursor is on the quote.
    pub(crate) fn quoted(&mut self) -> Result<String, Syntax> {
        self.expect("\"", "\"\\\"\"")?;
        let mut value = String::new();
        loop {
            value.push_str(self.take_while(|c| c != '"' && c != '\\'));
            if self.eat("\"") {
                return Ok(value);
            }
            if self.is_end() {
                return self.fail("\"\\\"\" that ends the quoted text");
            }
            self.at += 1; // the backslash
            match self.rest().chars().next() {
                Some(c) => {
                    self.at += c.len_utf8();
                    value.push(c);
                }
                None => return self.fail("a character after the backslash"),
            }
        }
    }
}

impl Syntax {
    /// PostgREST's sentence on what stood there and what should have.
    pub(crate) fn details(&self, text: &str) -> String {
        match text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(c) => format!("unexpected {c:?} expecting {}", self.expecting),
            None => format!("unexpected end of input expecting {}", self.expecting),
        }
    }

    /// The column, counted in characters from 1.
    pub(crate) fn column(&self, text: &str) -> usize {
        text.get(..self.at)
            .map_or(self.at, |before| before.chars().count())
            + 1
    }
}
