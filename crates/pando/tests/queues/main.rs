//! Queues over HTTP, with the real binary.

#![allow(clippy::expect_used, clippy::panic)] // helpers of tests, not tests themselves

mod bindings;
mod brokers;
mod commands;
mod declared;
mod exchanges;
mod forms;
mod keyed;
mod looking;
mod measured;
mod moving;
mod refused;
mod site;
#[path = "../support/mod.rs"]
mod support;
mod together;
mod verbs;
mod waits;
