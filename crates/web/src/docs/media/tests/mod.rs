//! Each format as its users see it, and all of them as one mapping.

mod bson;
mod every_format;
mod negotiation;
mod xml;
mod yaml;

use super::MediaErrorKind::{Malformed, TooLarge, Unrepresentable, Unsupported};
use super::*;

const YAML: &str = "application/yaml";
const XML: &str = "application/xml";
const BSON: &str = "application/bson";

/// Reads a body, and says what it is in canonical JSON.
fn check_read(content_type: &str, body: &str, expected: &str) {
    let found = read(Some(content_type), body.as_bytes());
    assert_eq!(found, Ok(json::canonical(expected).unwrap()), "{body}");
}

fn check_fault(content_type: &str, body: &str, kind: MediaErrorKind, says: &str) {
    let error = read(Some(content_type), body.as_bytes()).unwrap_err();
    assert_eq!(error.kind(), kind, "{body}: {error}");
    assert!(error.to_string().contains(says), "{body}: {error}");
}

fn check_write(accept: &str, json: &str, expected: &str) {
    let json = json::canonical(json).unwrap();
    let (_, body) = write(Some(accept), &json).unwrap();
    let body = String::from_utf8(body).unwrap();
    assert_eq!(body, expected, "{json}");
    assert_eq!(read(Some(accept), body.as_bytes()), Ok(json));
}

fn check_round_trip(media_type: &str, json: &str) {
    let json = json::canonical(json).unwrap();
    let (_, body) = write(Some(media_type), &json).unwrap();
    let shown = String::from_utf8_lossy(&body).into_owned();
    assert_eq!(read(Some(media_type), &body), Ok(json), "{shown}");
}
