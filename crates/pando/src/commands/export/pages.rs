//! The pages of what is exported.

use super::graph::Graph;
use super::kv::Values;
use super::wide::Rows;
use crate::cli::{Model, Target};
use crate::import::Format;
use crate::surface::{Asked, Reply, Surface};
use bytes::Bytes;
use pando_client::encoded;

const JSON: &str = "application/json";
/// The code of a refusal of what has too many bytes for one request.
const TOO_LARGE: &str = "54000";
/// Entries of a page where as many as the server gives are too large; then a tenth, down to one.
const FEWER: u64 = 100;

/// Pages, one after the other: CSV, or JSON values.
pub(super) enum Pages<'a> {
    /// Rows of a table, or documents: pages as they are answered.
    Plain(List<'a>),
    /// Key-values.
    Kv(Values<'a>),
    /// Rows of a wide-column table.
    Wide(Rows<'a>),
    /// Nodes and edges.
    Graph(Graph<'a>),
}

/// A list that is answered in pages.
pub(super) struct List<'a> {
    surface: &'a Surface,
    path: String,
    accept: &'static str,
    /// Entries of a page; as many as the server gives where it is not said.
    limit: Option<u64>,
    next: Next,
}

enum Next {
    First,
    Behind(String),
    Nothing,
}

impl<'a> Pages<'a> {
    /// The pages of a target.
    pub(super) fn of(target: &Target, format: Format, surface: &'a Surface) -> Pages<'a> {
        let name = encoded(&target.name);
        match target.model {
            Model::Tables => {
                let mut list = List::new(surface, format!("/rest/v1/{name}"));
                if format == Format::Csv {
                    list.accept = "text/csv";
                }
                Pages::Plain(list)
            }
            Model::Kv => Pages::Kv(Values::new(surface, &format!("/kv/v1/{name}"))),
            Model::Docs => Pages::Plain(List::new(surface, format!("/docs/v1/{name}"))),
            Model::Wide => Pages::Wide(Rows::new(surface, format!("/wide/v1/{name}"))),
            Model::Graph => Pages::Graph(Graph::new(surface, &format!("/graph/v1/{name}"))),
        }
    }

    /// The next page; `None` behind the last one.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        match self {
            Pages::Plain(list) => Ok(list.next().await?.map(|answer| answer.body)),
            Pages::Kv(values) => values.next().await,
            Pages::Wide(rows) => rows.next().await,
            Pages::Graph(graph) => graph.next().await,
        }
    }
}

impl<'a> List<'a> {
    /// A list from its first page on.
    pub(super) fn new(surface: &'a Surface, path: String) -> List<'a> {
        List {
            surface,
            path,
            accept: JSON,
            limit: None,
            next: Next::First,
        }
    }

    /// The next page; `None` behind the last one.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Reply>> {
        let answer = loop {
            let Some(path) = self.path_of_next() else {
                return Ok(None);
            };
            match self.surface.send(Asked::get(&path, self.accept)).await {
                Ok(answer) => break answer,
                Err(refused) if refused.code == TOO_LARGE && self.limit != Some(1) => {
                    self.limit = Some(self.limit.map_or(FEWER, |limit| limit / 10));
                }
                Err(error) => return Err(error.error),
            }
        };
        let cursor = answer.headers.get("pando-cursor");
        self.next = match cursor.and_then(|cursor| cursor.to_str().ok()) {
            Some(cursor) => Next::Behind(cursor.to_owned()),
            None => Next::Nothing,
        };
        Ok(Some(answer))
    }

    fn path_of_next(&self) -> Option<String> {
        let mut path = self.path.clone();
        let mut add = |name: &str, value: &str| {
            path.push(if path.contains('?') { '&' } else { '?' });
            path.extend([name, "=", value]);
        };
        match &self.next {
            Next::First => {}
            Next::Behind(cursor) => add("cursor", &encoded(cursor)),
            Next::Nothing => return None,
        }
        if let Some(limit) = self.limit {
            add("limit", &limit.to_string());
        }
        Some(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use pando_engine_memory::MemoryEngine;
    use pando_model::clock::SystemClock;
    use pando_store::docs::{Body, DocumentKey};
    use pando_store::precondition::Precondition;
    use pando_store::session::Session;
    use pando_store::{Store, StoreConfig};
    use std::sync::Arc;

    #[tokio::test]
    async fn pages_are_smaller_where_what_they_hold_is_large() {
        let engine = Arc::new(MemoryEngine::new());
        let store = Store::open(engine, Arc::new(SystemClock), StoreConfig::default());
        let store = store.await.unwrap();
        let text = format!("{{\"f\": \"{}\"}}", "x".repeat(48 << 20));
        for id in ["a", "b", "c"] {
            let key = DocumentKey::new("c", id).unwrap();
            let body = Body::read(&text, None, text.len()).unwrap();
            let put = store.docs_put(&key, body, Precondition::default()).await;
            let put = put.unwrap().map(|_| Ok(Vec::new()));
            let session = Session::default();
            store.carry_out(&put, None, &session).await.unwrap();
        }
        let surface = Surface::here(&store, &Config::default());
        let mut list = List::new(&surface, "/docs/v1/c?select=_id,f".to_owned());
        let mut bytes = Vec::new();
        while let Some(page) = list.next().await.unwrap() {
            bytes.push(page.body.len() >> 20);
        }
        assert_eq!(bytes, [48, 48, 48], "one by one");
    }
}
