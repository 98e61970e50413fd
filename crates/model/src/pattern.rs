//! Text patterns: LIKE, ILIKE, `~` and `~*`.

use crate::error::Refusal;

/// A checked, compiled pattern.
#[derive(Clone, Debug)]
pub struct Pattern {
    kind: PatternKind,
    source: String,
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

impl Pattern {
    /// Checks and compiles; refuses (2201B, 22025) what is malformed or outside the subset.
    pub fn new(kind: PatternKind, source: &str) -> Result<Pattern, Refusal> {
        let _ = (kind, source);
        todo!()
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
        todo!()
    }

    /// Whether the text matches.
    pub fn is_match(&self, text: &str) -> bool {
        let _ = text;
        todo!()
    }
}
