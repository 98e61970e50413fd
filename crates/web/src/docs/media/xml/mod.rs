//! XML 1.0, with a mapping that reads what others write and loses nothing of what Pando writes.
//!
//! | XML | JSON |
//! |---|---|
//! | the root element, whatever its name | the document |
//! | an element with children or attributes | an object |
//! | another element | a string: its text, as it stands |
//! | children of one name | an array, if there are several |
//! | an attribute `a="x"` | the member `"@a": "x"` |
//! | text beside children or attributes | the member `"#text"`; blank pieces of it are nothing |
//!
//! What this cannot say is said by attributes with the prefix `json`, which is reserved for it (it is
//! declared, as `urn:pando:json`, and known by its name alone):
//!
//! | attribute | means |
//! |---|---|
//! | `json:type` | `number`, `boolean`, `null`, `string`, `object`, `array` (each child is an item, whatever its name) or `quoted` (a string in JSON's quotes and escapes: it holds characters that XML cannot) |
//! | `json:array="true"` | the only item of an array |
//! | `json:name`, `json:quoted-name` | the member's name, where it can be no element's |
//!
//! So numbers are exact, and JSON → XML → JSON is the identity. XML → JSON drops comments, processing
//! instructions, declarations of namespaces (prefixes stay in the names) and the order of members of
//! different names. Refused are document types, entities beyond XML's five, and encodings but UTF-8.

mod names;
mod reader;
mod writer;

pub(super) use reader::read;
pub(super) use writer::write;

/// The prefix of what is Pando's own, with its colon.
const PREFIX: &str = "json:";
/// The element of a member whose name can be no element's.
const MEMBER: &str = "json:member";
/// The name of the member that is an element's text.
const TEXT: &str = "#text";
