//! `sessions(place, hash, id, user, data, version, generation, …)`, placed by the user that a
//! session is of, and `sessions_mark(name, generation)`.
//!
//! A user's sessions lie in one slot, so that listing and ending all of them is one transaction
//! on one shard, however many there are. The token says the place, and so finds its row by one
//! look-up there.

use crate::relation::{Shape, expiry_index};
use pando_model::column::ColumnType;
use pando_model::schema::{ColumnIx, Table};
use std::sync::{Arc, LazyLock};

pub(super) const PLACE: ColumnIx = 0;
pub(super) const HASH: ColumnIx = 1;
pub(super) const ID: ColumnIx = 2;
pub(super) const USER: ColumnIx = 3;
pub(super) const DATA: ColumnIx = 4;
pub(super) const VERSION: ColumnIx = 5;
pub(super) const GENERATION: ColumnIx = 6;
pub(super) const CREATED_AT: ColumnIx = 7;
pub(super) const AUTHENTICATED_AT: ColumnIx = 8;
pub(super) const SEEN_AT: ColumnIx = 9;
pub(super) const IDLE_US: ColumnIx = 10;
pub(super) const ABSOLUTE_AT: ColumnIx = 11;
/// The earlier of `seen_at + idle_us` and `absolute_at`.
pub(crate) const EXPIRES_AT: ColumnIx = 12;

/// The sessions. Of a token only its hash is here.
pub(crate) static SESSIONS: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_sessions",
        columns: &[
            ("place", ColumnType::Bigint, false),
            ("hash", ColumnType::Bytea, false),
            ("id", ColumnType::Bigint, false),
            ("user", ColumnType::Text, true),
            ("data", ColumnType::Jsonb, false),
            ("version", ColumnType::Bigint, false),
            ("generation", ColumnType::Bigint, false),
            ("created_at", ColumnType::Timestamptz, false),
            ("authenticated_at", ColumnType::Timestamptz, true),
            ("seen_at", ColumnType::Timestamptz, false),
            ("idle_us", ColumnType::Bigint, false),
            ("absolute_at", ColumnType::Timestamptz, false),
            ("expires_at", ColumnType::Timestamptz, false),
        ],
        key: &[PLACE, HASH],
        shard_key: &[PLACE],
    };
    let mut table = shape.table();
    table.indexes.push(expiry_index(&table.name, EXPIRES_AT));
    Arc::new(table)
});

pub(super) mod mark {
    use super::ColumnIx;

    pub(crate) const NAME: ColumnIx = 0;
    pub(crate) const GENERATION: ColumnIx = 1;
}

/// Which generation of sessions counts: all others have ended, however many they are. It has one
/// row; without it the generation is 0.
pub(crate) static MARK: LazyLock<Arc<Table>> = LazyLock::new(|| {
    let shape = Shape {
        name: "_pando_sessions_mark",
        columns: &[
            ("name", ColumnType::Text, false),
            ("generation", ColumnType::Bigint, false),
        ],
        key: &[mark::NAME],
        shard_key: &[mark::NAME],
    };
    Arc::new(shape.table())
});
