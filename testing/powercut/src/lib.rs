//! A disk for tests: it forgets what was not synced when its power is cut.
//!
//! [`Disk::install`] puts a layer between SQLite and the real files. Reads and
//! writes go through; beside that the layer keeps, for each file, the bytes that
//! are known to have been synced and the writes since. When the power is cut,
//! everything fails; when it comes back, the files hold the synced bytes, and of
//! the later writes nothing or a random part, sector by sector.
//!
//! It can also fail syncs, in the way of the real ones: what the failed sync was to
//! bring to the disk is not tried again by the next. And it can be full.
//!
//! The rules are in [`disk`], in safe Rust; `vfs` only translates.

pub mod disk;
mod file;
mod vfs;

pub use disk::{Disk, Survival};
