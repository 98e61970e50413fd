//! The formats documents come and go in: JSON, YAML, XML and BSON, by media type.
//!
//! Inside there is one form only, the canonical JSON text ([`pando_model::json::canonical`]):
//! [`read`] makes it of a body, [`write`] makes a body of it. `docs/documents.md` is the mapping as
//! users know it; each format's module says what it cannot hold. What comes in is bounded as JSON
//! is: as deep, and no longer than its own text makes it (references are counted).

mod bson;
mod xml;
mod yaml;

use crate::error::ApiError;
use http::StatusCode;
use pando_model::error::Refusal;
use pando_model::json::{self, DEPTH_MAX, Node};
use std::borrow::Cow;
use std::fmt;

/// Why a body was not read or written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct MediaError {
    kind: MediaErrorKind,
    message: String,
}

/// What kind of fault it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MediaErrorKind {
    /// The media type is none of those that are known here.
    Unsupported,
    /// The body is not of the type that it says, or uses what is refused of it.
    Malformed,
    /// Too deep, or too much for what it says in so few words.
    TooLarge,
    /// The document cannot be said in the format that was asked for.
    Unrepresentable,
}

impl MediaError {
    /// What kind of fault it is.
    #[cfg(test)]
    pub(crate) fn kind(&self) -> MediaErrorKind {
        self.kind
    }

    fn malformed(format: &str, message: impl fmt::Display) -> MediaError {
        MediaError::new(
            MediaErrorKind::Malformed,
            format!("the body is not {format} that can be read: {message}"),
        )
    }

    fn too_deep() -> MediaError {
        MediaError::new(
            MediaErrorKind::TooLarge,
            format!("the document is nested more than {DEPTH_MAX} levels deep"),
        )
    }

    fn new(kind: MediaErrorKind, message: impl Into<String>) -> MediaError {
        MediaError {
            kind,
            message: message.into(),
        }
    }
}

impl From<MediaError> for ApiError {
    fn from(error: MediaError) -> ApiError {
        let (status, code) = match error.kind {
            MediaErrorKind::Unsupported => {
                (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type")
            }
            MediaErrorKind::Malformed => (StatusCode::BAD_REQUEST, "malformed_body"),
            MediaErrorKind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "document_too_large"),
            MediaErrorKind::Unrepresentable => (StatusCode::NOT_ACCEPTABLE, "not_representable"),
        };
        let hint = match error.kind {
            MediaErrorKind::Unsupported => Some(
                "There are application/json, application/yaml, application/xml and application/bson.",
            ),
            MediaErrorKind::Unrepresentable => {
                Some("Accept: application/json holds every document.")
            }
            _ => None,
        };
        let api_error = ApiError::new(status, code, error.message);
        match hint {
            Some(hint) => api_error.hint(hint),
            None => api_error,
        }
    }
}

/// A body of the type `content_type` (JSON where there is none) as canonical JSON text.
pub(crate) fn read(content_type: Option<&str>, body: &[u8]) -> Result<String, MediaError> {
    let format = match content_type {
        Some(text) => Format::of_content(text)?,
        None => Format::Json,
    };
    let node = match format {
        Format::Json => {
            let text = utf8("JSON", body)?;
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            json::parse(text).map_err(|refusal| refused("JSON", &refusal))?
        }
        Format::Yaml => yaml::read(utf8("YAML", body)?)?,
        Format::Xml => xml::read(utf8("XML", body)?)?,
        Format::Bson => bson::read(body)?,
    };
    // Elements and documents side by side are an array, which is one level more.
    if is_deeper(&node, DEPTH_MAX) {
        return Err(MediaError::too_deep());
    }
    Ok(node.to_text())
}

/// A JSON text as a body of the type that `accept` likes best, JSON where it likes any or there is
/// none, and the `Content-Type` to send with it.
pub(crate) fn write(
    accept: Option<&str>,
    json: &str,
) -> Result<(&'static str, Vec<u8>), MediaError> {
    let (content_type, format) = match accept {
        Some(text) => accepted(text)?,
        None => JSON,
    };
    if format == Format::Json {
        return Ok((content_type, json.as_bytes().to_vec()));
    }
    let node = json::parse(json).map_err(|refusal| refused("JSON", &refusal))?;
    let body = match format {
        Format::Json => node.to_text().into_bytes(),
        Format::Yaml => yaml::write(&node).into_bytes(),
        Format::Xml => xml::write(&node).into_bytes(),
        Format::Bson => bson::write(&node)?,
    };
    Ok((content_type, body))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Json,
    Yaml,
    Xml,
    Bson,
}

const JSON: (&str, Format) = ("application/json; charset=utf-8", Format::Json);

/// The names of the formats, with what is answered to whom asks for them. RFC 9512 (YAML), RFC 7303
/// (XML); BSON's is registered nowhere, and used everywhere.
const NAMES: [(&str, (&str, Format)); 8] = [
    ("application/json", JSON),
    ("application/yaml", ("application/yaml", Format::Yaml)),
    ("application/x-yaml", ("application/x-yaml", Format::Yaml)),
    ("text/yaml", ("text/yaml; charset=utf-8", Format::Yaml)),
    ("text/x-yaml", ("text/x-yaml; charset=utf-8", Format::Yaml)),
    (
        "application/xml",
        ("application/xml; charset=utf-8", Format::Xml),
    ),
    ("text/xml", ("text/xml; charset=utf-8", Format::Xml)),
    ("application/bson", ("application/bson", Format::Bson)),
];

impl Format {
    fn of_content(text: &str) -> Result<Format, MediaError> {
        let mut parts = text.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let Some((_, format)) = named(name) else {
            return Err(unsupported(format!(
                "a body of Content-Type {name:?} cannot be read"
            )));
        };
        let charset = parts.find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("charset")
                .then(|| value.trim().trim_matches('"'))
        });
        let readable = ["utf-8", "utf8", "us-ascii"];
        match charset {
            Some(charset)
                if format != Format::Bson
                    && !readable
                        .iter()
                        .any(|name| charset.eq_ignore_ascii_case(name)) =>
            {
                Err(unsupported(format!(
                    "a body in {charset:?} cannot be read; UTF-8 can"
                )))
            }
            _ => Ok(format),
        }
    }
}

fn named(name: &str) -> Option<(&'static str, Format)> {
    let known = NAMES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(known.1)
}

/// The best of what `Accept` names: by weight, then order (RFC 9110, section 12.5.1). A range is answered in JSON.
fn accepted(accept: &str) -> Result<(&'static str, Format), MediaError> {
    let mut best: Option<(u16, (&'static str, Format))> = None;
    let mut any = false;
    for range in accept
        .split(',')
        .map(str::trim)
        .filter(|range| !range.is_empty())
    {
        any = true;
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let found = match name {
            "*/*" | "application/*" => Some(JSON),
            _ => named(name),
        };
        let weight = weight(parts);
        let better = best.is_none_or(|(before, _)| weight > before);
        if let Some(found) = found
            && weight > 0
            && better
        {
            best = Some((weight, found));
        }
    }
    match best {
        Some((_, found)) => Ok(found),
        None if any => Err(unsupported(format!(
            "documents are not written as {accept:?}"
        ))),
        None => Ok(JSON),
    }
}

/// `q=` in thousandths; 1000 where there is none or it cannot be read.
fn weight<'a>(mut parameters: impl Iterator<Item = &'a str>) -> u16 {
    let quality = parameters.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        let is_quality = name.trim().eq_ignore_ascii_case("q");
        is_quality.then(|| value.trim().parse::<f32>().ok())?
    });
    quality.map_or(1000, |q| (q.clamp(0.0, 1.0) * 1000.0) as u16)
}

fn unsupported(message: String) -> MediaError {
    MediaError::new(MediaErrorKind::Unsupported, message)
}

fn is_deeper(node: &Node<'_>, levels: usize) -> bool {
    match node {
        Node::Array(_) | Node::Object(_) if levels == 0 => true,
        Node::Array(items) => items.iter().any(|item| is_deeper(item, levels - 1)),
        Node::Object(pairs) => pairs.iter().any(|(_, value)| is_deeper(value, levels - 1)),
        _ => false,
    }
}

fn utf8<'a>(format: &str, body: &'a [u8]) -> Result<&'a str, MediaError> {
    std::str::from_utf8(body).map_err(|error| {
        MediaError::malformed(
            format,
            format_args!("byte {} is not UTF-8", error.valid_up_to()),
        )
    })
}

/// The model's refusal of a text, as this module's.
fn refused(format: &str, refusal: &Refusal) -> MediaError {
    // SQLSTATE's class 54: a limit.
    if refusal.code.starts_with("54") {
        return MediaError::too_deep();
    }
    match &refusal.details {
        Some(details) => {
            MediaError::malformed(format, format_args!("{}. {details}", refusal.message))
        }
        None => MediaError::malformed(format, &refusal.message),
    }
}

/// A string that a document can hold.
fn string<'a>(format: &str, text: Cow<'a, str>) -> Result<Node<'a>, MediaError> {
    check_text(format, &text)?;
    Ok(Node::String(text))
}

/// Refuses U+0000, which no text of Pando's holds.
fn check_text(format: &str, text: &str) -> Result<(), MediaError> {
    if text.contains('\0') {
        return Err(MediaError::malformed(format, "a text holds U+0000"));
    }
    Ok(())
}

/// An error's piece of the body, if it is short, or its beginning.
fn shortened(text: &str) -> Cow<'_, str> {
    const CHARS_MAX: usize = 60;
    match text.char_indices().nth(CHARS_MAX) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

#[cfg(test)]
mod tests;
