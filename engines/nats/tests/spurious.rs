//! What an older nats-server delivers once too often is not handed out.

#![allow(clippy::expect_used, reason = "a test: a panic is how it fails")]

use async_nats::Client;
use bytes::Bytes;
use pando_cluster::Nats;
use pando_engine_nats::{NatsBroker, NatsConfig};
use pando_model::broker::{Broker, Delivery, LeaseAsk, Message, QueueSpec};
use std::time::{Duration, Instant};

const VISIBILITY: Duration = Duration::from_millis(400);

async fn lease(broker: &NatsBroker, wait: Duration) -> Vec<Delivery> {
    let ask = LeaseAsk {
        max: 10,
        visibility: VISIBILITY,
        wait,
    };
    broker.lease("mail", "default", &ask).await.expect("leased")
}

/// Has the consumer know somebody who waits, and who is gone before anything comes.
async fn wait_and_go(server: &Nats, consumer: &str) {
    let client = async_nats::connect(server.url()).await.expect("connected");
    let inbox = client.new_inbox();
    let waiting = client.subscribe(inbox.clone()).await.expect("subscribed");
    let ask = Bytes::from_static(br#"{"batch":1,"expires":60000000000}"#);
    let subject = format!("$JS.API.CONSUMER.MSG.NEXT.pando-q-mail.{consumer}");
    let asked = client.publish_with_reply(subject, inbox, ask).await;
    asked.expect("asked");
    until(&client, consumer, r#""num_waiting":1"#).await;
    drop(waiting);
    client.flush().await.expect("gone");
}

/// Asks for the consumer until its answer says so.
async fn until(client: &Client, consumer: &str, words: &str) {
    let ask = || async {
        let subject = format!("$JS.API.CONSUMER.INFO.pando-q-mail.{consumer}");
        let info = client.request(subject, Bytes::new()).await;
        let info = info.expect("an answer").payload;
        String::from_utf8(info.to_vec()).expect("a text")
    };
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let info = ask().await;
        if info.contains(words) {
            return;
        }
        assert!(Instant::now() < end, "{words} is never said: {info}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_acknowledged_does_not_come_again_where_somebody_waited_and_went_away() {
    let server = Nats::builder().start().await.expect("NATS");
    let broker = NatsBroker::connect(NatsConfig::new(server.url())).await;
    let broker = broker.expect("connected");
    let mut spec = QueueSpec::new("mail");
    spec.visibility = VISIBILITY;
    spec.ordered = true;
    broker.declare(&spec).await.expect("declared");
    let message = Message {
        id: 1,
        body: Bytes::from_static(b"one"),
        content_type: "text/plain".to_owned(),
        attributes: "{}".to_owned(),
        // A lane has one message out: what comes again comes behind the acknowledgement.
        ordering_key: Some("key".to_owned()),
        priority: 0,
        published_at_us: 0,
    };
    let sent = broker.publish("mail", &[message]).await;
    sent.expect("answered").remove(0).expect("published");

    let mut held = lease(&broker, Duration::from_secs(10)).await;
    // `TIME $JS.ACK.STREAM.CONSUMER.…`
    let consumer = held[0].lease.as_str().split('.').nth(3);
    let consumer = consumer.expect("a consumer").to_owned();
    while held[0].attempt < 3 {
        let last = held[0].attempt;
        wait_and_go(&server, &consumer).await;
        // The lease's time, at whose end the server finds out that nobody is there. Whoever asks it
        // how it stands would have it find out before.
        tokio::time::sleep(VISIBILITY * 2).await;
        held = lease(&broker, Duration::from_secs(10)).await;
        assert!(
            held[0].attempt > last,
            "{held:?} came behind attempt {last}"
        );
    }
    let leases = [held[0].lease.clone()];
    let settled = broker.ack("mail", &leases).await.expect("acknowledged");
    assert_eq!(settled.done, 1);
    let spurious = lease(&broker, VISIBILITY * 3).await;
    assert!(spurious.is_empty(), "{spurious:?} after {:?}", held[0]);
}
