//! A document: a JSON object under an id.

use crate::kv::check_name;
use crate::operation::Reach;
use crate::refused;
use crate::relation::equals;
use pando_model::canonical;
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::json::{self, Node, PatchError, PatchErrorKind, PatchLimits};
use pando_model::plan::{Filter, Row};
use pando_model::slot::Slot;
use pando_model::value::Value;
use std::borrow::Cow;

use super::relation::{COLLECTION, ID};

/// Bytes of an id at most.
pub const ID_BYTES_MAX: usize = 1024;
/// Values in a document at most: as a tree each takes some 60 bytes of memory.
pub const VALUES_MAX: usize = 500_000;
/// The member that names a document.
pub(super) const ID_MEMBER: &str = "_id";
/// The member that ranks a document in a search.
pub(super) const SCORE_MEMBER: &str = "_score";

/// An id in a collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentKey {
    collection: String,
    id: String,
}

/// A document as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its id.
    pub id: String,
    /// Its members but for the id: canonical text of an object.
    pub body: String,
    /// Its version.
    pub version: i64,
}

/// What a document is to hold: canonical text of an object without Pando's members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body(String);

/// How a document is changed in part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Patch {
    /// RFC 7396.
    Merge(String),
    /// RFC 6902.
    Json(String),
}

impl DocumentKey {
    /// A key, checked.
    pub fn new(collection: &str, id: &str) -> Result<DocumentKey, Refusal> {
        check_name("collection", collection)?;
        if id.is_empty() || id.len() > ID_BYTES_MAX {
            let message = format!("an id has 1 to {ID_BYTES_MAX} bytes, not {}", id.len());
            return Err(refused::malformed(message));
        }
        if id.contains('\0') {
            return Err(refused::malformed("an id holds no U+0000"));
        }
        Ok(DocumentKey {
            collection: collection.to_owned(),
            id: id.to_owned(),
        })
    }

    /// The collection.
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// The id within its collection.
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn slot(&self) -> Slot {
        let id = Value::Text(self.id.clone());
        Slot::of_key(&canonical::bytes_of(&[(&ColumnType::Text, &id)]))
    }

    pub(super) fn reach(&self) -> Reach {
        Reach::Slot(self.slot())
    }

    /// Its row of the documents, and its rows of the postings.
    pub(super) fn filter(&self) -> Filter {
        Filter::And(vec![
            equals(COLLECTION, Value::Text(self.collection.clone())),
            equals(ID, Value::Text(self.id.clone())),
        ])
    }

    pub(super) fn row(&self, body: String, version: i64) -> Row {
        vec![
            Value::Text(self.collection.clone()),
            Value::Text(self.id.clone()),
            Value::Jsonb(body),
            Value::Int(version),
        ]
    }
}

impl Document {
    /// The document with its id, which stands first.
    pub fn to_json(&self) -> String {
        with_members(&[(ID_MEMBER, quoted(&self.id))], &self.body)
    }

    /// What it is once a patch has changed it.
    pub(super) fn patched(&self, patch: &Patch, bytes_max: usize) -> Result<Body, Refusal> {
        let limits = PatchLimits {
            bytes_max,
            values_max: VALUES_MAX,
        };
        let before = self.to_json();
        let patched = match patch {
            Patch::Merge(text) => json::merge_patch(&before, text, &limits),
            Patch::Json(text) => json::json_patch(&before, text, &limits),
        };
        let after = patched.map_err(|error| unpatched(&error))?;
        Body::read(&after, Some(&self.id), bytes_max)
    }
}

impl Patch {
    /// Refuses what is none for any document, before one is looked at.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let checked = match self {
            Patch::Merge(text) => json::check_merge_patch(text),
            Patch::Json(text) => json::check_json_patch(text),
        };
        checked.map_err(|error| unpatched(&error))
    }

    /// Whether its success tells what the document holds: a JSON patch with a `test`.
    pub fn reads(&self) -> Result<bool, Refusal> {
        match self {
            Patch::Merge(_) => Ok(false),
            Patch::Json(text) => json::json_patch_tests(text).map_err(|error| unpatched(&error)),
        }
    }
}

impl Body {
    /// Reads a document that is to be stored under `id`, or under an id that Pando makes. It may
    /// name its id itself, as documents that were read do.
    pub fn read(text: &str, id: Option<&str>, bytes_max: usize) -> Result<Body, Refusal> {
        check_values(text.as_bytes())?;
        let Node::Object(mut members) = json::parse(text)? else {
            return Err(refused::unprocessable(format!(
                "a document is a JSON object, not {}",
                json::with_article(json::type_of(text))
            )));
        };
        if let Some(place) = members.iter().position(|(name, _)| name == ID_MEMBER) {
            let (_, named) = members.remove(place);
            match id {
                Some(id) if named == Node::String(Cow::Borrowed(id)) => {}
                // What it is may have been copied there by a patch of somebody who may not read.
                Some(id) => {
                    let message = format!("_id is not the document's id, {id:?}");
                    return Err(refused::unprocessable(message)
                        .hint("A document's id does not change: leave _id out, or as it is."));
                }
                None => {
                    return Err(
                        refused::unprocessable("POST makes the id, and takes no _id").hint(
                            "PUT /docs/v1/{collection}/{id} stores it under an id of your own.",
                        ),
                    );
                }
            }
        }
        if members.iter().any(|(name, _)| name == SCORE_MEMBER) {
            let message = "_score is what a search adds, and is not stored";
            return Err(refused::unprocessable(message).hint("Leave it out."));
        }
        let body = Node::Object(members).to_text();
        if body.len() > bytes_max {
            return Err(refused::too_large(format!(
                "a document has {bytes_max} bytes of JSON at most, not {}",
                body.len()
            )));
        }
        Ok(Body(body))
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

/// Refuses a JSON text of more values than a document may have, before it is made a tree. Each
/// value but the first of its container follows a comma, which stands in no string.
pub fn check_values(json: &[u8]) -> Result<(), Refusal> {
    let mut values = 1_usize;
    let mut bytes = json.iter();
    let mut quoted = false;
    while let Some(byte) = bytes.next() {
        match (quoted, byte) {
            (true, b'\\') => drop(bytes.next()),
            (_, b'"') => quoted = !quoted,
            (false, b',' | b'[' | b'{') => values += 1,
            _ => {}
        }
    }
    if values > VALUES_MAX {
        let message = format!("a document has {VALUES_MAX} values at most");
        return Err(refused::too_large(message));
    }
    Ok(())
}

/// The text of an object with members more, which stand first.
pub(super) fn with_members(members: &[(&str, String)], object: &str) -> String {
    let mut out = String::with_capacity(object.len() + 64);
    out.push('{');
    for (place, (name, value)) in members.iter().enumerate() {
        if place > 0 {
            out.push_str(", ");
        }
        out.push_str(&quoted(name));
        out.push_str(": ");
        out.push_str(value);
    }
    let rest = object.strip_prefix('{').unwrap_or("}");
    if !members.is_empty() && rest != "}" {
        out.push_str(", ");
    }
    out.push_str(rest);
    out
}

/// A JSON string.
pub(super) fn quoted(text: &str) -> String {
    Node::String(Cow::Borrowed(text)).to_text()
}

pub(crate) fn unpatched(error: &PatchError) -> Refusal {
    let message = error.to_string();
    match error.kind() {
        PatchErrorKind::Malformed => refused::malformed(message),
        PatchErrorKind::Inapplicable => refused::unprocessable(message),
        PatchErrorKind::TestFailed => refused::conflict(message),
        PatchErrorKind::TooLarge => refused::too_large(message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_document_is_an_object_that_does_not_say_it_is_another() {
        for (text, id, expected) in [
            ("{}", None, Ok("{}")),
            (r#"{"a": 1}"#, Some("x"), Ok(r#"{"a": 1}"#)),
            (r#"{"_id": "x", "a": 1}"#, Some("x"), Ok(r#"{"a": 1}"#)),
            (r#"{"_id": "y"}"#, Some("x"), Err("unprocessable")),
            (r#"{"_id": 7}"#, Some("7"), Err("unprocessable")),
            (r#"{"_id": "x"}"#, None, Err("unprocessable")),
            (r#"{"_score": 1}"#, None, Err("unprocessable")),
            ("[]", None, Err("unprocessable")),
            ("null", None, Err("unprocessable")),
            (
                r#"{"long": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#,
                None,
                Err("document_too_large"),
            ),
        ] {
            let read = Body::read(text, id, 32);
            match (read, expected) {
                (Ok(body), Ok(expected)) => assert_eq!(body.text(), expected),
                (Err(refusal), Err(code)) => assert_eq!(refusal.code, code, "{text}"),
                (read, _) => panic!("{text}: {read:?}"),
            }
        }
    }

    #[test]
    fn values_are_counted_outside_of_strings() {
        let many = format!("[{}0]", "0,".repeat(VALUES_MAX));
        assert_eq!(
            check_values(many.as_bytes()).unwrap_err().code,
            "document_too_large"
        );
        let text = format!("[\"\\\"{}\"]", ",".repeat(VALUES_MAX));
        assert!(check_values(text.as_bytes()).is_ok());
    }

    proptest! {
        #[test]
        fn a_stored_document_reads_back_as_itself(id in "[^\u{0}]{1,8}", name in "[a-z\"\\\\]{1,5}", value in ".{0,5}") {
            let value = value.replace('\0', "");
            let body = Node::object(vec![(Cow::Borrowed(&*name), Node::String(Cow::Borrowed(&*value)))]).to_text();
            let document = Document { id: id.clone(), body: body.clone(), version: 1 };
            let read = Body::read(&document.to_json(), Some(&id), 1 << 20).unwrap();
            prop_assert_eq!(read.text(), body);
        }

        #[test]
        fn no_text_makes_reading_panic(text in ".{0,40}") {
            let _ = Body::read(&text, None, 1 << 20);
        }
    }
}
