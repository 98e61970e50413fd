//! Binary content mode (HTTP 3.1): attributes as headers, the data as the body.

use super::{Attribute, CONTENT_TYPE, Event, EventError, HttpMessage, Place};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// HTTP 3.1.3.2: space, the double quote, the percent sign, and all that is not printable ASCII.
const ENCODED: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'%');

pub(super) fn write(event: &Event) -> HttpMessage {
    let headers = event.attributes.iter().map(|(name, value)| {
        let text = value.to_string();
        match name.as_str() {
            // HTTP 3.1.1: as it is, and not as an attribute besides.
            CONTENT_TYPE => ("content-type".to_owned(), text),
            _ => {
                let encoded = utf8_percent_encode(&text, ENCODED).to_string();
                (format!("ce-{name}"), encoded)
            }
        }
    });
    HttpMessage {
        headers: headers.collect(),
        body: event.data.clone().unwrap_or_default(),
    }
}

/// `headers` are those of `ce-` and the content type, their names in lower case.
pub(super) fn read(headers: &[(String, &[u8])], body: &[u8]) -> Result<Event, EventError> {
    let mut attributes = Vec::with_capacity(headers.len());
    for (header, value) in headers {
        let (name, text) = match header.strip_prefix("ce-") {
            Some(CONTENT_TYPE) => {
                return Err(EventError::Attribute {
                    attribute: "datacontenttype".to_owned(),
                    place: Place::Made,
                    fault: "is a header of its own: in binary mode it must be content-type"
                        .to_owned(),
                });
            }
            Some(name) => (name, decode(value)),
            None => (CONTENT_TYPE, as_it_is(value)),
        };
        let text = text.map_err(|fault| EventError::Attribute {
            attribute: name.to_owned(),
            place: Place::Header,
            fault: fault.to_owned(),
        })?;
        attributes.push((name.to_owned(), Attribute::String(text)));
    }
    let data = (!body.is_empty()).then(|| body.to_vec());
    Event::checked(attributes, data, Place::Header)
}

const NOT_ASCII: &str = "is not of printable ASCII: percent-encode it, as UTF-8";

fn as_it_is(value: &[u8]) -> Result<String, &'static str> {
    match value.trim_ascii() {
        value if value.iter().all(|byte| matches!(byte, b'\t' | b' '..=b'~')) => {
            Ok(String::from_utf8_lossy(value).into_owned())
        }
        _ => Err(NOT_ASCII),
    }
}

/// HTTP 3.1.3.2: quoted strings are unescaped (RFC 7230, section 3.2.6), for the sake of who goes
/// by an older version; then percent-encoding is undone, once.
fn decode(value: &[u8]) -> Result<String, &'static str> {
    let unquoted = unquote(as_it_is(value)?.as_bytes())?;
    let mut bytes = Vec::with_capacity(unquoted.len());
    let mut rest = unquoted.as_slice();
    while let [first, others @ ..] = rest {
        rest = others;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digit = |byte: &u8| char::from(*byte).to_digit(16);
        let [Some(high), Some(low)] = [rest.first().and_then(digit), rest.get(1).and_then(digit)]
        else {
            return Err("has a % without two hexadecimal digits behind it: write %25 for one");
        };
        bytes.push((high * 16 + low) as u8);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).map_err(|_| "is percent-encoded, but not as UTF-8")
}

fn unquote(value: &[u8]) -> Result<Vec<u8>, &'static str> {
    let mut unquoted = Vec::with_capacity(value.len());
    let mut is_quoted = false;
    let mut bytes = value.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => is_quoted = !is_quoted,
            b'\\' if is_quoted => match bytes.next() {
                Some(escaped) => unquoted.push(*escaped),
                None => return Err("ends in a backslash: what it escapes is missing"),
            },
            byte => unquoted.push(*byte),
        }
    }
    match is_quoted {
        true => Err("has a double quote that is not closed: write %22 for one"),
        false => Ok(unquoted),
    }
}
