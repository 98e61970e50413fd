//! XML, written without white space of its own, since text keeps what it has.

use super::names::{is_char, is_plain_name};
use super::{MEMBER, TEXT};
use pando_model::json::{Node, write_string};
use std::borrow::Cow;

/// How long a name may be to be repeated for each item of an array; under a longer one the items have a
/// name of their own, so that what is written stays in proportion.
const REPEATED_NAME_BYTES_MAX: usize = 40;

/// A document with its declaration.
pub(in super::super) fn write(node: &Node<'_>) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let root = match node {
        Node::Array(_) => "documents",
        _ => "document",
    };
    let mut tag = Tag::new(Cow::Borrowed(root));
    tag.attribute("xmlns:json", "urn:pando:json");
    element(tag, node, "document", &mut out);
    out.push('\n');
    out
}

type Pairs<'a> = [(Cow<'a, str>, Node<'a>)];

/// A start tag on its way.
struct Tag<'n> {
    name: Cow<'n, str>,
    attributes: String,
}

impl<'n> Tag<'n> {
    fn new(name: Cow<'n, str>) -> Tag<'n> {
        Tag {
            name,
            attributes: String::new(),
        }
    }

    /// The tag of a member, whatever its name is.
    fn of_member(key: &'n str) -> Tag<'n> {
        if is_plain_name(key) {
            return Tag::new(Cow::Borrowed(key));
        }
        let mut tag = Tag::new(Cow::Borrowed(MEMBER));
        if key.chars().all(is_char) {
            tag.attribute("json:name", key);
        } else {
            tag.attribute("json:quoted-name", &quoted(key));
        }
        tag
    }

    fn attribute(&mut self, name: &str, value: &str) {
        self.attributes.push(' ');
        self.attributes.push_str(name);
        self.attributes.push_str("=\"");
        for c in value.chars() {
            match c {
                '"' => self.attributes.push_str("&quot;"),
                '\t' => self.attributes.push_str("&#9;"),
                '\n' => self.attributes.push_str("&#10;"),
                _ => push_escaped(c, &mut self.attributes),
            }
        }
        self.attributes.push('"');
    }

    fn kind(&mut self, kind: &str) {
        self.attribute("json:type", kind);
    }

    /// Writes the element around what `content` writes.
    fn around(self, out: &mut String, content: impl FnOnce(&mut String)) {
        out.push('<');
        out.push_str(&self.name);
        out.push_str(&self.attributes);
        let start = out.len();
        out.push('>');
        let inside = out.len();
        content(out);
        if out.len() == inside {
            out.truncate(start);
            out.push_str("/>");
            return;
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

/// An element with a value; `item` names the elements of an array's items.
fn element(mut tag: Tag<'_>, node: &Node<'_>, item: &str, out: &mut String) {
    match node {
        Node::Null => {
            tag.kind("null");
            tag.around(out, |_| {});
        }
        Node::Bool(value) => {
            tag.kind("boolean");
            tag.around(out, |out| {
                out.push_str(if *value { "true" } else { "false" })
            });
        }
        Node::Number(number) => {
            tag.kind("number");
            tag.around(out, |out| out.push_str(&number.to_string()));
        }
        Node::String(text) if text.chars().all(is_char) => {
            tag.around(out, |out| push_text(text, out));
        }
        Node::String(text) => {
            tag.kind("quoted");
            tag.around(out, |out| push_text(&quoted(text), out));
        }
        Node::Array(items) => {
            tag.kind("array");
            tag.around(out, |out| {
                for value in items {
                    element(Tag::new(Cow::Borrowed(item)), value, "item", out);
                }
            });
        }
        Node::Object(pairs) => object(tag, pairs, out),
    }
}

fn object(mut tag: Tag<'_>, pairs: &Pairs<'_>, out: &mut String) {
    let is_child = |(key, value): &&(Cow<'_, str>, Node<'_>)| {
        attribute_of(key, value).is_none() && text_of(key, value).is_none()
    };
    let has_children = pairs.iter().any(|pair| is_child(&pair));
    let mut has_attributes = false;
    for (name, value) in pairs
        .iter()
        .filter_map(|(key, value)| attribute_of(key, value))
    {
        tag.attribute(name, value);
        has_attributes = true;
    }
    if !has_children && !has_attributes {
        tag.kind("object");
    }
    tag.around(out, |out| {
        let texts = pairs.iter().filter_map(|(key, value)| text_of(key, value));
        texts.for_each(|text| push_text(text, out));
        for (key, value) in pairs.iter().filter(is_child) {
            member(key, value, out);
        }
    });
}

/// A member as an element, or an array's as one for each item.
fn member(key: &str, value: &Node<'_>, out: &mut String) {
    match value {
        Node::Array(items) if !items.is_empty() && key.len() <= REPEATED_NAME_BYTES_MAX => {
            for item in items {
                let mut tag = Tag::of_member(key);
                if items.len() == 1 {
                    tag.attribute("json:array", "true");
                }
                element(tag, item, "item", out);
            }
        }
        _ => element(Tag::of_member(key), value, "item", out),
    }
}

/// The name and value of a member that is written as an attribute.
fn attribute_of<'n>(key: &'n str, value: &'n Node<'_>) -> Option<(&'n str, &'n str)> {
    let name = key.strip_prefix('@')?;
    match value {
        // A declaration of a namespace would change what names mean.
        Node::String(text)
            if is_plain_name(name) && name != "xmlns" && text.chars().all(is_char) =>
        {
            Some((name, text))
        }
        _ => None,
    }
}

/// The text of a member that is written as its element's text; blank text would be lost there.
fn text_of<'n>(key: &str, value: &'n Node<'_>) -> Option<&'n str> {
    match value {
        Node::String(text)
            if key == TEXT && !super::reader::is_blank(text) && text.chars().all(is_char) =>
        {
            Some(text)
        }
        _ => None,
    }
}

fn push_text(text: &str, out: &mut String) {
    text.chars().for_each(|c| push_escaped(c, out));
}

fn push_escaped(c: char, out: &mut String) {
    match c {
        '&' => out.push_str("&amp;"),
        '<' => out.push_str("&lt;"),
        '>' => out.push_str("&gt;"),
        // Readers turn it into a line feed.
        '\r' => out.push_str("&#13;"),
        _ => out.push(c),
    }
}

/// A string in JSON's quotes, with escapes for all that XML cannot hold.
fn quoted(text: &str) -> String {
    let mut json = Vec::with_capacity(text.len() + 2);
    write_string(text, &mut json);
    let json = String::from_utf8_lossy(&json);
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if is_char(c) {
            out.push(c);
        } else {
            out.push_str(&format!("\\u{:04x}", u32::from(c)));
        }
    }
    out
}
