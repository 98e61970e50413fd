//! A message, and what it is sent as: made once, and shared by all who get it.

use super::TopicError;
use super::cursor::{Cursor, MessageId, Point};
use super::name::TopicName;
use crate::cloudevents::{Attribute, Event, Mode};
use bytes::Bytes;
use pando_model::datetime;
use std::sync::OnceLock;

/// What the names of Pando's own events begin with; nobody else's may.
pub const RESERVED_PREFIX: &str = "pando.";
/// The event that tells that something was told and is not here.
pub const GAP: &str = "pando.gap";
/// The event that tells where a subscriber begins.
pub const OPEN: &str = "pando.open";
/// The attribute of an event that carries the cursor, in a form that has no place of its own for it.
const CURSOR: &str = "pandocursor";
/// What a message is called that has no type.
const UNTYPED: &str = "message";
/// What a structured event's body is.
const EVENT_TYPE: &str = "application/cloudevents+json";
/// Bytes of a type, and of a media type, at most.
const KIND_BYTES_MAX: usize = 255;
/// What a message takes besides what was sent, roughly.
pub(super) const OVERHEAD_BYTES: usize = 256;

/// What somebody publishes, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    pub(super) kind: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) body: Bytes,
}

/// A message that was told.
#[derive(Debug)]
pub struct Message {
    pub(super) id: MessageId,
    pub(super) topic: TopicName,
    pub(super) at_us: i64,
    pub(super) publication: Publication,
    plain: OnceLock<Bytes>,
    event: OnceLock<Bytes>,
    frame: OnceLock<Bytes>,
}

/// What a message is sent as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// An event of an event stream, whose data is what was published. Where that was an event
    /// of CloudEvents, or is no text, it is told as in [`Form::Event`].
    Plain,
    /// An event of an event stream, whose data is an event of CloudEvents in JSON.
    Event,
    /// An event of CloudEvents in JSON, by itself: its attribute `pandocursor` is the cursor.
    Frame,
}

impl Publication {
    /// What a request published: an event of CloudEvents, or any body, which is of type `kind`.
    pub fn read(
        headers: &[(&str, &[u8])],
        kind: Option<&str>,
        body: Bytes,
    ) -> Result<Publication, TopicError> {
        let invalid = |message: String| TopicError::Invalid(message);
        let event = Event::read(headers.iter().copied(), &body)
            .map_err(|error| invalid(error.to_string()))?;
        if let Some(event) = event {
            if kind.is_some() {
                let twice = "the event has a type of its own: leave the parameter type out";
                return Err(invalid(twice.to_owned()));
            }
            return Publication::of_event(event);
        }
        let mut headers = headers.iter();
        let named = headers.find(|(name, _)| name.eq_ignore_ascii_case("content-type"));
        let content_type = match named.map(|(_, value)| std::str::from_utf8(value)) {
            None => None,
            Some(Ok(text)) if text.len() <= KIND_BYTES_MAX && is_media_type(text) => {
                Some(text.to_owned())
            }
            Some(_) => {
                return Err(invalid(format!(
                    "the Content-Type is no media type of at most {KIND_BYTES_MAX} bytes"
                )));
            }
        };
        Ok(Publication {
            kind: kind.map(check_kind).transpose()?,
            content_type,
            body,
        })
    }

    /// An event of CloudEvents. It is told in JSON, however it came.
    pub fn of_event(event: Event) -> Result<Publication, TopicError> {
        // One that was heard here and is passed on has its old cursor.
        let event = event.without(CURSOR);
        Ok(Publication {
            kind: Some(check_kind(event.ty())?),
            content_type: Some(EVENT_TYPE.to_owned()),
            body: event.write(Mode::Structured).body.into(),
        })
    }

    /// Bytes that it takes.
    pub(super) fn len(&self) -> usize {
        let texts = [&self.kind, &self.content_type];
        let texts = texts.into_iter().flatten().map(String::len);
        self.body.len() + texts.sum::<usize>()
    }

    fn is_event(&self) -> bool {
        self.content_type.as_deref() == Some(EVENT_TYPE)
    }
}

impl Message {
    pub(super) fn new(
        id: MessageId,
        topic: TopicName,
        at_us: i64,
        publication: Publication,
    ) -> Message {
        Message {
            id,
            topic,
            at_us,
            publication,
            plain: OnceLock::new(),
            event: OnceLock::new(),
            frame: OnceLock::new(),
        }
    }

    /// How far whoever has it has got.
    pub fn cursor(&self) -> Cursor {
        Cursor(Point::Message(self.id))
    }

    /// What it is sent as.
    pub fn form(&self, form: Form) -> Bytes {
        match form {
            Form::Plain => {
                let text = match self.publication.is_event() {
                    true => None,
                    false => std::str::from_utf8(&self.publication.body).ok(),
                };
                match text {
                    Some(text) => self.plain.get_or_init(|| self.block(text)).clone(),
                    None => self.form(Form::Event),
                }
            }
            Form::Event => {
                let event = || self.block(&self.structured(None));
                self.event.get_or_init(event).clone()
            }
            Form::Frame => {
                let cursor = self.cursor().to_string();
                let frame = || self.structured(Some(cursor)).into();
                self.frame.get_or_init(frame).clone()
            }
        }
    }

    /// What it takes in a ring. What it is sent as is counted, in one form, though it may be made
    /// later or not at all.
    pub(super) fn footprint(&self) -> usize {
        2 * self.publication.len() + OVERHEAD_BYTES
    }

    fn block(&self, data: &str) -> Bytes {
        let mut out = String::with_capacity(data.len() + 128);
        write_field(&mut out, "id", &self.cursor().to_string());
        if let Some(kind) = &self.publication.kind {
            write_field(&mut out, "event", kind);
        }
        for line in lines(data) {
            write_field(&mut out, "data", line);
        }
        out.push('\n');
        out.into()
    }

    /// It as an event of CloudEvents in JSON.
    fn structured(&self, cursor: Option<String>) -> String {
        let told = match self.publication.is_event() {
            true => String::from_utf8_lossy(&self.publication.body).into_owned(),
            false => self.wrapped(),
        };
        match cursor {
            Some(cursor) => with_cursor(&told, &cursor),
            None => told,
        }
    }

    fn wrapped(&self) -> String {
        let Publication {
            kind,
            content_type,
            body,
        } = &self.publication;
        let kind = kind.as_deref().unwrap_or(UNTYPED);
        let data = (!body.is_empty()).then(|| body.to_vec());
        wrap(
            &self.id.to_string(),
            &self.topic,
            kind,
            Some(self.at_us),
            content_type.as_deref(),
            data,
        )
    }
}

/// What a subscriber is told first, in a form that has no other place for where it begins.
pub(super) fn opening(topic: &TopicName, cursor: Cursor) -> Bytes {
    let cursor = cursor.to_string();
    with_cursor(&wrap(&cursor, topic, OPEN, None, None, None), &cursor).into()
}

fn with_cursor(event: &str, cursor: &str) -> String {
    // An event has members: four of them are required.
    let members = event.strip_prefix('{').unwrap_or(event);
    format!("{{\"{CURSOR}\":\"{cursor}\",{members}")
}

/// What tells that something was told and is not here: `missed` messages, or nobody knows how many.
pub(super) fn gap(form: Form, topic: &TopicName, missed: Option<u64>, id: &str) -> Bytes {
    let missed = missed.map_or("null".to_owned(), |missed| missed.to_string());
    let data = format!("{{\"missed\":{missed}}}");
    match form {
        Form::Frame => {
            let json = Some("application/json");
            wrap(id, topic, GAP, None, json, Some(data.into())).into()
        }
        Form::Plain | Form::Event => {
            // Without an id: whoever is cut off here has to be told again.
            let mut out = String::new();
            write_field(&mut out, "event", GAP);
            write_field(&mut out, "data", &data);
            out.push('\n');
            out.into()
        }
    }
}

fn wrap(
    id: &str,
    topic: &TopicName,
    kind: &str,
    at_us: Option<i64>,
    content_type: Option<&str>,
    data: Option<Vec<u8>>,
) -> String {
    let text = |name: &str, value: &str| (name.to_owned(), Attribute::String(value.to_owned()));
    let source =
        percent_encoding::utf8_percent_encode(topic.as_str(), percent_encoding::NON_ALPHANUMERIC);
    let mut attributes = vec![
        text("specversion", "1.0"),
        text("id", id),
        text("source", &format!("/topics/v1/{source}")),
        text("type", kind),
    ];
    if let Some(at_us) = at_us {
        let mut time = Vec::new();
        datetime::write_timestamp(at_us, b'T', &mut time);
        time.push(b'Z');
        attributes.push(text("time", &String::from_utf8_lossy(&time)));
    }
    if let Some(content_type) = content_type {
        attributes.push(text("datacontenttype", content_type));
    }
    // What was published was checked for this.
    match Event::new(attributes, data) {
        Ok(event) => String::from_utf8_lossy(&event.write(Mode::Structured).body).into_owned(),
        Err(error) => {
            tracing::error!(%error, "a message could not be told as an event");
            "{}".to_owned()
        }
    }
}

/// A type: what an event stream has in one line, and CloudEvents as an attribute.
fn check_kind(kind: &str) -> Result<String, TopicError> {
    if kind.starts_with(RESERVED_PREFIX) {
        return Err(TopicError::Invalid(format!(
            "types that begin with {RESERVED_PREFIX} are Pando's own: choose another one"
        )));
    }
    if kind.len() > KIND_BYTES_MAX {
        let long = format!("the type has more than {KIND_BYTES_MAX} bytes");
        return Err(TopicError::Invalid(long));
    }
    let value = Attribute::String(kind.to_owned());
    let sound = crate::cloudevents::check("type", &value);
    sound.map_err(|fault| TopicError::Invalid(format!("the type {fault}")))?;
    Ok(kind.to_owned())
}

/// Whether an event can say it of its data.
fn is_media_type(text: &str) -> bool {
    let value = Attribute::String(text.to_owned());
    crate::cloudevents::check("datacontenttype", &value).is_ok()
}

fn write_field(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    out.push_str(": ");
    out.push_str(value);
    out.push('\n');
}

/// The lines of a text, ended as event streams know it: by CR LF, LF or CR (HTML, 9.2.5).
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(at) = text.find(['\r', '\n']) else {
            rest = None;
            return Some(text);
        };
        let (line, after) = text.split_at(at);
        rest = after.strip_prefix("\r\n").or_else(|| after.get(1..));
        Some(line)
    })
}
