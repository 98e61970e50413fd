//! YAML, written: in block style where it can be read, in flow style deep inside.
//!
//! Strings are plain only if no YAML reader, of 1.1 either, could take them for something else;
//! others are in double quotes, with JSON's escapes.

use pando_model::json::{Node, write_string};

/// How deep block style goes. Its indentation costs two bytes a level on each line; deeper down
/// a document would get much longer than its JSON.
const BLOCK_DEPTH_MAX: usize = 12;

/// How long a key on its value's line may be (YAML 1.2.2, section 7.4.2: 1,024 characters); longer ones
/// are marked with `?`.
const KEY_BYTES_MAX: usize = 1000;

/// Words that some YAML reads as something else.
const WORDS: [&str; 9] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n"];

/// A document, with a line feed at its end.
pub(in super::super) fn write(node: &Node<'_>) -> String {
    let mut out = String::new();
    match node {
        Node::Array(items) if !items.is_empty() => block_array(items, 0, &mut out),
        Node::Object(pairs) if !pairs.is_empty() => block_object(pairs, 0, &mut out),
        _ => {
            flow(node, &mut out);
            out.push('\n');
        }
    }
    out
}

type Pairs<'a> = [(std::borrow::Cow<'a, str>, Node<'a>)];

/// Its first line goes on where `out` ends; the others are indented.
fn block_array(items: &[Node<'_>], indent: usize, out: &mut String) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            pad(indent, out);
        }
        out.push_str("- ");
        match item {
            // "- - 1", "- a: 1": the first line of what is inside follows the dash.
            Node::Array(items) if is_block(item, indent) => block_array(items, indent + 1, out),
            Node::Object(pairs) if is_block(item, indent) => block_object(pairs, indent + 1, out),
            _ => {
                flow(item, out);
                out.push('\n');
            }
        }
    }
}

fn block_object(pairs: &Pairs<'_>, indent: usize, out: &mut String) {
    for (at, (key, value)) in pairs.iter().enumerate() {
        if at > 0 {
            pad(indent, out);
        }
        if key.len() > KEY_BYTES_MAX {
            out.push_str("? ");
            scalar(key, out);
            out.push('\n');
            pad(indent, out);
        } else {
            scalar(key, out);
        }
        out.push(':');
        match value {
            Node::Array(items) if is_block(value, indent) => {
                out.push('\n');
                pad(indent + 1, out);
                block_array(items, indent + 1, out);
            }
            Node::Object(pairs) if is_block(value, indent) => {
                out.push('\n');
                pad(indent + 1, out);
                block_object(pairs, indent + 1, out);
            }
            _ => {
                out.push(' ');
                flow(value, out);
                out.push('\n');
            }
        }
    }
}

fn is_block(node: &Node<'_>, indent: usize) -> bool {
    let is_empty = match node {
        Node::Array(items) => items.is_empty(),
        Node::Object(pairs) => pairs.is_empty(),
        _ => true,
    };
    !is_empty && indent < BLOCK_DEPTH_MAX
}

fn pad(indent: usize, out: &mut String) {
    out.extend(std::iter::repeat_n("  ", indent));
}

fn flow(node: &Node<'_>, out: &mut String) {
    match node {
        Node::Null => out.push_str("null"),
        Node::Bool(true) => out.push_str("true"),
        Node::Bool(false) => out.push_str("false"),
        Node::Number(number) => out.push_str(&number.to_string()),
        Node::String(text) => scalar(text, out),
        Node::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                flow(item, out);
            }
            out.push(']');
        }
        Node::Object(pairs) => {
            out.push('{');
            for (at, (key, value)) in pairs.iter().enumerate() {
                if at > 0 {
                    out.push_str(", ");
                }
                if key.len() > KEY_BYTES_MAX {
                    out.push_str("? ");
                }
                scalar(key, out);
                out.push_str(": ");
                flow(value, out);
            }
            out.push('}');
        }
    }
}

fn scalar(text: &str, out: &mut String) {
    if is_plain(text) {
        out.push_str(text);
    } else {
        quoted(text, out);
    }
}

/// Whether a string may stand without quotes, anywhere: it begins with a letter, and has only letters, digits,
/// and a few marks and single spaces that mean nothing.
fn is_plain(text: &str) -> bool {
    let begins = text.chars().next().is_some_and(char::is_alphabetic);
    begins
        && !text.ends_with(' ')
        && !text.contains("  ")
        && text
            .chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '+' | ' '))
        && !WORDS.iter().any(|word| word.eq_ignore_ascii_case(text))
}

/// In double quotes. JSON's escapes are YAML's; besides, what YAML calls unprintable or a line break is escaped.
fn quoted(text: &str, out: &mut String) {
    let mut json = Vec::with_capacity(text.len() + 2);
    write_string(text, &mut json);
    for c in String::from_utf8_lossy(&json).chars() {
        match c {
            '\u{7f}'..='\u{9f}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'
            | '\u{ffff}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            _ => out.push(c),
        }
    }
}
