//! Graphs over HTTP: `/graph/v1/{graph}`.
//!
//! Nodes and edges are here, [`questions`] is what goes further than one node, [`body`] what
//! is read and written as JSON.

mod body;
mod questions;

use crate::answer::Answer;
use crate::conditional;
use crate::error::ApiError;
use crate::gate;
use crate::operate::{Asked, NextLink};
use crate::params::{Params, malformed};
use crate::route::Place;
use crate::web::Web;
use body::{EdgeBody, EdgesJson, NodeBody, NodePatchBody, NodesJson};
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{Method, StatusCode};
use pando_model::datetime;
use pando_store::graph::{Direction, EdgeKey, EdgeRange, NodeKey, NodePatch};
use pando_store::keys::Surface;
use pando_store::operation::Operation;
use serde_json::json;

/// What `PATCH` takes.
const MERGE_PATCH: &str = "application/merge-patch+json";

/// What can be done at a place.
pub(crate) fn allowed(place: &Place<'_>) -> &'static str {
    match place.segments().as_slice() {
        ["nodes" | "edges"] => "OPTIONS,GET,HEAD",
        ["nodes", _] => "OPTIONS,GET,HEAD,PUT,PATCH,DELETE",
        ["nodes", _, "edges", _] => "OPTIONS,GET,HEAD,DELETE",
        ["nodes", _, "edges", _, "count"] => "OPTIONS,GET,HEAD",
        ["nodes", _, "edges", _, _] => "OPTIONS,GET,HEAD,PUT,DELETE",
        ["traverse"] => "OPTIONS,POST",
        ["path" | "recommend" | "common" | "cycles"] => "OPTIONS,GET,HEAD",
        _ => "OPTIONS",
    }
}

/// Plans what a request asks for.
pub(crate) async fn plan(
    web: &Web,
    place: &Place<'_>,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    const GET: &Method = &Method::GET;
    let graph = &*place.name;
    let rest = place.segments();
    let method = match asked.parts.method {
        Method::HEAD => GET,
        ref other => other,
    };
    let parts = asked.parts;
    match (method, rest.as_slice()) {
        (&Method::GET, ["nodes"]) => all_nodes(web, graph, parts),
        (&Method::GET, ["edges"]) => all_edges(web, graph, parts),
        (&Method::GET, ["nodes", id]) => get_node(web, &NodeKey::new(graph, id)?, parts),
        (&Method::PUT, ["nodes", id]) => put_node(web, &NodeKey::new(graph, id)?, asked).await,
        (&Method::PATCH, ["nodes", id]) => patch_node(web, &NodeKey::new(graph, id)?, asked).await,
        (&Method::DELETE, ["nodes", id]) => delete_node(web, &NodeKey::new(graph, id)?, parts),
        (&Method::GET, ["nodes", id, "edges", kind]) => {
            list_edges(web, &NodeKey::new(graph, id)?, kind, parts)
        }
        (&Method::DELETE, ["nodes", id, "edges", kind]) => {
            delete_edges(web, &NodeKey::new(graph, id)?, kind, parts)
        }
        (&Method::GET, ["nodes", id, "edges", kind, "count"]) => {
            count_edges(web, &NodeKey::new(graph, id)?, kind, parts)
        }
        (method, ["nodes", from, "edges", kind, to]) => {
            let key = EdgeKey::new(graph, from, kind, to)?;
            match *method {
                Method::GET => get_edge(web, &key, parts),
                Method::PUT => put_edge(web, &key, asked).await,
                Method::DELETE => delete_edge(web, &key, parts),
                _ => Err(ApiError::method(method, allowed(place))),
            }
        }
        (&Method::POST, ["traverse"]) => questions::traverse(web, graph, &asked),
        (&Method::GET, ["path"]) => questions::path(web, graph, parts),
        (&Method::GET, ["recommend"]) => questions::recommend(web, graph, parts),
        (&Method::GET, ["common"]) => questions::common(web, graph, parts),
        (&Method::GET, ["cycles"]) => questions::cycles(web, graph, parts),
        (method, _) if allowed(place) != "OPTIONS" => Err(ApiError::method(method, allowed(place))),
        _ => Err(ApiError::no_such_path()),
    }
}

fn all_nodes(web: &Web, graph: &str, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    let params = Params::read(&parts.uri, &["limit", "cursor"])?;
    let (limit, cursor) = (params.number("limit")?, params.text("cursor"));
    let next = NextLink::of(parts);
    let listed = web.store().graph_list_nodes(graph, limit, cursor)?;
    Ok(listed.map(move |page| {
        let answer = Answer::json(StatusCode::OK, &NodesJson::of(&page.items));
        Ok(next.on_list(answer, page.items.len(), page.truncated, page.cursor))
    }))
}

fn all_edges(web: &Web, graph: &str, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    let params = Params::read(&parts.uri, &["limit", "cursor"])?;
    let (limit, cursor) = (params.number("limit")?, params.text("cursor"));
    let next = NextLink::of(parts);
    let listed = web.store().graph_list_all_edges(graph, limit, cursor)?;
    Ok(listed.map(move |page| {
        let answer = Answer::json(StatusCode::OK, &EdgesJson::of(&page.items));
        Ok(next.on_list(answer, page.items.len(), page.truncated, page.cursor))
    }))
}

fn get_node(web: &Web, key: &NodeKey, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    Params::read(&parts.uri, &[])?;
    let precondition = conditional::precondition(&parts.headers)?;
    let own = key.clone();
    Ok(web.store().graph_node(key).map(move |node| {
        let Some(node) = node else {
            return Ok(no_node(&own));
        };
        let instead = conditional::instead(&precondition, node.version);
        Ok(instead.unwrap_or_else(|| body::node_answer(&node)))
    }))
}

async fn put_node(
    web: &Web,
    key: &NodeKey,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    Params::read(&asked.parts.uri, &[])?;
    body::check_json(asked.parts)?;
    let precondition = conditional::precondition(&asked.parts.headers)?;
    let sent = NodeBody::read(&asked.body, key.id())?;
    let stored = web
        .store()
        .graph_put_node(key, &sent.kind, sent.body(), precondition);
    Ok(stored
        .await?
        .map(|stored| Ok(Answer::of_put(stored.created).tagged(stored.version))))
}

async fn patch_node(
    web: &Web,
    key: &NodeKey,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    Params::read(&asked.parts.uri, &[])?;
    let kind = asked.parts.headers.get(CONTENT_TYPE);
    let kind = kind
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or(MERGE_PATCH);
    let essence = kind.split(';').next().unwrap_or_default().trim();
    if ![MERGE_PATCH, "application/json"]
        .iter()
        .any(|known| essence.eq_ignore_ascii_case(known))
    {
        let message = format!("a node is patched by {MERGE_PATCH}, not by {kind:?}");
        return Err(ApiError::unsupported_media_type(message));
    }
    let precondition = conditional::precondition(&asked.parts.headers)?;
    let sent = NodePatchBody::read(&asked.body)?;
    let patch = NodePatch {
        body: sent.body().map(str::to_owned),
        kind: sent.kind,
    };
    let may_read = gate::may_read(asked.caller, Surface::Graph, key.graph());
    let patched = web.store().graph_patch_node(key, patch, precondition);
    Ok(patched.await?.map(move |node| {
        Ok(match may_read {
            true => body::node_answer(&node),
            false => Answer::new(StatusCode::NO_CONTENT).tagged(node.version),
        })
    }))
}

fn delete_node(web: &Web, key: &NodeKey, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    Params::read(&parts.uri, &[])?;
    let precondition = conditional::precondition(&parts.headers)?;
    let absent = no_node(key);
    let deleted = web.store().graph_delete_node(key, precondition);
    Ok(deleted.map(move |there| Ok(Answer::of_delete(there, &absent))))
}

fn get_edge(web: &Web, key: &EdgeKey, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    Params::read(&parts.uri, &[])?;
    let precondition = conditional::precondition(&parts.headers)?;
    let own = key.clone();
    Ok(web.store().graph_edge(key).map(move |edge| {
        let Some(edge) = edge else {
            return Ok(no_edge(&own));
        };
        let instead = conditional::instead(&precondition, edge.version);
        Ok(instead.unwrap_or_else(|| body::edge_answer(&edge)))
    }))
}

async fn put_edge(
    web: &Web,
    key: &EdgeKey,
    asked: Asked<'_>,
) -> Result<Operation<Answer>, ApiError> {
    Params::read(&asked.parts.uri, &[])?;
    let precondition = conditional::precondition(&asked.parts.headers)?;
    let sent = if asked.body.is_empty() {
        EdgeBody::default()
    } else {
        body::check_json(asked.parts)?;
        EdgeBody::read(&asked.body, key)?
    };
    let at_us = sent.at_us()?;
    let stored = web
        .store()
        .graph_put_edge(key, at_us, sent.body(), precondition);
    Ok(stored
        .await?
        .map(|stored| Ok(Answer::of_put(stored.created).tagged(stored.version))))
}

fn delete_edge(web: &Web, key: &EdgeKey, parts: &Parts) -> Result<Operation<Answer>, ApiError> {
    Params::read(&parts.uri, &[])?;
    let precondition = conditional::precondition(&parts.headers)?;
    let absent = no_edge(key);
    let deleted = web.store().graph_delete_edge(key, precondition);
    Ok(deleted.map(move |there| Ok(Answer::of_delete(there, &absent))))
}

fn list_edges(
    web: &Web,
    node: &NodeKey,
    kind: &str,
    parts: &Parts,
) -> Result<Operation<Answer>, ApiError> {
    let known = ["direction", "after", "before", "limit", "cursor"];
    let params = Params::read(&parts.uri, &known)?;
    let range = EdgeRange {
        direction: direction(&params, "direction")?.unwrap_or_default(),
        after_us: instant(&params, "after")?,
        before_us: instant(&params, "before")?,
        limit: params.number("limit")?,
        cursor: params.text("cursor").map(str::to_owned),
    };
    let next = NextLink::of(parts);
    let listed = web.store().graph_list_edges(node, kind, &range)?;
    Ok(listed.map(move |list| {
        let answer = Answer::json(StatusCode::OK, &EdgesJson::of(&list.edges));
        Ok(next.on_list(answer, list.edges.len(), list.truncated, list.cursor))
    }))
}

fn delete_edges(
    web: &Web,
    node: &NodeKey,
    kind: &str,
    parts: &Parts,
) -> Result<Operation<Answer>, ApiError> {
    let params = Params::read(&parts.uri, &["direction", "limit"])?;
    let Some(direction) = direction(&params, "direction")? else {
        let message = "which edges go has to be said: direction=out or direction=in";
        return Err(malformed(message));
    };
    let limit = params.number("limit")?;
    let detached = web
        .store()
        .graph_delete_edges(node, kind, direction, limit)?;
    Ok(detached.map(|detached| {
        let body = json!({ "deleted": detached.deleted, "left": detached.left });
        Ok(Answer::json(StatusCode::OK, &body))
    }))
}

fn count_edges(
    web: &Web,
    node: &NodeKey,
    kind: &str,
    parts: &Parts,
) -> Result<Operation<Answer>, ApiError> {
    let params = Params::read(&parts.uri, &["direction"])?;
    let direction = direction(&params, "direction")?.unwrap_or_default();
    let counted = web.store().graph_count_edges(node, kind, direction)?;
    Ok(counted.map(|count| Ok(Answer::json(StatusCode::OK, &json!({ "count": count })))))
}

/// A parameter that is a direction.
fn direction(params: &Params, name: &str) -> Result<Option<Direction>, ApiError> {
    params.parsed(name, "out or in", Direction::parse)
}

/// A parameter that is a moment.
fn instant(params: &Params, name: &str) -> Result<Option<i64>, ApiError> {
    params.parsed(name, body::INSTANT, instant_of)
}

/// A moment: RFC 3339, or microseconds since 1970.
fn instant_of(text: &str) -> Option<i64> {
    match text.parse() {
        Ok(us) => datetime::in_range(us),
        // A `+` of a zone that was not encoded has become a space.
        Err(_) => datetime::parse_timestamptz(text)
            .or_else(|_| datetime::parse_timestamptz(&text.replacen(' ', "+", 1)))
            .ok(),
    }
}

fn no_node(key: &NodeKey) -> Answer {
    Answer::not_found(format!(
        "there is no node {:?} in {:?}",
        key.id(),
        key.graph()
    ))
}

fn no_edge(key: &EdgeKey) -> Answer {
    Answer::not_found(format!(
        "there is no edge {:?} from {:?} to {:?} in {:?}",
        key.kind(),
        key.from(),
        key.to(),
        key.graph()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_rfc_3339_or_microseconds() {
        for (text, us) in [
            ("1970-01-01T00:00:01Z", Some(1_000_000)),
            ("1970-01-01T09:00:00+09:00", Some(0)),
            ("1970-01-01T09:00:00 09:00", Some(0)),
            ("1500000", Some(1_500_000)),
            ("-1", Some(-1)),
            ("9223372036854775807", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(instant_of(text), us, "{text}");
        }
    }
}
