//! The words that all rooms share, and the ports they meet at.
//!
//! A request becomes a [`plan`]; an [`engine::Engine`] carries it out; what it
//! answers carries [`stamp::Position`]s. Values have one meaning on every
//! engine: it is written here, in [`value`], and nowhere else. No I/O.

pub mod aggregate;
pub mod array;
pub mod broker;
pub mod budget;
pub mod bus;
pub mod caching;
pub mod canonical;
pub mod clock;
pub mod column;
pub mod constraint;
pub mod datetime;
pub mod engine;
pub mod error;
pub mod expr;
pub mod fixed;
pub mod float;
pub mod found;
pub mod id;
pub mod inspection;
pub mod json;
pub mod layout;
pub mod level2;
pub mod numeric;
pub mod pattern;
pub mod plan;
pub mod reshape;
pub mod schema;
pub mod slot;
pub mod stamp;
pub mod statement;
pub mod steps;
pub mod text_search;
pub mod tree;
pub mod value;
pub mod working;
