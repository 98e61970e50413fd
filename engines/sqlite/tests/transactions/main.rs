//! What a transaction looks at and leaves: the fences of the slots it writes, the marks of
//! what it reads, the events of what it changed.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod fences;
mod groups;
mod marks;
mod world;
