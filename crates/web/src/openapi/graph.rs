//! Paths of graphs.

use super::{object, reference};
use serde_json::{Map, Value, json};

/// What can go wrong with any request on a graph.
const ERRORS: [u16; 15] = [
    400, 401, 403, 404, 405, 408, 409, 412, 413, 414, 415, 422, 431, 503, 504,
];
/// What a name, an id or a kind in a path is.
const GRAPH: (&str, &str) = ("graph", "The graph");
const ID: (&str, &str) = ("id", "The node's id, percent-encoded");
const KIND: (&str, &str) = ("kind", "The edges' kind");
const TO: (&str, &str) = ("to", "The id of the node that the edge enters");

/// The paths.
pub(super) fn paths() -> Map<String, Value> {
    let at = |path: &str| format!("/graph/v1/{{graph}}{path}");
    object([
        (
            at("/nodes"),
            whole("list_nodes", "List all nodes by their ids"),
        ),
        (
            at("/edges"),
            whole("list_all_edges", "List all edges by their ends and kinds"),
        ),
        (at("/nodes/{id}"), node()),
        (at("/nodes/{id}/edges/{kind}"), edges()),
        (at("/nodes/{id}/edges/{kind}/count"), count()),
        (at("/nodes/{id}/edges/{kind}/{to}"), edge()),
        (at("/traverse"), traverse()),
        (
            at("/path"),
            question(
                "graph_path",
                "A shortest path",
                &["from", "to", "kinds", "max_depth", "max_visited"],
            ),
        ),
        (
            at("/recommend"),
            question(
                "graph_recommend",
                "What most of a node's neighbours lead to",
                &[
                    "node",
                    "kind",
                    "direction",
                    "onward",
                    "limit",
                    "max_visited",
                ],
            ),
        ),
        (
            at("/common"),
            question(
                "graph_common",
                "The neighbours that all of some nodes have",
                &["nodes", "kind", "direction", "limit", "max_visited"],
            ),
        ),
        (
            at("/cycles"),
            question(
                "graph_cycles",
                "The cycles through a node",
                &["node", "kinds", "max_depth", "limit", "max_visited"],
            ),
        ),
    ])
}

fn whole(id: &str, summary: &str) -> Value {
    let mut list = operation(id, summary, &["200"]);
    list["parameters"] = queries(&["limit", "cursor"]);
    json!({ "parameters": places(&[GRAPH]), "get": list })
}

fn node() -> Value {
    let sent = json!({
        "type": "object", "required": ["kind"], "additionalProperties": false,
        "properties": { "id": { "type": "string" }, "kind": { "type": "string" }, "body": {} },
    });
    let patch = json!({
        "type": "object", "additionalProperties": false,
        "properties": { "kind": { "type": "string" }, "body": {} },
    });
    let mut put = operation("put_node", "Put a node", &["201", "204"]);
    put["requestBody"] = required("application/json", &sent);
    let mut patched = operation(
        "patch_node",
        "Change a node in part (RFC 7396)",
        &["200", "204"],
    );
    patched["requestBody"] = required("application/merge-patch+json", &patch);
    json!({
        "parameters": places(&[GRAPH, ID]),
        "get": operation("get_node", "Read a node", &["200", "304"]),
        "put": put,
        "patch": patched,
        "delete": operation("delete_node", "Delete a node with its edges", &["204"]),
    })
}

fn edges() -> Value {
    let mut list = operation("list_edges", "List a node's edges, newest first", &["200"]);
    list["parameters"] = queries(&["direction", "after", "before", "limit", "cursor"]);
    let mut delete = operation(
        "delete_edges",
        "Delete the newest of a node's edges",
        &["200"],
    );
    delete["parameters"] = queries(&["direction", "limit"]);
    json!({ "parameters": places(&[GRAPH, ID, KIND]), "get": list, "delete": delete })
}

fn count() -> Value {
    let mut count = operation("count_edges", "Count a node's edges", &["200"]);
    count["parameters"] = queries(&["direction"]);
    json!({ "parameters": places(&[GRAPH, ID, KIND]), "get": count })
}

fn edge() -> Value {
    let sent = json!({
        "type": "object", "additionalProperties": false,
        "properties": {
            "from": { "type": "string" }, "kind": { "type": "string" }, "to": { "type": "string" },
            "at": { "type": ["string", "integer"] }, "body": {},
        },
    });
    let mut put = operation(
        "put_edge",
        "Put an edge; both nodes must exist",
        &["201", "204"],
    );
    put["requestBody"] = json!({ "content": { "application/json": { "schema": sent } } });
    json!({
        "parameters": places(&[GRAPH, ID, KIND, TO]),
        "get": operation("get_edge", "Read an edge", &["200", "304"]),
        "put": put,
        "delete": operation("delete_edge", "Delete an edge", &["204"]),
    })
}

fn traverse() -> Value {
    let direction = json!({ "type": "string", "enum": ["out", "in"] });
    let number = json!({ "type": "integer", "minimum": 1 });
    let step = json!({
        "type": "object", "required": ["kind"], "additionalProperties": false,
        "properties": {
            "kind": { "type": "string" }, "direction": direction, "limit": number,
            "where": {
                "type": "object", "additionalProperties": false,
                "properties": { "edge": { "type": "string" }, "node": { "type": "string" } },
            },
        },
    });
    let sent = json!({
        "type": "object", "required": ["from", "steps"], "additionalProperties": false,
        "properties": {
            "from": { "type": "array", "items": { "type": "string" }, "minItems": 1 },
            "steps": { "type": "array", "items": step, "minItems": 1 },
            "return": { "type": "string", "enum": ["nodes", "paths", "count"] },
            "limit": { "type": "integer", "minimum": 0 }, "max_visited": number,
        },
    });
    let mut post = operation(
        "graph_traverse",
        "Go from nodes to nodes along edges",
        &["200"],
    );
    post["requestBody"] = required("application/json", &sent);
    json!({ "parameters": places(&[GRAPH]), "post": post })
}

fn question(id: &str, summary: &str, parameters: &[&str]) -> Value {
    let mut get = operation(id, summary, &["200"]);
    get["parameters"] = queries(parameters);
    json!({ "parameters": places(&[GRAPH]), "get": get })
}

fn places(names: &[(&str, &str)]) -> Value {
    let text = json!({ "type": "string", "minLength": 1 });
    let each = names.iter().map(|(name, description)| {
        json!({ "name": name, "in": "path", "required": true, "schema": text, "description": description })
    });
    each.collect()
}

fn queries(names: &[&str]) -> Value {
    let each = names.iter().map(|name| {
        let schema = match *name {
            "direction" | "onward" => json!({ "type": "string", "enum": ["out", "in"] }),
            "limit" | "max_depth" | "max_visited" => json!({ "type": "integer", "minimum": 0 }),
            _ => json!({ "type": "string" }),
        };
        json!({ "name": name, "in": "query", "schema": schema })
    });
    each.collect()
}

fn required(kind: &str, schema: &Value) -> Value {
    json!({ "required": true, "content": { kind: { "schema": schema } } })
}

fn operation(id: &str, summary: &str, success: &[&str]) -> Value {
    let mut responses = object(ERRORS.iter().map(|status| {
        let response = reference("responses", &format!("e{status}"));
        (status.to_string(), response)
    }));
    for status in success {
        let mut response = json!({ "description": summary });
        if *status == "200" {
            response["content"] = json!({ "application/json": { "schema": { "type": "object" } } });
        }
        responses.insert((*status).to_owned(), response);
    }
    json!({ "operationId": id, "tags": ["graph"], "summary": summary, "responses": responses })
}
