//! CloudEvents 1.0.2 over HTTP, binary and structured, read and written.
//!
//! The specification: `cloudevents/spec`, tag `ce@v1.0.2`: `spec.md`,
//! `bindings/http-protocol-binding.md` ("HTTP"), `formats/json-format.md` ("JSON"). A message is
//! headers, as names and bytes, and a body; no types of an HTTP library.
//!
//! - The mode is the content type's (HTTP 3): `application/cloudevents+json` is structured; else
//!   a message with any required attribute among its headers is binary, and one without is no
//!   event, which is no error.
//! - In binary mode the values are strings: that an extension was a number or a truth value is
//!   not in a header. In structured mode it is kept.
//! - The data is bytes, the same after any number of changes of the mode. Written as JSON
//!   (JSON 3.1.1) they are `data` where the content type says JSON and they are JSON, or says
//!   something else and they are UTF-8 text; else they are `data_base64`. An empty body in binary
//!   mode is no data.
//! - Batches (HTTP 3.3) are refused, as are formats other than JSON; a batch is to be sent only
//!   where it was asked for, and nothing here asks.
//!
//! The SDK (`cloudevents-sdk` 0.9) was not taken: it brings url, chrono, snafu, delegate-attr,
//! uuid and hostname for what is a few hundred lines; its readme calls the API unstable.

mod attribute;
mod binary;
mod structured;

pub use attribute::Attribute;
pub(crate) use attribute::check;

use std::collections::BTreeMap;

/// An event: attributes that the specification allows, and data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    attributes: BTreeMap<String, Attribute>,
    data: Option<Vec<u8>>,
}

/// A message of HTTP, without its first line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpMessage {
    /// Names in lower case, and values of printable ASCII.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// How an event lies in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Attributes as headers, the data as the body.
    Binary,
    /// All of it in the body, as JSON.
    Structured,
}

/// Where an attribute stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a header.
    Header,
    /// In a member of the JSON object.
    Member,
    /// Nowhere yet: an event that is being made.
    Made,
}

/// What is no event, or none that is understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A required attribute is not there.
    #[error("{} is missing: an event has id, source, specversion and type", at(.place, .attribute))]
    Missing {
        /// Which.
        attribute: String,
        /// Where it was looked for.
        place: Place,
    },
    /// An attribute is there twice.
    #[error("{} is there twice: leave one out", at(.place, .attribute))]
    Twice {
        /// Which.
        attribute: String,
        /// Where.
        place: Place,
    },
    /// An attribute is not what it must be.
    #[error("{} {fault}", at(.place, .attribute))]
    Attribute {
        /// Which.
        attribute: String,
        /// Where.
        place: Place,
        /// What is wrong, and what it must be.
        fault: String,
    },
    /// There are more attributes than any event needs.
    #[error("the event has more than {ATTRIBUTES_MAX} attributes: put what it says into its data")]
    TooMany,
    /// The body of a structured event is not right.
    #[error("the event's body {fault}")]
    Body {
        /// What is wrong, and where.
        fault: String,
    },
    /// The content type says that it is an event, in a form that is not read.
    #[error(
        "the content type {media_type:?} is not read: it must be \
         application/cloudevents+json in UTF-8, or the event in ce- headers; one event a message"
    )]
    Format {
        /// As it was given.
        media_type: String,
    },
}

/// So many headers are let through by most servers.
const ATTRIBUTES_MAX: usize = 64;

const REQUIRED: [&str; 4] = ["id", "source", "specversion", "type"];
const CONTENT_TYPE: &str = "datacontenttype";

impl Event {
    /// An event of these attributes, `specversion` among them; each may be there once.
    pub fn new(
        attributes: impl IntoIterator<Item = (String, Attribute)>,
        data: Option<Vec<u8>>,
    ) -> Result<Event, EventError> {
        Event::checked(attributes, data, Place::Made)
    }

    fn checked(
        attributes: impl IntoIterator<Item = (String, Attribute)>,
        data: Option<Vec<u8>>,
        place: Place,
    ) -> Result<Event, EventError> {
        let mut event = Event {
            attributes: BTreeMap::new(),
            data,
        };
        for (name, value) in attributes {
            attribute::check(&name, &value).map_err(|fault| EventError::Attribute {
                attribute: name.chars().take(100).collect(),
                place,
                fault,
            })?;
            if event.attributes.len() == ATTRIBUTES_MAX {
                return Err(EventError::TooMany);
            }
            if event.attributes.contains_key(&name) {
                let attribute = name;
                return Err(EventError::Twice { attribute, place });
            }
            event.attributes.insert(name, value);
        }
        match REQUIRED
            .into_iter()
            .find(|name| !event.attributes.contains_key(*name))
        {
            Some(missing) => Err(EventError::Missing {
                attribute: missing.to_owned(),
                place,
            }),
            None => Ok(event),
        }
    }

    /// The event in a message; `None` if it is none. Names of headers are compared without case.
    pub fn read<'a>(
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        body: &[u8],
    ) -> Result<Option<Event>, EventError> {
        let headers: Vec<(String, &[u8])> = headers
            .into_iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value))
            .filter(|(name, _)| name == "content-type" || name.starts_with("ce-"))
            .collect();
        let of_type = headers.iter().find(|(name, _)| name == "content-type");
        let media_type = of_type.map(|(_, value)| String::from_utf8_lossy(value));
        let media_type = media_type.unwrap_or_default();
        if structured::is_meant(&media_type) {
            structured::check_format(&media_type)?;
            return structured::read(body).map(Some);
        }
        let is_required = |name: &str| {
            name.strip_prefix("ce-")
                .is_some_and(|n| REQUIRED.contains(&n))
        };
        match headers.iter().any(|(name, _)| is_required(name)) {
            true => binary::read(&headers, body).map(Some),
            false => Ok(None),
        }
    }

    /// The message that carries it.
    pub fn write(&self, mode: Mode) -> HttpMessage {
        match mode {
            Mode::Binary => binary::write(self),
            Mode::Structured => structured::write(self),
        }
    }

    /// Its id, unique within its source: together they are what a repetition has in common.
    pub fn id(&self) -> &str {
        self.text("id")
    }

    /// Where it happened, a URI reference.
    pub fn source(&self) -> &str {
        self.text("source")
    }

    /// What happened, such as `com.example.order.paid`.
    pub fn ty(&self) -> &str {
        self.text("type")
    }

    /// An attribute, required, optional or an extension.
    pub fn get(&self, name: &str) -> Option<&Attribute> {
        self.attributes.get(name)
    }

    /// All of them, in the order of their names.
    pub fn attributes(&self) -> impl Iterator<Item = (&str, &Attribute)> {
        let all = self.attributes.iter();
        all.map(|(name, value)| (name.as_str(), value))
    }

    /// What its data is, a media type.
    pub fn content_type(&self) -> Option<&str> {
        self.attributes
            .get(CONTENT_TYPE)
            .and_then(Attribute::as_str)
    }

    /// The same, without an attribute that is not required.
    #[must_use]
    pub fn without(mut self, name: &str) -> Event {
        if !REQUIRED.contains(&name) {
            self.attributes.remove(name);
        }
        self
    }

    /// Its data.
    pub fn data(&self) -> Option<&[u8]> {
        self.data.as_deref()
    }

    fn text(&self, name: &str) -> &str {
        let value = self.attributes.get(name).and_then(Attribute::as_str);
        value.unwrap_or_default()
    }
}

/// How a place is told.
fn at(place: &Place, attribute: &str) -> String {
    match place {
        Place::Header if attribute == CONTENT_TYPE => "the header content-type".to_owned(),
        Place::Header => format!("the header ce-{attribute}"),
        Place::Member => format!("the member {attribute:?}"),
        Place::Made => format!("the attribute {attribute:?}"),
    }
}

#[cfg(test)]
mod tests;
