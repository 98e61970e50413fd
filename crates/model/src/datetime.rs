//! Dates and times: PostgreSQL's ISO forms in, PostgREST's forms out.

use crate::error::Refusal;

/// Days since 1970-01-01 of `2013-01-31` (and what else PostgreSQL reads in ISO order).
pub fn parse_date(text: &str) -> Result<i32, Refusal> {
    let _ = text;
    todo!()
}

/// Microseconds since 1970 of a timestamp without zone; a zone in the text is ignored, as PostgreSQL does.
pub fn parse_timestamp(text: &str) -> Result<i64, Refusal> {
    let _ = text;
    todo!()
}

/// Microseconds since 1970 UTC; without a zone in the text it is UTC.
pub fn parse_timestamptz(text: &str) -> Result<i64, Refusal> {
    let _ = text;
    todo!()
}
