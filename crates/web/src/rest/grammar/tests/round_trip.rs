//! Query strings are understood as what they were written from, and no text
//! makes the grammar panic.

use super::echo::{comparison, field_text, items, joined, order_term, quoted, test_text};
use crate::rest::grammar::query::{Parsed, parse};
use pando_model::aggregate::AggregateFn;
use pando_model::plan::{Comparison, Is, JsonStep};
use pando_store::request::{
    Condition, Embed, EmbedPath, Field, Operand, OrderTerm, RowRange, SelectItem, Test,
};
use proptest::prelude::*;

/// A condition as it stands inside `and=(…)`.
fn logic_source(condition: &Condition) -> String {
    let not = |negated: bool| if negated { "not." } else { "" };
    match condition {
        Condition::And(negated, parts) => {
            format!("{}and({})", not(*negated), joined(parts, logic_source))
        }
        Condition::Or(negated, parts) => {
            format!("{}or({})", not(*negated), joined(parts, logic_source))
        }
        Condition::Test {
            field,
            negated,
            test,
        } => {
            let list = |texts: &[String]| joined(texts, |text| quoted(text));
            let test = match test {
                Test::Compare(op, Operand::One(text)) => {
                    format!("{}.{}", comparison(*op), quoted(text))
                }
                Test::Compare(op, Operand::Any(texts)) => {
                    format!(
                        "{}(any).{}",
                        comparison(*op),
                        quoted(&format!("{{{}}}", list(texts)))
                    )
                }
                Test::In(texts) => format!("in.({})", list(texts)),
                Test::IsDistinct(text) => format!("isdistinct.{}", quoted(text)),
                other => test_text(other),
            };
            format!("{}.{}{test}", field_text(field), not(*negated))
        }
    }
}

fn source(parsed: &Parsed) -> String {
    let query = &parsed.query;
    let encode = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let at = |path: &EmbedPath| {
        path.iter()
            .map(|p| format!("{}.", quoted(p)))
            .collect::<String>()
    };
    let mut pairs = Vec::new();
    if !query.select.is_empty() {
        pairs.push(("select".to_owned(), items(&query.select)));
    }
    for (path, condition) in &query.filters {
        if let Condition::And(negated, parts) | Condition::Or(negated, parts) = condition {
            let name = if matches!(condition, Condition::And(..)) {
                "and"
            } else {
                "or"
            };
            let not = if *negated { "not." } else { "" };
            let value = format!("({})", joined(parts, logic_source));
            pairs.push((format!("{}{not}{name}", at(path)), value));
        }
    }
    for (path, terms) in &query.order {
        pairs.push((format!("{}order", at(path)), joined(terms, order_term)));
    }
    for (path, range) in &query.ranges {
        pairs.extend(
            range
                .limit
                .map(|limit| (format!("{}limit", at(path)), limit.to_string())),
        );
        pairs.push((format!("{}offset", at(path)), range.offset.to_string()));
    }
    let pairs: Vec<String> = pairs
        .iter()
        .map(|(key, value)| format!("{}={}", encode(key), encode(value)))
        .collect();
    pairs.join("&")
}

fn any_name() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z_][a-z0-9_]{0,8}", "\\PC{1,6}"]
}

fn any_field() -> impl Strategy<Value = Field> {
    let step = prop_oneof![
        any_name().prop_map(JsonStep::Key),
        any::<i64>().prop_map(JsonStep::Index)
    ];
    (any_name(), prop::collection::vec(step, 0..3), any::<bool>()).prop_map(|(name, path, text)| {
        let as_text = text && !path.is_empty();
        Field {
            name,
            path,
            as_text,
        }
    })
}

fn any_test() -> impl Strategy<Value = Test> {
    let text = "\\PC{0,8}";
    let texts = prop::collection::vec(text, 1..4);
    prop_oneof![
        text.prop_map(|t| Test::Compare(Comparison::Ge, Operand::One(t))),
        texts
            .clone()
            .prop_map(|t| Test::Compare(Comparison::Eq, Operand::Any(t))),
        texts.prop_map(Test::In),
        text.prop_map(Test::IsDistinct),
        any::<bool>().prop_map(|negated| Test::Is(Is::Null, negated)),
    ]
}

fn any_condition() -> impl Strategy<Value = Condition> {
    let leaf = (any_field(), any::<bool>(), any_test()).prop_map(|(field, negated, test)| {
        Condition::Test {
            field,
            negated,
            test,
        }
    });
    leaf.prop_recursive(3, 12, 3, |inner| {
        (any::<(bool, bool)>(), prop::collection::vec(inner, 1..3)).prop_map(
            |((or, negated), parts)| {
                if or {
                    Condition::Or(negated, parts)
                } else {
                    Condition::And(negated, parts)
                }
            },
        )
    })
}

fn any_item() -> impl Strategy<Value = SelectItem> {
    let function = prop_oneof![Just(AggregateFn::Sum), Just(AggregateFn::Max)];
    let cast = || prop::option::of("[a-z]{1,6}");
    let leaf = (
        prop::option::of(any_name()),
        any_field(),
        cast(),
        prop::option::of(function),
        cast(),
    )
        .prop_map(|(alias, field, cast, aggregate, after)| SelectItem::Field {
            alias,
            field: Some(field),
            cast,
            aggregate_cast: after.filter(|_| aggregate.is_some()),
            aggregate,
        });
    prop_oneof![Just(SelectItem::Star), leaf].prop_recursive(3, 12, 3, |inner| {
        let items = prop::collection::vec(inner, 0..3);
        (
            prop::option::of(any_name()),
            any_name(),
            prop::option::of(any_name()),
            any::<(bool, bool)>(),
            items,
        )
            .prop_map(|(alias, target, hint, (inner, spread), items)| {
                let alias = alias.filter(|_| !spread);
                let hint = hint.filter(|hint| hint != "inner" && hint != "left");
                SelectItem::Embed(Embed {
                    alias,
                    target,
                    hint,
                    inner,
                    spread,
                    items,
                })
            })
    })
}

fn any_parsed() -> impl Strategy<Value = Parsed> {
    let path = || {
        prop::collection::vec("[a-z]{1,5}", 0..3)
            .prop_filter("`not` is a word", |p| !p.contains(&"not".to_owned()))
    };
    let junction = (
        any::<(bool, bool)>(),
        prop::collection::vec(any_condition(), 1..3),
    )
        .prop_map(|((or, n), parts)| {
            if or {
                Condition::Or(n, parts)
            } else {
                Condition::And(n, parts)
            }
        });
    let term = (any_field(), any::<bool>(), any::<Option<bool>>()).prop_map(
        |(field, descending, nulls_first)| OrderTerm {
            relation: None,
            field,
            descending,
            nulls_first,
        },
    );
    let range = (prop::option::of(0..1000u64), 0..1000u64)
        .prop_map(|(limit, offset)| RowRange { limit, offset });
    (
        prop::collection::vec(any_item(), 0..4),
        prop::collection::vec((path(), junction), 0..3),
        prop::option::of((path(), prop::collection::vec(term, 1..3))),
        prop::option::of((path(), range)),
    )
        .prop_map(|(select, filters, order, range)| {
            let mut parsed = Parsed::default();
            parsed.query.select = select;
            parsed.query.filters = filters;
            parsed.query.order = order.into_iter().collect();
            parsed.query.ranges = range.into_iter().collect();
            parsed
        })
}

proptest! {
    #[test]
    fn what_is_written_is_understood_as_what_it_was_written_from(parsed in any_parsed()) {
        let source = source(&parsed);
        prop_assert_eq!(parse(&source), Ok(parsed), "{}", source);
    }

    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,60}") {
        let _ = parse(&text);
        for name in ["select", "order", "or", "and", "a", "limit", "columns", "a.b.offset"] {
            let _ = parse(&format!("{name}={text}"));
        }
    }

    #[test]
    fn no_text_of_the_grammar_s_own_letters_makes_it_panic(
        text in r#"(eq|not|in|is|any|or|and|count|\.|,|\(|\)|\{|\}|"|\\|->|->>|::|:|!|\*|-|a|1| |%|\+|=|&){0,40}"#
    ) {
        let _ = parse(&text);
        for name in ["select", "order", "or", "not.and", "a", "a.order", "on_conflict"] {
            let _ = parse(&format!("{name}={text}"));
        }
    }
}
