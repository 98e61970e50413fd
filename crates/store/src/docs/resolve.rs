//! A request's query on documents, resolved: fields are paths into them.
//!
//! A bare path compares as JSON: an operand that is not JSON is a string. A path that ends in `->>`
//! is text. `_id` is the id. `is.null` holds where nothing is there and where JSON's null is, and
//! patterns and `fts` read a bare path as text, for want of any other meaning.

use super::relation::{BODY, DOC, ID};
use crate::config::StoreConfig;
use crate::refused;
use crate::request::{Field, OrderTerm, Query, RowRange, SelectItem, Test};
use crate::tables::resolve::filter::{conjunction, not, of_condition, of_scalar};
use crate::tables::resolve::{field, size_of, types};
use pando_model::column::ColumnType;
use pando_model::error::Refusal;
use pando_model::plan::{Filter, Is, JsonStep, Order, OrderBy, Scalar};
use pando_model::value::Value;
use std::borrow::Cow;

use super::document::{ID_MEMBER, SCORE_MEMBER};

/// What is answered of each document.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Selected {
    /// The whole of it.
    pub whole: bool,
    /// Single values: the member's name, what it is, and its type.
    pub fields: Vec<(String, Scalar, ColumnType)>,
    /// How good an answer to the search it is.
    pub score: bool,
}

/// The condition on a document.
pub(super) fn filter(query: &Query, config: &StoreConfig) -> Result<Filter, Refusal> {
    let mut conditions = 0;
    let mut all = Vec::with_capacity(query.filters.len());
    for (path, condition) in &query.filters {
        refuse_embedded(path)?;
        let (count, longest) = size_of(condition);
        conditions += count;
        if longest > config.max_list || conditions > config.max_filters {
            let message = format!(
                "a request has {} filters at most, and {} values in a list",
                config.max_filters, config.max_list
            );
            return Err(refused::malformed(message));
        }
        all.push(of_condition(condition, &tested)?);
    }
    Ok(conjunction(all))
}

/// The order; the id follows.
pub(super) fn order(query: &Query, config: &StoreConfig) -> Result<Vec<Order>, Refusal> {
    let mut order = Vec::new();
    for (path, terms) in &query.order {
        refuse_embedded(path)?;
        order.extend(terms.iter().map(ordered).collect::<Result<Vec<_>, _>>()?);
    }
    if order.len() > config.max_columns {
        return Err(too_many(config));
    }
    Ok(order)
}

/// The range.
pub(super) fn range(query: &Query) -> Result<RowRange, Refusal> {
    let mut whole = RowRange::default();
    for (path, range) in &query.ranges {
        refuse_embedded(path)?;
        whole = *range;
    }
    Ok(whole)
}

/// What `select` asks for; the whole document where it is not given.
pub(super) fn selected(query: &Query, config: &StoreConfig) -> Result<Selected, Refusal> {
    if query.select.len() > config.max_columns {
        return Err(too_many(config));
    }
    let mut selected = Selected {
        whole: query.select.is_empty(),
        score: query.select.is_empty(),
        fields: Vec::new(),
    };
    for item in &query.select {
        match item {
            SelectItem::Star => selected.whole = true,
            SelectItem::Field {
                alias,
                field: Some(field),
                cast,
                aggregate: None,
                ..
            } => {
                let bare = field.path.is_empty() && alias.is_none() && cast.is_none();
                match field.name.as_str() {
                    ID_MEMBER if bare => {}
                    SCORE_MEMBER if bare => selected.score = true,
                    _ => selected
                        .fields
                        .push(member(alias.as_deref(), field, cast.as_deref())?),
                }
            }
            SelectItem::Field { .. } => {
                let message = "documents are not aggregated";
                return Err(refused::malformed(message).hint("Tables are: /rest/v1."));
            }
            SelectItem::Embed(embed) => return Err(refuse_embed(&embed.target)),
        }
    }
    Ok(selected)
}

fn member(
    alias: Option<&str>,
    asked: &Field,
    cast: Option<&str>,
) -> Result<(String, Scalar, ColumnType), Refusal> {
    let name = alias.unwrap_or_else(|| field::name_of(asked));
    if name == ID_MEMBER || name == SCORE_MEMBER {
        return Err(refused::malformed(format!(
            "{name} is Pando's, and names no other value"
        )));
    }
    let plain = scalar(asked)?;
    let from = plain.ty(&DOC);
    let (scalar, ty) = match cast
        .map(types::type_named)
        .transpose()
        .map_err(about_types)?
    {
        Some(to) if to != from => (Scalar::Cast(Box::new(plain), to.clone()), to),
        _ => (plain, from),
    };
    Ok((name.to_owned(), scalar, ty))
}

fn tested(asked: &Field, test: &Test) -> Result<Filter, Refusal> {
    let plain = scalar(asked)?;
    let ty = plain.ty(&DOC);
    let (left, test) = match (&plain, test) {
        (
            Scalar::Json { column, path, .. },
            Test::Is(Is::Null, _) | Test::Match(..) | Test::Search(..),
        ) => {
            let text = Scalar::Json {
                column: *column,
                path: path.clone(),
                as_text: true,
            };
            (text, Cow::Borrowed(test))
        }
        (Scalar::Json { .. }, Test::Is(Is::True | Is::False, negated)) => {
            return Ok(is_boolean(asked, test, *negated));
        }
        (Scalar::Json { as_text: false, .. }, _) => (plain, Cow::Owned(test.in_json())),
        _ => (plain, Cow::Borrowed(test)),
    };
    let ty = match &left {
        Scalar::Json { as_text: true, .. } => ColumnType::Text,
        _ => ty,
    };
    of_scalar(left, &ty, &test).map_err(about_types)
}

/// `is.true`: a JSON value that is `true`; never unknown.
fn is_boolean(asked: &Field, test: &Test, negated: bool) -> Filter {
    let word = matches!(test, Test::Is(Is::True, _));
    let mut path = vec![JsonStep::Key(asked.name.clone())];
    path.extend(asked.path.iter().cloned());
    let distinct = Filter::IsDistinct {
        left: Scalar::Json {
            column: BODY,
            path,
            as_text: false,
        },
        right: Value::Jsonb(word.to_string()),
    };
    if negated { distinct } else { not(distinct) }
}

/// The value of a field.
fn scalar(field: &Field) -> Result<Scalar, Refusal> {
    if field.name == ID_MEMBER {
        if !field.path.is_empty() {
            return Err(refused::malformed("_id is text, and has no parts"));
        }
        return Ok(Scalar::Column(ID));
    }
    if field.name == SCORE_MEMBER {
        let message = "_score is not stored, and neither filtered nor ordered by";
        return Err(refused::malformed(message).hint("A search is ordered by it."));
    }
    let mut path = vec![JsonStep::Key(field.name.clone())];
    path.extend(field.path.iter().cloned());
    Ok(Scalar::Json {
        column: BODY,
        path,
        as_text: field.as_text,
    })
}

fn ordered(term: &OrderTerm) -> Result<Order, Refusal> {
    if let Some(relation) = &term.relation {
        return Err(refuse_embed(relation));
    }
    Ok(Order {
        by: OrderBy::Scalar(scalar(&term.field)?),
        descending: term.descending,
        nulls_first: term.nulls_first.unwrap_or(term.descending),
    })
}

fn refuse_embedded(path: &[String]) -> Result<(), Refusal> {
    match path.first() {
        Some(name) => Err(refuse_embed(name)),
        None => Ok(()),
    }
}

fn refuse_embed(name: &str) -> Refusal {
    refused::malformed(format!(
        "documents embed nothing, and {name:?} is not a path into them"
    ))
    .hint("A path is written with arrows: address->>city.")
}

fn too_many(config: &StoreConfig) -> Refusal {
    let most = config.max_columns;
    refused::malformed(format!("a request names {most} fields at most"))
}

/// What tables refuse in PostgreSQL's words, as a request on documents is refused.
fn about_types(refusal: Refusal) -> Refusal {
    Refusal {
        details: refusal.details,
        hint: refusal.hint,
        ..refused::malformed(refusal.message)
    }
}
