//! Questions that go further than one node: traversals, paths, recommendations, neighbours in
//! common, cycles. All of them only read.

use super::body::{NodeJson, check_json};
use super::direction;
use crate::answer::{Answer, TRUNCATED};
use crate::error::ApiError;
use crate::object::{self, Object};
use crate::operate::Asked;
use crate::params::{Params, malformed};
use crate::rest::content_range;
use crate::rest::grammar::query;
use crate::web::Web;
use http::StatusCode;
use http::header::{CONTENT_RANGE, HeaderValue};
use http::request::Parts;
use pando_store::graph::{
    CommonQuestion, CyclesQuestion, Direction, Hop, PathQuestion, RecommendQuestion, Traversal,
    Traversed, Wanted,
};
use pando_store::operation::Operation;
use pando_store::request::Condition;
use serde::{Deserialize, Serialize};

/// A traversal as it is sent.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TraverseBody {
    from: Vec<String>,
    steps: Vec<Object<StepBody>>,
    #[serde(default, rename = "return")]
    wanted: WantedBody,
    limit: Option<u64>,
    max_visited: Option<u64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepBody {
    kind: String,
    #[serde(default)]
    direction: DirectionBody,
    #[serde(rename = "where")]
    conditions: Option<Object<WhereBody>>,
    limit: Option<u64>,
}

/// Conditions, each in the grammar of a table's query: `since=gt.5&kind=eq.person`.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct WhereBody {
    #[serde(default)]
    edge: String,
    #[serde(default)]
    node: String,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum WantedBody {
    #[default]
    Nodes,
    Paths,
    Count,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum DirectionBody {
    #[default]
    Out,
    In,
}

/// Plans a traversal.
pub(super) fn traverse(
    web: &Web,
    graph: &str,
    asked: &Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    Params::read(&asked.parts.uri, &[])?;
    check_json(asked.parts)?;
    let sent: TraverseBody = object::read(&asked.body)
        .map_err(|error| malformed(format!("the body is not {{from, steps, return}}: {error}")))?;
    let wanted = match sent.wanted {
        WantedBody::Nodes => Wanted::Nodes,
        WantedBody::Paths => Wanted::Paths,
        WantedBody::Count => Wanted::Count,
    };
    let traversal = Traversal {
        from: sent.from,
        hops: sent.steps.into_iter().map(hop).collect::<Result<_, _>>()?,
        wanted,
        limit: sent.limit,
        max_visited: sent.max_visited,
    };
    let traversed = web
        .store()
        .graph_traverse(graph, &traversal)
        .map_err(ApiError::of_question)?;
    Ok(traversed.map(move |traversed| Ok(traversed_answer(wanted, &traversed))))
}

fn hop(Object(step): Object<StepBody>) -> Result<Hop, ApiError> {
    let Object(conditions) = step.conditions.unwrap_or_default();
    Ok(Hop {
        kind: step.kind,
        direction: match step.direction {
            DirectionBody::Out => Direction::Out,
            DirectionBody::In => Direction::In,
        },
        edge: conditions_of("where.edge", &conditions.edge)?,
        node: conditions_of("where.node", &conditions.node)?,
        limit: step.limit,
    })
}

/// Reads conditions; anything else of a table's query is refused.
fn conditions_of(what: &str, text: &str) -> Result<Vec<Condition>, ApiError> {
    // A query string passes over what is no pair; here it would be a condition less.
    let stray = |pair: &&str| !pair.is_empty() && !pair.contains('=');
    if let Some(stray) = text.split('&').find(stray) {
        let message = format!("{what}: {stray:?} is no condition");
        return Err(malformed(message).hint("Write member=operator.value: age=gte.18."));
    }
    let parsed =
        query::parse(text).map_err(|refusal| malformed(format!("{what}: {}", refusal.message)))?;
    let query = parsed.query;
    let only_conditions = query.select.is_empty()
        && query.order.is_empty()
        && query.ranges.is_empty()
        && query.cursor.is_none()
        && parsed.columns.is_none()
        && parsed.on_conflict.is_none();
    if !only_conditions {
        return Err(malformed(format!("{what} holds conditions only")));
    }
    let each = query.filters.into_iter().map(|(path, condition)| {
        if path.is_empty() {
            return Ok(condition);
        }
        let message = format!("{what}: {:?} is no member of a body", path.join("."));
        Err(malformed(message).hint("Into a body leads ->: address->city=eq.\"Seoul\"."))
    });
    each.collect()
}

fn traversed_answer(wanted: Wanted, traversed: &Traversed) -> Answer {
    let body = match wanted {
        Wanted::Nodes => Body {
            nodes: Some(traversed.nodes.iter().map(NodeJson::of).collect()),
            ..Body::new(traversed.bounded)
        },
        Wanted::Paths => Body {
            paths: Some(
                traversed
                    .paths
                    .iter()
                    .map(|path| PathJson::of(path))
                    .collect(),
            ),
            ..Body::new(traversed.bounded)
        },
        Wanted::Count => Body {
            count: Some(traversed.count),
            ..Body::new(traversed.bounded)
        },
    };
    answer(&body, traversed.truncated)
}

/// Plans the search for a shortest path.
pub(super) fn path(web: &Web, graph: &str, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    let known = ["from", "to", "kinds", "max_depth", "max_visited"];
    let params = Params::read(&parts.uri, &known)?;
    let question = PathQuestion {
        from: required(&params, "from")?,
        to: required(&params, "to")?,
        kinds: params
            .text("kinds")
            .map(|text| listed("kinds", text))
            .transpose()?,
        max_depth: params.number("max_depth")?,
        max_visited: params.number("max_visited")?,
    };
    let found = web.store().graph_path(graph, &question)?;
    Ok(found.map(move |found| {
        let Some(path) = &found.path else {
            return Ok(no_path(&question, found.bounded));
        };
        let body = Body {
            path: Some(path),
            hops: Some(path.len() - 1),
            ..Body::new(found.bounded)
        };
        Ok(answer(&body, false))
    }))
}

fn no_path(question: &PathQuestion, bounded: bool) -> Answer {
    let message = format!(
        "there is no path from {:?} to {:?}",
        question.from, question.to
    );
    let error = if bounded {
        let message = format!("{message} among the edges that may be looked at");
        ApiError::new(StatusCode::NOT_FOUND, "not_found", message)
            .details("bounded")
            .hint("There may be one: raise max_visited, or name the kinds of edges.")
    } else {
        ApiError::new(StatusCode::NOT_FOUND, "not_found", message)
            .hint("max_depth says how many hops it may have.")
    };
    error.into_answer()
}

/// Plans a recommendation.
pub(super) fn recommend(
    web: &Web,
    graph: &str,
    parts: &Parts,
) -> Result<Operation<Answer>, ApiError> {
    let known = [
        "node",
        "kind",
        "direction",
        "onward",
        "limit",
        "max_visited",
    ];
    let params = Params::read(&parts.uri, &known)?;
    let question = RecommendQuestion {
        node: required(&params, "node")?,
        kind: required(&params, "kind")?,
        direction: direction(&params, "direction")?.unwrap_or_default(),
        onward: direction(&params, "onward")?,
        limit: params.number("limit")?,
        max_visited: params.number("max_visited")?,
    };
    let recommended = web.store().graph_recommend(graph, &question)?;
    Ok(recommended.map(|recommended| {
        let nodes = recommended
            .nodes
            .iter()
            .map(|(node, common)| NodeJson::of(node).with_common(*common));
        let body = Body {
            nodes: Some(nodes.collect()),
            ..Body::new(recommended.bounded)
        };
        Ok(answer(&body, recommended.truncated))
    }))
}

/// Plans the search for neighbours in common.
pub(super) fn common(web: &Web, graph: &str, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    let known = ["nodes", "kind", "direction", "limit", "max_visited"];
    let params = Params::read(&parts.uri, &known)?;
    let question = CommonQuestion {
        nodes: listed("nodes", &required(&params, "nodes")?)?,
        kind: required(&params, "kind")?,
        direction: direction(&params, "direction")?.unwrap_or_default(),
        limit: params.number("limit")?,
        max_visited: params.number("max_visited")?,
    };
    let common = web.store().graph_common(graph, &question)?;
    Ok(common.map(|common| {
        let body = Body {
            nodes: Some(common.nodes.iter().map(NodeJson::of).collect()),
            ..Body::new(common.bounded)
        };
        Ok(answer(&body, common.truncated))
    }))
}

/// Plans the search for cycles.
pub(super) fn cycles(web: &Web, graph: &str, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    let known = ["node", "kinds", "max_depth", "limit", "max_visited"];
    let params = Params::read(&parts.uri, &known)?;
    let question = CyclesQuestion {
        node: required(&params, "node")?,
        kinds: params
            .text("kinds")
            .map(|text| listed("kinds", text))
            .transpose()?,
        max_depth: params.number("max_depth")?,
        limit: params.number("limit")?,
        max_visited: params.number("max_visited")?,
    };
    let found = web.store().graph_cycles(graph, &question)?;
    Ok(found.map(|found| {
        let body = Body {
            cycles: Some(found.cycles.iter().map(|path| PathJson::of(path)).collect()),
            ..Body::new(found.bounded)
        };
        Ok(answer(&body, found.truncated))
    }))
}

/// The answer to a question.
#[derive(Default, Serialize)]
struct Body<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Vec<NodeJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paths: Option<Vec<PathJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cycles: Option<Vec<PathJson<'a>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    count: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<&'a [String]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hops: Option<usize>,
    /// Only where it is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    bounded: Option<bool>,
}

impl Body<'_> {
    fn new(bounded: bool) -> Self {
        Body {
            bounded: bounded.then_some(true),
            ..Body::default()
        }
    }
}

#[derive(Serialize)]
struct PathJson<'a> {
    path: &'a [String],
    hops: usize,
}

impl PathJson<'_> {
    fn of(path: &[String]) -> PathJson<'_> {
        PathJson {
            path,
            hops: path.len().saturating_sub(1),
        }
    }
}

/// An answer that was cut says so as a list does, but for a cursor: a question has none.
fn answer(body: &Body<'_>, truncated: bool) -> Answer {
    let mut answer = Answer::json(StatusCode::OK, body);
    if truncated {
        let nodes = body.nodes.as_ref().map(Vec::len);
        let paths = body.paths.as_ref().or(body.cycles.as_ref()).map(Vec::len);
        let entries = nodes.or(paths).unwrap_or_default();
        answer.put(CONTENT_RANGE, content_range(0, entries as u64, None));
        answer.put(TRUNCATED, HeaderValue::from_static("true"));
    }
    answer
}

fn required(params: &Params, name: &str) -> Result<String, ApiError> {
    let given = params.text(name).map(str::to_owned);
    given.ok_or_else(|| malformed(format!("{name} is missing")))
}

/// Ids or kinds with commas between them; one that holds a comma or a quotation mark stands
/// in quotation marks, and `\` before such a mark in it.
fn listed(what: &str, text: &str) -> Result<Vec<String>, ApiError> {
    let mut all = Vec::new();
    let mut chars = text.chars().peekable();
    loop {
        let mut one = String::new();
        if chars.next_if_eq(&'"').is_some() {
            loop {
                match chars.next() {
                    Some('"') => break,
                    Some('\\') => one.extend(chars.next()),
                    Some(other) => one.push(other),
                    None => return Err(malformed(format!("{what}: a quotation mark is missing"))),
                }
            }
        } else {
            while let Some(other) = chars.next_if(|c| *c != ',') {
                one.push(other);
            }
        }
        if one.is_empty() {
            return Err(malformed(format!(
                "{what}: there is nothing between two commas"
            )));
        }
        all.push(one);
        match chars.next() {
            None => return Ok(all),
            Some(',') => {}
            Some(_) => return Err(malformed(format!("{what}: a comma is missing"))),
        }
    }
}

#[cfg(test)]
mod tests;
