//! Import: files into a table or another model, in constant memory, chunk by chunk.
//!
//! ```text
//! reader thread ──▶ workers (parse) ──▶ writer
//! source, split      plan, row, recipe    sink: the store itself, or a server over HTTP
//! ```
//!
//! A chunk commits whole, with the import's progress in the same transaction, so
//! `--resume` goes on exactly behind the last one. A row that cannot be stored is
//! found, told with file, line, column and reason, and stops the import or is left
//! out; its chunk is never half done.

mod chunk;
mod fields;
mod identity;
mod pipeline;
mod plan;
mod progress;
mod recipe;
mod rejects;
mod row;
mod run;
mod sink;
mod source;
mod split;
mod store_chunk;

pub use run::run;
pub use source::{Format, format_of};
pub use split::{JsonValues, Record, Split};
