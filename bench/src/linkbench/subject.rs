//! The graph in Pando: its store over SQLite, in this process.

use super::LIST_LIMIT;
use super::workload::{Graph, Link, Op, at_us, link_body, node_body};
use anyhow::{Result, anyhow};
use pando_engine_sqlite::{SqliteConfig, SqliteEngine};
use pando_model::canonical;
use pando_model::clock::SystemClock;
use pando_model::column::ColumnType;
use pando_model::slot::Slot;
use pando_model::value::Value;
use pando_store::error::StoreError;
use pando_store::graph::{Direction, EdgeKey, EdgeRange, NodeKey};
use pando_store::operation::Operation;
use pando_store::precondition::Precondition;
use pando_store::session::Session;
use pando_store::{Store, StoreConfig};
use rusqlite::{Connection, Transaction};
use std::path::Path;
use std::sync::Arc;

const GRAPH: &str = "bench";
const FILE: &str = "pando.db";

pub struct Subject {
    store: Arc<Store>,
}

/// Fills the relations of a graph directly, in the order in which they lie in the file; their
/// indexes are built when it is opened again. Edge by edge it would take most of an hour.
pub async fn fill(data_dir: &Path, graph: &Graph) -> Result<()> {
    Subject::open(data_dir).await?.close().await?;
    let mut connection = Connection::open(data_dir.join(FILE))?;
    // Bodies are ordered by a collation of the engine's. No key has it: any will do.
    connection.create_collation("pando_jsonb", str::cmp)?;
    let names: Vec<String> = connection
        .prepare(
            "SELECT name FROM sqlite_schema
             WHERE type = 'index' AND sql NOT NULL AND tbl_name GLOB '_pando_graph_*'",
        )?
        .query_map([], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    for name in names {
        connection.execute_batch(&format!("DROP INDEX \"{name}\""))?;
    }
    let transaction = connection.transaction()?;
    insert_nodes(&transaction, graph)?;
    insert_edges(&transaction, graph)?;
    transaction.commit()?;
    Ok(())
}

fn slot_of(node: i64) -> u32 {
    let id = Value::Text(node.to_string());
    Slot::of_key(&canonical::bytes_of(&[(&ColumnType::Text, &id)])).number()
}

fn insert_nodes(transaction: &Transaction<'_>, graph: &Graph) -> Result<()> {
    let mut nodes: Vec<(u32, String, i64)> = (0..graph.nodes())
        .map(|n| (slot_of(n), n.to_string(), n))
        .collect();
    nodes.sort_unstable();
    let mut insert =
        transaction.prepare("INSERT INTO _pando_graph_node VALUES (?1,?2,?3,'user',?4,?5)")?;
    for (slot, id, n) in nodes {
        insert.execute((slot, GRAPH, id, node_body(n as u64), n + 1))?;
    }
    Ok(())
}

fn insert_edges(transaction: &Transaction<'_>, graph: &Graph) -> Result<()> {
    let slots: Vec<u32> = (0..graph.nodes()).map(slot_of).collect();
    // An edge lies with both of its nodes: by slot, node, direction and kind.
    let mut ends: Vec<(u32, i64, u8, Link)> = (0..graph.nodes())
        .flat_map(|n| graph.links(n))
        .flat_map(|link| [(link.from, 0, link), (link.to, 1, link)])
        .map(|(node, direction, link)| (slots[node as usize], node, direction, link))
        .collect();
    ends.sort_unstable_by_key(|(slot, node, direction, link)| {
        (*slot, *node, *direction, link.kind, link.from, link.to)
    });
    let mut edge =
        transaction.prepare("INSERT INTO _pando_graph_edge VALUES (?1,?2,?3,?4,?5,?6,?7,?8,1)")?;
    let mut degree =
        transaction.prepare("INSERT INTO _pando_graph_degree VALUES (?1,?2,?3,?4,?5,?6)")?;
    for same in ends.chunk_by(|a, b| (a.1, a.2, a.3.kind) == (b.1, b.2, b.3.kind)) {
        let Some((slot, node, direction, Link { kind, .. })) = same.first() else {
            continue;
        };
        let (node, kind) = (node.to_string(), kind.to_string());
        degree.execute((slot, GRAPH, &node, direction, &kind, same.len() as i64))?;
        for (_, _, _, link) in same {
            let other = if *direction == 0 { link.to } else { link.from };
            let (at, body) = (at_us(link), link_body(link.to as u64));
            let other = other.to_string();
            edge.execute((slot, GRAPH, &node, direction, &kind, other, at, body))?;
        }
    }
    Ok(())
}

impl Subject {
    pub async fn open(data_dir: &Path) -> Result<Subject> {
        let config = SqliteConfig::new(data_dir.join(FILE));
        let engine = tokio::task::spawn_blocking(move || SqliteEngine::open(config)).await??;
        let store = Store::open(engine, Arc::new(SystemClock), StoreConfig::default());
        Ok(Subject {
            store: store.await?,
        })
    }

    pub async fn close(&self) -> Result<()> {
        Ok(self.store.close().await?)
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

    async fn read<T: Send + 'static>(&self, operation: Operation<T>) -> Result<()> {
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
