//! A graph: its nodes, and then the edges between them.

use super::pages::List;
use crate::surface::Surface;
use anyhow::Context;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Nodes, and then edges.
pub(super) struct Graph<'a> {
    nodes: List<'a>,
    edges: List<'a>,
}

/// A page of either.
#[derive(Deserialize)]
struct Page<'p> {
    #[serde(borrow, default)]
    nodes: Vec<&'p RawValue>,
    #[serde(borrow, default)]
    edges: Vec<&'p RawValue>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(surface: &'a Surface, path: &str) -> Graph<'a> {
        Graph {
            nodes: List::new(surface, format!("{path}/nodes")),
            edges: List::new(surface, format!("{path}/edges")),
        }
    }

    pub(super) async fn next(&mut self) -> anyhow::Result<Option<Bytes>> {
        let page = match self.nodes.next().await? {
            Some(page) => Some(page),
            None => self.edges.next().await?,
        };
        page.map(|page| items_of(&page.body)).transpose()
    }
}

/// The nodes or edges of a page, one after the other.
fn items_of(body: &[u8]) -> anyhow::Result<Bytes> {
    let page: Page<'_> = serde_json::from_slice(body).context("a page of a graph")?;
    let mut out = Vec::with_capacity(body.len());
    for item in page.nodes.iter().chain(&page.edges) {
        out.extend_from_slice(item.get().as_bytes());
        out.push(b'\n');
    }
    Ok(out.into())
}
