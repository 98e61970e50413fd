//! Requests, built as the web tier's parser would build them.

use pando_model::aggregate::AggregateFn;
use pando_model::pattern::PatternKind;
use pando_model::plan::{Comparison, Is, JsonStep};
use pando_store::request::{
    Condition, Count, Embed, EmbedPath, Field, Operand, OrderTerm, PayloadFormat, Query,
    Resolution, Returning, RowRange, SelectItem, Shape, TableRead, TableWrite, Test, Verb,
};

/// A read that is being built.
#[derive(Clone, Debug)]
pub struct Ask(pub TableRead);

pub fn from(table: &str) -> Ask {
    Ask(TableRead {
        table: table.into(),
        query: Query::default(),
        count: None,
        shape: Shape::Array,
    })
}

impl Ask {
    pub fn select(mut self, items: impl IntoIterator<Item = SelectItem>) -> Ask {
        self.0.query.select = items.into_iter().collect();
        self
    }

    pub fn filter(mut self, condition: Condition) -> Ask {
        self.0.query.filters.push((vec![], condition));
        self
    }

    pub fn filter_at(mut self, path: &str, condition: Condition) -> Ask {
        self.0.query.filters.push((path_of(path), condition));
        self
    }

    pub fn order(self, terms: &[&str]) -> Ask {
        self.order_at("", terms)
    }

    /// Terms as in a URL: `name.desc.nullslast`, `clients(name)`.
    pub fn order_at(mut self, path: &str, terms: &[&str]) -> Ask {
        let terms = terms.iter().map(|term| order_term(term)).collect();
        self.0.query.order.push((path_of(path), terms));
        self
    }

    pub fn range(self, limit: u64, offset: u64) -> Ask {
        self.range_at("", limit, offset)
    }

    pub fn range_at(mut self, path: &str, limit: u64, offset: u64) -> Ask {
        let range = RowRange {
            limit: Some(limit),
            offset,
        };
        self.0.query.ranges.push((path_of(path), range));
        self
    }

    pub fn cursor(mut self, cursor: &str) -> Ask {
        self.0.query.cursor = Some(cursor.into());
        self
    }

    pub fn count(mut self) -> Ask {
        self.0.count = Some(Count::Exact);
        self
    }

    pub fn shape(mut self, shape: Shape) -> Ask {
        self.0.shape = shape;
        self
    }
}

/// A write that answers its rows.
pub fn write(verb: Verb, table: &str, body: &str) -> TableWrite {
    TableWrite {
        verb,
        table: table.into(),
        query: Query::default(),
        body: body.to_owned().into(),
        format: PayloadFormat::Json,
        columns: None,
        on_conflict: None,
        resolution: None,
        missing_default: false,
        returning: Returning::Representation,
        max_affected: None,
        count: None,
        shape: Shape::Array,
        idempotency: None,
    }
}

pub fn upsert(table: &str, body: &str, resolution: Resolution) -> TableWrite {
    TableWrite {
        resolution: Some(resolution),
        ..write(Verb::Insert, table, body)
    }
}

pub fn filtered(mut write: TableWrite, condition: Condition) -> TableWrite {
    write.query.filters.push((vec![], condition));
    write
}

/// A field as in a URL: `name`, `alias:data->a->>b`.
pub fn col(text: &str) -> SelectItem {
    let (alias, text) = match text.split_once(':') {
        Some((alias, rest)) => (Some(alias.to_owned()), rest),
        None => (None, text),
    };
    SelectItem::Field {
        alias,
        field: Some(field(text)),
        cast: None,
        aggregate: None,
        aggregate_cast: None,
    }
}

pub fn cols(names: &[&str]) -> Vec<SelectItem> {
    names.iter().map(|name| col(name)).collect()
}

pub fn cast(text: &str, to: &str) -> SelectItem {
    let mut item = col(text);
    if let SelectItem::Field { cast, .. } = &mut item {
        *cast = Some(to.into());
    }
    item
}

pub fn aggregate(function: AggregateFn, text: &str) -> SelectItem {
    let mut item = col(text);
    if let SelectItem::Field { aggregate, .. } = &mut item {
        *aggregate = Some(function);
    }
    item
}

pub fn count() -> SelectItem {
    SelectItem::Field {
        alias: None,
        field: None,
        cast: None,
        aggregate: Some(AggregateFn::Count),
        aggregate_cast: None,
    }
}

/// An embed as in a URL: `alias:target!hint!inner`, `...target`.
pub fn embed(text: &str, items: impl IntoIterator<Item = SelectItem>) -> SelectItem {
    let (spread, text) = match text.strip_prefix("...") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (alias, text) = match text.split_once(':') {
        Some((alias, rest)) => (Some(alias.to_owned()), rest),
        None => (None, text),
    };
    let mut parts = text.split('!');
    let target = parts.next().unwrap_or_default().to_owned();
    let mut hint = None;
    let mut inner = false;
    for part in parts {
        match part {
            "inner" => inner = true,
            other => hint = Some(other.to_owned()),
        }
    }
    SelectItem::Embed(Embed {
        alias,
        target,
        hint,
        inner,
        spread,
        items: items.into_iter().collect(),
    })
}

pub fn test(name: &str, test: Test) -> Condition {
    Condition::Test {
        field: field(name),
        negated: false,
        test,
    }
}

pub fn not(condition: Condition) -> Condition {
    match condition {
        Condition::Test { field, test, .. } => Condition::Test {
            field,
            negated: true,
            test,
        },
        Condition::And(_, inner) => Condition::And(true, inner),
        Condition::Or(_, inner) => Condition::Or(true, inner),
    }
}

pub fn compare(name: &str, op: Comparison, value: &str) -> Condition {
    test(name, Test::Compare(op, Operand::One(value.into())))
}

pub fn eq(name: &str, value: &str) -> Condition {
    compare(name, Comparison::Eq, value)
}

pub fn eq_any(name: &str, values: &[&str]) -> Condition {
    let values = values.iter().map(ToString::to_string).collect();
    test(name, Test::Compare(Comparison::Eq, Operand::Any(values)))
}

pub fn like_any(name: &str, values: &[&str]) -> Condition {
    let values = values.iter().map(ToString::to_string).collect();
    test(name, Test::Match(PatternKind::Like, Operand::Any(values)))
}

pub fn is_null(name: &str) -> Condition {
    test(name, Test::Is(Is::Null, false))
}

pub fn field(text: &str) -> Field {
    let mut as_text = false;
    let mut parts = text.split("->");
    let name = parts.next().unwrap_or_default().to_owned();
    let path = parts
        .map(|step| {
            let key = step.strip_prefix('>');
            as_text = key.is_some();
            let key = key.unwrap_or(step);
            match key.parse() {
                Ok(index) => JsonStep::Index(index),
                Err(_) => JsonStep::Key(key.into()),
            }
        })
        .collect();
    Field {
        name,
        path,
        as_text,
    }
}

fn order_term(text: &str) -> OrderTerm {
    let mut parts = text.split('.');
    let by = parts.next().unwrap_or_default();
    let (relation, name) = match by.split_once('(') {
        Some((relation, rest)) => (Some(relation.to_owned()), rest.trim_end_matches(')')),
        None => (None, by),
    };
    let mut term = OrderTerm {
        relation,
        field: field(name),
        descending: false,
        nulls_first: None,
    };
    for part in parts {
        match part {
            "desc" => term.descending = true,
            "nullsfirst" => term.nulls_first = Some(true),
            "nullslast" => term.nulls_first = Some(false),
            _ => {}
        }
    }
    term
}

fn path_of(text: &str) -> EmbedPath {
    text.split('.')
        .filter(|part| !part.is_empty())
        .map(str::to_owned)
        .collect()
}
