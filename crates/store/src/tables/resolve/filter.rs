//! Conditions, resolved: operands are read by their column's type, and an
//! operator that PostgreSQL does not have for a type is refused as it refuses it.

use super::field;
use super::{Node, Resolver};
use crate::request::{Condition, Field, Operand, Test};
use crate::tables::refusals;
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::pattern::{Pattern, PatternKind};
use pando_model::plan::{Comparison, Containment, Filter, Is, Scalar};
use pando_model::schema::Table;
use pando_model::text_search::{QueryForm, TextQuery};
use pando_model::value::Value;

/// All that a row of a node has to pass: its conditions, and the rows that `!inner` demands.
pub(crate) fn of_node(resolver: &Resolver<'_>, node: &Node<'_>) -> Result<Filter, Refusal> {
    let mut all = conditions(resolver, node)?;
    for child in &node.children {
        if child.embed.is_some_and(|(embed, _)| embed.inner)
            && let Some(exists) = exists(resolver, child)?
        {
            all.push(exists);
        }
    }
    Ok(conjunction(all))
}

/// Only the conditions that a request puts to a node.
pub(crate) fn of_conditions(resolver: &Resolver<'_>, node: &Node<'_>) -> Result<Filter, Refusal> {
    Ok(conjunction(conditions(resolver, node)?))
}

fn conditions(resolver: &Resolver<'_>, node: &Node<'_>) -> Result<Vec<Filter>, Refusal> {
    let of_test = |field: &Field, test: &Test| match of_embed(resolver, node, field, test)? {
        Some(filter) => Ok(filter),
        None => of_field(node, field, test),
    };
    let each = node.filters.iter();
    each.map(|condition| of_condition(condition, &of_test))
        .collect()
}

/// Whether a row has one in an embedded resource; `None` where it always has.
fn exists(resolver: &Resolver<'_>, child: &Node<'_>) -> Result<Option<Filter>, Refusal> {
    let Some((_, relationship)) = child.embed else {
        return Ok(None);
    };
    if super::selected::is_lone_aggregate(child) {
        return Ok(None);
    }
    Ok(Some(Filter::Exists {
        join: relationship.join(),
        filter: Box::new(of_node(resolver, child)?),
    }))
}

/// A condition made of tests: `of_test` resolves those.
pub(crate) fn of_condition(
    condition: &Condition,
    of_test: &dyn Fn(&Field, &Test) -> Result<Filter, Refusal>,
) -> Result<Filter, Refusal> {
    let all = |inner: &[Condition]| -> Result<Vec<Filter>, Refusal> {
        let parts = inner.iter().map(|part| of_condition(part, of_test));
        parts.collect()
    };
    let (negated, filter) = match condition {
        Condition::And(negated, inner) => (*negated, Filter::And(all(inner)?)),
        Condition::Or(negated, inner) => (*negated, Filter::Or(all(inner)?)),
        Condition::Test {
            field,
            negated,
            test,
        } => (*negated, of_test(field, test)?),
    };
    Ok(if negated { not(filter) } else { filter })
}

/// `resource=is.null`: whether the row has none.
fn of_embed(
    resolver: &Resolver<'_>,
    node: &Node<'_>,
    field: &Field,
    test: &Test,
) -> Result<Option<Filter>, Refusal> {
    if node.children.is_empty() || !field.path.is_empty() {
        return Ok(None);
    }
    let Some(child) = node.children.iter().find(|one| one.name() == field.name) else {
        return Ok(None);
    };
    let Test::Is(Is::Null, is_not) = test else {
        return match node.entry.table.column_ix(&field.name) {
            Some(_) => Ok(None),
            None => Err(refusals::bad_embed_filter(&field.name)),
        };
    };
    let exists = exists(resolver, child)?.unwrap_or(Filter::Const(true));
    Ok(Some(if *is_not { exists } else { not(exists) }))
}

fn of_field(node: &Node<'_>, field: &Field, test: &Test) -> Result<Filter, Refusal> {
    let table = &node.entry.table;
    of_test(table, field::scalar(table, field)?, test)
}

/// What a value of a row has to pass.
pub(crate) fn of_test(table: &Table, left: Scalar, test: &Test) -> Result<Filter, Refusal> {
    let ty = comparable(left.ty(table));
    of_scalar(left, &ty, test)
}

/// A test of a value of some type.
pub(crate) fn of_scalar(left: Scalar, ty: &ColumnType, test: &Test) -> Result<Filter, Refusal> {
    match test {
        Test::Compare(op, operand) => compare(left, ty, *op, operand),
        Test::IsDistinct(text) => {
            refuse_json(ty, "=")?;
            let right = Value::parse(ty, text)?;
            Ok(Filter::IsDistinct { left, right })
        }
        Test::In(texts) => one_of(left, ty, texts),
        Test::Is(what, negated) => {
            let filter = is(left, ty, *what)?;
            Ok(if *negated { not(filter) } else { filter })
        }
        Test::Match(kind, operand) => matches(left, ty, *kind, operand),
        Test::Search(form, configuration, text) => {
            search(left, ty, *form, configuration.as_deref(), text)
        }
        Test::Containment(op, text) => contain(left, ty, *op, text),
    }
}

fn compare(
    left: Scalar,
    ty: &ColumnType,
    op: Comparison,
    operand: &Operand,
) -> Result<Filter, Refusal> {
    refuse_json(ty, symbol(op))?;
    // One look-up, however long the list is.
    match (op, operand) {
        (Comparison::Eq, Operand::Any(texts)) if !texts.is_empty() => {
            return among(left, ty, texts);
        }
        (Comparison::Ne, Operand::All(texts)) if !texts.is_empty() => {
            return among(left, ty, texts).map(not);
        }
        _ => {}
    }
    quantified(operand, |text| {
        Ok(Filter::Compare {
            left: left.clone(),
            op,
            right: Value::parse(ty, text)?,
        })
    })
}

fn one_of(left: Scalar, ty: &ColumnType, texts: &[String]) -> Result<Filter, Refusal> {
    refuse_json(ty, "=")?;
    // `in.()` reaches here as no text, or as one empty text for types that have none.
    let empty = match texts {
        [] => true,
        [only] => only.is_empty() && *ty != ColumnType::Text,
        _ => false,
    };
    if empty {
        return Ok(Filter::Const(false));
    }
    among(left, ty, texts)
}

fn among(left: Scalar, ty: &ColumnType, texts: &[String]) -> Result<Filter, Refusal> {
    let values = texts.iter().map(|text| Value::parse(ty, text));
    Ok(Filter::In {
        left,
        values: values.collect::<Result<_, _>>()?,
    })
}

fn is(left: Scalar, ty: &ColumnType, what: Is) -> Result<Filter, Refusal> {
    let word = match what {
        Is::Null => return Ok(Filter::Is { left, what }),
        Is::True => "TRUE",
        Is::False => "FALSE",
        Is::Unknown => "UNKNOWN",
    };
    if *ty != ColumnType::Boolean {
        return Err(refusals::not_boolean(word, ty));
    }
    Ok(Filter::Is { left, what })
}

fn matches(
    left: Scalar,
    ty: &ColumnType,
    kind: PatternKind,
    operand: &Operand,
) -> Result<Filter, Refusal> {
    if *ty != ColumnType::Text {
        let operator = match kind {
            PatternKind::Like => "~~",
            PatternKind::ILike => "~~*",
            PatternKind::Regex => "~",
            PatternKind::RegexInsensitive => "~*",
        };
        return Err(refusals::no_operator(ty, operator, "unknown"));
    }
    quantified(operand, |text| {
        Ok(Filter::Match {
            left: left.clone(),
            pattern: Pattern::new(kind, text)?,
        })
    })
}

fn search(
    left: Scalar,
    ty: &ColumnType,
    form: QueryForm,
    configuration: Option<&str>,
    text: &str,
) -> Result<Filter, Refusal> {
    if *ty != ColumnType::Text {
        return Err(refusals::no_operator(ty, "@@", "tsquery"));
    }
    if let Some(other) = configuration
        && !other.eq_ignore_ascii_case("simple")
    {
        return Err(refusals::unknown_configuration(other));
    }
    Ok(Filter::Search {
        left,
        query: TextQuery::new(form, text)?,
    })
}

fn contain(left: Scalar, ty: &ColumnType, op: Containment, text: &str) -> Result<Filter, Refusal> {
    let operator = match op {
        Containment::Contains => "@>",
        Containment::ContainedBy => "<@",
        Containment::Overlaps => "&&",
    };
    let has_it = match ty {
        ColumnType::Array(inner) => **inner != ColumnType::Json,
        ColumnType::Jsonb => op != Containment::Overlaps,
        _ => false,
    };
    if !has_it {
        return Err(refusals::no_operator(ty, operator, "unknown"));
    }
    let right = Value::parse(ty, text)?;
    Ok(Filter::Containment { left, op, right })
}

/// One test, or one for each operand: `any` is true for at least one, `all` for each.
fn quantified(
    operand: &Operand,
    test: impl Fn(&str) -> Result<Filter, Refusal>,
) -> Result<Filter, Refusal> {
    let each = |texts: &[String]| -> Result<Vec<Filter>, Refusal> {
        texts.iter().map(|text| test(text)).collect()
    };
    match operand {
        Operand::One(text) => test(text),
        Operand::Any(texts) if texts.is_empty() => Ok(Filter::Const(false)),
        Operand::All(texts) if texts.is_empty() => Ok(Filter::Const(true)),
        Operand::Any(texts) => Ok(Filter::Or(each(texts)?)),
        Operand::All(texts) => Ok(Filter::And(each(texts)?)),
    }
}

/// json has no equality and no order.
fn refuse_json(ty: &ColumnType, operator: &str) -> Result<(), Refusal> {
    match ty {
        ColumnType::Json => Err(refusals::no_operator(ty, operator, "unknown")),
        _ => Ok(()),
    }
}

/// The type that an operand is read as: a declared scale would round what is compared.
fn comparable(ty: ColumnType) -> ColumnType {
    match ty {
        ColumnType::Numeric { .. } => ColumnType::Numeric { limit: None },
        ColumnType::Array(inner) => ColumnType::Array(Box::new(comparable(*inner))),
        other => other,
    }
}

fn symbol(op: Comparison) -> &'static str {
    match op {
        Comparison::Eq => "=",
        Comparison::Ne => "<>",
        Comparison::Lt => "<",
        Comparison::Le => "<=",
        Comparison::Gt => ">",
        Comparison::Ge => ">=",
    }
}

/// The condition that it does not hold.
pub(crate) fn not(filter: Filter) -> Filter {
    match filter {
        Filter::Const(value) => Filter::Const(!value),
        Filter::Not(inner) => *inner,
        other => Filter::Not(Box::new(other)),
    }
}

/// The condition that all of them hold.
pub(crate) fn conjunction(mut all: Vec<Filter>) -> Filter {
    match all.len() {
        0 => Filter::Const(true),
        1 => all.remove(0),
        _ => Filter::And(all),
    }
}
