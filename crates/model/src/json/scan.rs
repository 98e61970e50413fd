//! The scanner of JSON: PostgreSQL's grammar and PostgreSQL's words for its faults.
//!
//! What is made of a text is up to a [`Builder`]: nothing (validation) or a tree.

use super::string::unescape;
use crate::error::Refusal;
use std::borrow::Cow;

/// How deep arrays and objects may lie in each other, as in serde_json: a thread's stack of
/// 2 MiB holds it many times over, and no honest document comes near.
pub const DEPTH_MAX: usize = 128;

/// Why a text is not JSON.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Something else was expected: PostgreSQL's `Expected …`, and what was found.
    Expected(&'static str, String),
    /// A token that is none.
    Token(String),
    /// The text ends too early.
    Ended,
    /// A control character that must be escaped.
    Control(u8),
    /// An escape that is none.
    Escape(char),
    /// `\u` without four digits.
    UnicodeEscape,
    /// A low surrogate without its high one, or the reverse.
    LoneSurrogate,
    /// A high surrogate after a high one.
    DoubleHighSurrogate,
    /// `\u0000`.
    Zero,
    /// Too deep.
    Depth,
    /// A builder's own refusal.
    Refused(Refusal),
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Refusal {
        let details = match fault {
            Fault::Expected(what, found) => format!("Expected {what}, but found \"{found}\"."),
            Fault::Token(token) => format!("Token \"{token}\" is invalid."),
            Fault::Ended => "The input string ended unexpectedly.".into(),
            Fault::Control(byte) => format!("Character with value 0x{byte:02x} must be escaped."),
            Fault::Escape(c) => format!("Escape sequence \"\\{c}\" is invalid."),
            Fault::UnicodeEscape => "\"\\u\" must be followed by four hexadecimal digits.".into(),
            Fault::LoneSurrogate => "Unicode low surrogate must follow a high surrogate.".into(),
            Fault::DoubleHighSurrogate => {
                "Unicode high surrogate must not follow a high surrogate.".into()
            }
            Fault::Zero => {
                return Refusal::new("22P05", "unsupported Unicode escape sequence")
                    .details("\\u0000 cannot be converted to text.");
            }
            Fault::Depth => {
                return Refusal::new("54001", "stack depth limit exceeded")
                    .hint(format!("JSON may be nested {DEPTH_MAX} levels deep."));
            }
            Fault::Refused(refusal) => return refusal,
        };
        Refusal::new("22P02", "invalid input syntax for type json").details(details)
    }
}

/// What is made of a JSON text.
pub(super) trait Builder<'a> {
    /// What a value becomes.
    type Node;
    /// What an object's key becomes.
    type Key;

    /// `null`, `true`, `false`.
    fn word(&mut self, word: Option<bool>) -> Self::Node;
    /// A number's text.
    fn number(&mut self, text: &'a str) -> Result<Self::Node, Fault>;
    /// A string.
    fn string(&mut self, text: Cow<'a, str>) -> Self::Node;
    /// A key.
    fn key(&mut self, text: Cow<'a, str>) -> Self::Key;
    /// An array.
    fn array(&mut self, items: Vec<Self::Node>) -> Self::Node;
    /// An object, in the order of the text.
    fn object(&mut self, pairs: Vec<(Self::Key, Self::Node)>) -> Self::Node;
}

/// Builds nothing; lists of nothing take no memory.
pub(super) struct Nothing;

impl<'a> Builder<'a> for Nothing {
    type Node = ();
    type Key = ();

    fn word(&mut self, _: Option<bool>) {}
    fn number(&mut self, _: &'a str) -> Result<(), Fault> {
        Ok(())
    }
    fn string(&mut self, _: Cow<'a, str>) {}
    fn key(&mut self, _: Cow<'a, str>) {}
    fn array(&mut self, _: Vec<()>) {}
    fn object(&mut self, _: Vec<((), ())>) {}
}

/// Reads a whole text.
pub(super) fn scan<'a, B: Builder<'a>>(text: &'a str, builder: B) -> Result<B::Node, Fault> {
    let mut scanner = Scanner {
        text,
        at: 0,
        depth: 0,
        builder,
    };
    let token = scanner.token()?;
    let node = scanner.value(token, "JSON value")?;
    match scanner.token()? {
        Token::End => Ok(node),
        other => Err(Fault::Expected("end of input", other.text().to_owned())),
    }
}

#[derive(Clone, Copy)]
enum Token<'a> {
    End,
    /// `{ } [ ] : ,`
    Mark(&'a str),
    Text(&'a str),
    Number(&'a str),
    Word(&'a str, Option<bool>),
}

impl<'a> Token<'a> {
    fn text(self) -> &'a str {
        match self {
            Token::End => "",
            Token::Mark(text) | Token::Text(text) | Token::Number(text) | Token::Word(text, _) => {
                text
            }
        }
    }

    fn is(self, mark: &str) -> bool {
        matches!(self, Token::Mark(found) if found == mark)
    }

    /// The fault of finding this token.
    fn unexpected(self, expected: &'static str) -> Fault {
        match self {
            Token::End => Fault::Ended,
            other => Fault::Expected(expected, other.text().to_owned()),
        }
    }
}

struct Scanner<'a, B> {
    text: &'a str,
    at: usize,
    depth: usize,
    builder: B,
}

impl<'a, B: Builder<'a>> Scanner<'a, B> {
    fn value(&mut self, token: Token<'a>, expected: &'static str) -> Result<B::Node, Fault> {
        match token {
            Token::Word(_, word) => Ok(self.builder.word(word)),
            Token::Number(text) => self.builder.number(text),
            Token::Text(quoted) => Ok(self.builder.string(unescape(quoted)?)),
            Token::Mark("[") => self.nested(Self::array),
            Token::Mark("{") => self.nested(Self::object),
            other => Err(other.unexpected(expected)),
        }
    }

    fn nested(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<B::Node, Fault>,
    ) -> Result<B::Node, Fault> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Fault::Depth);
        }
        let node = read(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn array(&mut self) -> Result<B::Node, Fault> {
        let mut items = Vec::new();
        let mut token = self.token()?;
        if token.is("]") {
            return Ok(self.builder.array(items));
        }
        loop {
            items.push(self.value(token, "JSON value")?);
            match self.token()? {
                mark if mark.is(",") => token = self.token()?,
                mark if mark.is("]") => return Ok(self.builder.array(items)),
                other => return Err(other.unexpected("\",\" or \"]\"")),
            }
        }
    }

    fn object(&mut self) -> Result<B::Node, Fault> {
        let mut pairs = Vec::new();
        let mut token = self.token()?;
        let mut expected = "string or \"}\"";
        if token.is("}") {
            return Ok(self.builder.object(pairs));
        }
        loop {
            let Token::Text(quoted) = token else {
                return Err(token.unexpected(expected));
            };
            let key = self.builder.key(unescape(quoted)?);
            let colon = self.token()?;
            if !colon.is(":") {
                return Err(colon.unexpected("\":\""));
            }
            let first = self.token()?;
            pairs.push((key, self.value(first, "JSON value")?));
            match self.token()? {
                mark if mark.is(",") => token = self.token()?,
                mark if mark.is("}") => return Ok(self.builder.object(pairs)),
                other => return Err(other.unexpected("\",\" or \"}\"")),
            }
            expected = "string";
        }
    }

    fn token(&mut self) -> Result<Token<'a>, Fault> {
        let bytes = self.text.as_bytes();
        while matches!(bytes.get(self.at), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
        let start = self.at;
        let Some(&first) = bytes.get(start) else {
            return Ok(Token::End);
        };
        match first {
            b'{' | b'}' | b'[' | b']' | b':' | b',' => {
                self.at += 1;
                Ok(Token::Mark(&self.text[start..self.at]))
            }
            b'"' => self.string_token(),
            _ => self.plain_token(),
        }
    }

    fn string_token(&mut self) -> Result<Token<'a>, Fault> {
        let bytes = self.text.as_bytes();
        let start = self.at;
        let mut at = start + 1;
        loop {
            match bytes.get(at) {
                None => {
                    return Err(Fault::Token(self.text[start..].to_owned()));
                }
                Some(b'"') => break,
                Some(b'\\') => at += 2,
                Some(&control @ 0..0x20) => return Err(Fault::Control(control)),
                Some(_) => at += 1,
            }
        }
        self.at = at + 1;
        Ok(Token::Text(&self.text[start..self.at]))
    }

    /// A number or a word; what is neither is taken whole for the fault.
    fn plain_token(&mut self) -> Result<Token<'a>, Fault> {
        let rest = &self.text[self.at..];
        let end = rest
            .bytes()
            .position(|byte| {
                !(byte.is_ascii_alphanumeric()
                    || matches!(byte, b'_' | b'-' | b'+' | b'.' | 0x80..))
            })
            .unwrap_or(rest.len());
        let text = &rest[..end];
        self.at += end;
        match text {
            "null" => Ok(Token::Word(text, None)),
            "true" => Ok(Token::Word(text, Some(true))),
            "false" => Ok(Token::Word(text, Some(false))),
            _ if is_number(text) => Ok(Token::Number(text)),
            // What begins no token is one by itself.
            _ if text.starts_with(['+', '.'])
                || text.starts_with('-')
                    && !text[1..].starts_with(|c: char| c.is_alphanumeric()) =>
            {
                Err(Fault::Token(text[..1].to_owned()))
            }
            "" => Err(Fault::Token(rest.chars().take(1).collect())),
            _ => Err(Fault::Token(text.to_owned())),
        }
    }
}

/// JSON's numbers: `-0.5e+3`, without a plus, leading zeros or bare points.
fn is_number(text: &str) -> bool {
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) = match unsigned.find(['e', 'E']) {
        Some(at) => (&unsigned[..at], Some(&unsigned[at + 1..])),
        None => (unsigned, None),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (mantissa, None),
    };
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole)
        && (whole.len() == 1 || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|text| digits(text.strip_prefix(['-', '+']).unwrap_or(text)))
}
