//! Whatever is asked is answered or refused; nothing panics, nothing is a fault of the store's.

use crate::ask::*;
use crate::bench::Bench;
use pando_model::pattern::PatternKind;
use pando_model::plan::{Comparison, Containment};
use pando_model::text_search::QueryForm;
use pando_store::error::StoreError;
use pando_store::request::{
    Condition, Operand, PayloadFormat, SelectItem, Shape, TableWrite, Test, Verb,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use tokio::runtime::Runtime;

const NAMES: [&str; 12] = [
    "id", "name", "price", "tags", "data", "raw", "ready", "data->a", "data->>0", "raw->>x",
    "nope", "",
];

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => prop::sample::select(&NAMES[..]).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn value() -> impl Strategy<Value = String> {
    let known = [
        "1",
        "-1",
        "1.5",
        "",
        "{}",
        "{a,b}",
        "[1]",
        r#"{"a":1}"#,
        "true",
        "null",
        "NULL",
        "%a%",
        "(",
        "a & b",
        "2020-01-01",
        "9223372036854775808",
        "1e400",
        "\u{0}",
    ];
    prop_oneof![
        4 => prop::sample::select(known.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
    ]
}

fn a_test() -> impl Strategy<Value = Test> {
    let list = || prop::collection::vec(value(), 0..4);
    prop_oneof![
        value().prop_map(|text| Test::Compare(Comparison::Gt, Operand::One(text))),
        list().prop_map(|texts| Test::Compare(Comparison::Eq, Operand::Any(texts))),
        value().prop_map(Test::IsDistinct),
        list().prop_map(Test::In),
        value().prop_map(|text| Test::Match(PatternKind::Like, Operand::One(text))),
        list().prop_map(|texts| Test::Match(PatternKind::RegexInsensitive, Operand::All(texts))),
        value().prop_map(|text| Test::Search(QueryForm::Fts, None, text)),
        value().prop_map(|text| Test::Search(QueryForm::Websearch, None, text)),
        value().prop_map(|text| Test::Containment(Containment::Contains, text)),
    ]
}

fn condition() -> impl Strategy<Value = Condition> {
    let leaf = (name(), a_test(), any::<bool>()).prop_map(|(name, inner, negated)| {
        let plain = test(&name, inner);
        if negated { not(plain) } else { plain }
    });
    leaf.prop_recursive(3, 8, 3, |inner| {
        (
            any::<bool>(),
            any::<bool>(),
            prop::collection::vec(inner, 0..3),
        )
            .prop_map(|(all, negated, parts)| match all {
                true => Condition::And(negated, parts),
                false => Condition::Or(negated, parts),
            })
    })
}

fn item() -> impl Strategy<Value = SelectItem> {
    let types = [
        "text", "int", "bigint", "numeric", "date", "jsonb", "bool", "text[]", "x",
    ];
    prop_oneof![
        Just(SelectItem::Star),
        name().prop_map(|name| col(&name)),
        (name(), prop::sample::select(types.to_vec())).prop_map(|(name, ty)| cast(&name, ty)),
        name().prop_map(|name| aggregate(pando_model::aggregate::AggregateFn::Max, &name)),
        Just(count()),
    ]
}

/// Runs a property on one store, and prints the failing case with its seed.
fn check<S: Strategy>(strategy: S, property: impl Fn(&Runtime, &Bench, S::Value)) {
    let runtime = Runtime::new().unwrap();
    let bench = runtime.block_on(Bench::new());
    let row = r#"[{"id":1,"price":1.5,"tags":["a"],"data":{"a":[1]},"raw":{"x":"y"},"ready":true},
        {"id":2,"price":null,"tags":null,"data":null,"raw":null,"ready":null}]"#
        .replace("    ", "");
    let rows = write(Verb::Insert, "items", &row);
    runtime.block_on(bench.write(rows)).unwrap();
    let mut runner = TestRunner::new(Config {
        cases: 400,
        failure_persistence: None,
        ..Config::default()
    });
    let outcome = runner.run(&strategy, |input| {
        property(&runtime, &bench, input);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

fn is_sound<T>(answer: &Result<T, StoreError>) -> bool {
    matches!(answer, Ok(_) | Err(StoreError::Refused(_)))
}

#[test]
fn any_read_is_answered_or_refused() {
    let items = prop::collection::vec(item(), 0..4);
    let conditions = prop::collection::vec(condition(), 0..3);
    let orders = prop::option::of(name());
    let shapes = prop::sample::select(vec![Shape::Array, Shape::Csv]);
    check(
        (items, conditions, orders, shapes),
        |runtime, bench, (items, conditions, order, shape)| {
            let mut ask = from("items").select(items).shape(shape);
            for condition in conditions {
                ask = ask.filter(condition);
            }
            if let Some(name) = order {
                ask = ask.order(&[&name]);
            }
            let answer = runtime.block_on(bench.try_read(&ask));
            assert!(is_sound(&answer), "{ask:?}: {:?}", answer.err());
        },
    );
}

#[test]
fn any_body_is_written_or_refused() {
    let json =
        r#"[\[\{]?[\[\{]?("(id|name|price|tags|data|x)":(1|"a"|null|\[1\]|1e9),?){0,3}[\]\}]{0,2}"#;
    let csv = "(id|name|price)(,(name|tags|x))?\n([a1\"{},]{0,6}\n){0,3}";
    let form = "(id|name|%[0-9a-g]{1,2})=([a+%0-9&=]{0,6})";
    let body = prop_oneof![json, csv, form, any::<String>()];
    let formats = vec![PayloadFormat::Json, PayloadFormat::Csv, PayloadFormat::Form];
    let verbs = vec![Verb::Insert, Verb::Update, Verb::Put];
    check(
        (
            body,
            prop::sample::select(formats),
            prop::sample::select(verbs),
        ),
        |runtime, bench, (body, format, verb)| {
            let request = TableWrite {
                format,
                ..filtered(write(verb, "items", &body), eq("id", "1"))
            };
            let answer = runtime.block_on(bench.write(request));
            assert!(is_sound(&answer), "{body:?}: {:?}", answer.err());
        },
    );
}
