//! A select together with the shard's own row, as one statement.

use super::select::{push_count, push_select};
use super::{Sql, Statement};
use pando_model::fixed::fixed_by;
use pando_model::plan::Select;

/// What [`crate::shard::READ`] gives.
const OF_THE_SHARD: &str = "SELECT s.timeline, \
    (SELECT c.p FROM _pando_commit AS c ORDER BY c.n DESC LIMIT 1), \
    s.schema_version, s.followed, s.forks";
/// Where the number of all rows stands, where it is asked for.
pub(crate) const TOTAL: usize = 5;
/// In the same place: which of several reads that go together a row belongs to, from 1.
pub(crate) const NUMBER: usize = TOTAL;
/// NULL where there is no row; the shard's row comes all the same.
pub(crate) const FOUND: usize = 6;
/// Where the select's own places begin.
pub(crate) const FIRST: usize = 7;

/// A select, and in front of each of its rows what [`crate::shard::READ`] gives. The shard's one
/// row is joined with what the select gives by a nested loop, for there is nothing to join them
/// by: the select's order stays.
pub(crate) fn select_with_shard(select: &Select, count: bool) -> Statement<'_> {
    let mut sql = Sql::new();
    sql.push(OF_THE_SHARD).push(", ");
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

/// The same for several selects of one row each by its key, which differ in their values only:
/// each parameter is an array, with a value for each select. `None` where it is not such a select.
pub(crate) fn select_together(select: &Select) -> Option<Statement<'_>> {
    if select.is_aggregate() || !fixed_by(&select.filter).is_one_row(&select.table) {
        return None;
    }
    let mut inner = Sql::together();
    let decode = push_select(&mut inner, select, None);
    let types = inner.together.take()?;
    // An array of arrays comes apart as a whole.
    if types.is_empty() || types.iter().any(|ty| ty.ends_with("[]")) {
        return None;
    }
    let mut sql = Sql::new();
    sql.push(OF_THE_SHARD)
        .push(", k.n, q.* ")
        .push("FROM _pando_shard AS s CROSS JOIN unnest(")
        .joined(", ", types.iter().zip(1..), |sql, (ty, place)| {
            sql.push("$").number(place).push("::").push(ty).push("[]");
        })
        .push(") WITH ORDINALITY AS k (")
        .joined(", ", 1..=types.len(), |sql, place| {
            sql.push("c").number(place);
        })
        .push(", n) LEFT JOIN LATERAL (SELECT TRUE AS found, p.* FROM (")
        .push(&inner.text)
        .push(") AS p) AS q ON TRUE WHERE s.one = 1");
    sql.params = inner.params;
    Some(Statement { sql, decode })
}
