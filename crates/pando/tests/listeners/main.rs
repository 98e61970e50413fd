//! Listeners of the real binary: an application that is called when data changes, before and after
//! commits.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // helpers of tests

mod after;
#[allow(dead_code)] // it is shared
#[path = "../workers/application.rs"]
mod application;
#[allow(dead_code)] // it is shared
#[path = "../kill_queues/asking.rs"]
mod asking;
mod before;
#[allow(dead_code)] // it is shared
#[path = "../several/database.rs"]
mod database;
mod forgotten;
mod killed;
mod refused;
mod site;
#[path = "../support/mod.rs"]
mod support;
