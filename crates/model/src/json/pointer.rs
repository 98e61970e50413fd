//! JSON pointers (RFC 6901): where in a document something lies.

use super::tree::{Node, place_of_key};
use std::fmt;

/// How much of a pointer an error repeats, in bytes.
const SHOWN_BYTES_MAX: usize = 200;

/// A pointer, split into its unescaped tokens; none means the whole document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pointer {
    pub tokens: Vec<String>,
}

/// Why a pointer leads nowhere: after how many tokens, and what was found there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Miss {
    /// How many tokens led somewhere.
    pub reached: usize,
    /// What the next one met.
    pub why: MissKind,
}

/// What a token met that could not follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum MissKind {
    /// An object without that member.
    Member,
    /// An array of so many items; the index is behind its end.
    Index(usize),
    /// An array, and the token is no index (RFC 6901 section 4: no sign, no leading zero).
    NotAnIndex,
    /// A scalar.
    Scalar,
}

impl Pointer {
    /// Reads a pointer; `None` for one that neither is empty nor begins with `/`, or has a `~` without 0 or 1.
    pub fn parse(text: &str) -> Option<Pointer> {
        if text.is_empty() {
            return Some(Pointer { tokens: Vec::new() });
        }
        let tokens = text.strip_prefix('/')?.split('/').map(unescape_token);
        Some(Pointer {
            tokens: tokens.collect::<Option<_>>()?,
        })
    }

    /// What lies there.
    pub fn find<'n, 'a>(&self, root: &'n Node<'a>) -> Result<&'n Node<'a>, Miss> {
        let mut node = root;
        for (reached, token) in self.tokens.iter().enumerate() {
            node = match (node, place_of(node, token)) {
                (Node::Array(items), Ok(at)) => &items[at],
                (Node::Object(pairs), Ok(at)) => &pairs[at].1,
                (_, Ok(_)) => return Err(miss(reached, MissKind::Scalar)),
                (_, Err(why)) => return Err(miss(reached, why)),
            };
        }
        Ok(node)
    }

    /// What lies there, to be changed.
    pub fn find_mut<'n, 'a>(&self, root: &'n mut Node<'a>) -> Result<&'n mut Node<'a>, Miss> {
        find_mut(root, &self.tokens)
    }

    /// The container it leads into and the last token; `None` for the whole document.
    pub fn find_parent_mut<'n, 'a>(
        &self,
        root: &'n mut Node<'a>,
    ) -> Option<Result<(&'n mut Node<'a>, &str), Miss>> {
        let (last, way) = self.tokens.split_last()?;
        Some(find_mut(root, way).map(|parent| (parent, last.as_str())))
    }

    /// Whether it leads to something in which `other` lies.
    pub fn is_proper_prefix_of(&self, other: &Pointer) -> bool {
        self.tokens.len() < other.tokens.len() && other.tokens.starts_with(&self.tokens)
    }

    /// The pointer to its first `count` tokens.
    pub fn prefix(&self, count: usize) -> Pointer {
        Pointer {
            tokens: self.tokens.iter().take(count).cloned().collect(),
        }
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.tokens.is_empty() {
            return f.write_str("the whole document");
        }
        let mut text = String::new();
        for token in &self.tokens {
            text.push('/');
            text.push_str(&token.replace('~', "~0").replace('/', "~1"));
            if text.len() > SHOWN_BYTES_MAX {
                break;
            }
        }
        f.write_str(&shortened(&text))
    }
}

/// A text for an error: its beginning, if it is long.
pub(super) fn shortened(text: &str) -> String {
    if text.len() <= SHOWN_BYTES_MAX {
        return text.to_owned();
    }
    let mut end = SHOWN_BYTES_MAX;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", &text[..end])
}

/// Where in a container the token leads.
pub(super) fn place_of(node: &Node<'_>, token: &str) -> Result<usize, MissKind> {
    match node {
        Node::Array(items) => match index_of(token) {
            Some(at) if at < items.len() => Ok(at),
            Some(_) => Err(MissKind::Index(items.len())),
            // The place behind the last item: nothing lies there.
            None if token == "-" => Err(MissKind::Index(items.len())),
            None => Err(MissKind::NotAnIndex),
        },
        Node::Object(pairs) => place_of_key(pairs, token).map_err(|_| MissKind::Member),
        _ => Err(MissKind::Scalar),
    }
}

/// An array's index: digits without leading zeros. One that no memory could hold is the largest there is.
pub(super) fn index_of(token: &str) -> Option<usize> {
    let digits = !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
    (digits && (token.len() == 1 || !token.starts_with('0')))
        .then(|| token.parse().unwrap_or(usize::MAX))
}

fn find_mut<'n, 'a>(root: &'n mut Node<'a>, tokens: &[String]) -> Result<&'n mut Node<'a>, Miss> {
    let mut node = root;
    for (reached, token) in tokens.iter().enumerate() {
        let at = place_of(node, token).map_err(|why| miss(reached, why))?;
        node = match node {
            Node::Array(items) => &mut items[at],
            Node::Object(pairs) => &mut pairs[at].1,
            _ => return Err(miss(reached, MissKind::Scalar)),
        };
    }
    Ok(node)
}

fn miss(reached: usize, why: MissKind) -> Miss {
    Miss { reached, why }
}

fn unescape_token(token: &str) -> Option<String> {
    let mut out = String::with_capacity(token.len());
    let mut rest = token;
    while let Some(at) = rest.find('~') {
        out.push_str(&rest[..at]);
        out.push(match rest.as_bytes().get(at + 1) {
            Some(b'0') => '~',
            Some(b'1') => '/',
            _ => return None,
        });
        rest = &rest[at + 2..];
    }
    out.push_str(rest);
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn pointers_lead_where_rfc_6901_section_5_says() {
        let document = r#"{"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4,
            "i\\j": 5, "k\"l": 6, " ": 7, "m~n": 8}"#;
        let document = parse(document).unwrap();
        for (pointer, expected) in [
            ("/foo", r#"["bar", "baz"]"#),
            ("/foo/0", r#""bar""#),
            ("/", "0"),
            ("/a~1b", "1"),
            ("/c%d", "2"),
            ("/e^f", "3"),
            ("/g|h", "4"),
            ("/i\\j", "5"),
            ("/k\"l", "6"),
            ("/ ", "7"),
            ("/m~0n", "8"),
        ] {
            let pointer = Pointer::parse(pointer).unwrap();
            let found = pointer.find(&document).unwrap();
            assert_eq!(found.to_text(), expected, "{pointer}");
        }
        let whole = Pointer::parse("").unwrap();
        assert_eq!(whole.find(&document).unwrap(), &document);
    }

    #[test]
    fn an_escaped_tilde_before_a_one_is_no_slash() {
        let pointer = Pointer::parse("/~01").unwrap();
        assert_eq!(pointer.tokens, ["~1"]);
    }

    #[test]
    fn what_is_no_pointer_is_refused() {
        for text in ["a", "a/b", "#/a", "/~", "/~2", "/a~/b"] {
            assert_eq!(Pointer::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_miss_says_how_far_it_came() {
        let document = parse(r#"{"a": [1, {"b": 2}]}"#).unwrap();
        for (pointer, reached, why) in [
            ("/b", 0, MissKind::Member),
            ("/a/2", 1, MissKind::Index(2)),
            ("/a/-", 1, MissKind::Index(2)),
            ("/a/01", 1, MissKind::NotAnIndex),
            ("/a/-1", 1, MissKind::NotAnIndex),
            ("/a/99999999999999999999999", 1, MissKind::Index(2)),
            ("/a/1/b/c", 3, MissKind::Scalar),
        ] {
            let found = Pointer::parse(pointer).unwrap();
            assert_eq!(found.find(&document), Err(miss(reached, why)), "{pointer}");
        }
    }
}
