//! Documents, with indexes on paths of those of one kind, and the postings they are searched by.

use super::{by, page, way_in};
use crate::sql::select;
use pando_model::column::ColumnType;
use pando_model::plan::{Comparison, Filter, JsonStep, Scalar, Select};
use pando_model::schema::{Index, PrimaryKey, Table};
use pando_model::value::Value;
use std::sync::Arc;

/// `docs (kind, id, body jsonb)` with indexes on paths of the rows of one kind.
fn documents() -> Arc<Table> {
    let mut table = Table::clone(&super::table());
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
