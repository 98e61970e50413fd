//! Orders, written to their end: what was asked for, then the primary key, or what groups are
//! made by.

use super::select::{KeyColumns, output_sql};
use super::{Alias, Sql};
use pando_model::plan::{Order, OrderBy, Output, Scalar, Select};

/// Where an order stands.
#[derive(Clone, Copy)]
pub(super) enum Ends<'k, 'a> {
    /// At the end of a statement: by key first, and outputs are named by their place.
    Statement(&'k KeyColumns<'a>),
    /// In a window over one key, where outputs are written out.
    Window,
}

/// Adds ` ORDER BY …`, to the end.
pub(super) fn order_by<'a>(sql: &mut Sql<'a>, select: &'a Select, root: Alias, ends: Ends<'_, 'a>) {
    let table = &*select.table;
    let mut separator = " ORDER BY ";
    if let Ends::Statement(key_columns) = ends {
        for (alias, table, ix) in key_columns {
            sql.push(separator).column(*alias, &table.columns[*ix].name);
            separator = ", ";
        }
    }
    let written_out = matches!(ends, Ends::Window);
    for order in &select.order {
        sql.push(separator);
        separator = ", ";
        order_term(sql, order, select, root, written_out);
    }
    if select.is_aggregate() {
        for (place, output) in select.output.iter().enumerate() {
            let is_scalar = matches!(output, Output::Scalar(_));
            if is_scalar && !is_listed(select, &OrderBy::Output(place)) {
                sql.push(separator);
                separator = ", ";
                output_place(sql, select, place, root, written_out);
            }
        }
        return;
    }
    for ix in &table.primary_key.columns {
        if !is_listed(select, &OrderBy::Scalar(Scalar::Column(*ix))) {
            sql.push(separator).column(root, &table.columns[*ix].name);
            separator = ", ";
        }
    }
}

fn is_listed(select: &Select, by: &OrderBy) -> bool {
    select.order.iter().any(|order| order.by == *by)
}

fn order_term<'a>(
    sql: &mut Sql<'a>,
    order: &'a Order,
    select: &'a Select,
    root: Alias,
    written_out: bool,
) {
    let table = &*select.table;
    let nullable = match &order.by {
        OrderBy::Scalar(scalar) => {
            sql.compared(scalar, table, root);
            scalar.is_nullable(table)
        }
        OrderBy::Related(join, scalar) => {
            // The inner table's alias is known only once FROM is written.
            sql.push("(SELECT ");
            let other = Alias(sql.tables);
            sql.compared(scalar, &join.table, other);
            sql.related(join, table, root);
            sql.push(" LIMIT 1)");
            true
        }
        OrderBy::Output(place) => {
            output_place(sql, select, *place, root, written_out);
            true
        }
    };
    if order.descending {
        sql.push(" DESC");
    }
    // PostgreSQL takes NULL for the greatest value.
    if nullable && order.nulls_first != order.descending {
        sql.push(if order.nulls_first {
            " NULLS FIRST"
        } else {
            " NULLS LAST"
        });
    }
}

fn output_place<'a>(
    sql: &mut Sql<'a>,
    select: &'a Select,
    place: usize,
    root: Alias,
    written_out: bool,
) {
    match select.output.get(place) {
        Some(output) if written_out => output_sql(sql, output, &select.table, root),
        _ => {
            sql.number(place + 1);
        }
    }
}
