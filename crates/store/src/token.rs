//! Stamp tokens: what `Pando-Stamp` holds. Opaque and authenticated.

use pando_model::stamp::Position;

/// The stamps of what a caller has written and seen, merged by maximum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Token {
    /// The version of the slot map that the caller's answers were made with.
    pub map_version: u64,
    /// By shard number; one shard has number 0.
    pub positions: Vec<(u32, Position)>,
}
