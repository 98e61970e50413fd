//! Which way SQLite goes: the shapes that have to be quick are served by an index, and
//! sort nothing.

use super::{Keyed, Statement, select};
use crate::config::SqliteConfig;
use crate::connection::{Conn, Purpose};
use crate::layout::{create_table_sql, reconcile_indexes};
use pando_model::column::ColumnType;
use pando_model::plan::{
    Comparison, Filter, JsonStep, KeySource, Order, OrderBy, Output, Scalar, Select,
};
use pando_model::schema::{Column, ForeignKey, Index, PrimaryKey, ReferentialAction, Table};
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
    let conn = Conn::open(&config, Purpose::Write, true).unwrap();
    conn.batch(&create_table_sql(&table(), name)).unwrap();
    conn
}

/// SQLite's words for how it carries a statement out.
fn way(statement: &Statement<'_>) -> String {
    way_in(&table(), statement)
}

fn way_in(table: &Table, statement: &Statement<'_>) -> String {
    let config = SqliteConfig::new(":memory:");
    let conn = Conn::open(&config, Purpose::Write, true).unwrap();
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

fn check(select_: &Select, expected: &str) {
    let way = way(&select(select_, None));
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

/// `cells (table, partition, row, family, qualifier, value)`, placed by partition, with an
/// index for each way into its columns and none by key.
mod cells {
    use super::*;
    use pando_model::aggregate::AggregateFn;

    const TABLE: usize = 0;
    const PARTITION: usize = 1;
    const ROW: usize = 2;
    const FAMILY: usize = 3;
    const QUALIFIER: usize = 4;

    fn table() -> Arc<Table> {
        let names = ["table", "partition", "row", "family", "qualifier", "value"];
        let index = |name: &str, columns: [usize; 5]| Index {
            name: name.into(),
            columns: columns.map(|ix| (ix, false)).to_vec(),
            ..Index::default()
        };
        let mut table = Table::clone(&super::table());
        table.name = "c".into();
        table.columns = names
            .map(|name| Column {
                name: name.into(),
                ty: ColumnType::Text,
                nullable: false,
                default: None,
                identity: None,
                generated: None,
            })
            .to_vec();
        table.primary_key.columns = vec![TABLE, PARTITION, ROW, FAMILY, QUALIFIER];
        table.shard_key = vec![PARTITION];
        table.key_indexed = false;
        table.indexes = vec![
            index("by_qualifier", [TABLE, PARTITION, QUALIFIER, ROW, FAMILY]),
            index("by_family", [TABLE, PARTITION, FAMILY, ROW, QUALIFIER]),
        ];
        table.foreign_keys = vec![];
        Arc::new(table)
    }

    fn text(column: usize, op: Comparison) -> Filter {
        Filter::Compare {
            left: Scalar::Column(column),
            op,
            right: Value::Text("x".into()),
        }
    }

    fn equal(columns: &[usize]) -> Vec<Filter> {
        let columns = [&[TABLE, PARTITION], columns].concat();
        columns.iter().map(|ix| text(*ix, Comparison::Eq)).collect()
    }

    fn read(filters: Vec<Filter>) -> Select {
        Select {
            table: table(),
            output: (0..6)
                .map(|ix| Output::Scalar(Scalar::Column(ix)))
                .collect(),
            filter: Filter::And(filters),
            order: vec![],
            limit: None,
            offset: 0,
        }
    }

    fn check(select_: &Select, expected: &str) {
        let config = SqliteConfig::new(":memory:");
        let conn = Conn::open(&config, Purpose::Write, true).unwrap();
        conn.batch(&create_table_sql(&table(), "c")).unwrap();
        reconcile_indexes(&conn, &table()).unwrap();
        let statement = select(select_, None);
        let sql = format!("EXPLAIN QUERY PLAN {}", statement.sql.text);
        let mut lines = Vec::new();
        conn.select(&sql, &statement.sql.params, |row| {
            lines.push(row.get::<_, String>(3)?);
            Ok(())
        })
        .unwrap();
        let way = lines.join("; ");
        assert!(way.contains(expected), "{way}\nnot: {expected}");
        assert!(!way.contains("TEMP B-TREE"), "it sorts: {way}");
    }

    const LEAD: &str = "table=? AND partition=?";

    #[test]
    fn a_row_and_a_column_of_it_are_one_stretch_of_the_clustered_key() {
        let by_key = format!("SEARCH t0 USING PRIMARY KEY (_pando_slot=? AND {LEAD} AND row=?");
        check(&read(equal(&[ROW])), &format!("{by_key})"));
        check(
            &read(equal(&[ROW, FAMILY])),
            &format!("{by_key} AND family=?)"),
        );
        let one = equal(&[ROW, FAMILY, QUALIFIER]);
        check(
            &read(one),
            &format!("{by_key} AND family=? AND qualifier=?)"),
        );
        let some = Filter::Keys {
            columns: vec![FAMILY, QUALIFIER],
            keys: (0..3)
                .map(|n| vec![Value::Text(n.to_string()); 2])
                .collect(),
        };
        let mut filters = equal(&[ROW]);
        filters.push(some);
        let select_ = Select {
            order: vec![],
            ..read(filters)
        };
        let config = SqliteConfig::new(":memory:");
        let conn = Conn::open(&config, Purpose::Write, true).unwrap();
        conn.batch(&create_table_sql(&table(), "c")).unwrap();
        let statement = select(&select_, None);
        let sql = format!("EXPLAIN QUERY PLAN {}", statement.sql.text);
        let mut way = String::new();
        conn.select(&sql, &statement.sql.params, |row| {
            way.push_str(&row.get::<_, String>(3)?);
            Ok(())
        })
        .unwrap();
        assert!(way.contains("AND family=? AND qualifier=?)"), "{way}");
    }

    #[test]
    fn a_bare_qualifier_of_a_row_is_found_without_the_others() {
        let found = format!("USING INDEX by_qualifier ({LEAD} AND qualifier=? AND row=?)");
        check(&read(equal(&[ROW, QUALIFIER])), &found);
    }

    #[test]
    fn a_column_of_many_rows_is_found_without_the_others() {
        let mut column = equal(&[QUALIFIER]);
        column.push(Filter::In {
            left: Scalar::Column(FAMILY),
            values: vec![Value::Text("x".into())],
        });
        column.push(text(ROW, Comparison::Ge));
        column.push(text(ROW, Comparison::Le));
        let found = format!("by_qualifier ({LEAD} AND qualifier=? AND row>? AND row<?)");
        check(&read(column), &found);
        let mut family = equal(&[FAMILY]);
        family.push(text(ROW, Comparison::Ge));
        check(
            &read(family),
            &format!("by_family ({LEAD} AND family=? AND row>?)"),
        );
        let mut all = equal(&[]);
        all.push(text(ROW, Comparison::Lt));
        check(
            &read(all),
            &format!("PRIMARY KEY (_pando_slot=? AND {LEAD} AND row<?)"),
        );
    }

    #[test]
    fn rows_are_counted_in_their_order_either_way_until_there_are_enough() {
        let backwards = vec![Order {
            by: OrderBy::Output(0),
            descending: true,
            nulls_first: false,
        }];
        for order in [vec![], backwards] {
            let count = |filters| Select {
                output: vec![
                    Output::Scalar(Scalar::Column(ROW)),
                    Output::Aggregate(AggregateFn::Count, None),
                ],
                order: order.clone(),
                limit: Some(10),
                ..read(filters)
            };
            check(
                &count(equal(&[])),
                &format!("PRIMARY KEY (_pando_slot=? AND {LEAD})"),
            );
            let covered = format!("USING COVERING INDEX by_qualifier ({LEAD} AND qualifier=?)");
            check(&count(equal(&[QUALIFIER])), &covered);
            let covered = format!("USING COVERING INDEX by_family ({LEAD} AND family=?)");
            check(&count(equal(&[FAMILY])), &covered);
        }
    }
}
/// `docs (kind, id, body jsonb)` with indexes on paths of the rows of one kind.
fn documents() -> Arc<Table> {
    let mut table = Table::clone(&table());
    table.name = "docs".into();
    for (column, ty) in [ColumnType::Text, ColumnType::Text, ColumnType::Jsonb]
        .into_iter()
        .enumerate()
    {
        table.columns[column].name = ["kind", "id", "body"][column].into();
        table.columns[column].ty = ty;
        table.columns[column].nullable = false;
    }
    table.primary_key = PrimaryKey {
        name: "docs_pkey".into(),
        columns: vec![0, 1],
    };
    table.shard_key = vec![1];
    table.foreign_keys.clear();
    table.indexes = [path("it's", false), path("name", true)]
        .into_iter()
        .enumerate()
        .map(|(number, path)| Index {
            name: format!("by path {number}"),
            columns: vec![(0, false)],
            paths: vec![path],
            only: Some((0, "x".into())),
            ..Index::default()
        })
        .collect();
    Arc::new(table)
}

fn path(key: &str, as_text: bool) -> Scalar {
    Scalar::Json {
        column: 2,
        path: vec![JsonStep::Key(key.into())],
        as_text,
    }
}

#[test]
fn a_declared_path_is_found_by_its_index_in_its_own_kind_only() {
    let text = |text: &str| Value::Text(text.into());
    for (kind, left, op, right, expected) in [
        (
            "x",
            path("it's", false),
            Comparison::Eq,
            Value::Jsonb("7".into()),
            "INDEX by path 0 (kind=? AND <expr>=?)",
        ),
        (
            "x",
            path("it's", false),
            Comparison::Gt,
            Value::Jsonb("7".into()),
            "INDEX by path 0 (kind=? AND <expr>>?)",
        ),
        (
            "x",
            path("name", true),
            Comparison::Eq,
            text("7"),
            "INDEX by path 1 (kind=? AND <expr>=?)",
        ),
        (
            "x",
            path("name", false),
            Comparison::Eq,
            Value::Jsonb("7".into()),
            "INDEX docs_pkey (kind=?)",
        ),
        (
            "y",
            path("name", true),
            Comparison::Eq,
            text("7"),
            "INDEX docs_pkey (kind=?)",
        ),
    ] {
        let of_kind = Filter::Compare {
            left: Scalar::Column(0),
            op: Comparison::Eq,
            right: text(kind),
        };
        let filter = Filter::And(vec![of_kind, Filter::Compare { left, op, right }]);
        let page = Select {
            table: documents(),
            ..page(filter, vec![])
        };
        let way = way_in(&documents(), &select(&page, None));
        assert!(way.contains(expected), "{way}\nnot: {expected}");
    }
}

#[test]
fn a_list_of_a_kind_follows_the_key_whatever_paths_are_indexed() {
    let of_kind = || Filter::Compare {
        left: Scalar::Column(0),
        op: Comparison::Eq,
        right: Value::Text("x".into()),
    };
    let behind = Filter::Compare {
        left: Scalar::Column(1),
        op: Comparison::Gt,
        right: Value::Text("7".into()),
    };
    for (filter, expected) in [
        (of_kind(), "USING INDEX docs_pkey (kind=?)"),
        (
            Filter::And(vec![of_kind(), behind]),
            "USING INDEX docs_pkey (kind=? AND id>?)",
        ),
    ] {
        let page = Select {
            table: documents(),
            ..page(filter, vec![])
        };
        let found = way_in(&documents(), &select(&page, None));
        assert!(found.contains(expected), "{found}");
        assert!(!found.contains("TEMP B-TREE"), "it sorts: {found}");
    }
}

/// `terms (term, kind, id)` beside a primary key that begins with `kind`, as postings lie.
fn postings() -> Arc<Table> {
    let mut table = Table::clone(&documents());
    let (kind, id, term) = (0, 1, 2);
    table.columns[term].name = "term".into();
    table.columns[term].ty = ColumnType::Text;
    table.primary_key.columns = vec![kind, id, term];
    table.indexes = vec![Index {
        name: "by term".into(),
        columns: vec![(term, false), (kind, false), (id, false)],
        ..Index::default()
    }];
    Arc::new(table)
}

#[test]
fn a_list_beside_a_fixed_column_is_looked_up_by_both() {
    let texts = |count: usize| -> Vec<Value> {
        (0..count)
            .map(|number| Value::Text(number.to_string()))
            .collect()
    };
    let in_kind = |column: usize, values: Vec<Value>| {
        let of_kind = Filter::Compare {
            left: Scalar::Column(0),
            op: Comparison::Eq,
            right: Value::Text("x".into()),
        };
        let left = Scalar::Column(column);
        Filter::And(vec![of_kind, Filter::In { left, values }])
    };
    for count in [1, 2, 1_000] {
        let by_id = Select {
            table: documents(),
            limit: None,
            ..page(in_kind(1, texts(count)), vec![])
        };
        let found = way_in(&documents(), &select(&by_id, None));
        assert!(found.contains("docs_pkey (kind=? AND id=?)"), "{found}");
        let order = [2, 0, 1].map(|column| by(column, false).remove(0)).to_vec();
        let by_term = Select {
            table: postings(),
            limit: Some(1_000_001),
            ..page(in_kind(2, texts(count)), order)
        };
        let found = way_in(&postings(), &select(&by_term, None));
        assert!(
            found.contains("COVERING INDEX by term (term=? AND kind=?)"),
            "{found}"
        );
    }
    let one = Select {
        table: postings(),
        limit: Some(1),
        ..page(
            Filter::And(
                [0, 1]
                    .map(|column| Filter::Compare {
                        left: Scalar::Column(column),
                        op: Comparison::Eq,
                        right: Value::Text("x".into()),
                    })
                    .to_vec(),
            ),
            vec![],
        )
    };
    let found = way_in(&postings(), &select(&one, None));
    assert!(
        found.contains("(_pando_slot=? AND kind=? AND id=?)"),
        "{found}"
    );
}
