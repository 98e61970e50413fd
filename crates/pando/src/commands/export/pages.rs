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
            next: Next::First,
        }
    }

    /// The next page; `None` behind the last one.
    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Reply>> {
        let path = match &self.next {
            Next::First => self.path.clone(),
            Next::Behind(cursor) => {
                let mark = if self.path.contains('?') { '&' } else { '?' };
                format!("{}{mark}cursor={}", self.path, encoded(cursor))
            }
            Next::Nothing => return Ok(None),
        };
        let asked = Asked::get(&path, self.accept);
        let answer = self.surface.send(asked).await;
        let answer = answer.map_err(|error| error.error)?;
        let cursor = answer.headers.get("pando-cursor");
        self.next = match cursor.and_then(|cursor| cursor.to_str().ok()) {
            Some(cursor) => Next::Behind(cursor.to_owned()),
            None => Next::Nothing,
        };
        Ok(Some(answer))
    }
}
