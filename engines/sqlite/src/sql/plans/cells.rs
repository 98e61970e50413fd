//! Wide rows: `cells (table, partition, row, family, qualifier, value)`, placed by partition, with
//! an index for each way into its columns and none by key.

use super::{check, way_in};
use crate::sql::select;
use pando_model::aggregate::AggregateFn;
use pando_model::column::ColumnType;
use pando_model::plan::{Comparison, Filter, Order, OrderBy, Output, Scalar, Select};
use pando_model::schema::{Column, Index, Table};
use pando_model::value::Value;
use std::sync::Arc;

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
    let select_ = read(filters);
    let way = way_in(&table(), &select(&select_, None));
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
