//! Wide-column: rows of any number of columns, sorted within partitions; cells with versions.
//!
//! A partition lies in one slot, and its rows sort by the bytes of their keys. A column is
//! `family:qualifier`; columns come to be when they are written. Each cell has a time, its
//! caller's or the store's, and the family says how many of them are kept
//! ([`crate::config::Family`]): what a write makes superfluous goes in the same
//! transaction. Reads show no more than is kept, whatever was kept before. A cell that has
//! run out is not there for anyone from that microsecond on, swept away or not
//! ([`crate::expiry`]); a row is there while a cell of it is.
//!
//! How columns are found without reading their neighbours is told in `relation.rs`.

mod name;
mod partitions;
mod read;
mod relation;
mod slice;
mod write;

pub use name::{ColumnName, KEY_BYTES_MAX, Partition, RowKey, SELECTED_MAX, Selector};
pub use partitions::PartitionList;
pub use read::{CELLS_MAX, Cell, ReadColumn, Wanted, WideRow};
pub(crate) use relation::{CELL, EXPIRES_AT};
pub use slice::{RowList, RowRange};
pub use write::{DELETED_MAX, Put, WRITTEN_MAX};
