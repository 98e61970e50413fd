//! Arrays of one dimension: PostgreSQL's text form, JSON, order-preserving bytes, containment.
//!
//! # Ordered bytes
//!
//! Each item is `01` and its own bytes, or `02` for NULL, which sorts last; the array
//! ends with `00`, so that a prefix sorts first. Items are
//!
//! | type | bytes |
//! |---|---|
//! | boolean | 1 byte |
//! | integer, bigint, timestamp, timestamptz | 8 bytes, big-endian, sign bit turned |
//! | date | 4 bytes likewise |
//! | real, double | 4 or 8 bytes of IEEE 754, big-endian; sign bit turned, or all bits where negative |
//! | numeric | [`crate::numeric`]'s ordered bytes |
//! | uuid | 16 bytes |
//! | text, bytea, json | the bytes with `00` written `00 ff`, ended by `00 01` |
//! | jsonb | [`crate::json`]'s ordered bytes |

mod ordered;
mod text;

pub use ordered::{from_ordered_bytes, to_ordered_bytes};
pub(crate) use ordered::{split_escaped, write_escaped};
pub use text::parse;
pub(crate) use text::{multidimensional, write_text};

use crate::value::Value;
use std::cmp::Ordering;

/// Above so many comparisons a set is sorted before it is searched.
const COMPARISONS_MAX: usize = 1024;

/// `@>`: every item of `contained` that is not NULL is in `container`; a NULL item is in nothing.
pub fn contains(container: &[Value], contained: &[Value]) -> bool {
    let set = Set::new(container, contained.len());
    contained.iter().all(|item| set.holds(item))
}

/// `&&`: they have an item in common.
pub fn overlaps(a: &[Value], b: &[Value]) -> bool {
    let set = Set::new(a, b.len());
    b.iter().any(|item| set.holds(item))
}

/// Items that are searched for equal ones.
enum Set<'a> {
    Listed(&'a [Value]),
    Sorted(Vec<&'a Value>),
}

impl<'a> Set<'a> {
    fn new(items: &'a [Value], searches: usize) -> Set<'a> {
        if items.len().saturating_mul(searches) <= COMPARISONS_MAX {
            return Set::Listed(items);
        }
        let mut sorted: Vec<&Value> = items.iter().collect();
        sorted.sort_by(|a, b| a.compare(b));
        Set::Sorted(sorted)
    }

    /// A NULL equals nothing, itself included.
    fn holds(&self, wanted: &Value) -> bool {
        if wanted.is_null() {
            return false;
        }
        match self {
            Set::Listed(items) => items
                .iter()
                .any(|item| !item.is_null() && item.compare(wanted) == Ordering::Equal),
            Set::Sorted(items) => items.binary_search_by(|item| item.compare(wanted)).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests;
