//! The benches, one a file.

pub mod idle;
pub mod import;
pub mod import_kv;
pub mod insert;
pub mod models;
pub mod page;
pub mod point_read;
pub mod scale;
pub mod sessions;
pub mod topics;
pub mod trailbase;
pub mod traverse;
pub mod wide_column;

pub mod items;
mod model_data;
pub mod turns;
