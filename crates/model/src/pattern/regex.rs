//! Regular expressions: the common subset, checked character by character and
//! translated into the regex crate's syntax.
//!
//! What is understood: literals, `.`, `^`, `$`, `\A`, `\Z`, `|`, `( )`, `(?: )`, `* + ?` and
//! `{m}` `{m,}` `{m,n}` up to 255 (each also with `?`, which changes nothing for a yes or
//! no), brackets with ranges, negation and `[:alpha:]` and its like, `\d \w \s \D \W \S`,
//! `\t \n \r \f \v \a \e`, `\uXXXX`, `\UXXXXXXXX`, and a backslash before what is no letter
//! or digit.
//!
//! As under PostgreSQL's `COLLATE "C"`: classes are ASCII's, case is folded in ASCII only,
//! `.` and `[^a]` match a line break, `^` and `$` are the ends of the text only.
//!
//! Refused: back-references, look-around, embedded options (`(?i)`, `***=`), named groups,
//! `\m \M \y \Y \b \B`, octal and `\x` escapes, `\c`, collating elements (`[.a.]`, `[=a=]`), `\p`.

mod bracket;

use crate::error::Refusal;
use bracket::Class;
use std::iter::Peekable;
use std::str::Chars;

/// Longer patterns are refused before they are looked at.
const SOURCE_BYTES_MAX: usize = 4096;
/// What a compiled pattern, and its cache, may take.
const COMPILED_BYTES_MAX: usize = 1 << 20;
/// How deep groups may lie in each other.
const GROUPS_DEEP_MAX: usize = 64;
/// PostgreSQL's bound of a repetition.
const REPEAT_MAX: u32 = 255;

/// Checks, translates and compiles.
pub(super) fn compile(source: &str, insensitive: bool) -> Result<regex::Regex, Refusal> {
    if source.len() > SOURCE_BYTES_MAX {
        return Err(invalid("regular expression is too complex"));
    }
    if source.starts_with("***") {
        return Err(unsupported("embedded options and named groups are"));
    }
    let mut translator = Translator {
        chars: source.chars().peekable(),
        out: String::with_capacity(source.len() * 2),
        insensitive,
        open_groups: 0,
    };
    translator.translate()?;
    regex::RegexBuilder::new(&translator.out)
        .dot_matches_new_line(true)
        .size_limit(COMPILED_BYTES_MAX)
        .dfa_size_limit(COMPILED_BYTES_MAX)
        .build()
        // Whatever passed the check is well-formed: only its size is left to refuse.
        .map_err(|_| invalid("regular expression is too complex"))
}

/// 2201B in PostgreSQL's words.
fn invalid(why: &str) -> Refusal {
    Refusal::new("2201B", format!("invalid regular expression: {why}"))
}

/// 2201B for what only one of the two engines has.
fn unsupported(what: &str) -> Refusal {
    invalid(&format!("{what} not supported")).hint(
        "Only the common subset of PostgreSQL's regular expressions and the regex crate's is \
         supported.",
    )
}

struct Translator<'a> {
    chars: Peekable<Chars<'a>>,
    out: String,
    insensitive: bool,
    open_groups: usize,
}

/// What stands before a quantifier.
#[derive(Clone, Copy, PartialEq)]
enum Before {
    /// The beginning of a branch, an anchor, or another quantifier.
    Nothing,
    Atom,
}

impl Translator<'_> {
    fn translate(&mut self) -> Result<(), Refusal> {
        let mut before = Before::Nothing;
        while let Some(c) = self.chars.next() {
            before = match c {
                '*' | '+' | '?' => self.quantifier(before, &c.to_string())?,
                '{' if self.chars.peek().is_some_and(char::is_ascii_digit) => {
                    let bounds = self.bounds()?;
                    self.quantifier(before, &bounds)?
                }
                '(' => self.open_group()?,
                ')' => self.close_group()?,
                '|' => {
                    self.out.push('|');
                    Before::Nothing
                }
                '^' => self.anchor("^"),
                '$' => self.anchor("$"),
                '.' => {
                    self.out.push('.');
                    Before::Atom
                }
                '[' => {
                    let class = bracket::read(&mut self.chars)?;
                    self.class(class);
                    Before::Atom
                }
                '\\' => self.escape()?,
                literal => {
                    self.literal(literal);
                    Before::Atom
                }
            };
        }
        if self.open_groups > 0 {
            return Err(invalid("parentheses () not balanced"));
        }
        Ok(())
    }

    fn quantifier(&mut self, before: Before, quantifier: &str) -> Result<Before, Refusal> {
        if before == Before::Nothing {
            return Err(invalid("quantifier operand invalid"));
        }
        self.out.push_str(quantifier);
        // Preferring fewer changes which match is found, not whether.
        self.chars.next_if_eq(&'?');
        Ok(Before::Nothing)
    }

    /// `{m}`, `{m,}`, `{m,n}`, behind the brace.
    fn bounds(&mut self) -> Result<String, Refusal> {
        let wrong = || invalid("invalid repetition count(s)");
        let low = self.number().ok_or_else(wrong)?;
        let comma = self.chars.next_if_eq(&',').is_some();
        let high = if comma { self.number() } else { Some(low) };
        match self.chars.next() {
            Some('}') => {}
            None => return Err(invalid("braces {} not balanced")),
            Some(_) => return Err(wrong()),
        }
        match high {
            Some(high) if low > high || high > REPEAT_MAX => Err(wrong()),
            None if low > REPEAT_MAX => Err(wrong()),
            Some(high) => Ok(format!("{{{low},{high}}}")),
            None => Ok(format!("{{{low},}}")),
        }
    }

    fn number(&mut self) -> Option<u32> {
        let mut number = None;
        while let Some(digit) = self.chars.peek().and_then(|c| c.to_digit(10)) {
            self.chars.next();
            // Anything this large is refused.
            number = Some((number.unwrap_or(0) * 10 + digit).min(REPEAT_MAX + 1));
        }
        number
    }

    fn open_group(&mut self) -> Result<Before, Refusal> {
        if self.chars.next_if_eq(&'?').is_some() {
            match self.chars.next() {
                Some(':') => {}
                Some('=' | '!') => return Err(unsupported("lookahead is")),
                Some('<') => return Err(unsupported("lookbehind and named groups are")),
                _ => return Err(unsupported("embedded options and named groups are")),
            }
        }
        self.open_groups += 1;
        if self.open_groups > GROUPS_DEEP_MAX {
            return Err(invalid("regular expression is too complex"));
        }
        self.out.push_str("(?:");
        Ok(Before::Nothing)
    }

    fn close_group(&mut self) -> Result<Before, Refusal> {
        self.open_groups = self
            .open_groups
            .checked_sub(1)
            .ok_or_else(|| invalid("parentheses () not balanced"))?;
        self.out.push(')');
        Ok(Before::Atom)
    }

    fn anchor(&mut self, anchor: &str) -> Before {
        self.out.push_str(anchor);
        Before::Nothing
    }

    /// What follows a backslash outside of brackets.
    fn escape(&mut self) -> Result<Before, Refusal> {
        let Some(c) = self.chars.next() else {
            return Err(invalid("invalid escape \\ sequence"));
        };
        match c {
            'A' => return Ok(self.anchor("^")),
            'Z' => return Ok(self.anchor("$")),
            'D' | 'W' | 'S' | 'd' | 'w' | 's' => {
                let mut class = Class::default();
                class.add_shorthand(c.to_ascii_lowercase());
                class.negated = c.is_ascii_uppercase();
                self.class(class);
            }
            c => {
                let literal = bracket::escaped_char(c, &mut self.chars)?;
                self.literal(literal);
            }
        }
        Ok(Before::Atom)
    }

    fn literal(&mut self, c: char) {
        if self.insensitive && c.is_ascii_alphabetic() {
            let (lower, upper) = (c.to_ascii_lowercase(), c.to_ascii_uppercase());
            self.out.extend(['[', lower, upper, ']']);
        } else {
            self.out
                .push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
        }
    }

    fn class(&mut self, mut class: Class) {
        if self.insensitive {
            class.fold_case();
        }
        class.write(&mut self.out);
    }
}
