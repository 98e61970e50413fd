//! The models besides tables: which relations they lay their data out in.

use crate::{docs, graph, kv, queue, sessions, wide};
use pando_model::schema::Table;
use std::sync::Arc;

/// All relations of all models; they are there from a store's first moment.
pub(crate) fn relations() -> [&'static Arc<Table>; 21] {
    [
        &docs::DOC,
        &docs::STATS,
        &docs::TERM,
        &graph::DEGREE,
        &graph::EDGE,
        &graph::NODE,
        &kv::JOURNAL,
        &kv::KV,
        &queue::CURSOR,
        &queue::GROUP,
        &queue::HOME,
        &queue::LATER,
        &queue::LOG,
        &queue::NAME,
        &queue::OUT,
        &queue::SCHEDULE,
        &queue::SEEN,
        &queue::WANTED,
        &sessions::MARK,
        &sessions::SESSIONS,
        &wide::CELL,
    ]
}
