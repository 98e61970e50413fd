//! Queries written out: in full for tables of examples, and as query strings
//! that must be understood as what they were written from.

use crate::rest::grammar::query::{Parsed, parse};
use pando_model::aggregate::AggregateFn;
use pando_model::pattern::PatternKind;
use pando_model::plan::{Comparison, Containment, Is, JsonStep};
use pando_model::text_search::QueryForm;
use pando_store::request::{
    Condition, Embed, EmbedPath, Field, Operand, OrderTerm, RowRange, SelectItem, Test,
};
use proptest::prelude::*;

/// One line that shows everything that was understood.
pub(super) fn query_text(parsed: &Parsed) -> String {
    let mut words = Vec::new();
    let query = &parsed.query;
    if !query.select.is_empty() {
        words.push(format!("select={}", items(&query.select)));
    }
    let at = |path: &EmbedPath| path.iter().map(|p| format!("{p}/")).collect::<String>();
    for (path, condition) in &query.filters {
        words.push(at(path) + &condition_text(condition));
    }
    for (path, terms) in &query.order {
        words.push(format!("{}order={}", at(path), joined(terms, order_term)));
    }
    for (path, range) in &query.ranges {
        let limit = range
            .limit
            .map_or("*".to_owned(), |limit| limit.to_string());
        words.push(format!("{}range={limit}@{}", at(path), range.offset));
    }
    let names = |names: &Vec<String>| joined(names, |name| quoted(name));
    words.extend(
        query
            .cursor
            .as_ref()
            .map(|cursor| format!("cursor={cursor}")),
    );
    words.extend(
        parsed
            .columns
            .as_ref()
            .map(|c| format!("columns={}", names(c))),
    );
    words.extend(
        parsed
            .on_conflict
            .as_ref()
            .map(|c| format!("on_conflict={}", names(c))),
    );
    words.join(" ")
}

fn joined<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    items.iter().map(text).collect::<Vec<_>>().join(",")
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn items(list: &[SelectItem]) -> String {
    joined(list, |item| match item {
        SelectItem::Star => "*".to_owned(),
        SelectItem::Embed(embed) => embed_text(embed),
        SelectItem::Field {
            alias,
            field,
            cast,
            aggregate,
            aggregate_cast,
        } => {
            let cast_text =
                |cast: &Option<String>| cast.as_ref().map_or(String::new(), |c| format!("::{c}"));
            let function = aggregate.map(|function| match function {
                AggregateFn::Count => "count()",
                AggregateFn::Sum => "sum()",
                AggregateFn::Avg => "avg()",
                AggregateFn::Min => "min()",
                AggregateFn::Max => "max()",
            });
            let dot = if field.is_some() && function.is_some() {
                "."
            } else {
                ""
            };
            [
                alias
                    .as_ref()
                    .map_or(String::new(), |a| format!("{}:", quoted(a))),
                field.as_ref().map_or(String::new(), field_text),
                cast_text(cast),
                dot.to_owned(),
                function.unwrap_or_default().to_owned(),
                cast_text(aggregate_cast),
            ]
            .concat()
        }
    })
}

fn embed_text(embed: &Embed) -> String {
    [
        if embed.spread {
            "...".to_owned()
        } else {
            String::new()
        },
        embed
            .alias
            .as_ref()
            .map_or(String::new(), |a| format!("{}:", quoted(a))),
        quoted(&embed.target),
        embed
            .hint
            .as_ref()
            .map_or(String::new(), |h| format!("!{}", quoted(h))),
        if embed.inner {
            "!inner".to_owned()
        } else {
            String::new()
        },
        format!("({})", items(&embed.items)),
    ]
    .concat()
}

fn field_text(field: &Field) -> String {
    let mut text = quoted(&field.name);
    for (i, step) in field.path.iter().enumerate() {
        let last = i + 1 == field.path.len();
        text.push_str(if last && field.as_text { "->>" } else { "->" });
        match step {
            JsonStep::Key(key) => text.push_str(&quoted(key)),
            JsonStep::Index(index) => text.push_str(&index.to_string()),
        }
    }
    text
}

fn order_term(term: &OrderTerm) -> String {
    let field = field_text(&term.field);
    let by = match &term.relation {
        Some(relation) => format!("{relation}({field})"),
        None => field,
    };
    let nulls = match term.nulls_first {
        Some(true) => ".nullsfirst",
        Some(false) => ".nullslast",
        None => "",
    };
    format!(
        "{by}.{}{nulls}",
        if term.descending { "desc" } else { "asc" }
    )
}

fn condition_text(condition: &Condition) -> String {
    let sign = |negated: bool| if negated { '-' } else { '+' };
    match condition {
        Condition::And(negated, parts) => {
            format!("{}and({})", sign(*negated), joined(parts, condition_text))
        }
        Condition::Or(negated, parts) => {
            format!("{}or({})", sign(*negated), joined(parts, condition_text))
        }
        Condition::Test {
            field,
            negated,
            test,
        } => format!(
            "{}={}{}",
            field_text(field),
            sign(*negated),
            test_text(test)
        ),
    }
}

fn operand_text(operand: &Operand) -> String {
    match operand {
        Operand::One(text) => format!(".{text}"),
        Operand::Any(texts) => format!("(any)[{}]", texts.join("|")),
        Operand::All(texts) => format!("(all)[{}]", texts.join("|")),
    }
}

fn comparison(op: Comparison) -> &'static str {
    match op {
        Comparison::Eq => "eq",
        Comparison::Ne => "neq",
        Comparison::Lt => "lt",
        Comparison::Le => "lte",
        Comparison::Gt => "gt",
        Comparison::Ge => "gte",
    }
}

fn test_text(test: &Test) -> String {
    match test {
        Test::Compare(op, operand) => comparison(*op).to_owned() + &operand_text(operand),
        Test::IsDistinct(text) => format!("isdistinct.{text}"),
        Test::In(values) => format!("in[{}]", values.join("|")),
        Test::Is(Is::Null, true) => "is.not_null".to_owned(),
        Test::Is(what, _) => format!("is.{what:?}").to_lowercase(),
        Test::Match(kind, operand) => {
            let name = match kind {
                PatternKind::Like => "like",
                PatternKind::ILike => "ilike",
                PatternKind::Regex => "match",
                PatternKind::RegexInsensitive => "imatch",
            };
            name.to_owned() + &operand_text(operand)
        }
        Test::Search(form, configuration, text) => {
            let name = match form {
                QueryForm::Fts => "fts",
                QueryForm::Plain => "plfts",
                QueryForm::Phrase => "phfts",
                QueryForm::Websearch => "wfts",
            };
            let configuration = configuration
                .as_ref()
                .map_or(String::new(), |c| format!("({c})"));
            format!("{name}{configuration}.{text}")
        }
        Test::Containment(op, text) => {
            let name = match op {
                Containment::Contains => "cs",
                Containment::ContainedBy => "cd",
                Containment::Overlaps => "ov",
            };
            format!("{name}.{text}")
        }
    }
}

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
