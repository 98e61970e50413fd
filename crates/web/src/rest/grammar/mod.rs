//! The grammar of `/rest/v1`: PostgREST's, read into the store's words.
//!
//! Everything here is a pure function of text, bounded in depth, and refuses
//! instead of panicking. Names are not looked up: that is the store's part.
//!
//! | file | reads |
//! |---|---|
//! | `query` | the query string as a whole |
//! | `select`, `filter`, `logic`, `order`, `range` | its parameters |
//! | `field` | names and JSON paths |
//! | `prefer`, `media` | the headers `Prefer`, `Accept`, `Content-Type` |
//! | `scan`, `params` | the cursor below all of them; percent-decoding |

mod field;
mod filter;
mod logic;
pub(crate) mod media;
mod order;
pub(crate) mod params;
pub(crate) mod prefer;
pub(crate) mod query;
pub(crate) mod range;
mod scan;
mod select;

#[cfg(test)]
mod tests;
