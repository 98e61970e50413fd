//! Brokers: NATS and RabbitMQ.

use pando_cluster::{Nats, RabbitMq};

#[tokio::test]
async fn a_nats_is_killed_and_comes_up_on_what_it_has() {
    let nats = Nats::builder().start().await.unwrap();
    assert!(nats.start().await.is_err(), "it runs already");
    nats.kill().await.unwrap();
    assert!(!nats.is_running());
    nats.start().await.unwrap();
    assert!(nats.log().contains("Starting JetStream"), "{}", nats.log());
}

#[tokio::test]
async fn a_nats_with_a_setting_that_is_none_says_why_it_does_not_start() {
    let nats = Nats::builder().setting("nonsense {").start().await;
    let said = format!("{:?}", nats.unwrap_err());
    assert!(said.contains("its process has ended"), "{said}");
    assert!(said.contains("nats-server.log"), "{said}");
}

#[tokio::test]
async fn a_rabbitmq_is_killed_and_comes_up_on_what_it_has() {
    let rabbit = RabbitMq::launch().await.unwrap();
    rabbit.ctl(&["add_vhost", "kept"]).await.unwrap();
    rabbit.kill().await.unwrap();
    assert!(rabbit.ctl(&["list_vhosts"]).await.is_err());
    rabbit.start().await.unwrap();
    let there = rabbit.ctl(&["list_vhosts", "--quiet"]).await.unwrap();
    assert!(there.lines().any(|line| line == "kept"), "{there}");
}
