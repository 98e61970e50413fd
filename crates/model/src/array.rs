//! Arrays of one dimension: PostgreSQL's text form, JSON, order-preserving bytes, containment.

use crate::column::ColumnType;
use crate::error::Refusal;
use crate::value::Value;

/// Reads `{a,"b c",NULL}`.
pub fn parse(inner: &ColumnType, text: &str) -> Result<Vec<Value>, Refusal> {
    let _ = (inner, text);
    todo!()
}

/// Bytes whose order (memcmp) is PostgreSQL's order of arrays; equal for equal arrays.
pub fn to_ordered_bytes(inner: &ColumnType, items: &[Value]) -> Vec<u8> {
    let _ = (inner, items);
    todo!()
}

/// The array that [`to_ordered_bytes`] wrote.
pub fn from_ordered_bytes(inner: &ColumnType, bytes: &[u8]) -> Option<Vec<Value>> {
    let _ = (inner, bytes);
    todo!()
}

/// `@>`: every item of `contained` that is not NULL is in `container`; a NULL item is in nothing.
pub fn contains(container: &[Value], contained: &[Value]) -> bool {
    let _ = (container, contained);
    todo!()
}

/// `&&`: they have an item in common.
pub fn overlaps(a: &[Value], b: &[Value]) -> bool {
    let _ = (a, b);
    todo!()
}
