//! One suite for the port [`pando_model::engine::Engine`], run on every engine.
//!
//! An engine's `tests/conformance.rs` supplies a [`Factory`] and calls [`run`],
//! which prints each case's name as it passes. A capability that an engine does
//! not have is tested for a clear `Unsupported`; nothing is passed over.
//!
//! [`differential`] compares two engines on random operations. [`level2`] is the suite of the port
//! to what processes share of their caches, [`broker`] of the port to brokers, [`bus`] of the port to
//! what processes tell one another.
//!
//! `PANDO_CASE=receipts` runs only the cases with that in their name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test suite: a panic is how a case fails"
)]

pub mod broker;
pub mod bus;
mod cases;
pub mod differential;
#[macro_use]
pub mod fixture;
pub mod level2;

use crate::fixture::bench::Bench;
use async_trait::async_trait;
use pando_model::engine::Engine;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

/// Makes engines for cases: each fresh, and isolated from all others.
#[async_trait]
pub trait Factory: Send + Sync {
    /// What these engines can do.
    fn capabilities(&self) -> Capabilities;

    /// A new engine without data.
    async fn make(&self) -> Box<dyn Instance>;
}

/// An engine and what it stands on; dropping it cleans up.
#[async_trait]
pub trait Instance: Send + Sync {
    /// The engine.
    fn engine(&self) -> Arc<dyn Engine>;

    /// Closes the engine and opens it again on the same data. Called only where
    /// engines are [`Capabilities::persistent`].
    async fn reopen(&mut self);
}

/// What an engine can do beyond what all can.
#[derive(Clone, Copy, Debug)]
pub struct Capabilities {
    /// Its data outlives it.
    pub persistent: bool,
    /// It can write a copy of itself to a file.
    pub backup: bool,
}

/// A case: its name is the claim that it holds the engine to.
pub struct Case {
    /// The module and the claim.
    pub name: &'static str,
    run: fn(Bench) -> CaseFuture,
}

type CaseFuture = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs all cases, each on an engine of its own, and prints their names.
///
/// # Panics
/// Once all have run, if one or more failed; their names are in the message.
pub async fn run(factory: &dyn Factory) {
    let wanted = std::env::var("PANDO_CASE").unwrap_or_default();
    let mut failed = Vec::new();
    let mut passed = 0;
    for case in cases::all() {
        if !case.name.contains(&wanted) {
            continue;
        }
        let bench = Bench::new(factory.make().await, factory.capabilities());
        match tokio::spawn((case.run)(bench)).await {
            Ok(()) => {
                println!("conformance {} ... ok", case.name);
                passed += 1;
            }
            Err(error) => {
                println!("conformance {} ... FAILED", case.name);
                failed.push(format!("{}: {error}", case.name));
            }
        }
    }
    println!("conformance: {passed} passed, {} failed", failed.len());
    assert!(failed.is_empty(), "failed cases:\n{}", failed.join("\n"));
    assert!(passed > 0, "no case has {wanted:?} in its name");
}
