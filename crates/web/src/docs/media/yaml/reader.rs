//! YAML, read event by event into a tree.
//!
//! The events are collected first; an alias reads those of its anchor again. So nothing is
//! copied that is not asked for, and what is asked for twice is paid for twice.

use super::super::{MediaError, MediaErrorKind, check_text, shortened};
use super::scalar::{ScalarFault, resolve};
use pando_model::json::{DEPTH_MAX, Node};
use saphyr_parser::{Event, Parser, ScalarStyle, Tag};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// How many bytes of text and values aliases may repeat: far more than any honest file does, and
/// nothing to a "billion laughs".
const REPEATED_MAX: usize = 1 << 20;

/// Reads one document.
pub(in super::super) fn read(text: &str) -> Result<Node<'_>, MediaError> {
    let events = Events::collect(text)?;
    let mut reader = Reader {
        events: &events,
        at: 0,
        depth: 0,
        open: Vec::new(),
        aliases: 0,
        repeated: 0,
    };
    reader.value()
}

/// The events of one document, and where its anchors are.
struct Events<'a> {
    list: Vec<(Step<'a>, usize)>,
    anchors: HashMap<usize, usize>,
}

enum Step<'a> {
    Scalar {
        text: Cow<'a, str>,
        is_plain: bool,
        tag: Option<CoreTag>,
    },
    Sequence,
    Mapping,
    End,
    Alias(usize),
}

/// The tags of the core schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CoreTag {
    /// `!`: what it looks like, and of scalars a string.
    NonSpecific,
    Str,
    Int,
    Float,
    Bool,
    Null,
    Seq,
    Map,
}

impl<'a> Events<'a> {
    fn collect(text: &'a str) -> Result<Events<'a>, MediaError> {
        let mut events = Events {
            list: Vec::new(),
            anchors: HashMap::new(),
        };
        let mut documents = 0;
        let mut depth = 0_usize;
        for event in Parser::new_from_str(text) {
            let (event, span) =
                event.map_err(|why| fault(why.marker().line(), shortened(why.info())))?;
            let line = span.start.line();
            documents += usize::from(matches!(event, Event::DocumentStart(_)));
            if documents > 1 {
                return Err(fault(line, "there is a second document"));
            }
            let Some((step, anchor)) = step_of(event, line)? else {
                continue;
            };
            match step {
                Step::Sequence | Step::Mapping => depth += 1,
                Step::End => depth = depth.saturating_sub(1),
                Step::Scalar { .. } | Step::Alias(_) => {}
            }
            if depth > DEPTH_MAX {
                return Err(MediaError::too_deep());
            }
            // Anchors are numbered from 1.
            if anchor > 0 {
                events.anchors.insert(anchor, events.list.len());
            }
            events.list.push((step, line));
        }
        if events.list.is_empty() {
            return Err(MediaError::malformed("YAML", "there is no document"));
        }
        Ok(events)
    }
}

/// What an event is to a tree, and its anchor; `None` for what is none of its parts.
fn step_of(event: Event<'_>, line: usize) -> Result<Option<(Step<'_>, usize)>, MediaError> {
    use CoreTag::{Map, NonSpecific, Seq};
    Ok(Some(match event {
        Event::Nothing
        | Event::StreamStart
        | Event::StreamEnd
        | Event::DocumentStart(_)
        | Event::DocumentEnd => return Ok(None),
        Event::Alias(anchor) => (Step::Alias(anchor), 0),
        Event::Scalar(text, style, anchor, tag) => {
            let tag = core_tag(tag.as_deref(), line)?;
            if matches!(tag, Some(Seq | Map)) {
                return Err(fault(line, "a scalar is tagged as a collection"));
            }
            let is_plain = style == ScalarStyle::Plain;
            (
                Step::Scalar {
                    text,
                    is_plain,
                    tag,
                },
                anchor,
            )
        }
        Event::SequenceStart(anchor, tag) => match core_tag(tag.as_deref(), line)? {
            None | Some(Seq | NonSpecific) => (Step::Sequence, anchor),
            _ => return Err(fault(line, "a sequence is tagged as something else")),
        },
        Event::MappingStart(anchor, tag) => match core_tag(tag.as_deref(), line)? {
            None | Some(Map | NonSpecific) => (Step::Mapping, anchor),
            _ => return Err(fault(line, "a mapping is tagged as something else")),
        },
        Event::SequenceEnd | Event::MappingEnd => (Step::End, 0),
    }))
}

struct Reader<'e, 'a> {
    events: &'e Events<'a>,
    at: usize,
    depth: usize,
    /// Where the collections begin that are being read.
    open: Vec<usize>,
    /// How many aliases are being read, one inside of the other.
    aliases: usize,
    /// How much aliases have repeated so far.
    repeated: usize,
}

impl<'a> Reader<'_, 'a> {
    fn value(&mut self) -> Result<Node<'a>, MediaError> {
        let start = self.at;
        let Some((step, line)) = self.events.list.get(start) else {
            return Err(MediaError::malformed("YAML", "it ends too early"));
        };
        self.at += 1;
        match step {
            Step::Scalar {
                text,
                is_plain,
                tag,
            } => {
                self.pay(text.len())?;
                scalar(text.clone(), *is_plain, *tag, *line)
            }
            Step::Sequence => self.nested(start, |reader| {
                let mut items = Vec::new();
                while !reader.is_at_end() {
                    items.push(reader.value()?);
                }
                Ok(Node::Array(items))
            }),
            Step::Mapping => self.nested(start, |reader| {
                let mut pairs = Vec::new();
                let mut seen = HashSet::new();
                while !reader.is_at_end() {
                    let key = reader.key()?;
                    if !seen.insert(key.clone()) {
                        let message = format!("the key {:?} is there twice", shortened(&key));
                        return Err(fault(*line, message));
                    }
                    pairs.push((key, reader.value()?));
                }
                Ok(Node::object(pairs))
            }),
            Step::Alias(anchor) => self.alias(*anchor, *line, Reader::value),
            Step::End => Err(fault(*line, "a value is missing")),
        }
    }

    fn key(&mut self) -> Result<Cow<'a, str>, MediaError> {
        let Some((step, line)) = self.events.list.get(self.at) else {
            return Err(MediaError::malformed("YAML", "it ends too early"));
        };
        self.at += 1;
        match step {
            Step::Scalar { text, is_plain, .. } => {
                if *is_plain && text == "<<" {
                    let message = "merge keys (<<) are not YAML 1.2's; write the members out, or quote the key";
                    return Err(fault(*line, message));
                }
                self.pay(text.len())?;
                check_text("YAML", text)?;
                Ok(text.clone())
            }
            Step::Alias(anchor) => self.alias(*anchor, *line, Reader::key),
            _ => Err(fault(*line, "a key is a collection; JSON's are strings")),
        }
    }

    fn nested(
        &mut self,
        start: usize,
        read: impl FnOnce(&mut Self) -> Result<Node<'a>, MediaError>,
    ) -> Result<Node<'a>, MediaError> {
        self.pay(1)?;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(MediaError::too_deep());
        }
        self.open.push(start);
        let node = read(self)?;
        self.open.pop();
        self.depth -= 1;
        // Its end.
        self.at += 1;
        Ok(node)
    }

    /// Reads the anchor's events again.
    fn alias<T>(
        &mut self,
        anchor: usize,
        line: usize,
        read: impl FnOnce(&mut Self) -> Result<T, MediaError>,
    ) -> Result<T, MediaError> {
        let Some(&start) = self.events.anchors.get(&anchor) else {
            return Err(fault(line, "an alias has no anchor"));
        };
        if self.open.contains(&start) {
            return Err(fault(line, "a collection contains itself"));
        }
        let back = std::mem::replace(&mut self.at, start);
        self.aliases += 1;
        let value = read(self)?;
        self.aliases -= 1;
        self.at = back;
        Ok(value)
    }

    /// Counts what is read because of an alias.
    fn pay(&mut self, bytes: usize) -> Result<(), MediaError> {
        if self.aliases == 0 {
            return Ok(());
        }
        self.repeated = self.repeated.saturating_add(bytes + 1);
        if self.repeated > REPEATED_MAX {
            let message = format!("the aliases of the YAML repeat more than {REPEATED_MAX} bytes");
            return Err(MediaError::new(MediaErrorKind::TooLarge, message));
        }
        Ok(())
    }

    fn is_at_end(&self) -> bool {
        matches!(self.events.list.get(self.at), Some((Step::End, _)) | None)
    }
}

fn scalar(
    text: Cow<'_, str>,
    is_plain: bool,
    tag: Option<CoreTag>,
    line: usize,
) -> Result<Node<'_>, MediaError> {
    check_text("YAML", &text)?;
    let tag = match tag {
        None if is_plain => None,
        // What is quoted is a string.
        None | Some(CoreTag::Str | CoreTag::NonSpecific) => return Ok(Node::String(text)),
        some => some,
    };
    let shown = shortened(&text).into_owned();
    let node = resolve(text).map_err(|why| {
        let why = match why {
            ScalarFault::NotFinite => "is not a number that JSON has; quote it if it is a text",
            ScalarFault::TooLong => "has too many digits; quote it if it is a text",
        };
        fault(line, format!("{shown} {why}"))
    })?;
    let fits = match tag {
        None => true,
        Some(CoreTag::Int) => matches!(&node, Node::Number(number) if number.scale() == 0),
        Some(CoreTag::Float) => matches!(node, Node::Number(_)),
        Some(CoreTag::Bool) => matches!(node, Node::Bool(_)),
        Some(CoreTag::Null) => node == Node::Null,
        Some(_) => false,
    };
    if !fits {
        return Err(fault(line, format!("{shown:?} is not what its tag says")));
    }
    Ok(node)
}

fn core_tag(tag: Option<&Tag>, line: usize) -> Result<Option<CoreTag>, MediaError> {
    let Some(tag) = tag else { return Ok(None) };
    let whole = format!("{}{}", tag.handle, tag.suffix);
    if whole == "!" {
        return Ok(Some(CoreTag::NonSpecific));
    }
    let known = match whole.strip_prefix("tag:yaml.org,2002:") {
        Some("str") => CoreTag::Str,
        Some("int") => CoreTag::Int,
        Some("float") => CoreTag::Float,
        Some("bool") => CoreTag::Bool,
        Some("null") => CoreTag::Null,
        Some("seq") => CoreTag::Seq,
        Some("map") => CoreTag::Map,
        _ => return Err(unknown_tag(&whole, line)),
    };
    Ok(Some(known))
}

fn unknown_tag(tag: &str, line: usize) -> MediaError {
    let message = format!(
        "the tag {} is not one of YAML's core schema",
        shortened(tag)
    );
    fault(line, message)
}

fn fault(line: usize, message: impl std::fmt::Display) -> MediaError {
    MediaError::malformed("YAML", format_args!("line {line}: {message}"))
}
