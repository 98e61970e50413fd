//! A select together with the shard's own row, as one statement.

use super::select::{push_count, push_select};
use super::{Sql, Statement};
use pando_model::plan::Select;

/// Where the number of all rows stands, where it is asked for.
pub(crate) const TOTAL: usize = 5;
/// NULL where there is no row; the shard's row comes all the same.
pub(crate) const FOUND: usize = 6;
/// Where the select's own places begin.
pub(crate) const FIRST: usize = 7;

/// A select, and in front of each of its rows what [`crate::shard::READ`] gives. The shard's one
/// row is joined with what the select gives by a nested loop, for there is nothing to join them
/// by: the select's order stays.
pub(crate) fn select_with_shard(select: &Select, count: bool) -> Statement<'_> {
    let mut sql = Sql::new();
    sql.push("SELECT s.timeline, s.position, s.schema_version, s.followed, s.forks, ");
    if count {
        sql.push("(");
        push_count(&mut sql, select);
        sql.push(")");
    } else {
        sql.push("NULL");
    }
    sql.push(", q.* FROM _pando_shard AS s LEFT JOIN LATERAL (SELECT TRUE AS found, p.* FROM (");
    let decode = push_select(&mut sql, select, None);
    sql.push(") AS p) AS q ON TRUE WHERE s.one = 1");
    Statement { sql, decode }
}
