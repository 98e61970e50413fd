//! Queues on RabbitMQ keep the contract of the port to brokers.

#![allow(clippy::expect_used, reason = "a test: a panic is how it fails")]

use async_trait::async_trait;
use lapin::options::{QueueDeclareOptions, QueueDeleteOptions};
use lapin::types::FieldTable;
use lapin::{Connection, ConnectionProperties};
use pando_cluster::RabbitMq;
use pando_conformance::broker::{Subject, run};
use pando_engine_rabbitmq::{RabbitBroker, RabbitConfig};
use pando_model::broker::{Broker, BrokerError, Lease, LeaseAsk, Message, QueueSpec, Result};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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

    async fn remove(&self, queue: &str) {
        remove(&self.server, &format!("pando.{queue}.default"), 0).await;
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
    a_queue_that_is_removed_ends_no_lease_of_another(&server, &*broker).await;
    run(Arc::new(OnRabbit {
        server,
        password,
        broker,
    }))
    .await;
}

async fn a_queue_that_is_removed_ends_no_lease_of_another(server: &RabbitMq, broker: &dyn Broker) {
    for name in ["stays", "removed"] {
        broker.declare(&spec(name)).await.expect("declared");
    }
    publish(broker, "stays").await.expect("confirmed");
    let held = lease(broker, "stays", 0).await.expect("leased");
    // While somebody waits there, and where nobody does.
    let removed = remove(server, "pando.removed.g", 1);
    let (ended, ()) = tokio::join!(lease(broker, "removed", 60), removed);
    let looked = broker.counts("removed", "g").await.map(drop);
    let leased = lease(broker, "removed", 0).await.map(drop);
    let published = publish(broker, "removed").await;
    for refused in [ended.map(drop), looked, leased, published] {
        let is_told = matches!(refused, Err(BrokerError::NoSuchQueue { .. }));
        assert!(is_told, "{refused:?}");
    }
    let acked = broker.ack("stays", &held).await.expect("acknowledged");
    assert_eq!(acked.done, 1);
    broker.declare(&spec("removed")).await.expect("declared");
    publish(broker, "removed").await.expect("confirmed");
    let leased = lease(broker, "removed", 10).await.expect("leased");
    assert_eq!(leased.len(), 1);
}

fn spec(name: &str) -> QueueSpec {
    QueueSpec {
        groups: vec!["g".to_owned()],
        ..QueueSpec::new(name)
    }
}

async fn publish(broker: &dyn Broker, queue: &str) -> Result<()> {
    let message = Message {
        id: 1,
        body: "it".into(),
        content_type: "text/plain".to_owned(),
        attributes: "{}".to_owned(),
        ordering_key: None,
        priority: 0,
        published_at_us: 1_800_000_000_000_000,
    };
    let mut each = broker.publish(queue, &[message]).await?;
    each.pop().expect("one answer")
}

async fn lease(broker: &dyn Broker, queue: &str, seconds: u64) -> Result<Vec<Lease>> {
    let ask = LeaseAsk {
        max: 1,
        visibility: Duration::from_secs(300),
        wait: Duration::from_secs(seconds),
    };
    let leased = broker.lease(queue, "g", &ask).await?;
    Ok(leased.into_iter().map(|one| one.lease).collect())
}

/// Removes one of the server's queues, once it has so many consumers.
async fn remove(server: &RabbitMq, queue: &str, consumers: u32) {
    let connected = Connection::connect(&server.url(), ConnectionProperties::default()).await;
    let connection = connected.expect("connected");
    let channel = connection.create_channel().await.expect("a channel");
    let look = QueueDeclareOptions {
        passive: true,
        ..QueueDeclareOptions::durable()
    };
    loop {
        let looked = channel.queue_declare(queue.into(), look, FieldTable::default());
        if looked.await.expect("it is there").consumer_count() >= consumers {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let removed = channel.queue_delete(queue.into(), QueueDeleteOptions::default());
    removed.await.expect("removed");
}
