//! Queues on NATS keep the contract of the port to brokers.

#![allow(clippy::expect_used, reason = "a test: a panic is how it fails")]

use async_trait::async_trait;
use pando_cluster::Nats;
use pando_conformance::broker::{Subject, run};
use pando_engine_nats::{NatsBroker, NatsConfig};
use pando_model::broker::Broker;
use std::sync::Arc;

struct OnNats {
    server: Nats,
    broker: Arc<NatsBroker>,
}

async fn connect(server: &Nats) -> Arc<NatsBroker> {
    let broker = NatsBroker::connect(NatsConfig::new(server.url())).await;
    Arc::new(broker.expect("connected"))
}

#[async_trait]
impl Subject for OnNats {
    fn broker(&self) -> Arc<dyn Broker> {
        Arc::clone(&self.broker) as Arc<dyn Broker>
    }

    async fn another(&self) -> Arc<dyn Broker> {
        connect(&self.server).await
    }

    async fn kill(&self) {
        self.server.kill().await.expect("killed");
    }

    async fn start(&self) {
        self.server.start().await.expect("started");
    }

    async fn remove(&self, queue: &str) {
        let client = async_nats::connect(self.server.url()).await;
        let context = async_nats::jetstream::new(client.expect("connected"));
        let removed = context.delete_stream(format!("pando-q-{queue}")).await;
        removed.expect("removed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nats_keeps_the_contract() {
    let server = Nats::builder().start().await.expect("NATS");
    let broker = connect(&server).await;
    run(Arc::new(OnNats { server, broker })).await;
}
