//! The feed: every committed change that somebody follows, in commit order.

use crate::slot::Slot;
use crate::stamp::Position;

/// A place in the feed: behind the event `ordinal` of the transaction at `at`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeedCursor {
    /// The transaction's position.
    pub at: Position,
    /// The event's place within its transaction, from 1; 0 is before all of them.
    pub ordinal: u32,
}

/// A page of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedPage {
    /// The events, in commit order.
    pub events: Vec<FeedEvent>,
    /// Where to go on.
    pub next: FeedCursor,
    /// The follower holds everything up to here once it has dealt with `events`.
    pub consumed: Position,
    /// The schema in force in the snapshot that the page was read in.
    pub schema_version: u64,
    /// Something between `after` and `events` is not known any more: whatever the follower
    /// derived from the feed must be built anew.
    pub gap: bool,
}

/// A committed change of one row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEvent {
    /// Where it stands.
    pub cursor: FeedCursor,
    /// The row's slot; with `epoch` and `seq` the event's id.
    pub slot: Slot,
    /// The slot's epoch.
    pub epoch: u64,
    /// Counts the slot's events without gaps, from 1.
    pub seq: u64,
    /// The table.
    pub table: String,
    /// What happened to the row.
    pub kind: FeedKind,
    /// The canonical bytes of the row's primary key ([`crate::canonical`]).
    pub key: Vec<u8>,
}

/// What happened to a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeedKind {
    /// It is new.
    Insert,
    /// It has new values; a changed key is a delete and an insert.
    Update,
    /// It is gone, by itself or by a cascade.
    Delete,
}

impl FeedKind {
    /// All of them.
    pub const ALL: [FeedKind; 3] = [FeedKind::Insert, FeedKind::Update, FeedKind::Delete];

    /// `insert`, `update` or `delete`.
    pub fn name(self) -> &'static str {
        match self {
            FeedKind::Insert => "insert",
            FeedKind::Update => "update",
            FeedKind::Delete => "delete",
        }
    }
}
