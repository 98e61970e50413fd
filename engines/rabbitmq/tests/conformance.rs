//! Queues on RabbitMQ keep the contract of the port to brokers.

#![allow(clippy::expect_used, reason = "a test: a panic is how it fails")]

use async_trait::async_trait;
use pando_cluster::RabbitMq;
use pando_conformance::broker::{Subject, run};
use pando_engine_rabbitmq::{RabbitBroker, RabbitConfig};
use pando_model::broker::Broker;
use std::path::PathBuf;
use std::sync::Arc;

struct OnRabbit {
    server: RabbitMq,
    password: PathBuf,
    broker: Arc<RabbitBroker>,
}

async fn connect(server: &RabbitMq, password: &PathBuf) -> Arc<RabbitBroker> {
    let config = RabbitConfig::new(server.url(), "guest", password);
    let broker = RabbitBroker::connect(config).await;
    Arc::new(broker.expect("connected"))
}

#[async_trait]
impl Subject for OnRabbit {
    fn broker(&self) -> Arc<dyn Broker> {
        Arc::clone(&self.broker) as Arc<dyn Broker>
    }

    async fn another(&self) -> Arc<dyn Broker> {
        connect(&self.server, &self.password).await
    }

    async fn kill(&self) {
        self.server.kill().await.expect("killed");
    }

    async fn start(&self) {
        self.server.start().await.expect("started");
    }
}

impl Drop for OnRabbit {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.password);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rabbitmq_keeps_the_contract() {
    let name = format!("pando-rabbitmq-{}", std::process::id());
    let password = std::env::temp_dir().join(name);
    std::fs::write(&password, "guest\n").expect("written");
    let server = RabbitMq::launch().await.expect("RabbitMQ");
    let broker = connect(&server, &password).await;
    run(Arc::new(OnRabbit {
        server,
        password,
        broker,
    }))
    .await;
}
