//! YAML 1.2.2, with the core schema (section 10.3).
//!
//! Everything that JSON holds is held, and numbers are exact. Keys are strings: a plain scalar that is a
//! key is its text as it stands (`1: x` is `"1"`). Refused are tags that are not the core schema's, `.inf` and
//! `.nan`, keys that are collections, keys given twice, merge keys (`<<`, YAML 1.1's), and several
//! documents. Anchors and aliases are read, and what they repeat is counted.

mod reader;
mod scalar;
mod writer;

pub(super) use reader::read;
pub(super) use writer::write;
