//! The bus over NATS keeps the contract, and comes back when it was cut off.

#![allow(clippy::expect_used, reason = "a test: a panic is how it fails")]

use pando_cluster::Nats;
use pando_conformance::bus::{Ear, Heard, Subject, run};
use pando_engine_nats::{NatsBus, NatsConfig};
use pando_model::bus::Bus;
use std::sync::Arc;
use std::time::Duration;

struct OnNats(String);

impl OnNats {
    fn join_as(&self, deployment: &str) -> Arc<dyn Bus> {
        let mut config = NatsConfig::new(&self.0);
        // On a machine that may be busy.
        config.call_timeout = Duration::from_secs(10);
        Arc::new(NatsBus::start(config, deployment).expect("a configuration"))
    }
}

impl Subject for OnNats {
    fn join(&self) -> Arc<dyn Bus> {
        self.join_as("test")
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_bus_over_nats_keeps_the_contract() {
    let nats = Nats::builder().start().await.expect("NATS");
    run(&OnNats(nats.url())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_told_of_a_gap_where_there_is_none_and_deployments_are_apart() {
    const MANY: usize = 500;
    let nats = Nats::builder().start().await.expect("NATS");
    let site = OnNats(nats.url());
    let (bus, other) = (site.join(), site.join_as("other one: a.b *"));
    let mut ear = Ear::listen(&bus, "c").await;
    let mut elsewhere = Ear::listen(&other, "c").await;
    for n in 0..MANY {
        bus.publish("c", n.to_string().into()).await.expect("told");
        // Of another channel, and so another number.
        bus.publish("D.*", "beside".into()).await.expect("told");
    }
    for n in 0..MANY {
        assert_eq!(ear.next().await, Heard::Message(n.to_string().into()));
    }
    other.publish("c", "own".into()).await.expect("told");
    assert_eq!(elsewhere.next().await, Heard::Message("own".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_cut_off_by_a_kill_is_told_so_and_hears_again() {
    let nats = Nats::builder().start().await.expect("NATS");
    let bus = OnNats(nats.url()).join();
    let mut ear = Ear::listen(&bus, "c").await;
    bus.publish("c", "before".into()).await.expect("told");
    assert_eq!(ear.messages(1).await, ["before"]);
    nats.kill().await.expect("killed");
    let refused = bus.publish("c", "nobody hears".into()).await;
    assert!(refused.is_err(), "{refused:?}");
    nats.start().await.expect("started");
    // Said before anything else, though the stream is a new one whose numbers begin again.
    assert_eq!(ear.next().await, Heard::Lost);
    while bus.publish("c", "after".into()).await.is_err() {}
    assert_eq!(ear.messages(1).await, ["after"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bus_may_begin_before_its_nats() {
    let nats = Nats::builder().start().await.expect("NATS");
    nats.kill().await.expect("killed");
    let bus = OnNats(nats.url()).join();
    let refused = bus.publish("c", "too soon".into()).await;
    assert!(refused.is_err(), "{refused:?}");
    nats.start().await.expect("started");
    let mut ear = Ear::listen(&bus, "c").await;
    bus.publish("c", "now".into()).await.expect("told");
    assert_eq!(ear.messages(1).await, ["now"]);
}
