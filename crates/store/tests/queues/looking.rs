//! Looking into a queue, and what operators do with it.

use crate::bench::{Bench, NOW, SECOND, VISIBILITY, done, keyed, message, on_each, text};
use crate::concluded::concluded;
use pando_store::error::StoreError;
use pando_store::queue::{Depth, Nack, NewMessage, QueuePage, Redriven};
use std::collections::BTreeMap;

impl Bench {
    /// Bodies and states, page by page.
    async fn peek(&self, queue: &str, group: Option<&str>) -> String {
        let mut page = QueuePage {
            limit: Some(2),
            cursor: None,
            group: group.map(str::to_owned),
        };
        let mut all = Vec::new();
        loop {
            let peek = self.store.queue_peek(queue, &page).unwrap();
            let peek = concluded(&self.store, peek).await.unwrap();
            all.extend(peek.messages.iter().map(|one| {
                let body = String::from_utf8_lossy(&one.message.body);
                format!("{body} {}", one.state.name())
            }));
            match peek.cursor {
                Some(cursor) => page.cursor = Some(cursor),
                None => return all.join(", "),
            }
        }
    }

    /// Bodies, attempts and errors of dead letters, page by page.
    async fn dead(&self, queue: &str) -> String {
        let mut page = QueuePage {
            limit: Some(1),
            ..QueuePage::default()
        };
        let mut all = Vec::new();
        loop {
            let dead = self.store.queue_dead(queue, &page).unwrap();
            let dead = concluded(&self.store, dead).await.unwrap();
            all.extend(dead.messages.iter().map(|one| {
                let body = String::from_utf8_lossy(&one.message.body);
                format!("{body} {}: {}", one.attempts, one.error)
            }));
            match dead.cursor {
                Some(cursor) => page.cursor = Some(cursor),
                None => return all.join(", "),
            }
        }
    }

    async fn redrive(&self, queue: &str, ids: Option<Vec<i64>>) -> u64 {
        let redrive = self.store.queue_redrive(queue, None, ids).unwrap();
        let Redriven { redriven, more } = concluded(&self.store, redrive).await.unwrap();
        assert!(!more);
        redriven
    }

    async fn depth(&self, queue: &str) -> Depth {
        let depth = self.store.queue_depth(queue, None).unwrap();
        concluded(&self.store, depth).await.unwrap()
    }

    async fn replay(&self, queue: &str, from_us: i64) -> Result<(), StoreError> {
        let replay = self.store.queue_replay(queue, None, from_us).await?;
        concluded(&self.store, replay).await
    }
}

async fn kill(bench: &Bench, queue: &str, count: u64, error: &str) {
    for _ in 0..3 {
        let leased = bench.lease(queue, count).await;
        let error = Some(error.to_owned());
        let nack = Nack { delay: None, error };
        assert_eq!(bench.nack(queue, &leased, nack).await, done(count, 0));
        bench.wait(60 * SECOND);
    }
}

#[tokio::test]
async fn a_look_tells_how_each_message_stands_and_changes_nothing() {
    on_each(|bench: Bench| async move {
        let all = ["leased", "waits", "dead"].map(message);
        bench.publish("q", all[2..].to_vec()).await;
        kill(&bench, "q", 1, "no").await;
        bench.publish("q", all[..2].to_vec()).await;
        let two = bench.lease("q", 2).await;
        bench.nack("q", &two[1..], Nack::default()).await;
        bench
            .publish(
                "q",
                vec![message("ready"), keyed("head", "k"), keyed("held", "k")],
            )
            .await;
        let later = NewMessage {
            at_us: Some(NOW + 3_600 * SECOND),
            ..message("later")
        };
        bench.publish("q", vec![later]).await;
        let before = "dead dead, leased leased, waits waiting, ready ready, head ready, held ready";
        assert_eq!(bench.peek("q", None).await, before);
        assert_eq!(bench.peek("q", None).await, before);
        let depth = bench.depth("q").await;
        let published = bench.store.clock().now_us();
        let expected = Depth {
            ready: 3,
            in_flight: 1,
            waiting: 1,
            held: 0,
            scheduled: 1,
            dead: 1,
            oldest_us: Some(published),
        };
        assert_eq!(depth, expected);
        assert_eq!(depth.depth(), 5);
        assert_eq!(text(&bench.lease("q", 9).await), "ready 1, head 1");
        assert!(
            bench
                .peek("q", None)
                .await
                .ends_with("head leased, held held")
        );
        let other = bench.peek("q", Some("other")).await;
        assert_eq!(other.matches("ready").count(), 7, "{other}");
    })
    .await;
}

#[tokio::test]
async fn the_dead_say_why_and_have_all_their_attempts_again_once_they_are_redriven() {
    on_each(|bench: Bench| async move {
        let ids = bench
            .publish("q", ["one", "two", "three"].map(message).to_vec())
            .await;
        kill(&bench, "q", 3, "no such user").await;
        let all = "one 3: no such user, two 3: no such user, three 3: no such user";
        assert_eq!(bench.dead("q").await, all);
        assert_eq!(bench.redrive("q", Some(vec![ids[1], -5])).await, 1);
        bench.wait(1);
        let leased = bench.lease("q", 9).await;
        assert_eq!(text(&leased), "two 1");
        bench.ack("q", &leased).await;
        assert_eq!(bench.redrive("q", None).await, 2);
        assert_eq!(bench.dead("q").await, "");
        bench.wait(1);
        kill(&bench, "q", 2, "still none").await;
        assert_eq!(
            bench.dead("q").await,
            "one 3: still none, three 3: still none"
        );
    })
    .await;
}

#[tokio::test]
async fn dead_letters_of_a_key_come_back_one_at_a_time_in_order() {
    on_each(|bench: Bench| async move {
        bench
            .publish("q", ["a1", "a2"].map(|body| keyed(body, "a")).to_vec())
            .await;
        kill(&bench, "q", 1, "no").await;
        kill(&bench, "q", 1, "no").await;
        assert_eq!(bench.redrive("q", None).await, 2);
        bench.wait(1);
        let first = bench.lease("q", 9).await;
        assert_eq!(text(&first), "a1 1");
        bench.ack("q", &first).await;
        bench.wait(1);
        assert_eq!(text(&bench.lease("q", 9).await), "a2 1");
    })
    .await;
}

#[tokio::test]
async fn a_log_that_is_kept_is_replayed_from_a_time() {
    on_each(|bench: Bench| async move {
        for body in ["one", "two", "three"] {
            bench.publish("kept", vec![keyed(body, "k")]).await;
            bench.wait(60 * SECOND);
        }
        for body in ["one", "two", "three"] {
            let leased = bench.lease("kept", 1).await;
            assert_eq!(text(&leased), format!("{body} 1"));
            assert_eq!(bench.ack("kept", &leased).await, done(1, 0));
            bench.wait(1);
        }
        let all = "one acked, two acked, three acked";
        assert_eq!(bench.peek("kept", None).await, all);
        bench.replay("kept", NOW + 1).await.unwrap();
        let two = bench.lease("kept", 1).await;
        assert_eq!(text(&two), "two 1");
        // Set back while it is out: its lease is none any more, and its key waits for nothing.
        bench.replay("kept", NOW).await.unwrap();
        assert_eq!(bench.ack("kept", &two).await, done(0, 1));
        for body in ["one", "two", "three"] {
            let leased = bench.lease("kept", 9).await;
            assert_eq!(text(&leased), format!("{body} 1"));
            bench.ack("kept", &leased).await;
            bench.wait(1);
        }
        let refused = bench.replay("q", NOW).await.unwrap_err();
        assert!(
            refused.to_string().contains("keeps no messages"),
            "{refused}"
        );
    })
    .await;
}

#[tokio::test]
async fn what_is_kept_goes_once_its_time_is_over_and_all_have_done_it() {
    on_each(|bench: Bench| async move {
        bench.publish_each("kept", &["one", "two", "three"]).await;
        let leased = bench.lease("kept", 3).await;
        bench
            .ack("kept", &[leased[0].clone(), leased[2].clone()])
            .await;
        let mut looked = BTreeMap::new();
        assert_eq!(bench.store.queue_sweep(&mut looked).await.unwrap(), 0);
        bench.wait(3_600 * SECOND + 1);
        assert_eq!(bench.store.queue_sweep(&mut looked).await.unwrap(), 2);
        assert_eq!(bench.peek("kept", None).await, "two leased");
        let again = bench.lease("kept", 3).await;
        assert_eq!(text(&again), "two 2");
        bench.ack("kept", &again).await;
        assert_eq!(bench.store.queue_sweep(&mut looked).await.unwrap(), 0);
        assert_eq!(
            bench.store.queue_sweep(&mut BTreeMap::new()).await.unwrap(),
            1
        );
        assert_eq!(bench.peek("kept", None).await, "");
    })
    .await;
}

#[tokio::test]
async fn the_dead_of_one_group_keep_nothing_that_lies_behind_them() {
    on_each(|bench: Bench| async move {
        // More than are looked at together.
        let bodies = (0..501).map(|n| message(&n.to_string())).collect();
        bench.publish("both", bodies).await;
        for _ in 0..2 {
            let dead = bench.lease_of("both", Some("a"), 250).await;
            assert_eq!(dead.len(), 250);
            bench.bury("both", &dead, "no").await;
        }
        for (group, left) in [("a", 1), ("b", 501)] {
            let mut acked = 0;
            while acked < left {
                let leased = bench.lease_of("both", Some(group), 250).await;
                assert!(!leased.is_empty(), "{group} got {acked} of {left}");
                bench.ack("both", &leased).await;
                acked += leased.len();
            }
            assert_eq!(acked, left);
        }
        bench.wait(3_600 * SECOND + 1);
        let swept = bench.store.queue_sweep(&mut BTreeMap::new()).await;
        assert_eq!(swept.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_purge_takes_all_that_was_published_before_it() {
    on_each(|bench: Bench| async move {
        bench.publish_each("q", &["one", "two"]).await;
        let leased = bench.lease("q", 1).await;
        let later = NewMessage {
            at_us: Some(NOW + SECOND),
            ..message("later")
        };
        bench.publish("q", vec![later]).await;
        bench.publish_each("other", &["stays"]).await;
        assert_eq!(bench.store.queue_purge("q").await.unwrap(), 3);
        assert_eq!(bench.ack("q", &leased).await, done(0, 1));
        bench.wait(2 * VISIBILITY);
        bench.store.queue_release(0).await.unwrap();
        assert_eq!(text(&bench.lease("q", 9).await), "");
        assert_eq!(text(&bench.lease("other", 9).await), "stays 1");
        bench.publish_each("q", &["new"]).await;
        assert_eq!(text(&bench.lease("q", 9).await), "new 1");
    })
    .await;
}

#[tokio::test]
async fn a_queue_that_was_forgotten_is_listed_again_once_somebody_publishes_to_it() {
    on_each(|bench: Bench| async move {
        let listed = || async {
            let page = bench.store.fetch_queue_page(100, None).await.unwrap();
            page.names.contains(&"once".to_owned())
        };
        bench.publish_each("once", &["a", "b"]).await;
        assert!(listed().await);
        bench.store.queue_forget("once").await.unwrap();
        assert!(!listed().await);
        bench.publish_each("once", &["c"]).await;
        assert!(listed().await);
    })
    .await;
}
