//! Rows that are looked for by a list of keys.
//!
//! `(a, b) IN (SELECT * FROM unnest(…))` leaves the order of a join to the planner. Of a table that
//! grows faster than it is analyzed, with a plan that serves lists of any length, PostgreSQL takes
//! all rows that pass the other conditions for few, and compares each of them with the whole list.
//! Here every key is looked up by itself: a join within the list's row cannot be turned around.

use super::in_slot;
use crate::sql::filter::is_array;
use crate::sql::{Alias, Sql};
use pando_model::fixed::Fixed;
use pando_model::plan::Filter;
use pando_model::schema::{ColumnIx, Table};
use pando_model::value::Value;

/// A filter that is a list of keys and what else has to be true.
struct Listed<'a> {
    columns: &'a [ColumnIx],
    keys: &'a [Vec<Value>],
    rest: Vec<&'a Filter>,
}

/// Adds ` FROM …` of the rows that pass such a filter; whether it is one.
pub(super) fn source<'a>(
    sql: &mut Sql<'a>,
    table: &'a Table,
    filter: &'a Filter,
    root: Alias,
    fixed: &Fixed<'_>,
) -> bool {
    let Some(listed) = listed(table, filter) else {
        return false;
    };
    sql.push(" FROM (SELECT DISTINCT * FROM ");
    let columns = listed.columns.iter().map(|ix| &table.columns[*ix].ty);
    sql.unnest(columns, listed.keys);
    sql.push(" AS u (")
        .joined(", ", 0..listed.columns.len(), |sql, place| {
            sql.push("u").number(place);
        });
    sql.push(")) AS u CROSS JOIN LATERAL (SELECT * FROM ")
        .table(&table.name, root)
        .push(" WHERE ");
    in_slot(sql, table, root, fixed);
    for part in listed.rest {
        sql.push("(").filter(part, table, root).push(") AND ");
    }
    let columns = listed.columns.iter().enumerate();
    sql.joined(" AND ", columns, |sql, (place, ix)| {
        sql.column(root, &table.columns[*ix].name)
            .push(" = u.u")
            .number(place);
    });
    // No join is made of a query with an offset.
    sql.push(" OFFSET 0) ").aliased(root);
    true
}

fn listed<'a>(table: &Table, filter: &'a Filter) -> Option<Listed<'a>> {
    // What others write may be locked, which a query within has no word for.
    if table.adopted {
        return None;
    }
    let mut rest: Vec<&Filter> = match filter {
        Filter::And(parts) => parts.iter().collect(),
        only => vec![only],
    };
    let is_list = |part: &&Filter| match part {
        Filter::Keys { columns, keys } => {
            keys.len() > 1 && !columns.iter().any(|ix| is_array(&table.columns[*ix].ty))
        }
        _ => false,
    };
    let Filter::Keys { columns, keys } = rest.remove(rest.iter().position(is_list)?) else {
        return None;
    };
    Some(Listed {
        columns,
        keys,
        rest,
    })
}
