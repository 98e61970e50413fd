//! A store, and short words for what is done to its graph `g`.

use crate::concluded::concluded;
use pando_model::clock::ManualClock;
use pando_model::engine::Engine;
use pando_model::error::Refusal;
use pando_store::error::StoreError;
use pando_store::graph::{
    Direction, Edge, EdgeKey, EdgeList, EdgeRange, Node, NodeKey, NodePatch, Stored,
};
use pando_store::operation::Operation;
use pando_store::precondition::Precondition;
use pando_store::{Store, StoreConfig};
use std::sync::Arc;

pub const NOW: i64 = 1_800_000_000_000_000;

pub struct Bench {
    pub store: Arc<Store>,
    /// Last, because it takes the engine's files with it.
    _shard: Option<crate::Shard>,
}

impl Bench {
    pub async fn new() -> Bench {
        Bench::with(StoreConfig::default()).await
    }

    pub async fn with(config: StoreConfig) -> Bench {
        let clock = Arc::new(ManualClock::new(NOW));
        let shard = crate::shard(&clock);
        let engine = Arc::clone(&shard.engine);
        Bench {
            _shard: Some(shard),
            ..Bench::over(engine, config).await
        }
    }

    /// Two hubs and what hangs on them: a → b, c, d; b → e, f; c → e; d → a; e → g.
    pub async fn with_two_hubs() -> Bench {
        let bench = Bench::new().await;
        bench.nodes(&["a", "b", "c", "d", "e", "f", "g"]).await;
        bench
            .edges(&[
                ("a", "b"),
                ("a", "c"),
                ("a", "d"),
                ("b", "e"),
                ("b", "f"),
                ("c", "e"),
                ("d", "a"),
                ("e", "g"),
            ])
            .await;
        bench
    }

    pub async fn over(engine: Arc<dyn Engine>, config: StoreConfig) -> Bench {
        let clock = Arc::new(ManualClock::new(NOW));
        let store = Store::open(engine, clock, config).await.unwrap();
        Bench {
            store,
            _shard: None,
        }
    }

    /// Carries an operation out; what it concludes.
    pub async fn done<T: Send + 'static>(&self, operation: Operation<T>) -> Result<T, Refusal> {
        concluded(&self.store, operation).await.map_err(refusal)
    }

    pub async fn put_node(&self, id: &str, kind: &str, body: &str) -> Stored {
        let none = Precondition::default();
        let operation = self
            .store
            .graph_put_node(&node(id), kind, Some(body), none)
            .await;
        self.done(operation.unwrap()).await.unwrap()
    }

    pub async fn nodes(&self, ids: &[&str]) {
        for id in ids {
            self.put_node(id, "thing", "{}").await;
        }
    }

    pub async fn get_node(&self, id: &str) -> Option<Node> {
        self.done(self.store.graph_node(&node(id))).await.unwrap()
    }

    pub async fn patch_node(&self, id: &str, patch: NodePatch) -> Result<Node, Refusal> {
        let none = Precondition::default();
        let operation = self.store.graph_patch_node(&node(id), patch, none).await;
        self.done(operation.map_err(refusal)?).await
    }

    pub async fn delete_node(&self, id: &str) -> Result<bool, Refusal> {
        let none = Precondition::default();
        self.done(self.store.graph_delete_node(&node(id), none))
            .await
    }

    pub async fn try_put_edge(
        &self,
        from: &str,
        kind: &str,
        to: &str,
        at: i64,
        body: &str,
    ) -> Result<Stored, Refusal> {
        let none = Precondition::default();
        let key = edge(from, kind, to);
        let operation = self
            .store
            .graph_put_edge(&key, Some(at), Some(body), none)
            .await;
        self.done(operation.map_err(refusal)?).await
    }

    /// Puts edges of the kind `k`, each a millisecond after the one before.
    pub async fn edges(&self, pairs: &[(&str, &str)]) {
        for (place, (from, to)) in pairs.iter().enumerate() {
            let at = place as i64 * 1_000;
            self.try_put_edge(from, "k", to, at, "{}").await.unwrap();
        }
    }

    pub async fn get_edge(&self, from: &str, kind: &str, to: &str) -> Option<Edge> {
        self.done(self.store.graph_edge(&edge(from, kind, to)))
            .await
            .unwrap()
    }

    pub async fn delete_edge(&self, from: &str, kind: &str, to: &str) -> bool {
        let none = Precondition::default();
        let operation = self.store.graph_delete_edge(&edge(from, kind, to), none);
        self.done(operation).await.unwrap()
    }

    pub async fn count(&self, id: &str, kind: &str, direction: Direction) -> u64 {
        let operation = self.store.graph_count_edges(&node(id), kind, direction);
        self.done(operation.unwrap()).await.unwrap()
    }

    pub async fn list(&self, id: &str, range: &EdgeRange) -> Result<EdgeList, Refusal> {
        self.done(self.store.graph_list_edges(&node(id), "k", range)?)
            .await
    }

    /// Every edge has its inverse and is counted.
    pub async fn is_whole(&self) {
        let faults = self.store.verify_graphs().await.unwrap();
        assert_eq!(faults, Vec::<String>::new());
    }
}

pub fn node(id: &str) -> NodeKey {
    NodeKey::new("g", id).unwrap()
}

pub fn edge(from: &str, kind: &str, to: &str) -> EdgeKey {
    EdgeKey::new("g", from, kind, to).unwrap()
}

pub fn refusal(error: StoreError) -> Refusal {
    match error {
        StoreError::Refused(refusal) => refusal,
        other => panic!("{other:?}"),
    }
}
