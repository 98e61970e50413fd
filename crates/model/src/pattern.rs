//! Text patterns: LIKE, ILIKE, `~` and `~*`.
//!
//! LIKE has `%`, `_` and a backslash as its escape; ILIKE folds case in ASCII only, as
//! `COLLATE "C"` does. Regular expressions are the common subset of PostgreSQL's advanced
//! ones and the regex crate's, checked and translated in `regex.rs`: what one of
//! them lacks, or the two read differently, is refused (2201B).

mod like;
mod regex;

use crate::error::Refusal;
use like::Like;

/// A checked, compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    kind: PatternKind,
    source: String,
    matcher: Matcher,
}

/// Which language a pattern is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PatternKind {
    /// `LIKE`, case-sensitive.
    Like,
    /// `ILIKE`; case is folded in ASCII only.
    ILike,
    /// `~`: the common subset of POSIX and the regex crate.
    Regex,
    /// `~*`.
    RegexInsensitive,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.source == other.source
    }
}

impl std::hash::Hash for Pattern {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (self.kind, &self.source).hash(state);
    }
}

impl Pattern {
    /// Checks and compiles; refuses (2201B, 22025) what is malformed or outside the subset.
    pub fn new(kind: PatternKind, source: &str) -> Result<Pattern, Refusal> {
        let matcher = match kind {
            PatternKind::Like => Matcher::Like(Like::new(source)?),
            PatternKind::ILike => Matcher::ILike(Like::new(&source.to_ascii_lowercase())?),
            PatternKind::Regex => Matcher::Regex(regex::compile(source, false)?),
            PatternKind::RegexInsensitive => Matcher::Regex(regex::compile(source, true)?),
        };
        Ok(Pattern {
            kind,
            source: source.to_owned(),
            matcher,
        })
    }

    /// Its language.
    pub fn kind(&self) -> PatternKind {
        self.kind
    }

    /// As it was given.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// For LIKE: the literal prefix that every match begins with, for a range over an index.
    pub fn literal_prefix(&self) -> &str {
        match &self.matcher {
            Matcher::Like(like) => like.literal_prefix(),
            Matcher::ILike(_) | Matcher::Regex(_) => "",
        }
    }

    /// Whether the text matches.
    pub fn is_match(&self, text: &str) -> bool {
        match &self.matcher {
            Matcher::Like(like) => like.is_match(text),
            Matcher::ILike(like) => like.is_match(&text.to_ascii_lowercase()),
            Matcher::Regex(regex) => regex.is_match(text),
        }
    }
}

#[derive(Clone, Debug)]
enum Matcher {
    Like(Like),
    /// The pattern in lower case.
    ILike(Like),
    Regex(::regex::Regex),
}

#[cfg(test)]
mod tests;
