//! XML, read element by element into a tree.

use super::super::{MediaError, shortened};
use super::names::{is_char, is_name};
use super::{PREFIX, TEXT};
use pando_model::json::{self, DEPTH_MAX, Node};
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;
use std::borrow::Cow;
use std::collections::HashSet;

/// How many attributes an element may have.
const ATTRIBUTES_MAX: usize = 256;

/// Reads a document.
pub(in super::super) fn read(text: &str) -> Result<Node<'static>, MediaError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader::from_str(text);
    reader.config_mut().expand_empty_elements = true;
    let mut open: Vec<Element> = Vec::new();
    let mut root = None;
    loop {
        let event = reader.read_event().map_err(malformed)?;
        match event {
            Event::Start(start) => {
                if root.is_some() {
                    return Err(malformed("there is a second root element"));
                }
                if open.len() > DEPTH_MAX {
                    return Err(MediaError::too_deep());
                }
                if let Some(parent) = open.last_mut() {
                    parent.end_of_text();
                }
                open.push(Element::begin(&start)?);
            }
            Event::End(_) => {
                let Some(element) = open.pop() else {
                    return Err(malformed("an element ends that did not begin"));
                };
                match open.last_mut() {
                    Some(parent) => parent.children.push(element.end()?),
                    None => root = Some(element.end()?.value),
                }
            }
            Event::Text(text) => put_text(&mut open, &text.xml10_content())?,
            Event::CData(text) => put_text(&mut open, &text.xml10_content())?,
            Event::GeneralRef(reference) => {
                if open.is_empty() {
                    return Err(malformed("there is text beside the root element"));
                }
                put_text(&mut open, &resolved(&reference)?)?;
            }
            Event::Decl(declaration) => check_encoding(&declaration)?,
            Event::DocType(_) => {
                return Err(malformed(
                    "it has a document type (<!DOCTYPE>), which is refused; send it without",
                ));
            }
            // They say nothing of the document.
            Event::Comment(_) | Event::PI(_) => {}
            Event::Empty(_) => return Err(malformed("an empty element was not expanded")),
            Event::Eof => break,
        }
    }
    match root {
        Some(root) if open.is_empty() => Ok(root),
        _ => Err(malformed("it ends too early")),
    }
}

/// XML's white space only, or nothing.
pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| matches!(c, ' ' | '\t' | '\n' | '\r'))
}

/// An element that has begun.
#[derive(Default)]
struct Element {
    name: String,
    kind: Option<Kind>,
    is_item: bool,
    attributes: Vec<(String, String)>,
    children: Vec<Child>,
    /// All pieces of text that are not blank.
    text: String,
    /// The piece that is being read.
    piece: String,
}

/// An element that has ended.
struct Child {
    name: String,
    is_item: bool,
    value: Node<'static>,
}

/// `json:type`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Null,
    Boolean,
    Number,
    String,
    Quoted,
    Array,
    Object,
}

impl Element {
    fn begin(start: &BytesStart<'_>) -> Result<Element, MediaError> {
        let name = start.name().into_inner();
        if !is_name(name) {
            return Err(malformed(format_args!("{:?} is no name", shortened(name))));
        }
        let mut element = Element {
            name: name.to_owned(),
            ..Element::default()
        };
        let mut seen = HashSet::new();
        // Its own check for doubles takes time by the square of their number.
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(malformed)?;
            let key = attribute.key.into_inner().to_owned();
            if !is_name(&key) || attribute.value.contains('<') {
                return Err(malformed(format_args!(
                    "{:?} is no attribute",
                    shortened(&key)
                )));
            }
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(malformed)?;
            check_chars(&value)?;
            if seen.len() == ATTRIBUTES_MAX || !seen.insert(key.clone()) {
                return Err(malformed(format_args!(
                    "an element has the attribute {:?} twice, or more than {ATTRIBUTES_MAX} of them",
                    shortened(&key)
                )));
            }
            element.put_attribute(key, value.into_owned())?;
        }
        Ok(element)
    }

    fn put_attribute(&mut self, key: String, value: String) -> Result<(), MediaError> {
        if key == "xmlns" || key.starts_with("xmlns:") {
            return Ok(());
        }
        match key.strip_prefix(PREFIX) {
            None => self.attributes.push((key, value)),
            Some("type") => self.kind = Some(Kind::of(&value)?),
            Some("array") if value == "true" => self.is_item = true,
            Some("name") => self.name = value,
            Some("quoted-name") => self.name = unquoted(&value)?,
            Some(_) => {
                return Err(malformed(format_args!(
                    "there is no attribute {}=\"{}\"; the prefix json is reserved",
                    shortened(&key),
                    shortened(&value)
                )));
            }
        }
        Ok(())
    }

    /// A child begins, or the element ends: blank pieces of text beside children are only lay-out.
    fn end_of_text(&mut self) {
        if !is_blank(&self.piece) {
            self.text.push_str(&self.piece);
        }
        self.piece.clear();
    }

    fn end(mut self) -> Result<Child, MediaError> {
        let name = std::mem::take(&mut self.name);
        let is_item = self.is_item;
        let value = self
            .value()
            .map_err(|why| malformed(format_args!("the element {:?} {why}", shortened(&name))))?;
        Ok(Child {
            name,
            is_item,
            value,
        })
    }

    fn value(mut self) -> Result<Node<'static>, String> {
        let is_leaf = self.attributes.is_empty() && self.children.is_empty();
        let kind = match self.kind {
            Some(kind) => kind,
            None if is_leaf => Kind::String,
            None => Kind::Object,
        };
        match kind {
            Kind::Object => {
                self.end_of_text();
                Ok(self.object())
            }
            Kind::Array => {
                self.end_of_text();
                if !self.attributes.is_empty() || !self.text.is_empty() {
                    return Err("is an array, and has text or attributes".to_owned());
                }
                let items = self.children.into_iter().map(|child| child.value);
                Ok(Node::Array(items.collect()))
            }
            _ if !is_leaf => {
                Err("has a json:type that has neither children nor attributes".to_owned())
            }
            kind => scalar(kind, self.piece),
        }
    }

    fn object(self) -> Node<'static> {
        let mut pairs: Vec<(Cow<'static, str>, Node<'static>)> = Vec::new();
        for (name, value) in self.attributes {
            pairs.push((format!("@{name}").into(), Node::String(value.into())));
        }
        if !self.text.is_empty() {
            pairs.push((TEXT.into(), Node::String(self.text.into())));
        }
        // A stable sort brings children of one name together, in their order.
        let mut children = self.children;
        children.sort_by(|a, b| a.name.cmp(&b.name));
        let mut children = children.into_iter().peekable();
        while let Some(first) = children.next() {
            let mut values = vec![first.value];
            while let Some(next) = children.next_if(|next| next.name == first.name) {
                values.push(next.value);
            }
            let value = match values.pop() {
                Some(only) if values.is_empty() && !first.is_item => only,
                last => {
                    values.extend(last);
                    Node::Array(values)
                }
            };
            pairs.push((first.name.into(), value));
        }
        Node::object(pairs)
    }
}

impl Kind {
    fn of(text: &str) -> Result<Kind, MediaError> {
        Ok(match text {
            "null" => Kind::Null,
            "boolean" => Kind::Boolean,
            "number" => Kind::Number,
            "string" => Kind::String,
            "quoted" => Kind::Quoted,
            "array" => Kind::Array,
            "object" => Kind::Object,
            _ => {
                return Err(malformed(format_args!(
                    "there is no json:type {:?}",
                    shortened(text)
                )));
            }
        })
    }
}

/// What an element says that has neither children nor attributes.
fn scalar(kind: Kind, text: String) -> Result<Node<'static>, String> {
    let said = || {
        format!(
            "says {:?}, which its json:type is not",
            shortened(text.trim())
        )
    };
    match (kind, text.trim()) {
        (Kind::Null, "") => Ok(Node::Null),
        (Kind::Boolean, "true") => Ok(Node::Bool(true)),
        (Kind::Boolean, "false") => Ok(Node::Bool(false)),
        (Kind::Number, number) => match json::parse(number) {
            Ok(Node::Number(number)) => Ok(Node::Number(number)),
            _ => Err(said()),
        },
        (Kind::Quoted, quoted) => match json::parse(quoted) {
            Ok(Node::String(text)) => Ok(Node::String(text.into_owned().into())),
            _ => Err(said()),
        },
        (Kind::String, _) => Ok(Node::String(text.into())),
        _ => Err(said()),
    }
}

fn check_encoding(declaration: &BytesDecl<'_>) -> Result<(), MediaError> {
    let known = ["utf-8", "utf8", "us-ascii"];
    let encoding = declaration.encoding().transpose().map_err(malformed)?;
    match encoding {
        Some(name) if !known.iter().any(|known| name.eq_ignore_ascii_case(known)) => {
            Err(malformed("its encoding is not UTF-8"))
        }
        _ => Ok(()),
    }
}

fn put_text(open: &mut [Element], text: &str) -> Result<(), MediaError> {
    check_chars(text)?;
    match open.last_mut() {
        Some(element) => element.piece.push_str(text),
        None if is_blank(text) => {}
        None => return Err(malformed("there is text beside the root element")),
    }
    Ok(())
}

fn resolved(reference: &BytesRef<'_>) -> Result<String, MediaError> {
    if let Some(c) = reference.resolve_char_ref().map_err(malformed)? {
        return Ok(c.to_string());
    }
    resolve_xml_entity(reference)
        .map(str::to_owned)
        .ok_or_else(|| {
            malformed(format_args!(
                "&{}; is an entity that XML does not have by itself",
                shortened(reference)
            ))
        })
}

fn unquoted(text: &str) -> Result<String, MediaError> {
    match json::parse(text) {
        Ok(Node::String(name)) => Ok(name.into_owned()),
        _ => Err(malformed("json:quoted-name is not a string of JSON")),
    }
}

/// Refuses what XML does not allow, however it came: U+0000 is among it.
fn check_chars(text: &str) -> Result<(), MediaError> {
    match text.chars().find(|&c| !is_char(c)) {
        Some(c) => Err(malformed(format_args!(
            "U+{:04X} is no character of XML",
            u32::from(c)
        ))),
        None => Ok(()),
    }
}

fn malformed(message: impl std::fmt::Display) -> MediaError {
    MediaError::malformed("XML", message)
}
