//! Workers: the real binary, and an application that it posts messages to.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    missing_docs,
    reason = "a test: a panic is how it fails"
)]

mod application;
mod endings;
mod failing;
mod following;
mod handing;
mod refused;
mod site;
#[path = "../support/mod.rs"]
mod support;
