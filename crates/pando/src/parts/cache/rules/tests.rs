//! Which rules can be, and what comes of those that cannot.

use super::*;
use pando_model::expr::Moment;
use pando_store::catalog::CacheSettings;
use pando_store::ddl;
use std::sync::Arc;

fn schema() -> Schema {
    let tables = "create table reviews (id bigint primary key);";
    let planned = ddl::plan(&Schema::default(), tables, Moment { now_us: 0 });
    planned.unwrap().schema
}

#[test]
fn a_table_that_is_not_there_is_told_with_the_one_that_may_be_meant() {
    for (table, expected) in [
        ("revews", "there is no table revews: did you mean reviews?"),
        ("orders", "there is no table orders"),
    ] {
        assert_eq!(no_table(table, &schema()), expected);
    }
}

/// 600 bytes in 200 characters.
fn long() -> String {
    "가".repeat(200)
}

#[test]
fn a_name_that_the_store_refuses_is_refused_of_every_model() {
    for surface in ["rest", "docs", "kv", "wide", "graph"] {
        for (name, is_one) in [
            ("a".repeat(255), true),
            ("a".repeat(256), false),
            (long(), false),
            ("a\0b".to_owned(), false),
            (String::new(), false),
            ("가/나".to_owned(), true),
        ] {
            let shape = check_shape(&format!("{surface}/{name}"));
            assert_eq!(shape.is_ok(), is_one, "{surface} {name:?}");
        }
    }
    let mut written = Cache::default();
    let collections = &mut written.collections;
    collections.insert(format!("kv/{}", long()), CachedCollection::default());
    assert_eq!(faults(&written).len(), 1);
}

#[test]
fn a_rule_that_was_kept_under_such_a_name_keeps_no_other_from_being_written_behind() {
    let bad = format!("kv/{}", long());
    let behind = || r#"{"strategy":"write-behind"}"#.to_owned();
    let mut changed = CacheSettings::default();
    changed.rules = [(bad.clone(), behind()), ("kv/carts".to_owned(), behind())].into();
    let source = Source {
        written: Cache::default(),
        schema_version: 1,
        changed: Arc::new(changed),
    };
    let all = rules_of(&source, &schema());
    let names: Vec<&String> = all.rules.keys().collect();
    assert_eq!(names, ["kv/carts"]);
    let refused: Vec<&String> = all.refused.iter().map(|one| &one.collection).collect();
    assert_eq!(refused, [&bad]);
}

#[test]
fn a_rule_of_a_table_that_is_not_there_is_astray_and_all_others_hold() {
    let mut written = Cache::default();
    for name in ["rest/reviews", "rest/revews", "kv/carts"] {
        written
            .collections
            .insert(name.to_owned(), CachedCollection::default());
    }
    let source = Source {
        written,
        schema_version: 1,
        changed: Arc::default(),
    };
    let all = rules_of(&source, &schema());
    let names: Vec<&String> = all.rules.keys().collect();
    assert_eq!(names, ["kv/carts", "rest/reviews"]);
    assert_eq!(
        all.astray,
        [("rest/revews".to_owned(), Origin::File)].into()
    );
    assert_eq!(all.refused, []);
}
