//! The graph in Pando: its store over SQLite, in this process.

use super::LIST_LIMIT;
use super::workload::{Graph, Link, Op, at_us, link_body, node_body};
use crate::process;
use anyhow::{Result, anyhow};
use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::clock::SystemClock;
use pando_store::error::StoreError;
use pando_store::graph::{Direction, EdgeKey, EdgeRange, NodeKey};
use pando_store::operation::Operation;
use pando_store::precondition::Precondition;
use pando_store::session::Session;
use pando_store::{Store, StoreConfig};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::sync::Arc;

const GRAPH: &str = "bench";

pub struct Subject {
    store: Arc<Store>,
}

/// Imports the graph, by the binary.
pub fn fill(data_dir: &Path, graph: &Graph) -> Result<()> {
    let (nodes, edges) = (data_dir.join("nodes.ndjson"), data_dir.join("edges.ndjson"));
    let mut out = BufWriter::new(std::fs::File::create(&nodes)?);
    for n in 0..graph.nodes() {
        writeln!(
            out,
            "{{\"id\":\"{n}\",\"kind\":\"user\",\"body\":{}}}",
            node_body(n as u64)
        )?;
    }
    out.flush()?;
    let mut out = BufWriter::new(std::fs::File::create(&edges)?);
    for link in (0..graph.nodes()).flat_map(|n| graph.links(n)) {
        let Link { from, kind, to } = link;
        let (at, body) = (at_us(&link), link_body(to as u64));
        writeln!(
            out,
            "{{\"from\":\"{from}\",\"kind\":\"{kind}\",\"to\":\"{to}\",\"at\":{at},\"body\":{body}}}"
        )?;
    }
    out.flush()?;
    let target = format!("graph/{GRAPH}");
    for file in [&nodes, &edges] {
        process::pando(data_dir, &["import", &target, &file.to_string_lossy()])?;
        std::fs::remove_file(file)?;
    }
    Ok(())
}

impl Subject {
    pub async fn open(data_dir: &Path) -> Result<Subject> {
        let config = SqliteConfig::new(data_dir.join("pando.db"));
        let engine = tokio::task::spawn_blocking(move || SqliteEngine::open(config)).await??;
        let store = Store::open(engine, Arc::new(SystemClock), StoreConfig::default());
        Ok(Subject {
            store: store.await?,
        })
    }

    /// What is wrong with the graph's inverse edges and counts.
    pub async fn verify(&self) -> Result<Vec<String>> {
        self.store
            .verify_graphs()
            .await
            .map_err(|refusal| anyhow!("{refusal:?}"))
    }

    pub async fn carry_out(&self, op: Op) -> Result<()> {
        let none = Precondition::default();
        match op {
            Op::AddLink(link, body) | Op::UpdateLink(link, body) => {
                let edge = edge(&link)?;
                let put = self.store.graph_put_edge(&edge, None, Some(&body), none);
                self.write(put.await?).await
            }
            Op::DeleteLink(link) => {
                let delete = self.store.graph_delete_edge(&edge(&link)?, none);
                self.write(delete).await
            }
            Op::AddNode(id, body) | Op::UpdateNode(id, body) => {
                let node = node(id)?;
                let put = self.store.graph_put_node(&node, "user", Some(&body), none);
                self.write(put.await?).await
            }
            Op::DeleteNode(id) => {
                let delete = self.store.graph_delete_node(&node(id)?, none);
                self.write(delete).await
            }
            Op::GetNode(id) => self.read(self.store.graph_node(&node(id)?)).await,
            Op::CountLinks(id, kind) => {
                let (node, kind) = (node(id)?, kind.to_string());
                let count = self.store.graph_count_edges(&node, &kind, Direction::Out);
                self.read(count.map_err(refused)?).await
            }
            Op::GetLinks(links) => {
                for link in links {
                    self.read(self.store.graph_edge(&edge(&link)?)).await?;
                }
                Ok(())
            }
            Op::ListLinks(id, kind) => {
                let range = EdgeRange {
                    limit: Some(LIST_LIMIT as u64),
                    ..EdgeRange::default()
                };
                let (node, kind) = (node(id)?, kind.to_string());
                let list = self.store.graph_list_edges(&node, &kind, &range);
                self.read(list.map_err(refused)?).await
            }
        }
    }

    async fn read<T: 'static>(&self, operation: Operation<T>) -> Result<()> {
        self.store.answer(&operation, &Session::default()).await?;
        Ok(())
    }

    async fn write<T: 'static>(&self, operation: Operation<T>) -> Result<()> {
        let operation = operation.map(|_| Ok(Vec::new()));
        let session = Session::default();
        match self.store.carry_out(&operation, None, &session).await {
            // One of an edge's nodes was deleted: by hand that is looked up too.
            Ok(_) | Err(StoreError::Refused(_)) => Ok(()),
            Err(other) => Err(other.into()),
        }
    }
}

fn node(id: i64) -> Result<NodeKey> {
    NodeKey::new(GRAPH, &id.to_string()).map_err(refused)
}

fn edge(link: &Link) -> Result<EdgeKey> {
    let Link { from, kind, to } = link.to_owned();
    EdgeKey::new(GRAPH, &from.to_string(), &kind.to_string(), &to.to_string()).map_err(refused)
}

fn refused(refusal: pando_model::error::Refusal) -> anyhow::Error {
    anyhow!("{}", refusal.message)
}
