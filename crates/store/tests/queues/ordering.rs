//! Order: of one key, and of priorities.

use crate::bench::{Bench, NOW, SECOND, VISIBILITY, keyed, message, on_each, text};
use crate::concluded::concluded;
use pando_model::clock::Clock;
use pando_store::queue::{Lease, Nack, NewMessage};
use pando_store::{Store, StoreConfig};
use std::sync::Arc;

#[tokio::test]
async fn messages_of_a_key_are_out_one_at_a_time_and_others_go_past() {
    on_each(|bench: Bench| async move {
        let all = [("a1", "a"), ("a2", "a"), ("b1", "b"), ("a3", "a")];
        for (body, key) in all {
            bench.publish("q", vec![keyed(body, key)]).await;
        }
        bench.publish_each("q", &["free"]).await;
        let first = bench.lease("q", 9).await;
        assert_eq!(text(&first), "a1 1, b1 1, free 1");
        assert_eq!(text(&bench.lease("q", 9).await), "");
        bench.ack("q", &first[..1]).await;
        bench.wait(1);
        let second = bench.lease("q", 9).await;
        assert_eq!(text(&second), "a2 1");
        // Given back, it stays the first of its key.
        bench.nack("q", &second, Nack::default()).await;
        assert_eq!(text(&bench.lease("q", 9).await), "");
        bench.wait(SECOND);
        let again = bench.lease("q", 9).await;
        assert_eq!(text(&again), "a2 2");
        bench.ack("q", &again).await;
        bench.wait(1);
        assert_eq!(text(&bench.lease("q", 9).await), "a3 1");
    })
    .await;
}

#[tokio::test]
async fn a_dead_letter_stands_in_its_keys_way_no_longer() {
    on_each(|bench: Bench| async move {
        for (queue, dies_by_lease) in [("q", true), ("other", false)] {
            let all = ["a1", "a2"].map(|body| keyed(body, "a"));
            bench.publish(queue, all.to_vec()).await;
            for attempt in 1..=3 {
                let leased = bench.lease(queue, 9).await;
                assert_eq!(text(&leased), format!("a1 {attempt}"));
                if dies_by_lease {
                    bench.wait(VISIBILITY);
                } else {
                    bench.nack(queue, &leased, Nack::default()).await;
                    bench.wait(60 * SECOND);
                }
            }
            if dies_by_lease {
                assert_eq!(text(&bench.lease(queue, 9).await), "", "it dies");
                bench.wait(1);
            }
            assert_eq!(text(&bench.lease(queue, 9).await), "a2 1", "{queue}");
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_held_behind_a_message_that_a_replay_takes_back_comes_before_it() {
    on_each(|bench: Bench| async move {
        bench.publish("kept", vec![keyed("a1", "a")]).await;
        let first = bench.lease("kept", 9).await;
        bench.bury("kept", &first, "for now").await;
        bench.wait(SECOND);
        let from_us = NOW + SECOND;
        bench.publish("kept", vec![keyed("a2", "a")]).await;
        assert_eq!(text(&bench.lease("kept", 9).await), "a2 1");
        let redrive = bench.store.queue_redrive("kept", None, None).unwrap();
        concluded(&bench.store, redrive).await.unwrap();
        let replay = bench.store.queue_replay("kept", None, from_us);
        concluded(&bench.store, replay.await.unwrap())
            .await
            .unwrap();
        assert_eq!(text(&bench.lease("kept", 9).await), "", "a1 is due");
        bench.wait(1);
        for in_order in ["a1 1", "a2 1"] {
            let leased = bench.lease("kept", 9).await;
            assert_eq!(text(&leased), in_order);
            bench.ack("kept", &leased).await;
            bench.wait(1);
        }
    })
    .await;
}

#[tokio::test]
async fn what_was_published_after_a_purge_began_comes_though_all_before_it_is_gone() {
    on_each(|bench: Bench| async move {
        // The first is leased, the others are held, and none of the next hundreds stays either.
        let before = (0..601).map(|number| keyed(&format!("a{number}"), "a"));
        bench.publish("q", before.collect()).await;
        bench.publish("q", vec![keyed("b0", "b")]).await;
        let until_us = bench.clock.now_us();
        bench.wait(1);
        let since = ["a", "a", "b"].map(|key| keyed(key, key));
        bench.publish("q", since.to_vec()).await;
        let mut out = Vec::new();
        for _ in 0..3 {
            out.extend(bench.lease("q", 1_000).await);
        }
        assert_eq!(text(&out), "a0 1, b0 1");
        let purged = bench.store.queue_purge_until("q", until_us).await;
        assert_eq!(purged.unwrap(), 602);
        bench.wait(1);
        let leased = bench.lease("q", 9).await;
        assert_eq!(text(&leased), "a 1, b 1");
        bench.ack("q", &leased).await;
        bench.wait(1);
        assert_eq!(text(&bench.lease("q", 9).await), "a 1");
    })
    .await;
}

#[tokio::test]
async fn the_next_of_each_key_comes_whether_its_keys_have_few_or_many_held() {
    on_each(|bench: Bench| async move {
        let mut left: Vec<(String, usize)> = Vec::new();
        for key in 0..6 {
            let many = if key % 3 == 0 { 90 } else { 3 };
            left.push((format!("k{key}"), many));
            let each = (0..many).map(|number| keyed(&format!("{number}"), &format!("k{key}")));
            bench.publish("q", each.collect()).await;
        }
        assert_eq!(
            bench.lease("q", 300).await.len(),
            6,
            "the first of each key"
        );
        bench.wait(VISIBILITY);
        for round in 0..90 {
            bench.wait(1);
            let leased = bench.lease("q", 300).await;
            let expected = left.iter().filter(|(_, many)| *many > round);
            assert_eq!(leased.len(), expected.count(), "round {round}");
            for one in &leased {
                assert_eq!(one.message.body, round.to_string());
            }
            // All at once, and each by itself.
            match round % 2 {
                0 => drop(bench.ack("q", &leased).await),
                _ => {
                    for one in leased {
                        bench.ack("q", &[one]).await;
                    }
                }
            }
        }
    })
    .await;
}

#[tokio::test]
async fn what_is_held_is_bounded_and_all_of_it_comes() {
    on_each(|bench: Bench| async move {
        let hot = (0..12).map(|number| keyed(&format!("a{number}"), "a"));
        bench.publish("small", hot.collect()).await;
        bench.publish_each("small", &["free"]).await;
        let (mut came, mut out) = (Vec::new(), Vec::new());
        for round in 0..40 {
            bench.store.queue_measure_watched().await.unwrap();
            let leased = bench.lease("small", 2).await;
            let depth = bench.store.queue_depth("small", None).unwrap();
            let depth = concluded(&bench.store, depth).await.unwrap();
            assert!(depth.held <= 4, "{depth:?}: a lease more than it is known");
            came.extend(leased.iter().map(|one| text(std::slice::from_ref(one))));
            out.extend(leased);
            if round >= 10 && !out.is_empty() {
                bench.ack("small", &out).await;
                out.clear();
            }
            bench.wait(1);
        }
        assert_eq!(came.len(), 13);
        let keyed: Vec<&String> = came.iter().filter(|body| body.starts_with('a')).collect();
        let in_order: Vec<String> = (0..12).map(|number| format!("a{number} 1")).collect();
        assert_eq!(keyed, in_order.iter().collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test]
async fn what_lies_above_the_priorities_that_a_queue_has_left_is_leased_first() {
    on_each(|bench: Bench| async move {
        let urgent = |body, priority| NewMessage {
            priority,
            ..message(body)
        };
        bench
            .publish("p", vec![urgent("two", 2), urgent("one", 1)])
            .await;
        bench.publish("p", vec![message("plain")]).await;
        let engine = Arc::clone(bench.store.engine());
        // Another process, with the file as it is now.
        let fewer = Store::open(engine, bench.clock.clone(), StoreConfig::default());
        let fewer = fewer.await.unwrap();
        let measured = fewer.queue_measure("p", None).await.unwrap();
        assert_eq!(measured.ready, 3);
        let asked = Lease {
            max: Some(9),
            ..Lease::default()
        };
        let lease = fewer.queue_lease("p", &asked).unwrap();
        let leased = concluded(&fewer, lease).await.unwrap();
        assert_eq!(text(&leased), "two 1, one 1, plain 1");
    })
    .await;
}

#[tokio::test]
async fn the_highest_priority_comes_first_and_in_order() {
    on_each(|bench: Bench| async move {
        let low = bench.publish("p", vec![message("low")]).await;
        for (body, priority) in [("mid", 1), ("high", 2), ("high too", 2)] {
            let urgent = NewMessage {
                priority,
                ..message(body)
            };
            bench.publish("p", vec![urgent]).await;
        }
        let leased = bench.lease("p", 3).await;
        assert_eq!(text(&leased), "high 1, high too 1, mid 1");
        let leased = bench.lease("p", 3).await;
        assert_eq!(leased[0].message.id, low[0]);
    })
    .await;
}
