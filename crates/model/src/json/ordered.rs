//! Bytes of jsonb values whose memcmp order is jsonb's order.
//!
//! Each value begins with its rank: `01` an empty array at the top, `02` null, `03`
//! string, `04` number, `05` false, `06` true, `07` array, `08` object. Strings are
//! escaped and ended ([`crate::array`]), numbers delimit themselves, containers begin
//! with their length (4 bytes, big-endian), which PostgreSQL compares first.

use super::scan::{DEPTH_MAX, scan};
use super::tree::{Node, TreeBuilder};
use crate::array::{split_escaped, write_escaped};
use crate::numeric::Numeric;

/// Appends the bytes of a canonical text.
pub(crate) fn write_ordered_bytes(text: &str, out: &mut Vec<u8>) {
    match scan(text, TreeBuilder) {
        Ok(Node::Array(items)) if items.is_empty() => out.push(1),
        Ok(node) => write_node(&node, out),
        // Values are checked when they are made.
        Err(_) => out.push(2),
    }
}

/// Reads a value from the front of `bytes`, and gives what follows it.
pub(crate) fn split_ordered_bytes(bytes: &[u8]) -> Option<(String, &[u8])> {
    if let [1, rest @ ..] = bytes {
        return Some(("[]".to_owned(), rest));
    }
    let (node, rest) = read_node(bytes, 0)?;
    Some((node.to_text(), rest))
}

fn write_node(node: &Node<'_>, out: &mut Vec<u8>) {
    match node {
        Node::Null => out.push(2),
        Node::String(text) => {
            out.push(3);
            write_escaped(text.as_bytes(), out);
        }
        Node::Number(number) => {
            out.push(4);
            number.write_ordered_bytes(out);
        }
        Node::Bool(value) => out.push(5 + u8::from(*value)),
        Node::Array(items) => {
            out.push(7);
            write_len(items.len(), out);
            items.iter().for_each(|item| write_node(item, out));
        }
        Node::Object(pairs) => {
            out.push(8);
            write_len(pairs.len(), out);
            for (key, value) in pairs {
                write_escaped(key.as_bytes(), out);
                write_node(value, out);
            }
        }
    }
}

fn write_len(len: usize, out: &mut Vec<u8>) {
    // A text of 4 GiB is beyond every limit of a request.
    out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes());
}

fn read_node(bytes: &[u8], depth: usize) -> Option<(Node<'static>, &[u8])> {
    if depth > DEPTH_MAX {
        return None;
    }
    let (&rank, rest) = bytes.split_first()?;
    match rank {
        2 => Some((Node::Null, rest)),
        3 => {
            let (text, rest) = read_text(rest)?;
            Some((Node::String(text.into()), rest))
        }
        4 => {
            let (number, rest) = Numeric::split_ordered_bytes(rest)?;
            Some((Node::Number(number), rest))
        }
        5 | 6 => Some((Node::Bool(rank == 6), rest)),
        7 => {
            let (len, mut rest) = read_len(rest)?;
            let mut items = Vec::new();
            for _ in 0..len {
                let (item, after) = read_node(rest, depth + 1)?;
                items.push(item);
                rest = after;
            }
            Some((Node::Array(items), rest))
        }
        8 => {
            let (len, mut rest) = read_len(rest)?;
            let mut pairs = Vec::new();
            for _ in 0..len {
                let (key, after) = read_text(rest)?;
                let (value, after) = read_node(after, depth + 1)?;
                pairs.push((key.into(), value));
                rest = after;
            }
            Some((Node::Object(pairs), rest))
        }
        _ => None,
    }
}

fn read_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (text, rest) = split_escaped(bytes)?;
    Some((String::from_utf8(text).ok()?, rest))
}

fn read_len(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*len), rest))
}
