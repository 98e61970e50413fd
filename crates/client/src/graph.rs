//! Graph: nodes, edges by time, and questions that follow them.

mod questions;

pub use questions::{Direction, Found, Hop, Path, Recommended};

use crate::address;
use crate::answer::Answer;
use crate::call::{Call, Request};
use crate::client::Client;
use crate::error::Result;
use crate::kv::Stored;
use crate::page::{self, Page};
use futures_util::Stream;
use http::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::marker::PhantomData;

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
    /// Its time: RFC 3339.
    pub at: String,
    /// What is known of it.
    pub body: T,
}

/// Edges of a node, newest first.
#[derive(Clone, Debug)]
#[must_use = "nothing is done until page, stream, count or delete is called and awaited"]
pub struct Edges {
    graph: Graph,
    node: String,
    kind: String,
    direction: Direction,
    params: Vec<(&'static str, String)>,
}

/// Edges of a node that were deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct EdgesDeleted {
    /// So many are gone.
    pub deleted: u64,
    /// So many of the kind are still there: one call removes 10,000 at most.
    pub left: u64,
}

/// All nodes, or all edges, of a graph.
#[derive(Clone, Debug)]
#[must_use = "nothing is read until page or stream is called and awaited"]
pub struct Whole<T> {
    graph: Graph,
    what: &'static str,
    limit: Option<u64>,
    cursor: Option<String>,
    kind: PhantomData<fn() -> T>,
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
    pub fn put_node<T: Serialize + ?Sized>(&self, id: &str, kind: &str, body: &T) -> Call<Stored> {
        #[derive(Serialize)]
        struct Sent<'a, T: ?Sized> {
            kind: &'a str,
            body: &'a T,
        }
        let request = Request::new(Method::PUT, self.path(&["nodes", id]));
        self.stored(request.json(&Sent { kind, body }))
    }

    /// A node.
    pub fn node<T: DeserializeOwned + 'static>(&self, id: &str) -> Call<Option<Node<T>>> {
        self.found(Request::get(self.path(&["nodes", id])))
    }

    /// Changes a node by a merge patch of `{kind, body}`; the node as it is now.
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
    pub fn put_edge<T>(&self, from: &str, kind: &str, to: &str, attributes: &T) -> Call<Stored>
    where
        T: Serialize + ?Sized,
    {
        let path = self.path(&["nodes", from, "edges", kind, to]);
        self.stored(Request::new(Method::PUT, path).json(attributes))
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
            direction: Direction::Out,
            params: Vec::new(),
        }
    }

    /// All nodes, by their ids.
    pub fn nodes<T>(&self) -> Whole<Node<T>> {
        self.whole("nodes")
    }

    /// All edges, each once.
    pub fn all_edges<T>(&self) -> Whole<Edge<T>> {
        self.whole("edges")
    }

    fn whole<T>(&self, what: &'static str) -> Whole<T> {
        Whole {
            graph: self.clone(),
            what,
            limit: None,
            cursor: None,
            kind: PhantomData,
        }
    }

    fn found<T: DeserializeOwned + 'static>(&self, request: Request) -> Call<Option<T>> {
        Call::new(&self.client, Ok(request), |answer| {
            match answer.found()? {
                Some(answer) => answer.json().map(Some),
                None => Ok(None),
            }
        })
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

    fn stored(&self, request: Result<Request>) -> Call<Stored> {
        Call::new(&self.client, request, Stored::of)
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
        self.direction = Direction::In;
        self
    }

    /// Only later ones: RFC 3339, or microseconds since 1970.
    pub fn after(self, at: &str) -> Edges {
        self.with("after", at.to_owned())
    }

    /// Only earlier ones.
    pub fn before(self, at: &str) -> Edges {
        self.with("before", at.to_owned())
    }

    /// So many at most; in pages and streams, so many in a page.
    pub fn limit(self, edges: u64) -> Edges {
        self.with("limit", edges.to_string())
    }

    /// Goes on where a page ended.
    pub fn cursor(self, cursor: &str) -> Edges {
        self.with("cursor", cursor.to_owned())
    }

    /// One page.
    pub fn page<T: DeserializeOwned + 'static>(self) -> Call<Page<Edge<T>>> {
        #[derive(Deserialize)]
        struct Told<T> {
            edges: Vec<Edge<T>>,
        }
        let mut request = self.request(Method::GET, &[]);
        for (name, value) in &self.params {
            request = request.param(name, Some(value));
        }
        Call::new(&self.graph.client, Ok(request), |answer| {
            Page::read(answer, |told: Told<T>| told.edges)
        })
    }

    /// All of them, page by page.
    pub fn stream<T: DeserializeOwned + Send + 'static>(
        self,
    ) -> impl Stream<Item = Result<Edge<T>>> + Send {
        page::stream(move |cursor| match cursor {
            Some(cursor) => self.clone().cursor(cursor).page(),
            None => self.clone().page(),
        })
    }

    /// How many there are of all times: the node's degree.
    pub fn count(self) -> Call<u64> {
        self.graph
            .counted(Ok(self.request(Method::GET, &["count"])))
    }

    /// Deletes the newest of them, as many as [`Edges::limit`] says.
    pub fn delete(self) -> Call<EdgesDeleted> {
        let limit = self.params.iter().find(|(name, _)| *name == "limit");
        let request = self.request(Method::DELETE, &[]);
        let request = request.param("limit", limit.map(|(_, value)| value));
        Call::new(&self.graph.client, Ok(request), |answer| {
            answer.success()?.json()
        })
    }

    fn with(mut self, name: &'static str, value: String) -> Edges {
        self.params.retain(|(known, _)| *known != name);
        self.params.push((name, value));
        self
    }

    fn request(&self, method: Method, rest: &[&str]) -> Request {
        let mut segments = vec!["nodes", self.node.as_str(), "edges", self.kind.as_str()];
        segments.extend_from_slice(rest);
        let request = Request::new(method, self.graph.path(&segments));
        request.param("direction", Some(self.direction.name()))
    }
}

impl<T: DeserializeOwned + 'static> Whole<T> {
    /// So many in a page.
    pub fn limit(mut self, items: u64) -> Whole<T> {
        self.limit = Some(items);
        self
    }

    /// Goes on where a page ended.
    pub fn after(mut self, cursor: impl Into<String>) -> Whole<T> {
        self.cursor = Some(cursor.into());
        self
    }

    /// One page.
    pub fn page(self) -> Call<Page<T>> {
        let request = Request::get(self.graph.path(&[self.what]))
            .param("limit", self.limit)
            .param("cursor", self.cursor.as_deref());
        let what = self.what;
        Call::new(&self.graph.client, Ok(request), move |answer| {
            Page::read(answer, move |mut told: BTreeMap<String, Vec<T>>| {
                told.remove(what).unwrap_or_default()
            })
        })
    }

    /// All of them, page by page.
    pub fn stream(self) -> impl Stream<Item = Result<T>> + Send
    where
        T: Send,
    {
        page::stream(move |cursor| {
            let page = Whole {
                graph: self.graph.clone(),
                cursor: cursor.map(str::to_owned).or_else(|| self.cursor.clone()),
                ..self
            };
            page.page()
        })
    }
}
