//! Slots: the unit of placement.
//!
//! | word | meaning |
//! |---|---|
//! | slot | one of 16,384 ranges of a frozen 64-bit hash; every row lies in one |
//! | epoch | the generation of a slot's ownership; raised by every move |
//! | pseudo-slot | a slot that no hash leads to: reference tables, the catalog |
//!
//! `slot = XXH3-64(canonical key bytes, seed 0) >> 50`. Slots are hash ranges,
//! so their number can double without rehashing. Frozen: the vectors in
//! `tests/vectors/` hold it.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How many slots a hash can lead to.
pub const HASH_SLOTS: u32 = 1 << SLOT_BITS;
const SLOT_BITS: u32 = 14;

/// The place of a row: a hash slot (`0..16384`) or a pseudo-slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Slot(u32);

impl Slot {
    /// Where the rows of reference tables lie: one copy on every shard.
    pub const REFERENCE: Slot = Slot(i32::MAX as u32);
    /// Where the catalog lies: on the home shard.
    pub const CATALOG: Slot = Slot(i32::MAX as u32 - 1);

    /// The slot of a shard key, given by its canonical bytes ([`crate::canonical`]).
    pub fn of_key(canonical: &[u8]) -> Slot {
        let hash = xxhash_rust::xxh3::xxh3_64(canonical);
        Slot((hash >> (64 - SLOT_BITS)) as u32)
    }

    /// A slot from its number; `None` when no such slot can exist.
    pub fn new(number: u32) -> Option<Slot> {
        (number < HASH_SLOTS || number == Self::REFERENCE.0 || number == Self::CATALOG.0)
            .then_some(Slot(number))
    }

    /// Its number, as it stands in `_pando_slot`.
    pub fn number(self) -> u32 {
        self.0
    }

    /// All slots of a shard that owns everything, pseudo-slots included.
    pub fn all() -> impl Iterator<Item = Slot> {
        (0..HASH_SLOTS)
            .map(Slot)
            .chain([Slot::CATALOG, Slot::REFERENCE])
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Slot::REFERENCE => f.write_str("reference"),
            Slot::CATALOG => f.write_str("catalog"),
            Slot(n) => write!(f, "{n}"),
        }
    }
}

/// The generation of a slot's ownership. The first is 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Epoch(u64);

impl Epoch {
    /// The epoch of a slot that was never moved.
    pub const FIRST: Epoch = Epoch(1);

    /// An epoch from its number; there is no epoch 0.
    pub fn new(number: u64) -> Option<Epoch> {
        (number > 0).then_some(Epoch(number))
    }

    /// Its number.
    pub fn number(self) -> u64 {
        self.0
    }
}
