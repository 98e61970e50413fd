//! Leases: who has a message, for how long, and how often.

use crate::bench::{Bench, SECOND, VISIBILITY, done, message, on_each, text};
use crate::concluded::concluded;
use pando_store::queue::{Nack, NewMessage, QueuePage};
use std::time::Duration;

#[tokio::test]
async fn messages_are_leased_in_the_order_of_their_publishes_and_not_again_once_acknowledged() {
    on_each(|bench: Bench| async move {
        bench.publish_each("q", &["one", "two"]).await;
        bench
            .publish("q", vec![message("three"), message("four")])
            .await;
        let first = bench.lease("q", 3).await;
        assert_eq!(text(&first), "one 1, two 1, three 1");
        let second = bench.lease("q", 3).await;
        assert_eq!(text(&second), "four 1");
        assert_eq!(bench.ack("q", &first).await, done(3, 0));
        assert_eq!(bench.ack("q", &first).await, done(0, 3), "done is done");
        assert_eq!(bench.ack("q", &second).await, done(1, 0));
        bench.wait(2 * VISIBILITY);
        assert_eq!(text(&bench.lease("q", 9).await), "");
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_ran_out_is_gone_and_its_message_is_visible_at_once() {
    on_each(|bench: Bench| async move {
        bench.publish_each("q", &["one", "two"]).await;
        let first = bench.lease("q", 2).await;
        bench.wait(VISIBILITY - 1);
        assert_eq!(text(&bench.lease("q", 9).await), "");
        bench.wait(1);
        assert_eq!(bench.ack("q", &first[..1]).await, done(0, 1));
        let again = bench.lease("q", 9).await;
        assert_eq!(text(&again), "one 2, two 2");
        assert_eq!(bench.ack("q", &first).await, done(0, 2));
        assert_eq!(bench.ack("q", &again).await, done(2, 0));
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_is_extended_lasts_from_then_on() {
    on_each(|bench: Bench| async move {
        bench.publish_each("q", &["one"]).await;
        let leased = bench.lease("q", 1).await;
        bench.wait(VISIBILITY / 2);
        assert_eq!(bench.extend("q", &leased, 60).await, done(1, 0));
        bench.wait(60 * SECOND - 1);
        assert_eq!(text(&bench.lease("q", 1).await), "");
        bench.wait(1);
        assert_eq!(bench.extend("q", &leased, 60).await, done(0, 1));
        assert_eq!(text(&bench.lease("q", 1).await), "one 2");
    })
    .await;
}

#[tokio::test]
async fn what_is_given_back_waits_as_backoff_or_the_worker_says_and_is_dead_in_the_end() {
    on_each(|bench: Bench| async move {
        bench.publish_each("q", &["one"]).await;
        let leased = bench.lease("q", 1).await;
        assert_eq!(bench.nack("q", &leased, Nack::default()).await, done(1, 0));
        assert_eq!(bench.ack("q", &leased).await, done(0, 1), "it has no lease");
        bench.wait(SECOND - 1);
        assert_eq!(text(&bench.lease("q", 1).await), "", "backoff is a second");
        bench.wait(1);
        let leased = bench.lease("q", 1).await;
        assert_eq!(text(&leased), "one 2");
        let at_once = Nack {
            delay: Some(Duration::ZERO),
            error: None,
        };
        bench.nack("q", &leased, at_once).await;
        bench.wait(1);
        let leased = bench.lease("q", 1).await;
        assert_eq!(text(&leased), "one 3");
        let error = Some("no such user".to_owned());
        bench.nack("q", &leased, Nack { delay: None, error }).await;
        bench.wait(3_600 * SECOND);
        assert_eq!(text(&bench.lease("q", 1).await), "", "it is dead");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_kills_its_workers_is_dead_after_as_many_attempts() {
    on_each(|bench: Bench| async move {
        bench.publish_each("q", &["poison", "good"]).await;
        for attempt in 1..=3 {
            let leased = bench.lease("q", 1).await;
            assert_eq!(text(&leased), format!("poison {attempt}"));
            bench.wait(VISIBILITY);
        }
        // The lease that finds it dead takes what comes behind it.
        assert_eq!(text(&bench.lease("q", 2).await), "good 1");
    })
    .await;
}

#[tokio::test]
async fn a_message_that_nobody_worked_on_is_there_at_once_and_its_attempt_does_not_count() {
    on_each(|bench: Bench| async move {
        bench.publish_each("q", &["one"]).await;
        for _ in 0..5 {
            let leased = bench.lease("q", 1).await;
            assert_eq!(text(&leased), "one 1");
            assert_eq!(bench.unlease("q", &leased).await, done(1, 0));
            assert_eq!(bench.unlease("q", &leased).await, done(0, 1));
            bench.wait(1);
        }
    })
    .await;
}

#[tokio::test]
async fn a_message_that_is_buried_is_dead_at_once_and_the_next_of_its_key_comes() {
    on_each(|bench: Bench| async move {
        let keyed = |body: &str| NewMessage {
            ordering_key: Some("k".to_owned()),
            ..message(body)
        };
        bench.publish("q", vec![keyed("one"), keyed("two")]).await;
        let leased = bench.lease("q", 2).await;
        assert_eq!(text(&leased), "one 1");
        assert_eq!(bench.bury("q", &leased, "no such user").await, done(1, 0));
        bench.wait(1);
        assert_eq!(text(&bench.lease("q", 2).await), "two 1");
        let dead = bench.store.queue_dead("q", &QueuePage::default()).unwrap();
        let dead = concluded(&bench.store, dead).await.unwrap().messages;
        let told: Vec<_> = dead.iter().map(|one| (one.attempts, &*one.error)).collect();
        assert_eq!(told, [(1, "no such user")]);
    })
    .await;
}
