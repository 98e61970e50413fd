//! Three processes' caches over one store and one real Redis, which is emptied, full, slow, cut
//! off, hung, killed under load, and comes back with what it had.

#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used)] // helpers of tests, not tests themselves

mod deployment;
mod faults;
mod killed;
mod together;
