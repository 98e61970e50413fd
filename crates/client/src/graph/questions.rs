//! Questions that go further than one node. How many edges one may look at is bounded by the
//! server; an answer that met the bound says so ([`Found::bounded`]).

use super::{Graph, Node};
use crate::address;
use crate::answer::Answer;
use crate::call::{Call, Request};
use crate::error::{Error, Result};
use http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// Which way edges are followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// From a node.
    Out,
    /// To a node.
    In,
}

/// One hop of a traversal.
#[derive(Clone, Debug, Serialize)]
pub struct Hop {
    kind: String,
    direction: Direction,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
}

/// A way along edges.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Path {
    /// Its nodes, both ends among them.
    pub path: Vec<String>,
    /// How many edges it has.
    pub hops: u64,
}

/// What a question found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found<T> {
    /// It, or as much of it as a list holds.
    pub items: Vec<T>,
    /// There were more edges than it may look at: there may be more to find.
    pub bounded: bool,
    /// The server cut the list at its `max_rows`.
    pub truncated: bool,
}

/// A node that is recommended.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Recommended<T = Value> {
    /// The node.
    #[serde(flatten)]
    pub node: Node<T>,
    /// How many neighbours lead to it.
    pub common: u64,
}

/// What questions are answered with: one of the lists.
#[derive(Deserialize)]
struct Told<N> {
    #[serde(default = "Vec::new")]
    nodes: Vec<N>,
    #[serde(default)]
    paths: Vec<Path>,
    #[serde(default)]
    cycles: Vec<Path>,
    #[serde(default)]
    bounded: bool,
}

impl Graph {
    /// The nodes that hops lead to, from several at once, each once.
    pub fn traverse<T: DeserializeOwned + 'static>(
        &self,
        from: &[&str],
        hops: &[Hop],
    ) -> Call<Found<Node<T>>> {
        let asked = self.traversal(from, hops, "nodes");
        self.asked(asked, |told| told.nodes).asking()
    }

    /// The ways that hops lead, from several nodes at once.
    pub fn traverse_paths(&self, from: &[&str], hops: &[Hop]) -> Call<Found<Path>> {
        let asked = self.traversal(from, hops, "paths");
        self.asked::<Value, _>(asked, |told| told.paths).asking()
    }

    /// How many nodes hops lead to.
    pub fn traverse_count(&self, from: &[&str], hops: &[Hop]) -> Call<u64> {
        self.counted(self.traversal(from, hops, "count")).asking()
    }

    /// A shortest path along edges of these kinds, or of all where none is named, if there is one
    /// of at most `depth_max` hops. Where none was found among the edges that may be looked at,
    /// and there may be one beyond, that is an error.
    pub fn path_between(
        &self,
        from: &str,
        to: &str,
        kinds: &[&str],
        depth_max: u32,
    ) -> Call<Option<Path>> {
        let request = Request::get(self.path(&["path"]))
            .param("from", Some(from))
            .param("to", Some(to))
            .param("kinds", listed(kinds))
            .param("max_depth", Some(depth_max));
        Call::new(&self.client, Ok(request), |answer| {
            if answer.status == StatusCode::NOT_FOUND {
                let error = Error::answered(&answer);
                let bounded = error.details().as_str() == Some("bounded");
                return if bounded { Err(error) } else { Ok(None) };
            }
            answer.success()?.json().map(Some)
        })
    }

    /// Nodes that the most neighbours of this one lead to, the best first.
    pub fn recommend<T: DeserializeOwned + 'static>(
        &self,
        node: &str,
        kind: &str,
        limit: u64,
    ) -> Call<Found<Recommended<T>>> {
        let request = Request::get(self.path(&["recommend"]))
            .param("node", Some(node))
            .param("kind", Some(kind))
            .param("limit", Some(limit));
        self.asked(Ok(request), |told| told.nodes)
    }

    /// What several nodes, two at least, are all linked to.
    pub fn common<T: DeserializeOwned + 'static>(
        &self,
        nodes: &[&str],
        kind: &str,
    ) -> Call<Found<Node<T>>> {
        let request = Request::get(self.path(&["common"]))
            .param("nodes", Some(address::list(nodes)))
            .param("kind", Some(kind));
        self.asked(Ok(request), |told| told.nodes)
    }

    /// Ways from a node back to it, along edges of these kinds, or of all where none is named.
    pub fn cycles(&self, node: &str, kinds: &[&str], depth_max: u32) -> Call<Found<Path>> {
        let request = Request::get(self.path(&["cycles"]))
            .param("node", Some(node))
            .param("kinds", listed(kinds))
            .param("max_depth", Some(depth_max));
        self.asked::<Value, _>(Ok(request), |told| told.cycles)
    }

    fn traversal(&self, from: &[&str], hops: &[Hop], returned: &str) -> Result<Request> {
        #[derive(Serialize)]
        struct Sent<'a> {
            from: &'a [&'a str],
            steps: &'a [Hop],
            #[serde(rename = "return")]
            returned: &'a str,
        }
        let sent = Sent {
            from,
            steps: hops,
            returned,
        };
        Request::new(Method::POST, self.path(&["traverse"])).json(&sent)
    }

    fn asked<N: DeserializeOwned + 'static, T: 'static>(
        &self,
        request: Result<Request>,
        items: impl FnOnce(Told<N>) -> Vec<T> + Send + 'static,
    ) -> Call<Found<T>> {
        Call::new(&self.client, request, |answer: Answer| {
            let answer = answer.success()?;
            let told: Told<N> = answer.json()?;
            Ok(Found {
                bounded: told.bounded,
                truncated: answer.headers.contains_key("pando-truncated"),
                items: items(told),
            })
        })
    }
}

fn listed(names: &[&str]) -> Option<String> {
    (!names.is_empty()).then(|| address::list(names))
}

impl Direction {
    pub(super) fn name(self) -> &'static str {
        match self {
            Direction::Out => "out",
            Direction::In => "in",
        }
    }
}

impl Hop {
    /// Along edges of a kind.
    pub fn along(kind: impl Into<String>, direction: Direction) -> Hop {
        Hop {
            kind: kind.into(),
            direction,
            condition: None,
            limit: None,
        }
    }

    /// Only where this holds, in the API's form: `{"edge": "km=lt.500", "node": "kind=eq.city"}`.
    #[must_use]
    pub fn only(mut self, condition: Value) -> Hop {
        self.condition = Some(condition);
        self
    }

    /// So many from each node at most, the newest.
    #[must_use]
    pub fn limit(mut self, edges: u64) -> Hop {
        self.limit = Some(edges);
        self
    }
}
