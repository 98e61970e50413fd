//! What an entry touched: a row, the rows of a table within a slot, or a whole table.
//!
//! | read | touches |
//! |---|---|
//! | a row by its primary key, whether it is there or not | that row |
//! | a list within one slot (a shard key, a partition, a node's edges) | the table's rows in that slot |
//! | any other list, a count | the table |
//! | a join by key | what each side touches |
//!
//! A change of a row invalidates all three. Tags are hashes: where two fall on one another, an
//! entry leaves that could have stayed, never the other way about.

use pando_model::engine::FeedEvent;
use pando_model::slot::Slot;
use xxhash_rust::xxh3::Xxh3;

/// Something that a read depends on, and a write changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(u64);

impl Tag {
    /// A row, by the canonical bytes of its primary key ([`pando_model::canonical`]).
    pub fn row(table: &str, key: &[u8]) -> Tag {
        Tag::of(b'r', table, key)
    }

    /// All rows of a table in a slot, those that are not there yet among them.
    pub fn slot(table: &str, slot: Slot) -> Tag {
        Tag::of(b's', table, &slot.number().to_le_bytes())
    }

    /// All rows of a table, those that are not there yet among them.
    pub fn table(table: &str) -> Tag {
        Tag::of(b't', table, &[])
    }

    /// What the change of a row invalidates.
    pub fn changed(event: &FeedEvent) -> [Tag; 3] {
        [
            Tag::row(&event.table, &event.key),
            Tag::slot(&event.table, event.slot),
            Tag::table(&event.table),
        ]
    }

    /// The number that stands for it.
    pub(crate) fn number(self) -> u64 {
        self.0
    }

    /// The tag of a number.
    pub(crate) fn numbered(number: u64) -> Tag {
        Tag(number)
    }

    fn of(kind: u8, table: &str, rest: &[u8]) -> Tag {
        let mut hash = Xxh3::new();
        hash.update(&[kind]);
        hash.update(&(table.len() as u64).to_le_bytes());
        hash.update(table.as_bytes());
        hash.update(rest);
        Tag(hash.digest())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_name_ends_with_is_not_what_a_key_begins_with() {
        let tags = [
            Tag::row("ab", b"c"),
            Tag::row("a", b"bc"),
            Tag::row("abc", b""),
            Tag::table("abc"),
        ];
        for (i, one) in tags.iter().enumerate() {
            for other in &tags[i + 1..] {
                assert_ne!(one, other);
            }
        }
    }
}
