//! The engine as a whole: what is written is read, refused where it must be, and there
//! again after it was closed.

#![allow(clippy::unwrap_used, clippy::panic)] // helpers of tests

mod callers;
mod loading;
mod rows;
mod world;
