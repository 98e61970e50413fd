//! Scopes: `surface:verb[:collection]`, each part a name or `*`.
//!
//! `rest:read` reads every table, `kv:*:sessions` does everything to the space
//! `sessions`, `*` does everything everywhere. Queues have a verb more: whoever takes messages neither
//! publishes nor only looks, so that a producer's key, a worker's and an onlooker's can be three.

use std::fmt;
use std::str::FromStr;

/// The parts of the HTTP surface that a scope can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surface {
    /// `/rest/v1`.
    Rest,
    /// `/docs/v1`.
    Docs,
    /// `/kv/v1`.
    Kv,
    /// `/wide/v1`.
    Wide,
    /// `/graph/v1`.
    Graph,
    /// `/sessions/v1`.
    Sessions,
    /// `/queue/v1`.
    Queue,
    /// `/exchanges/v1`.
    Exchanges,
    /// `/topics/v1`.
    Topics,
    /// `/changes/v1`.
    Changes,
    /// `/assets`.
    Assets,
    /// `/edge/v1`.
    Edge,
    /// `/admin/v1`.
    Admin,
    /// `/metrics`.
    Metrics,
}

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verb {
    /// Nothing changes.
    Read,
    /// Something changes.
    Write,
    /// Messages are taken out of a queue: leased, acknowledged, given back, removed.
    Lease,
}

/// One scope.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Scope {
    surface: Option<Surface>,
    verb: Option<Verb>,
    collection: Option<String>,
}

/// What a key may do: any of its scopes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Scopes(Vec<Scope>);

/// A text that is no scope.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{scope:?} is not a scope: {reason}")]
pub struct ScopeError {
    /// The text.
    pub scope: String,
    /// What is wrong with it, and what would be right.
    pub reason: String,
}

const SURFACES: [(&str, Surface); 14] = [
    ("rest", Surface::Rest),
    ("docs", Surface::Docs),
    ("kv", Surface::Kv),
    ("wide", Surface::Wide),
    ("graph", Surface::Graph),
    ("sessions", Surface::Sessions),
    ("queue", Surface::Queue),
    ("exchanges", Surface::Exchanges),
    ("topics", Surface::Topics),
    ("changes", Surface::Changes),
    ("assets", Surface::Assets),
    ("edge", Surface::Edge),
    ("admin", Surface::Admin),
    ("metrics", Surface::Metrics),
];
const VERBS: [(&str, Verb); 3] = [
    ("read", Verb::Read),
    ("write", Verb::Write),
    ("lease", Verb::Lease),
];

impl Scope {
    /// Whether it lets `verb` be done to `collection` of `surface`. Without a collection,
    /// what is asked for concerns all of them, and a scope for one is not enough.
    pub fn allows(&self, surface: Surface, verb: Verb, collection: Option<&str>) -> bool {
        self.surface.is_none_or(|own| own == surface)
            && self.verb.is_none_or(|own| own == verb)
            && self
                .collection
                .as_deref()
                .is_none_or(|own| Some(own) == collection)
    }
}

impl Scopes {
    /// Everything.
    pub fn all() -> Scopes {
        Scopes(vec![Scope {
            surface: None,
            verb: None,
            collection: None,
        }])
    }

    /// Whether one of them lets `verb` be done to `collection` of `surface`.
    pub fn allow(&self, surface: Surface, verb: Verb, collection: Option<&str>) -> bool {
        self.0
            .iter()
            .any(|scope| scope.allows(surface, verb, collection))
    }

    /// The same, and by that name: a scope for all collections is not enough.
    pub fn allow_by_name(&self, surface: Surface, verb: Verb, collection: &str) -> bool {
        self.0.iter().any(|scope| {
            scope.collection.is_some() && scope.allows(surface, verb, Some(collection))
        })
    }

    /// The scopes, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }
}

impl fmt::Display for Surface {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&SURFACES, self))
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name_of(&VERBS, self))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let surface = self
            .surface
            .as_ref()
            .map_or("*", |own| name_of(&SURFACES, own));
        let verb = self.verb.as_ref().map_or("*", |own| name_of(&VERBS, own));
        match &self.collection {
            Some(collection) => write!(f, "{surface}:{verb}:{collection}"),
            None if self.surface.is_none() && self.verb.is_none() => f.write_str("*"),
            None => write!(f, "{surface}:{verb}"),
        }
    }
}

impl FromStr for Scope {
    type Err = ScopeError;

    fn from_str(text: &str) -> Result<Scope, ScopeError> {
        let wrong = |reason: String| ScopeError {
            scope: text.to_owned(),
            reason,
        };
        if text == "*" {
            return Ok(Scope {
                surface: None,
                verb: None,
                collection: None,
            });
        }
        let mut parts = text.splitn(3, ':');
        let (Some(surface), Some(verb)) = (parts.next(), parts.next()) else {
            return Err(wrong(
                "write surface:verb or surface:verb:collection, such as rest:read".into(),
            ));
        };
        let collection = match parts.next() {
            None | Some("*") => None,
            Some("") => return Err(wrong("its collection is empty".into())),
            Some(name) if name.chars().any(|c| c == ',' || c.is_control()) => {
                return Err(wrong("a collection holds no commas".into()));
            }
            Some(name) => Some(name.to_owned()),
        };
        let surface = named(&SURFACES, "surface", surface).map_err(wrong)?;
        let verb = named(&VERBS, "verb", verb).map_err(wrong)?;
        let leases_elsewhere = surface.is_some_and(|surface| surface != Surface::Queue);
        if verb == Some(Verb::Lease) && leases_elsewhere {
            return Err(wrong("only a queue is leased from: queue:lease".into()));
        }
        Ok(Scope {
            surface,
            verb,
            collection,
        })
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, scope) in self.0.iter().enumerate() {
            if place > 0 {
                f.write_str(",")?;
            }
            write!(f, "{scope}")?;
        }
        Ok(())
    }
}

impl FromStr for Scopes {
    type Err = ScopeError;

    /// Reads scopes divided by commas.
    fn from_str(text: &str) -> Result<Scopes, ScopeError> {
        let scopes = text
            .split(',')
            .map(|scope| scope.trim().parse())
            .collect::<Result<Vec<Scope>, ScopeError>>()?;
        Ok(Scopes(scopes))
    }
}

impl FromIterator<Scope> for Scopes {
    fn from_iter<T: IntoIterator<Item = Scope>>(scopes: T) -> Scopes {
        Scopes(scopes.into_iter().collect())
    }
}

fn name_of<T: PartialEq>(names: &[(&'static str, T)], wanted: &T) -> &'static str {
    names
        .iter()
        .find(|(_, known)| known == wanted)
        .map_or("*", |(name, _)| name)
}

fn named<T: Copy>(names: &[(&str, T)], what: &str, text: &str) -> Result<Option<T>, String> {
    if text == "*" {
        return Ok(None);
    }
    match names.iter().find(|(name, _)| *name == text) {
        Some((_, known)) => Ok(Some(*known)),
        None => {
            let all: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
            Err(format!(
                "there is no {what} {text:?}; there are {} and *",
                all.join(", ")
            ))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_allows_what_it_names_and_nothing_else() {
        use Surface::{Admin, Kv, Queue, Rest};
        use Verb::{Lease, Read, Write};
        let cases = [
            ("rest:read", Rest, Read, Some("flights"), true),
            ("rest:read", Rest, Read, None, true),
            ("rest:read", Rest, Write, Some("flights"), false),
            ("rest:read", Kv, Read, Some("flights"), false),
            ("kv:*:sessions", Kv, Write, Some("sessions"), true),
            ("kv:*:sessions", Kv, Write, Some("session"), false),
            ("kv:*:sessions", Kv, Write, None, false),
            ("rest:write:a:b", Rest, Write, Some("a:b"), true),
            ("*", Admin, Write, None, true),
            ("*:read", Admin, Read, None, true),
            ("*:read", Admin, Write, None, false),
            ("rest:*,kv:read", Kv, Read, Some("x"), true),
            ("rest:*,kv:read", Kv, Write, Some("x"), false),
            ("rest:read:*", Rest, Read, Some("any"), true),
            ("queue:lease:mail", Queue, Lease, Some("mail"), true),
            ("queue:lease", Queue, Write, Some("mail"), false),
            ("queue:write", Queue, Lease, Some("mail"), false),
            ("*:read", Queue, Lease, Some("mail"), false),
            ("queue:*", Queue, Lease, Some("mail"), true),
        ];
        for (scopes, surface, verb, collection, expected) in cases {
            let parsed: Scopes = scopes.parse().unwrap();
            let allowed = parsed.allow(surface, verb, collection);
            assert_eq!(
                allowed, expected,
                "{scopes} {surface} {verb} {collection:?}"
            );
            let again: Scopes = parsed.to_string().parse().unwrap();
            assert_eq!(again, parsed, "{scopes} is printed as it is read");
        }
    }

    #[test]
    fn what_is_no_scope_is_refused_with_the_reason() {
        let cases = [
            ("", "write surface:verb"),
            ("rest", "write surface:verb"),
            ("rest:", "there is no verb \"\""),
            (
                "rest:reed",
                "there is no verb \"reed\"; there are read, write, lease and *",
            ),
            (
                "rset:read",
                "there is no surface \"rset\"; there are rest, docs",
            ),
            ("rest:read:", "its collection is empty"),
            ("rest:lease", "only a queue is leased from"),
            ("rest:read,", "write surface:verb"),
        ];
        for (text, reason) in cases {
            let error = text.parse::<Scopes>().unwrap_err();
            assert!(error.reason.contains(reason), "{text:?}: {error}");
        }
    }
}
