//! BSON (bsonspec.org, version 1.1).
//!
//! | BSON | JSON |
//! |---|---|
//! | string, bool, null, document, array | the same |
//! | int32, int64, double, decimal128 | a number, exact; a double is its shortest decimal. NaN and infinities are refused |
//! | ObjectId | `{"$oid": "65f0…"}` |
//! | datetime | `{"$date": "2026-01-02T03:04:05.678Z"}`, or `{"$date": {"$numberLong": "…"}}` outside of the years 0 to 9999 |
//! | binary | `{"$binary": {"base64": "…", "subType": "00"}}` |
//! | all others | refused: they mean nothing in a document |
//!
//! (MongoDB Extended JSON v2, relaxed.) The other way a number is the least of int32, int64, double and decimal128
//! that holds it exactly, and objects of exactly those three forms are what they name. What cannot
//! be said: a number of more than 34 digits, and a value that is neither an object nor an
//! array of objects. An array of objects is its documents one after the other, as `mongodump` and
//! `bson.decode_all` have it; so a body of one document is that document, never a list of one.

use super::{MediaError, MediaErrorKind, check_text, shortened, string};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bson::oid::ObjectId;
use bson::raw::{CStr, RawArrayBuf, RawBinaryRef, RawBsonRef, RawDocument, RawDocumentBuf};
use bson::spec::BinarySubtype;
use bson::{DateTime, Decimal128};
use pando_model::json::{DEPTH_MAX, Node};
use pando_model::numeric::Numeric;
use std::borrow::Cow;

/// Reads a document, or several as an array.
pub(super) fn read(body: &[u8]) -> Result<Node<'_>, MediaError> {
    let mut documents = Vec::new();
    let mut rest = body;
    while !rest.is_empty() {
        let len = rest.first_chunk().map(|len| i32::from_le_bytes(*len));
        let len = len.and_then(|len| usize::try_from(len).ok());
        let Some((document, after)) = len.and_then(|len| rest.split_at_checked(len)) else {
            return Err(malformed("a document is longer than the body"));
        };
        documents.push(read_document(
            RawDocument::from_bytes(document).map_err(malformed)?,
            1,
        )?);
        rest = after;
    }
    match documents.len() {
        0 => Err(malformed("it is empty")),
        1 => Ok(documents.remove(0)),
        _ => Ok(Node::Array(documents)),
    }
}

/// Writes an object as a document, an array of objects as several.
pub(super) fn write(node: &Node<'_>) -> Result<Vec<u8>, MediaError> {
    match node {
        Node::Object(_) => Ok(document(node)?.into_bytes()),
        Node::Array(items) if items.iter().all(|item| matches!(item, Node::Object(_))) => {
            let mut out = Vec::new();
            for item in items {
                out.extend_from_slice(document(item)?.as_bytes());
            }
            Ok(out)
        }
        _ => Err(unrepresentable(
            "BSON begins with an object, or with several; this is another value".to_owned(),
        )),
    }
}

fn read_document<'a>(document: &'a RawDocument, depth: usize) -> Result<Node<'a>, MediaError> {
    if depth > DEPTH_MAX {
        return Err(MediaError::too_deep());
    }
    let mut pairs = Vec::new();
    for element in document {
        let (key, value) = element.map_err(malformed)?;
        pairs.push((Cow::Borrowed(key.as_str()), read_value(value, depth)?));
    }
    Ok(Node::object(pairs))
}

fn read_value<'a>(value: RawBsonRef<'a>, depth: usize) -> Result<Node<'a>, MediaError> {
    Ok(match value {
        RawBsonRef::Null => Node::Null,
        RawBsonRef::Boolean(value) => Node::Bool(value),
        RawBsonRef::String(text) => string("BSON", Cow::Borrowed(text))?,
        RawBsonRef::Int32(number) => Node::Number(Numeric::from(i64::from(number))),
        RawBsonRef::Int64(number) => Node::Number(Numeric::from(number)),
        RawBsonRef::Double(number) => read_number(&number.to_string())?,
        RawBsonRef::Decimal128(number) => read_number(&number.to_string())?,
        RawBsonRef::Document(document) => read_document(document, depth + 1)?,
        RawBsonRef::Array(_) if depth >= DEPTH_MAX => return Err(MediaError::too_deep()),
        RawBsonRef::Array(items) => {
            let items = items.into_iter().map(|item| {
                let item = item.map_err(malformed)?;
                read_value(item, depth + 1)
            });
            Node::Array(items.collect::<Result<_, _>>()?)
        }
        RawBsonRef::ObjectId(id) => oid_node(id),
        RawBsonRef::DateTime(at) => date_node(at),
        RawBsonRef::Binary(binary) => binary_node(binary.subtype, binary.bytes),
        other => {
            return Err(malformed(format_args!(
                "a value of the type {:?} has no place in a document",
                other.element_type()
            )));
        }
    })
}

fn read_number(text: &str) -> Result<Node<'static>, MediaError> {
    let number = Numeric::parse(text).map_err(|refusal| malformed(refusal.message))?;
    Ok(Node::Number(number))
}

fn oid_node(id: ObjectId) -> Node<'static> {
    Node::object(vec![("$oid".into(), Node::String(id.to_hex().into()))])
}

fn date_node(at: DateTime) -> Node<'static> {
    let text = at.try_to_rfc3339_string().ok();
    let text = text.filter(|text| DateTime::parse_rfc3339_str(text).is_ok_and(|read| read == at));
    let value = match text {
        Some(text) => Node::String(text.into()),
        None => {
            let millis = at.timestamp_millis().to_string();
            Node::object(vec![("$numberLong".into(), Node::String(millis.into()))])
        }
    };
    Node::object(vec![("$date".into(), value)])
}

fn binary_node(subtype: BinarySubtype, bytes: &[u8]) -> Node<'static> {
    let subtype = format!("{:02x}", u8::from(subtype));
    let value = Node::object(vec![
        ("base64".into(), Node::String(BASE64.encode(bytes).into())),
        ("subType".into(), Node::String(subtype.into())),
    ]);
    Node::object(vec![("$binary".into(), value)])
}

fn document(node: &Node<'_>) -> Result<RawDocumentBuf, MediaError> {
    let mut out = RawDocumentBuf::new();
    if let Node::Object(pairs) = node {
        for (key, value) in pairs {
            check_text("BSON", key)?;
            let key = <&CStr>::try_from(key.as_ref()).map_err(malformed)?;
            with_value(value, &mut |value| out.append(key, value))?;
        }
    }
    Ok(out)
}

/// Hands the BSON value of a node to `append`.
fn with_value(node: &Node<'_>, append: &mut dyn FnMut(RawBsonRef<'_>)) -> Result<(), MediaError> {
    match node {
        Node::Null => append(RawBsonRef::Null),
        Node::Bool(value) => append(RawBsonRef::Boolean(*value)),
        Node::String(text) => append(RawBsonRef::String(text)),
        Node::Number(number) => append(number_value(number)?),
        Node::Array(items) => {
            let mut out = RawArrayBuf::new();
            for item in items {
                with_value(item, &mut |value| out.push(value))?;
            }
            append(RawBsonRef::Array(&out));
        }
        Node::Object(_) => {
            if let Some(id) = oid_of(node) {
                append(RawBsonRef::ObjectId(id));
            } else if let Some(at) = date_of(node) {
                append(RawBsonRef::DateTime(at));
            } else if let Some((subtype, bytes)) = binary_of(node) {
                let bytes = bytes.as_slice();
                append(RawBsonRef::Binary(RawBinaryRef { subtype, bytes }));
            } else {
                append(RawBsonRef::Document(&document(node)?));
            }
        }
    }
    Ok(())
}

fn number_value(number: &Numeric) -> Result<RawBsonRef<'static>, MediaError> {
    let text = number.to_string();
    if let Ok(integer) = text.parse::<i64>() {
        return Ok(match i32::try_from(integer) {
            Ok(small) => RawBsonRef::Int32(small),
            Err(_) => RawBsonRef::Int64(integer),
        });
    }
    let is_exact = |text: &str| Numeric::parse(text).is_ok_and(|read| read == *number);
    if let Some(double) = text.parse::<f64>().ok().filter(|double| double.is_finite())
        && is_exact(&double.to_string())
    {
        return Ok(RawBsonRef::Double(double));
    }
    match decimal_text(&text).parse::<Decimal128>() {
        Ok(decimal) if is_exact(&decimal.to_string()) => Ok(RawBsonRef::Decimal128(decimal)),
        _ => Err(unrepresentable(format!(
            "BSON holds numbers of up to 34 digits; {} has more",
            shortened(&text)
        ))),
    }
}

/// A plain decimal as its digits and an exponent, without zeros at either end.
fn decimal_text(text: &str) -> String {
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => ("-", text),
        None => ("", text),
    };
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let zeros = digits.len() - significant.len();
    // A number has at most 1,000 digits on either side.
    let exponent = zeros as i64 - fraction.len() as i64;
    format!("{sign}{}E{exponent}", significant.trim_start_matches('0'))
}

/// Each of these reads a form, and takes it only if it would be written so: what else is there stays.
fn oid_of(node: &Node<'_>) -> Option<ObjectId> {
    let id = ObjectId::parse_str(text_of(node.get("$oid")?)?).ok()?;
    (oid_node(id) == *node).then_some(id)
}

fn date_of(node: &Node<'_>) -> Option<DateTime> {
    let at = match node.get("$date")? {
        Node::String(text) => DateTime::parse_rfc3339_str(text).ok()?,
        other => DateTime::from_millis(text_of(other.get("$numberLong")?)?.parse().ok()?),
    };
    (date_node(at) == *node).then_some(at)
}

fn binary_of(node: &Node<'_>) -> Option<(BinarySubtype, Vec<u8>)> {
    let value = node.get("$binary")?;
    let bytes = BASE64.decode(text_of(value.get("base64")?)?).ok()?;
    let subtype = u8::from_str_radix(text_of(value.get("subType")?)?, 16).ok()?;
    let subtype = BinarySubtype::from(subtype);
    (binary_node(subtype, &bytes) == *node).then_some((subtype, bytes))
}

fn text_of<'n>(node: &'n Node<'_>) -> Option<&'n str> {
    match node {
        Node::String(text) => Some(text),
        _ => None,
    }
}

fn malformed(message: impl std::fmt::Display) -> MediaError {
    MediaError::malformed("BSON", message)
}

fn unrepresentable(message: String) -> MediaError {
    MediaError::new(MediaErrorKind::Unrepresentable, message)
}
