//! An existing PostgreSQL database, served as it lies: what is said of it, what is served, and
//! that nothing of it is changed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

#[path = "../tables/ask.rs"]
#[allow(dead_code, reason = "other tests ask for more")]
mod ask;
mod house;
mod kept;
mod migrated;
mod served;
mod told;
