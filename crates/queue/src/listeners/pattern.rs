//! Which changes a listener hears of: `rest/orders:insert`, `docs/books`, `kv/*`.

use pando_model::engine::FeedKind;
use std::fmt;
use std::str::FromStr;

/// Changes of one collection, or of all of a surface; of one kind, or of all.
///
/// `SURFACE/NAME:KIND`, where `SURFACE` is one of [`Pattern::SURFACES`], `NAME` a collection as it is
/// named in addresses or `*`, and `KIND` `insert`, `update`, `delete` or `*`, which it is if nothing
/// is said. A name with a colon needs its kind said: `docs/a:b:*`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    surface: &'static str,
    /// `None` is any.
    name: Option<String>,
    /// `None` is any.
    kind: Option<FeedKind>,
}

/// A text that is no pattern.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} {fault}: write SURFACE/NAME:KIND, such as \"rest/orders:insert\" or \"docs/*\"")]
pub struct PatternError {
    /// As it was written.
    pub text: String,
    /// What is wrong with it, and what it may be.
    pub fault: String,
}

/// Any name, any kind.
const ANY: &str = "*";

impl Pattern {
    /// The surfaces that have collections, as the first part of their addresses.
    pub const SURFACES: [&'static str; 5] = ["rest", "docs", "kv", "wide", "graph"];

    /// Whether a change is one of those.
    pub fn matches(&self, collection: &str, kind: FeedKind) -> bool {
        self.is_of(collection) && self.kind.is_none_or(|own| own == kind)
    }

    /// Whether any change of a collection is one of those.
    pub fn is_of(&self, collection: &str) -> bool {
        let Some((surface, name)) = collection.split_once('/') else {
            return false;
        };
        surface == self.surface && self.name.as_ref().is_none_or(|own| own == name)
    }

    /// Whether it is of a surface, and of which of its collections; `None` is all of them.
    pub fn names_of(&self, surface: &str) -> Option<Option<&str>> {
        (surface == self.surface).then_some(self.name.as_deref())
    }
}

impl FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Pattern, PatternError> {
        let refuse = |fault: String| {
            Err(PatternError {
                text: text.to_owned(),
                fault,
            })
        };
        let Some((surface, rest)) = text.split_once('/') else {
            return refuse("names no surface".to_owned());
        };
        let known = Pattern::SURFACES.into_iter().find(|own| *own == surface);
        let Some(surface) = known else {
            let all = Pattern::SURFACES.join(", ");
            return refuse(format!("begins with none of {all}"));
        };
        let (name, kind) = match rest.rsplit_once(':') {
            None => (rest, None),
            Some((name, ANY)) => (name, None),
            Some((name, kind)) => {
                let known = FeedKind::ALL.into_iter().find(|own| own.name() == kind);
                let Some(known) = known else {
                    return refuse(format!(
                        "ends with {kind:?}, which is none of insert, update, delete and *"
                    ));
                };
                (name, Some(known))
            }
        };
        if name.is_empty() {
            return refuse("names no collection".to_owned());
        }
        Ok(Pattern {
            surface,
            name: (name != ANY).then(|| name.to_owned()),
            kind,
        })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name.as_deref().unwrap_or(ANY);
        let kind = self.kind.map_or(ANY, FeedKind::name);
        write!(f, "{}/{name}:{kind}", self.surface)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_its_collection_and_kind_and_nothing_else() {
        use FeedKind::{Delete, Insert};
        for (pattern, collection, kind, expected) in [
            ("rest/orders:insert", "rest/orders", Insert, true),
            ("rest/orders:insert", "rest/orders", Delete, false),
            ("rest/orders:insert", "docs/orders", Insert, false),
            ("rest/orders", "rest/orders", Delete, true),
            ("rest/orders:*", "rest/orders2", Delete, false),
            ("docs/*", "docs/a/b:c", Delete, true),
            ("docs/a:b:*", "docs/a:b", Delete, true),
            ("docs/*:delete", "docs/a", Insert, false),
            ("docs/*:delete", "rest/a", Delete, false),
        ] {
            let read: Pattern = pattern.parse().unwrap();
            assert_eq!(read.matches(collection, kind), expected, "{pattern}");
            assert_eq!(read.to_string().parse(), Ok(read), "{pattern}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused_with_what_it_may_be() {
        for (text, fault) in [
            ("", "names no surface"),
            ("orders", "names no surface"),
            ("tables/orders", "begins with none of rest, docs, kv"),
            ("rest/", "names no collection"),
            ("rest/:insert", "names no collection"),
            ("rest/orders:created", "ends with \"created\""),
            ("docs/a:b", "ends with \"b\""),
        ] {
            let error = text.parse::<Pattern>().unwrap_err().to_string();
            assert!(error.contains(fault), "{error}");
            assert!(error.contains("rest/orders:insert"), "{error}");
        }
    }
}
