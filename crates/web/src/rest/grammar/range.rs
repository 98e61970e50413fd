//! `limit=`, `offset=` and the `Range` header: how many rows, after how many.

use pando_model::error::Refusal;
use pando_store::request::{EmbedPath, Query, RowRange};

/// The value of `limit=`; a negative one is unsatisfiable.
pub(crate) fn limit(text: &str) -> Result<u64, Refusal> {
    if is_negative(text) {
        return Err(unsatisfiable(
            "Limit should be greater than or equal to zero.",
        ));
    }
    number("limit", text)
}

/// The value of `offset=`; a negative one passes over nothing.
pub(crate) fn offset(text: &str) -> Result<u64, Refusal> {
    if is_negative(text) {
        return Ok(0);
    }
    number("offset", text)
}

/// Narrows the root's range by a `Range` header (`0-24`, `10-`), numbered from 0,
/// both ends included. What is not of that form is ignored, as RFC 9110 has it.
pub(crate) fn narrow(query: &mut Query, header: &str) -> Result<(), Refusal> {
    let Some((lower, upper)) = bounds(header) else {
        return Ok(());
    };
    if upper.is_some_and(|upper| upper < lower) {
        return Err(unsatisfiable(
            "The lower boundary must be lower than or equal to the upper boundary in the Range header.",
        ));
    }
    let root = query.ranges.iter().position(|(path, _)| path.is_empty());
    let given = root.map_or_else(RowRange::default, |place| query.ranges[place].1);
    if given.limit == Some(0) {
        return Ok(());
    }
    let given_end = given.limit.map(|limit| given.offset.saturating_add(limit));
    let header_end = upper.map(|upper| upper.saturating_add(1));
    let offset = given.offset.max(lower);
    let end = match (given_end, header_end) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    if end.is_some_and(|end| end <= offset) {
        return Err(unsatisfiable(
            "The Range header and the limit have no rows in common.",
        ));
    }
    let both = RowRange {
        limit: end.map(|end| end - offset),
        offset,
    };
    match root {
        Some(place) => query.ranges[place].1 = both,
        None => query.ranges.push((EmbedPath::new(), both)),
    }
    Ok(())
}

/// The range of the root.
pub(crate) fn of_root(query: &Query) -> RowRange {
    query
        .ranges
        .iter()
        .find(|(path, _)| path.is_empty())
        .map_or_else(RowRange::default, |(_, range)| *range)
}

/// PGRST103: there are no such rows.
pub(crate) fn unsatisfiable(details: impl Into<String>) -> Refusal {
    Refusal::new("PGRST103", "Requested range not satisfiable").details(details)
}

fn bounds(header: &str) -> Option<(u64, Option<u64>)> {
    let header = header.trim();
    let header = header.strip_prefix("items=").unwrap_or(header);
    let (lower, upper) = header.split_once('-')?;
    let lower = digits(lower)?;
    let upper = match upper {
        "" => None,
        upper => Some(digits(upper)?),
    };
    Some((lower, upper))
}

fn digits(text: &str) -> Option<u64> {
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    is_number
        .then(|| text.parse().unwrap_or(u64::MAX))
        .map(|number: u64| number.min(i64::MAX as u64))
}

fn is_negative(text: &str) -> bool {
    let number = text.strip_prefix('-').and_then(digits);
    number.is_some_and(|number| number > 0)
}

fn number(name: &str, text: &str) -> Result<u64, Refusal> {
    digits(text).ok_or_else(|| {
        Refusal::new(
            "PGRST100",
            format!("\"failed to parse {name} parameter ({text})\" (line 1, column 1)"),
        )
        .details(format!("{name} is a whole number of rows"))
    })
}
