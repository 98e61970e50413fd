//! The relations of queues. All of a lane lie in one slot, that of queue and lane.
//!
//! | relation | holds | written by |
//! |---|---|---|
//! | log | each message, once, in the order in which it can be leased | a publish, or when it is due; deleted by the last ack |
//! | out | what a group has of a message that it leased and did not acknowledge | lease, nack, extend; deleted by ack |
//! | cursor | up to where a group has read the log; the newest row counts | lease |
//! | group | that there is a group | its first lease |
//! | later | messages whose time has not come | a publish with a delay |
//! | seen | ids of messages that may come again | a publish with such an id |
//! | home | whether a queue is on a broker, and since when | a move |
//! | wanted | whether an operator wants a queue on the broker | who asks for a move |
//! | schedule | which occurrence of a schedule was published last | the schedule |

use crate::relation::{Shape, expiry_index};
use pando_model::column::ColumnType::{Bigint, Boolean, Bytea, Text, Timestamptz};
use pando_model::schema::{ColumnIx, Identity, Index, Table};
use std::sync::{Arc, LazyLock};

/// Queue and lane lead every relation, and place its rows.
pub(super) const QUEUE: ColumnIx = 0;
pub(super) const LANE: ColumnIx = 1;

/// The table of a shape. Whoever reads says queue and lane, and so the slot, with which the primary
/// key begins: an index of the key without it would be as much again to write for nothing.
fn in_its_slot(shape: Shape<'_>) -> Table {
    let mut table = shape.table();
    table.key_indexed = false;
    table
}

/// The only lane so far: with shards a queue will have several.
pub(super) const FIRST_LANE: i64 = 0;

pub(super) mod log {
    use super::ColumnIx;

    /// The priority, turned around: what is lower comes first.
    pub(in super::super) const RANK: ColumnIx = 2;
    /// Given by the engine: the order of commits.
    pub(in super::super) const POSITION: ColumnIx = 3;
    /// The order within one publish.
    pub(in super::super) const PLACE: ColumnIx = 4;
    pub(in super::super) const ID: ColumnIx = 5;
    pub(in super::super) const BODY: ColumnIx = 6;
    pub(in super::super) const CONTENT_TYPE: ColumnIx = 7;
    /// A JSON object; NULL for none.
    pub(in super::super) const ATTRIBUTES: ColumnIx = 8;
    pub(in super::super) const ORDERING_KEY: ColumnIx = 9;
    pub(in super::super) const PUBLISHED_AT: ColumnIx = 10;
}

pub(super) mod out {
    use super::ColumnIx;

    pub(in super::super) const GROUP: ColumnIx = 2;
    pub(in super::super) const ID: ColumnIx = 3;
    /// Rank, position and place are the message's in the log.
    pub(in super::super) const RANK: ColumnIx = 4;
    pub(in super::super) const POSITION: ColumnIx = 5;
    pub(in super::super) const PLACE: ColumnIx = 6;
    pub(in super::super) const STATE: ColumnIx = 7;
    pub(in super::super) const ATTEMPT: ColumnIx = 8;
    /// Whose it is; NULL where nobody has it.
    pub(in super::super) const LEASE: ColumnIx = 9;
    /// When it can be leased again; NULL for what waits for another message, and for the dead.
    pub(in super::super) const DUE: ColumnIx = 10;
    pub(in super::super) const ORDERING_KEY: ColumnIx = 11;
    pub(in super::super) const ERROR: ColumnIx = 12;
    /// Since when it is in its state.
    pub(in super::super) const SINCE: ColumnIx = 13;
}

pub(super) mod cursor {
    use super::ColumnIx;

    pub(in super::super) const GROUP: ColumnIx = 2;
    /// Given by the engine.
    pub(in super::super) const AT: ColumnIx = 3;
    pub(in super::super) const STATE: ColumnIx = 4;
}

pub(super) mod group {
    use super::ColumnIx;

    pub(in super::super) const NAME: ColumnIx = 2;
}

pub(super) mod later {
    use super::ColumnIx;

    pub(in super::super) const DUE: ColumnIx = 2;
    pub(in super::super) const ID: ColumnIx = 3;
    pub(in super::super) const RANK: ColumnIx = 4;
    /// From here on as in the log.
    pub(in super::super) const BODY: ColumnIx = 5;
    pub(in super::super) const PUBLISHED_AT: ColumnIx = 9;
    pub(in super::super) const COLUMNS: usize = 10;
}

pub(super) mod seen {
    use super::ColumnIx;

    pub(in super::super) const DEDUP_ID: ColumnIx = 2;
    pub(in super::super) const ID: ColumnIx = 3;
    pub(in super::super) const FIRST_AT: ColumnIx = 4;
    pub(crate) const EXPIRES_AT: ColumnIx = 5;
}

pub(super) mod schedule {
    use super::ColumnIx;

    pub(in super::super) const NAME: ColumnIx = 2;
    pub(in super::super) const LAST: ColumnIx = 3;
}

pub(super) mod home {
    use super::ColumnIx;

    pub(in super::super) const ON_BROKER: ColumnIx = 2;
    /// Given by the engine: when it moved there.
    pub(in super::super) const SINCE: ColumnIx = 3;
    pub(in super::super) const MOVED_AT: ColumnIx = 4;
}

pub(super) mod wanted {
    use super::ColumnIx;

    pub(in super::super) const ON_BROKER: ColumnIx = 2;
}

/// The messages. A row is inserted once and deleted once, and never changed.
pub(crate) static LOG: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_queue_log",
        columns: &[
            ("queue", Text, false),
            ("lane", Bigint, false),
            ("rank", Bigint, false),
            ("position", Bigint, false),
            ("place", Bigint, false),
            ("id", Bigint, false),
            ("body", Bytea, false),
            ("content_type", Text, false),
            ("attributes", Text, true),
            ("ordering_key", Text, true),
            ("published_at", Timestamptz, false),
        ],
        key: &[QUEUE, LANE, log::RANK, log::POSITION, log::PLACE],
        shard_key: &[QUEUE, LANE],
    };
    let mut table = in_its_slot(shape);
    table.columns[log::POSITION].identity = Some(Identity::Position);
    Arc::new(table)
});

/// What groups have out of the log. Rows are found by what is due next, and those of an ordering
/// key by it: first what is leased or waits, then what is held, in order.
pub(crate) static OUT: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_queue_out",
        columns: &[
            ("queue", Text, false),
            ("lane", Bigint, false),
            ("consumer_group", Text, false),
            ("id", Bigint, false),
            ("rank", Bigint, false),
            ("position", Bigint, false),
            ("place", Bigint, false),
            ("state", Bigint, false),
            ("attempt", Bigint, false),
            ("lease", Bigint, true),
            ("due", Timestamptz, true),
            ("ordering_key", Text, true),
            ("error", Text, true),
            ("since", Timestamptz, false),
        ],
        key: &[QUEUE, LANE, out::GROUP, out::ID],
        shard_key: &[QUEUE, LANE],
    };
    let mut table = in_its_slot(shape);
    let ascending = |columns: &[ColumnIx]| columns.iter().map(|ix| (*ix, false)).collect();
    // Sparse also so that PostgreSQL does not look a message up by its group in here, which without
    // statistics it takes for as good as the key.
    table.indexes.push(Index {
        name: format!("{}_by_due", table.name),
        columns: ascending(&[QUEUE, LANE, out::GROUP, out::DUE]),
        sparse: true,
        ..Index::default()
    });
    table.indexes.push(Index {
        name: format!("{}_by_ordering_key", table.name),
        columns: ascending(&[
            out::ORDERING_KEY,
            QUEUE,
            LANE,
            out::GROUP,
            out::STATE,
            out::RANK,
            out::POSITION,
            out::PLACE,
            out::ID,
        ]),
        sparse: true,
        ..Index::default()
    });
    Arc::new(table)
});

/// Where groups stand. A lease inserts a row and deletes the one before: a row that is updated
/// leaves versions behind it, which every lease would walk over while anybody holds a snapshot.
pub(crate) static CURSOR: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_queue_cursor",
        columns: &[
            ("queue", Text, false),
            ("lane", Bigint, false),
            ("consumer_group", Text, false),
            ("at", Bigint, false),
            ("state", Text, false),
        ],
        key: &[QUEUE, LANE, cursor::GROUP, cursor::AT],
        shard_key: &[QUEUE, LANE],
    };
    let mut table = in_its_slot(shape);
    table.columns[cursor::AT].identity = Some(Identity::Position);
    Arc::new(table)
});

/// Which groups there are.
pub(crate) static GROUP: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_queue_group",
        columns: &[
            ("queue", Text, false),
            ("lane", Bigint, false),
            ("consumer_group", Text, false),
        ],
        key: &[QUEUE, LANE, group::NAME],
        shard_key: &[QUEUE, LANE],
    };
    Arc::new(in_its_slot(shape))
});

/// Which queues somebody has published to: a log is not looked through for who is in it.
pub(crate) static NAME: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_queue_name",
        columns: &[("queue", Text, false), ("lane", Bigint, false)],
        key: &[QUEUE, LANE],
        shard_key: &[QUEUE, LANE],
    };
    Arc::new(in_its_slot(shape))
});

/// Messages that wait for their time. When it has come they enter the log.
pub(crate) static LATER: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_queue_later",
        columns: &[
            ("queue", Text, false),
            ("lane", Bigint, false),
            ("due", Timestamptz, false),
            ("id", Bigint, false),
            ("rank", Bigint, false),
            ("body", Bytea, false),
            ("content_type", Text, false),
            ("attributes", Text, true),
            ("ordering_key", Text, true),
            ("published_at", Timestamptz, false),
        ],
        key: &[QUEUE, LANE, later::DUE, later::ID],
        shard_key: &[QUEUE, LANE],
    };
    let mut table = shape.table();
    table.indexes.push(Index {
        name: format!("{}_by_due", table.name),
        columns: vec![(later::DUE, false)],
        ..Index::default()
    });
    Arc::new(table)
});

/// Ids that name a message for a while, whether it is still there or not.
pub(crate) static SEEN: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_queue_seen",
        columns: &[
            ("queue", Text, false),
            ("lane", Bigint, false),
            ("dedup_id", Text, false),
            ("id", Bigint, false),
            ("first_at", Timestamptz, false),
            ("expires_at", Timestamptz, false),
        ],
        key: &[QUEUE, LANE, seen::DEDUP_ID],
        shard_key: &[QUEUE, LANE],
    };
    let mut table = shape.table();
    table
        .indexes
        .push(expiry_index(&table.name, seen::EXPIRES_AT));
    Arc::new(table)
});

/// How far schedules have come.
pub(crate) static SCHEDULE: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_queue_schedule",
        columns: &[
            ("queue", Text, false),
            ("lane", Bigint, false),
            ("name", Text, false),
            ("last", Timestamptz, false),
        ],
        key: &[QUEUE, LANE, schedule::NAME],
        shard_key: &[QUEUE, LANE],
    };
    Arc::new(in_its_slot(shape))
});

/// Where queues are. One that was never moved has no row, and is in the store.
pub(crate) static HOME: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_queue_home",
        columns: &[
            ("queue", Text, false),
            ("lane", Bigint, false),
            ("on_broker", Boolean, false),
            ("since", Bigint, false),
            ("moved_at", Timestamptz, false),
        ],
        key: &[QUEUE, LANE],
        shard_key: &[QUEUE, LANE],
    };
    let mut table = in_its_slot(shape);
    table.columns[home::SINCE].identity = Some(Identity::Position);
    Arc::new(table)
});

/// Where operators want queues; one that nobody asked to move has no row.
pub(crate) static WANTED: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_queue_wanted",
        columns: &[
            ("queue", Text, false),
            ("lane", Bigint, false),
            ("on_broker", Boolean, false),
            ("asked_at", Timestamptz, false),
        ],
        key: &[QUEUE, LANE],
        shard_key: &[QUEUE, LANE],
    };
    Arc::new(in_its_slot(shape))
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_relation_of_queues_is_known_to_come_and_go() {
        let all = [
            &LOG, &OUT, &CURSOR, &GROUP, &LATER, &SEEN, &SCHEDULE, &HOME, &WANTED, &NAME,
        ];
        for table in all {
            assert!(table.churns(), "{}", table.name);
        }
    }
}
