//! Graph: nodes, edges by time, and questions that follow them.

use crate::address;
use crate::answer::Answer;
use crate::call::{Call, Request};
use crate::client::Client;
use crate::error::Result;
use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A graph.
#[derive(Clone, Debug)]
pub struct Graph {
    client: Client,
    name: String,
}

/// A node, with a body of the caller's type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node<T = Value> {
    /// Its id.
    pub id: String,
    /// What it is.
    pub kind: String,
    /// What is known of it.
    pub body: T,
}

/// An edge, with a body of the caller's type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edge<T = Value> {
    /// The node it leaves.
    pub from: String,
    /// What it is.
    pub kind: String,
    /// The node it leads to.
    pub to: String,
    /// Its time, as the server writes it.
    pub at: Value,
    /// What is known of it.
    pub body: T,
}

/// A shortest path.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Path {
    /// Its nodes, both ends among them.
    pub path: Vec<String>,
    /// How many edges it has.
    pub hops: u64,
}

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

/// Edges of a node, newest first.
#[derive(Clone, Debug)]
#[must_use = "nothing is read until list or count is called and awaited"]
pub struct Edges {
    graph: Graph,
    node: String,
    kind: String,
    direction: Option<&'static str>,
    params: Vec<(&'static str, String)>,
}

impl Client {
    /// A graph. It comes to be with its first node.
    pub fn graph(&self, name: &str) -> Graph {
        Graph {
            client: self.clone(),
            name: name.to_owned(),
        }
    }
}

impl Graph {
    /// Puts a node; what was known of it is replaced.
    pub fn put_node<T: Serialize + ?Sized>(&self, id: &str, kind: &str, body: &T) -> Call<()> {
        #[derive(Serialize)]
        struct Sent<'a, T: ?Sized> {
            kind: &'a str,
            body: &'a T,
        }
        let request = Request::new(Method::PUT, self.path(&["nodes", id]));
        self.done(request.json(&Sent { kind, body }))
    }

    /// A node.
    pub fn node<T: DeserializeOwned + 'static>(&self, id: &str) -> Call<Option<Node<T>>> {
        self.found(Request::get(self.path(&["nodes", id])))
    }

    /// Changes a node by a merge patch; the node as it is now.
    pub fn merge_node<P, T>(&self, id: &str, patch: &P) -> Call<Node<T>>
    where
        P: Serialize + ?Sized,
        T: DeserializeOwned + 'static,
    {
        let request = Request::new(Method::PATCH, self.path(&["nodes", id])).json(patch);
        let call = Call::new(&self.client, request, |answer| answer.success()?.json());
        call.header(http::header::CONTENT_TYPE, "application/merge-patch+json")
    }

    /// Deletes a node; whether it was there.
    pub fn delete_node(&self, id: &str) -> Call<bool> {
        self.deleted(self.path(&["nodes", id]))
    }

    /// Puts an edge; both nodes must be there. `attributes` is an object with `at` and `body`,
    /// both optional.
    pub fn put_edge<T>(&self, from: &str, kind: &str, to: &str, attributes: &T) -> Call<()>
    where
        T: Serialize + ?Sized,
    {
        let path = self.path(&["nodes", from, "edges", kind, to]);
        self.done(Request::new(Method::PUT, path).json(attributes))
    }

    /// An edge.
    pub fn edge<T>(&self, from: &str, kind: &str, to: &str) -> Call<Option<Edge<T>>>
    where
        T: DeserializeOwned + 'static,
    {
        self.found(Request::get(self.path(&["nodes", from, "edges", kind, to])))
    }

    /// Deletes an edge; whether it was there.
    pub fn delete_edge(&self, from: &str, kind: &str, to: &str) -> Call<bool> {
        self.deleted(self.path(&["nodes", from, "edges", kind, to]))
    }

    /// The edges of a node.
    pub fn edges(&self, node: &str, kind: &str) -> Edges {
        Edges {
            graph: self.clone(),
            node: node.to_owned(),
            kind: kind.to_owned(),
            direction: None,
            params: Vec::new(),
        }
    }

    /// The nodes that hops lead to, from several at once.
    pub fn traverse<T: DeserializeOwned + 'static>(
        &self,
        from: &[&str],
        hops: &[Hop],
    ) -> Call<Vec<Node<T>>> {
        #[derive(Deserialize)]
        struct Told<T> {
            nodes: Vec<Node<T>>,
        }
        let asked = self.traversal(from, hops, "nodes");
        Call::new(&self.client, asked, |answer| {
            let Told { nodes } = answer.success()?.json()?;
            Ok(nodes)
        })
        .asking()
    }

    /// How many nodes hops lead to.
    pub fn traverse_count(&self, from: &[&str], hops: &[Hop]) -> Call<u64> {
        self.counted(self.traversal(from, hops, "count")).asking()
    }

    /// A shortest path along edges of these kinds, if there is one of at most `depth_max` hops.
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
            .param("kinds", Some(kinds.join(",")))
            .param("max_depth", Some(depth_max));
        self.found(request)
    }

    /// Nodes that share the most neighbours with this one, as the server writes them.
    pub fn recommend(&self, node: &str, kind: &str, limit: u64) -> Call<Value> {
        let request = Request::get(self.path(&["recommend"]))
            .param("node", Some(node))
            .param("kind", Some(kind))
            .param("limit", Some(limit));
        self.told(request)
    }

    /// What several nodes are all linked to, as the server writes it.
    pub fn common(&self, nodes: &[&str], kind: &str) -> Call<Value> {
        let request = Request::get(self.path(&["common"]))
            .param("nodes", Some(nodes.join(",")))
            .param("kind", Some(kind));
        self.told(request)
    }

    /// Ways from a node back to it, as the server writes them.
    pub fn cycles(&self, node: &str, kinds: &[&str], depth_max: u32) -> Call<Value> {
        let request = Request::get(self.path(&["cycles"]))
            .param("node", Some(node))
            .param("kinds", Some(kinds.join(",")))
            .param("max_depth", Some(depth_max));
        self.told(request)
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

    fn found<T: DeserializeOwned + 'static>(&self, request: Request) -> Call<Option<T>> {
        Call::new(&self.client, Ok(request), |answer| {
            match answer.found()? {
                Some(answer) => answer.json().map(Some),
                None => Ok(None),
            }
        })
    }

    fn told(&self, request: Request) -> Call<Value> {
        Call::new(&self.client, Ok(request), |answer| answer.success()?.json())
    }

    fn counted(&self, request: Result<Request>) -> Call<u64> {
        #[derive(Deserialize)]
        struct Told {
            count: u64,
        }
        Call::new(&self.client, request, |answer: Answer| {
            let Told { count } = answer.success()?.json()?;
            Ok(count)
        })
    }

    fn done(&self, request: Result<Request>) -> Call<()> {
        Call::new(&self.client, request, |answer: Answer| {
            answer.success().map(drop)
        })
    }

    fn deleted(&self, path: String) -> Call<bool> {
        let request = Request::new(Method::DELETE, path);
        Call::new(&self.client, Ok(request), |answer| {
            Ok(answer.found()?.is_some())
        })
    }

    fn path(&self, rest: &[&str]) -> String {
        let mut segments = vec![self.name.as_str()];
        segments.extend_from_slice(rest);
        address::path("graph", &segments)
    }
}

impl Edges {
    /// Those that lead to the node, rather than from it.
    pub fn incoming(mut self) -> Edges {
        self.direction = Some("in");
        self
    }

    /// Only later ones.
    pub fn after(mut self, at: &str) -> Edges {
        self.params.push(("after", at.to_owned()));
        self
    }

    /// Only earlier ones.
    pub fn before(mut self, at: &str) -> Edges {
        self.params.push(("before", at.to_owned()));
        self
    }

    /// So many at most.
    pub fn limit(mut self, edges: u64) -> Edges {
        self.params.push(("limit", edges.to_string()));
        self
    }

    /// The edges.
    pub fn list<T: DeserializeOwned + 'static>(self) -> Call<Vec<Edge<T>>> {
        #[derive(Deserialize)]
        struct Told<T> {
            edges: Vec<Edge<T>>,
        }
        let mut request = self.request(&[]);
        for (name, value) in &self.params {
            request = request.param(name, Some(value));
        }
        Call::new(&self.graph.client, Ok(request), |answer| {
            let Told { edges } = answer.success()?.json()?;
            Ok(edges)
        })
    }

    /// How many there are of all times: the node's degree.
    pub fn count(self) -> Call<u64> {
        self.graph.counted(Ok(self.request(&["count"])))
    }

    fn request(&self, rest: &[&str]) -> Request {
        let mut segments = vec!["nodes", self.node.as_str(), "edges", self.kind.as_str()];
        segments.extend_from_slice(rest);
        Request::get(self.graph.path(&segments)).param("direction", self.direction)
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

    /// Only where this holds, in the API's form.
    #[must_use]
    pub fn only(mut self, condition: Value) -> Hop {
        self.condition = Some(condition);
        self
    }

    /// So many from each node at most.
    #[must_use]
    pub fn limit(mut self, edges: u64) -> Hop {
        self.limit = Some(edges);
        self
    }
}
