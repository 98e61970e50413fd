//! The benches, one a file.

pub mod idle;
pub mod import;
pub mod insert;
pub mod page;
pub mod point_read;
pub mod scale;
pub mod trailbase;

mod items;
mod turns;
