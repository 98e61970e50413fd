//! Queries written out in full, so that tables of examples can be read.

use crate::rest::grammar::query::Parsed;
use pando_model::aggregate::AggregateFn;
use pando_model::pattern::PatternKind;
use pando_model::plan::{Comparison, Containment, Is, JsonStep};
use pando_model::text_search::QueryForm;
use pando_store::request::{
    Condition, Embed, EmbedPath, Field, Operand, OrderTerm, SelectItem, Test,
};

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

pub(super) fn joined<T>(items: &[T], text: impl Fn(&T) -> String) -> String {
    items.iter().map(text).collect::<Vec<_>>().join(",")
}

pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

pub(super) fn items(list: &[SelectItem]) -> String {
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

pub(super) fn field_text(field: &Field) -> String {
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

pub(super) fn order_term(term: &OrderTerm) -> String {
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

pub(super) fn comparison(op: Comparison) -> &'static str {
    match op {
        Comparison::Eq => "eq",
        Comparison::Ne => "neq",
        Comparison::Lt => "lt",
        Comparison::Le => "lte",
        Comparison::Gt => "gt",
        Comparison::Ge => "gte",
    }
}

pub(super) fn test_text(test: &Test) -> String {
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
