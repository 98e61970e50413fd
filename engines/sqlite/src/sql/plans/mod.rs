//! Which way SQLite goes: the shapes that have to be quick are served by an index, and
//! sort nothing. Here those of a table of a user's, in [`cells`] those of wide rows, in
//! [`documents`] those of documents and what they are searched by.

mod cells;
mod documents;

use super::{Statement, select};
use crate::config::SqliteConfig;
use crate::connection::Conn;
use crate::layout::{create_table_sql, reconcile_indexes};
use pando_model::column::ColumnType;
use pando_model::plan::{Comparison, Filter, KeySource, Order, OrderBy, Output, Scalar, Select};
use pando_model::schema::{Column, ForeignKey, Index, PrimaryKey, ReferentialAction, Table};
use pando_model::tree::Keyed;
use pando_model::value::Value;
use std::collections::BTreeMap;
use std::sync::Arc;

const ID: usize = 0;
const OWNER: usize = 1;
const SIZE: usize = 2;

/// `t (id, owner → t, size)` with an index on size.
fn table() -> Arc<Table> {
    let column = |name: &str, nullable| Column {
        name: name.to_owned(),
        ty: ColumnType::Bigint,
        nullable,
        default: None,
        identity: None,
        generated: None,
    };
    Arc::new(Table {
        name: "t".into(),
        columns: vec![
            column("id", false),
            column("owner", true),
            column("size", true),
        ],
        primary_key: PrimaryKey {
            name: "t_pkey".into(),
            columns: vec![ID],
        },
        shard_key: vec![ID],
        uniques: vec![],
        indexes: vec![Index {
            name: "t_size_idx".into(),
            columns: vec![(SIZE, false)],
            ..Index::default()
        }],
        checks: vec![],
        foreign_keys: vec![ForeignKey {
            name: "t_owner_fkey".into(),
            columns: vec![OWNER],
            target: "t".into(),
            target_columns: vec!["id".into()],
            enforced: false,
            on_delete: ReferentialAction::NoAction,
            on_update: ReferentialAction::NoAction,
        }],
        reference: false,
        key_indexed: true,
        adopted: false,
        options: BTreeMap::new(),
    })
}

fn compare(column: usize, op: Comparison) -> Filter {
    Filter::Compare {
        left: Scalar::Column(column),
        op,
        right: Value::Int(1),
    }
}

fn by(column: usize, descending: bool) -> Vec<Order> {
    vec![Order {
        by: OrderBy::Scalar(Scalar::Column(column)),
        descending,
        nulls_first: descending,
    }]
}

fn page(filter: Filter, order: Vec<Order>) -> Select {
    Select {
        table: table(),
        output: (0..3)
            .map(|ix| Output::Scalar(Scalar::Column(ix)))
            .collect(),
        filter,
        order,
        limit: Some(20),
        offset: 0,
    }
}

fn prepared(name: &str) -> Conn {
    let config = SqliteConfig::new(":memory:");
    let conn = Conn::open(&config, true).unwrap();
    conn.batch(&create_table_sql(&table(), name)).unwrap();
    conn
}

/// SQLite's words for how it carries a statement out.
fn way(statement: &Statement<'_>) -> String {
    way_in(&table(), statement)
}

fn way_in(table: &Table, statement: &Statement<'_>) -> String {
    let config = SqliteConfig::new(":memory:");
    let conn = Conn::open(&config, true).unwrap();
    conn.batch(&create_table_sql(table, &table.name)).unwrap();
    reconcile_indexes(&conn, table).unwrap();
    let sql = format!("EXPLAIN QUERY PLAN {}", statement.sql.text);
    let mut lines = Vec::new();
    conn.select(&sql, &statement.sql.params, |row| {
        lines.push(row.get::<_, String>(3)?);
        Ok(())
    })
    .unwrap();
    lines.join("; ")
}

/// Checks that a select goes a way that has `expected` in it, and sorts nothing.
fn check(select_: &Select, expected: &str) {
    let way = way_in(&select_.table, &select(select_, None));
    assert!(way.contains(expected), "{way}\nnot: {expected}");
    assert!(!way.contains("TEMP B-TREE"), "it sorts: {way}");
}

#[test]
fn a_row_is_found_by_its_clustered_key() {
    let one = page(compare(ID, Comparison::Eq), vec![]);
    check(&one, "SEARCH t0 USING PRIMARY KEY (_pando_slot=? AND id=?)");
}

#[test]
fn a_row_is_found_by_its_clustered_key_after_its_table_was_renamed() {
    let one = page(compare(ID, Comparison::Eq), vec![]);
    let statement = select(&one, None);
    let conn = prepared("x");
    conn.batch("ALTER TABLE x RENAME TO t").unwrap();
    let rows = conn.exists(&statement.sql.text, &statement.sql.params);
    assert!(!rows.unwrap());
}

#[test]
fn a_list_by_key_and_its_next_page_follow_the_key() {
    check(&page(Filter::Const(true), vec![]), "USING INDEX t_pkey");
    let next = Filter::After {
        columns: vec![ID],
        values: vec![Value::Int(7)],
    };
    check(&page(next, vec![]), "SEARCH t0 USING INDEX t_pkey (id>?)");
}

#[test]
fn a_filtered_and_ordered_page_follows_the_index() {
    let filter = || compare(SIZE, Comparison::Gt);
    check(
        &page(filter(), by(SIZE, false)),
        "USING INDEX t_size_idx (size>?)",
    );
    check(
        &page(Filter::Const(true), by(SIZE, false)),
        "USING INDEX t_size_idx",
    );
    let equal = page(compare(SIZE, Comparison::Eq), vec![]);
    check(&equal, "USING INDEX t_size_idx (size=?)");
}

#[test]
fn a_page_in_falling_order_sorts_only_equal_values() {
    let way = way(&select(&page(Filter::Const(true), by(SIZE, true)), None));
    assert!(way.contains("USING INDEX t_size_idx"), "{way}");
    assert!(way.contains("LAST TERM OF ORDER BY"), "{way}");
}

#[test]
fn children_are_looked_up_by_their_indexed_key() {
    let child = Select {
        limit: None,
        ..page(Filter::Const(true), vec![])
    };
    let keys: Vec<_> = (0..5).map(|id| vec![Value::Int(id)]).collect();
    let keyed = Keyed {
        via: None,
        key: &[KeySource::Table(OWNER)],
        keys: &keys,
    };
    let way = way(&select(&child, Some(keyed)));
    assert!(way.contains("(owner=?)"), "{way}");
}

#[test]
fn children_are_looked_up_by_keys_of_several_columns() {
    let child = Select {
        limit: None,
        ..page(Filter::Const(true), vec![])
    };
    let keys: Vec<_> = (0..5)
        .map(|id| vec![Value::Int(id), Value::Int(id)])
        .collect();
    let keyed = Keyed {
        via: None,
        key: &[KeySource::Table(SIZE), KeySource::Table(ID)],
        keys: &keys,
    };
    let way = way(&select(&child, Some(keyed)));
    assert!(way.contains("t_size_idx (size=? AND id=?)"), "{way}");
}

/// SQLite bounds how deep an expression may be (1,000), and how many parameters there are.
#[test]
fn a_condition_has_room_for_two_thousand_parts_and_more_are_refused() {
    let conn = prepared("t");
    let parts = |count| (0..count).map(|_| compare(SIZE, Comparison::Gt)).collect();
    for filter in [Filter::Or(parts(2_000)), Filter::And(parts(2_000))] {
        let select_ = page(filter, vec![]);
        let statement = select(&select_, None);
        let found = conn.exists(&statement.sql.text, &statement.sql.params);
        assert!(!found.unwrap());
    }
    let select_ = page(Filter::Or(parts(40_000)), vec![]);
    let statement = select(&select_, None);
    let refused = conn.exists(&statement.sql.text, &statement.sql.params);
    assert!(refused.is_err_and(|fault| fault.is_about_the_request()));
}
