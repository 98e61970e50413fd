//! JSON as a tree of values: jsonb's canonical text, order and containment.

use super::scan::{Builder, Fault};
use super::string::write_string;
use crate::numeric::Numeric;
use std::borrow::Cow;
use std::cmp::Ordering;

/// A JSON value as jsonb has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Node<'a> {
    /// `null`
    Null,
    /// A string; it holds no U+0000.
    String(Cow<'a, str>),
    /// A number, exact.
    Number(Numeric),
    /// `true`, `false`
    Bool(bool),
    /// An array.
    Array(Vec<Node<'a>>),
    /// Pairs in jsonb's order of keys, none twice; [`Node::object`] makes them so.
    Object(Vec<(Cow<'a, str>, Node<'a>)>),
}

/// What a value weighs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Weight {
    /// How deep arrays and objects lie in each other; a scalar's is 0.
    pub depth: usize,
    /// How many values there are, itself among them.
    pub values: usize,
}

pub(super) struct TreeBuilder;

impl<'a> Builder<'a> for TreeBuilder {
    type Node = Node<'a>;
    type Key = Cow<'a, str>;

    fn word(&mut self, word: Option<bool>) -> Node<'a> {
        word.map_or(Node::Null, Node::Bool)
    }

    fn number(&mut self, text: &'a str) -> Result<Node<'a>, Fault> {
        Numeric::parse(text)
            .map(Node::Number)
            .map_err(Fault::Refused)
    }

    fn string(&mut self, text: Cow<'a, str>) -> Node<'a> {
        Node::String(text)
    }

    fn key(&mut self, text: Cow<'a, str>) -> Cow<'a, str> {
        text
    }

    fn array(&mut self, items: Vec<Node<'a>>) -> Node<'a> {
        Node::Array(items)
    }

    fn object(&mut self, pairs: Vec<(Cow<'a, str>, Node<'a>)>) -> Node<'a> {
        Node::object(pairs)
    }
}

impl<'a> Node<'a> {
    /// An object of members in any order; of those with one name the last counts.
    pub fn object(mut pairs: Vec<(Cow<'a, str>, Node<'a>)>) -> Node<'a> {
        // A stable sort of the reversed list puts the last of duplicates first.
        pairs.reverse();
        pairs.sort_by(|(a, _), (b, _)| key_order(a, b));
        pairs.dedup_by(|(later, _), (earlier, _)| later == earlier);
        Node::Object(pairs)
    }

    /// An object's member.
    pub fn get(&self, key: &str) -> Option<&Node<'a>> {
        match self {
            Node::Object(pairs) => place_of_key(pairs, key).ok().map(|at| &pairs[at].1),
            _ => None,
        }
    }
}

impl Node<'_> {
    /// The canonical text.
    pub fn to_text(&self) -> String {
        let mut out = Vec::new();
        self.write(&mut out);
        // Only UTF-8 was put in: nothing is lost.
        String::from_utf8(out).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into())
    }

    /// Appends the canonical text.
    pub fn write(&self, out: &mut Vec<u8>) {
        match self {
            Node::Null => out.extend_from_slice(b"null"),
            Node::String(text) => write_string(text, out),
            Node::Number(number) => number.write(0, out),
            Node::Bool(true) => out.extend_from_slice(b"true"),
            Node::Bool(false) => out.extend_from_slice(b"false"),
            Node::Array(items) => {
                out.push(b'[');
                for (at, item) in items.iter().enumerate() {
                    if at > 0 {
                        out.extend_from_slice(b", ");
                    }
                    item.write(out);
                }
                out.push(b']');
            }
            Node::Object(pairs) => {
                out.push(b'{');
                for (at, (key, value)) in pairs.iter().enumerate() {
                    if at > 0 {
                        out.extend_from_slice(b", ");
                    }
                    write_string(key, out);
                    out.extend_from_slice(b": ");
                    value.write(out);
                }
                out.push(b'}');
            }
        }
    }

    /// Whether it is an array or an object.
    pub fn is_container(&self) -> bool {
        matches!(self, Node::Array(_) | Node::Object(_))
    }

    pub(super) fn weight(&self) -> Weight {
        let mut whole = Weight {
            depth: usize::from(self.is_container()),
            values: 1,
        };
        let mut take = |part: Weight| {
            whole.depth = whole.depth.max(part.depth + 1);
            whole.values += part.values;
        };
        match self {
            Node::Array(items) => items.iter().for_each(|item| take(item.weight())),
            Node::Object(pairs) => pairs.iter().for_each(|(_, value)| take(value.weight())),
            _ => {}
        }
        whole
    }

    /// How long its text is, but for spaces, commas and escapes.
    pub(super) fn text_bytes(&self) -> usize {
        match self {
            Node::Null | Node::Bool(_) => 4,
            Node::String(text) => text.len() + 2,
            Node::Number(number) => {
                let mut digits = Vec::new();
                number.write(0, &mut digits);
                digits.len()
            }
            Node::Array(items) => 2 + items.iter().map(Node::text_bytes).sum::<usize>(),
            Node::Object(pairs) => {
                let member =
                    |(key, value): &(Cow<'_, str>, Node<'_>)| key.len() + 2 + value.text_bytes();
                2 + pairs.iter().map(member).sum::<usize>()
            }
        }
    }

    /// The order of two whole values. An empty array is less than any scalar there, though
    /// not inside of others: PostgreSQL once compared it so, and indexes hold it to it.
    pub(super) fn compare_whole(&self, other: &Node<'_>) -> Ordering {
        let is_empty = |node: &Node<'_>| matches!(node, Node::Array(items) if items.is_empty());
        match (is_empty(self), is_empty(other)) {
            (true, false) if !other.is_container() => Ordering::Less,
            (false, true) if !self.is_container() => Ordering::Greater,
            _ => self.compare(other),
        }
    }

    fn compare(&self, other: &Node<'_>) -> Ordering {
        match (self, other) {
            (Node::String(a), Node::String(b)) => a.cmp(b),
            (Node::Number(a), Node::Number(b)) => a.cmp(b),
            (Node::Bool(a), Node::Bool(b)) => a.cmp(b),
            (Node::Array(a), Node::Array(b)) => a.len().cmp(&b.len()).then_with(|| {
                let mut pairs = a.iter().zip(b).map(|(a, b)| a.compare(b));
                pairs.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }),
            (Node::Object(a), Node::Object(b)) => a.len().cmp(&b.len()).then_with(|| {
                let mut pairs = a
                    .iter()
                    .zip(b)
                    .map(|((a_key, a), (b_key, b))| a_key.cmp(b_key).then_with(|| a.compare(b)));
                pairs.find(|order| order.is_ne()).unwrap_or(Ordering::Equal)
            }),
            _ => self.rank().cmp(&other.rank()),
        }
    }

    /// Whether `other`'s keys and items are all in here, at the same depth.
    pub(super) fn contains(&self, other: &Node<'_>) -> bool {
        match (self, other) {
            (Node::Object(pairs), Node::Object(wanted)) => wanted.iter().all(|(key, value)| {
                place_of_key(pairs, key).is_ok_and(|at| pairs[at].1.contains(value))
            }),
            (Node::Array(items), Node::Array(wanted)) => wanted
                .iter()
                .all(|value| items.iter().any(|item| item.contains(value))),
            _ => self == other,
        }
    }

    fn rank(&self) -> u8 {
        match self {
            Node::Null => 0,
            Node::String(_) => 1,
            Node::Number(_) => 2,
            Node::Bool(_) => 3,
            Node::Array(_) => 4,
            Node::Object(_) => 5,
        }
    }
}

/// Where in an object a member is, or would be.
pub(super) fn place_of_key(pairs: &[(Cow<'_, str>, Node<'_>)], key: &str) -> Result<usize, usize> {
    pairs.binary_search_by(|(have, _)| key_order(have, key))
}

/// jsonb's order of keys: by length, then by bytes.
pub(super) fn key_order(a: &str, b: &str) -> Ordering {
    (a.len(), a).cmp(&(b.len(), b))
}
