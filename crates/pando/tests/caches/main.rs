//! Caches in front of a real store, over HTTP: what is answered from memory, what is not, and
//! what is never.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // a test

mod behind;
mod behind_killed;
mod behind_switched;
mod failures;
mod mixed;
mod rules;
mod several;
mod shared;
mod site;
mod strategies;
#[path = "../support/mod.rs"]
mod support;
mod warming;
