//! Bracket expressions, as ranges of characters.

use super::{invalid, unsupported};
use crate::error::Refusal;
use std::fmt::Write as _;
use std::iter::Peekable;
use std::str::Chars;

/// A set of characters.
#[derive(Default)]
pub(super) struct Class {
    /// Whether it is what is not in `ranges`.
    pub negated: bool,
    ranges: Vec<(char, char)>,
}

impl Class {
    /// `\d`, `\w` or `\s`.
    pub fn add_shorthand(&mut self, letter: char) {
        self.ranges.extend_from_slice(match letter {
            'd' => named("digit").unwrap_or_default(),
            'w' => named("word").unwrap_or_default(),
            _ => named("space").unwrap_or_default(),
        });
    }

    /// Adds the other case of ASCII's letters.
    pub fn fold_case(&mut self) {
        for at in 0..self.ranges.len() {
            let (low, high) = self.ranges[at];
            for (first, last) in [('a', 'z'), ('A', 'Z')] {
                let (from, to) = (low.max(first), high.min(last));
                if from <= to {
                    let turn = |c: char| {
                        if c.is_ascii_lowercase() {
                            c.to_ascii_uppercase()
                        } else {
                            c.to_ascii_lowercase()
                        }
                    };
                    self.ranges.push((turn(from), turn(to)));
                }
            }
        }
    }

    /// Appends it in the regex crate's syntax.
    pub fn write(&self, out: &mut String) {
        out.push_str(if self.negated { "[^" } else { "[" });
        for (low, high) in &self.ranges {
            // Writing into a String does not fail.
            let _ = write!(
                out,
                "\\x{{{:x}}}-\\x{{{:x}}}",
                u32::from(*low),
                u32::from(*high)
            );
        }
        out.push(']');
    }
}

/// Reads a bracket expression, behind its `[`.
pub(super) fn read(chars: &mut Peekable<Chars<'_>>) -> Result<Class, Refusal> {
    let mut class = Class {
        negated: chars.next_if_eq(&'^').is_some(),
        ..Class::default()
    };
    let mut first = true;
    loop {
        let low = match chars.next() {
            None => return Err(unbalanced()),
            Some(']') if !first => return Ok(class),
            Some('[') if matches!(chars.peek(), Some(':' | '.' | '=')) => {
                class.ranges.extend_from_slice(read_named(chars)?);
                refuse_range_after_class(chars)?;
                first = false;
                continue;
            }
            Some('\\') => match chars.next() {
                None => return Err(invalid("invalid escape \\ sequence")),
                Some(c @ ('d' | 'w' | 's')) => {
                    class.add_shorthand(c);
                    refuse_range_after_class(chars)?;
                    first = false;
                    continue;
                }
                Some(c) => escaped_char(c, chars)?,
            },
            // A hyphen is itself first or last, or as the end of a range.
            Some('-') if !first && chars.peek() != Some(&']') => {
                return Err(invalid("invalid character range"));
            }
            Some(c) => c,
        };
        first = false;
        let high = read_range_end(chars)?.unwrap_or(low);
        if high < low {
            return Err(invalid("invalid character range"));
        }
        class.ranges.push((low, high));
    }
}

/// The character that an escape stands for, behind `\c`.
pub(super) fn escaped_char(c: char, chars: &mut Peekable<Chars<'_>>) -> Result<char, Refusal> {
    Ok(match c {
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        'f' => '\u{c}',
        'v' => '\u{b}',
        'a' => '\u{7}',
        'e' => '\u{1b}',
        'u' => hex_char(chars, 4)?,
        'U' => hex_char(chars, 8)?,
        'm' | 'M' | 'y' | 'Y' | 'b' | 'B' => {
            return Err(unsupported("word boundaries and \\b, \\B are"));
        }
        '1'..='9' => return Err(unsupported("back-references are")),
        '0' | 'x' | 'c' => return Err(unsupported("octal, \\x and \\c escapes are")),
        'D' | 'W' | 'S' => return Err(unsupported("\\D, \\W and \\S in brackets are")),
        'p' | 'P' => return Err(unsupported("Unicode properties are")),
        c if c.is_alphanumeric() => return Err(invalid("invalid escape \\ sequence")),
        c => c,
    })
}

/// The end of a range, where a hyphen that is not the last character follows.
fn read_range_end(chars: &mut Peekable<Chars<'_>>) -> Result<Option<char>, Refusal> {
    let mut ahead = chars.clone();
    if ahead.next() != Some('-') || matches!(ahead.peek(), Some(']')) {
        return Ok(None);
    }
    *chars = ahead;
    match chars.next() {
        None => Err(unbalanced()),
        Some('[') if matches!(chars.peek(), Some(':' | '.' | '=')) => {
            Err(invalid("invalid character range"))
        }
        Some('\\') => {
            let c = chars.next().ok_or_else(unbalanced)?;
            if matches!(c, 'd' | 'w' | 's') {
                return Err(invalid("invalid character range"));
            }
            escaped_char(c, chars).map(Some)
        }
        Some(c) => Ok(Some(c)),
    }
}

fn refuse_range_after_class(chars: &mut Peekable<Chars<'_>>) -> Result<(), Refusal> {
    let mut ahead = chars.clone();
    if ahead.next() == Some('-') && ahead.next() != Some(']') {
        return Err(invalid("invalid character range"));
    }
    Ok(())
}

/// `[:alpha:]`, behind its `[`.
fn read_named(chars: &mut Peekable<Chars<'_>>) -> Result<&'static [(char, char)], Refusal> {
    if chars.next() != Some(':') {
        return Err(unsupported("collating elements are"));
    }
    let mut name = String::new();
    loop {
        match chars.next() {
            None => return Err(unbalanced()),
            Some(':') if chars.next_if_eq(&']').is_some() => break,
            Some(c) => name.push(c),
        }
    }
    named(&name).ok_or_else(|| match name.as_str() {
        "<" | ">" => unsupported("word boundaries and \\b, \\B are"),
        _ => invalid("invalid character class"),
    })
}

/// A class of ASCII's characters by its name.
fn named(name: &str) -> Option<&'static [(char, char)]> {
    Some(match name {
        "alpha" => &[('a', 'z'), ('A', 'Z')],
        "digit" => &[('0', '9')],
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "word" => &[('0', '9'), ('A', 'Z'), ('a', 'z'), ('_', '_')],
        "upper" => &[('A', 'Z')],
        "lower" => &[('a', 'z')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "print" => &[(' ', '~')],
        "graph" => &[('!', '~')],
        "cntrl" => &[('\0', '\u{1f}'), ('\u{7f}', '\u{7f}')],
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return None,
    })
}

fn hex_char(chars: &mut Peekable<Chars<'_>>, digits: usize) -> Result<char, Refusal> {
    let wrong = || invalid("invalid escape \\ sequence");
    let mut code = 0_u32;
    for _ in 0..digits {
        let digit = chars
            .next()
            .and_then(|c| c.to_digit(16))
            .ok_or_else(wrong)?;
        code = code << 4 | digit;
    }
    char::from_u32(code)
        .filter(|c| *c != '\0')
        .ok_or_else(wrong)
}

fn unbalanced() -> Refusal {
    invalid("brackets [] not balanced")
}
